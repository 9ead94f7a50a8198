"""Classes of bonds: their kind, what the atom is that a fragment keeps, and the one it loses."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.smiles_graph import (
    CARBON,
    HALOGEN,
    NITROGEN,
    OXYGEN,
    PHOSPHORUS,
    SULFUR,
)

ATOM_TYPES = (
    "methyl", "alkyl", "alkenyl", "aryl", "carbonyl", "amine", "imine", "hydroxyl", "ether",
    "sulfur", "phosphorus", "halogen", "other",
)  # fmt: skip
BOND_KINDS = ("single", "double", "triple", "ring", "conjugated ring")
METHYL, ALKYL, ALKENYL, ARYL, CARBONYL, AMINE, IMINE, HYDROXYL, ETHER = range(9)
S_TYPE, P_TYPE, HALOGEN_TYPE, OTHER_TYPE = range(9, 13)
N_TYPES, N_KINDS = len(ATOM_TYPES), len(BOND_KINDS)

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bonds:
    """(n,) classes of bonds in both directions: the atom ``a`` kept, or the atom ``b``."""

    keeps_a: Ints
    keeps_b: Ints


def bond_classes(
    *,
    a: Ints,
    b: Ints,
    order: Ints,
    in_ring: NDArray[np.bool_],
    kind: Ints,
    pi: NDArray[np.bool_],
    n_h: Ints,
) -> Bonds:
    """Return the classes of bonds between atoms ``a`` and ``b``.

    A ring bond is conjugated when both its atoms are unsaturated, where an oxygen, nitrogen or
    sulfur between two unsaturated ring atoms counts as unsaturated. So an aromatic ring is the
    same whether it is drawn aromatic or Kekulé.
    """
    n = len(kind)
    ring_a, ring_b = a[in_ring], b[in_ring]
    ring_bonds = np.bincount(ring_a, minlength=n) + np.bincount(ring_b, minlength=n)
    pi_neighbours = np.bincount(ring_a, weights=pi[ring_b], minlength=n)
    pi_neighbours += np.bincount(ring_b, weights=pi[ring_a], minlength=n)
    carbon = kind == CARBON
    conjugates = pi | (~carbon & (ring_bonds > 0) & (pi_neighbours == ring_bonds))
    conjugated = in_ring & conjugates[a] & conjugates[b]

    chain_double = np.flatnonzero((order >= 2) & ~in_ring)
    da, db = a[chain_double], b[chain_double]
    carbonyl = np.zeros(n, bool)
    carbonyl[da[~carbon[db]]] = True
    carbonyl[db[~carbon[da]]] = True
    aryl = np.zeros(n, bool)
    aryl[a[conjugated]] = True
    aryl[b[conjugated]] = True

    types: NDArray[Any] = np.full(n, OTHER_TYPE)
    types[carbon] = ALKYL
    types[carbon & (n_h >= 3)] = METHYL
    types[carbon & pi] = ALKENYL
    types[carbon & aryl] = ARYL
    types[carbon & carbonyl] = CARBONYL
    nitrogen, oxygen = kind == NITROGEN, kind == OXYGEN
    types[nitrogen] = AMINE
    types[nitrogen & (pi | aryl)] = IMINE
    types[oxygen] = ETHER
    types[oxygen & (n_h > 0)] = HYDROXYL
    types[kind == SULFUR] = S_TYPE
    types[kind == PHOSPHORUS] = P_TYPE
    types[kind == HALOGEN] = HALOGEN_TYPE

    bond = np.array([0, 0, 1, 2, 2])[order]
    bond[in_ring] = 3
    bond[conjugated] = 4
    ta, tb = types[a], types[b]
    base = bond * (N_TYPES * N_TYPES)
    return Bonds(base + ta * N_TYPES + tb, base + tb * N_TYPES + ta)
