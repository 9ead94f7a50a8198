"""What it costs to break a bond, from what its two atoms are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.smiles_graph import CARBON


@dataclass(frozen=True, slots=True)
class CutCosts:
    """Costs of a broken bond, in units of one plain carbon-carbon bond."""

    single: float = 1.0
    double: float = 2.0
    triple: float = 2.6
    conjugated: float = 2.0  # ring bond between two unsaturated atoms
    hetero_factor: float = 0.8  # a bond with an atom other than carbon
    ring_factor: float = 0.8  # both bonds of a ring cut
    max_cost: float = 8.0  # two cuts that cost more together are not tried


def bond_costs(
    costs: CutCosts,
    *,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    order: NDArray[np.int64],
    in_ring: NDArray[np.bool_],
    kind: NDArray[np.int64],
    pi: NDArray[np.bool_],
    n_h: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return (n_bonds,) costs of bonds between atoms ``a`` and ``b``.

    A ring bond counts as conjugated when both its atoms are unsaturated, where an oxygen,
    nitrogen or sulfur between two unsaturated ring atoms counts too. So an aromatic ring costs
    the same whether it is drawn aromatic or Kekulé.
    """
    n_atoms = len(kind)
    ring_a, ring_b = a[in_ring], b[in_ring]
    ring_bonds = np.bincount(ring_a, minlength=n_atoms) + np.bincount(ring_b, minlength=n_atoms)
    pi_neighbours = np.bincount(ring_a, weights=pi[ring_b], minlength=n_atoms)
    pi_neighbours += np.bincount(ring_b, weights=pi[ring_a], minlength=n_atoms)
    conjugates = pi | ((kind != CARBON) & (ring_bonds > 0) & (pi_neighbours == ring_bonds))
    table = np.array([0.0, costs.single, costs.double, costs.triple, costs.triple])
    cost: NDArray[Any] = table[order]
    cost[in_ring & conjugates[a] & conjugates[b]] = costs.conjugated
    cost[(kind[a] != CARBON) | (kind[b] != CARBON)] *= costs.hetero_factor
    return cost
