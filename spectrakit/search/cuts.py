"""The places where molecules can be cut: bridges, and pairs of bonds of one ring class.

SMILES order is a preorder walk, so what lies below a bond is an interval of atoms, and the side
of a cut is one interval or two, inside one another or apart. Its mass is a difference of prefix
sums: no bit masks, no limit of atoms.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.bond_classes import bond_classes
from spectrakit.search.fragment_model import FragmentModel
from spectrakit.search.graph_batch import GraphBatch, pairs

MAX_CUTS = 400  # of a molecule, the cheapest: a macrocycle of 40 bonds alone has 780

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def _array(values: list[int]) -> Ints:
    return np.array(values, np.int64)


def _concatenate(arrays: list[Ints]) -> Ints:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Cuts of a batch, flat, cheapest first within a molecule; a side leaves out atom 0.

    ``kept`` (k, 2) are the classes of the broken bonds when the side is kept, ``lost`` when the
    rest is; -1 where a bridge has no second bond.
    """

    lo1: Ints
    hi1: Ints
    lo2: Ints
    hi2: Ints
    inside: Ints  # an atom of the side
    mass: Floats
    odd: Ints
    owner: Ints
    group: Ints
    kept: Ints
    lost: Ints
    cost_kept: Floats
    cost_lost: Floats

    def take(self, rows: Ints) -> "Cuts":
        """Return some of the cuts, in the order of ``rows``."""
        return Cuts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def _has(cuts: Cuts, rows: Any, atom: Ints) -> NDArray[np.bool_]:
    """Say whether each atom lies in the side of its cut: in one of two intervals, not in both."""
    in_first = (cuts.lo1[rows] <= atom) & (atom < cuts.hi1[rows])
    return in_first != ((cuts.lo2[rows] <= atom) & (atom < cuts.hi2[rows]))


def find_cuts(batch: GraphBatch, prefix: Floats, odd_prefix: Ints, model: FragmentModel) -> Cuts:
    """Return the cuts of a batch, from prefix sums over its atoms of mass (Da) and oddness."""
    n_atoms = len(batch.mass)
    closures = np.array(batch.closure, np.int64).reshape(-1, 3)
    # bonds: tree bonds first, then the closures, below which nothing lies
    empty = np.zeros(len(closures), np.int64)
    lo = np.concatenate([np.arange(n_atoms), empty])
    hi = np.concatenate([np.array(batch.stop, np.int64), empty])
    bond_a = np.concatenate([np.array(batch.bond_a, np.int64), closures[:, 0]])
    bonds = bond_classes(
        a=bond_a,
        b=np.concatenate([np.array(batch.bond_b, np.int64), closures[:, 1]]),
        order=np.concatenate([np.array(batch.order, np.int64), closures[:, 2]]),
        in_ring=np.concatenate([np.array(batch.in_ring, bool), empty == 0]),
        kind=np.array(batch.kind, np.int64),
        pi=np.array(batch.pi, bool),
        n_h=np.array(batch.n_h, np.int64),
    )
    below = prefix[hi] - prefix[lo]
    odd_below = odd_prefix[hi] - odd_prefix[lo]

    bridge = np.array(batch.bridges, np.int64)
    first, second = _concatenate(batch.ring_first), _concatenate(batch.ring_second)
    n_bridges = len(bridge)
    nothing = np.zeros(n_bridges, np.int64)
    one = np.concatenate([bridge, first])
    lo1, hi1 = lo[one], hi[one]
    lo2, hi2 = np.concatenate([nothing, lo[second]]), np.concatenate([nothing, hi[second]])
    nested = ((lo1 <= lo2) & (hi2 <= hi1)) | ((lo2 <= lo1) & (hi1 <= hi2))
    nested[:n_bridges] = False
    m1, m2 = below[one], np.concatenate([np.zeros(n_bridges), below[second]])
    odd2 = np.concatenate([nothing, odd_below[second]])
    sizes = np.array(batch.ring_size, np.int64)
    cuts = Cuts(
        lo1=lo1,
        hi1=hi1,
        lo2=lo2,
        hi2=hi2,
        inside=np.where(nested, np.minimum(lo1, lo2), lo1),
        mass=np.where(nested, np.abs(m1 - m2), m1 + m2),
        odd=(odd_below[one] + odd2) & 1,
        owner=np.concatenate(
            [np.array(batch.bridge_owner, np.int64), np.repeat(_array(batch.ring_owner), sizes)]
        ),
        group=np.concatenate(  # bridges are classes of their own
            [-1 - np.arange(n_bridges), np.repeat(np.arange(len(sizes)), sizes)]
        ),
        kept=np.empty((0, 2), np.int64),
        lost=np.empty((0, 2), np.int64),
        cost_kept=np.empty(0),
        cost_lost=np.empty(0),
    )
    kept = np.full((len(one), 2), -1)
    lost = np.full((len(one), 2), -1)
    for column, (rows, bond) in enumerate(((slice(None), one), (slice(n_bridges, None), second))):
        a_inside = _has(cuts, rows, bond_a[bond])
        kept[rows, column] = np.where(a_inside, bonds.keeps_a[bond], bonds.keeps_b[bond])
        lost[rows, column] = np.where(a_inside, bonds.keeps_b[bond], bonds.keeps_a[bond])
    price = np.append(model.bond.ravel(), 0.0)  # class -1 costs nothing
    cost_kept, cost_lost = price[kept].sum(axis=1), price[lost].sum(axis=1)
    cuts = replace(cuts, kept=kept, lost=lost, cost_kept=cost_kept, cost_lost=cost_lost)
    order = np.lexsort((np.minimum(cost_kept, cost_lost), cuts.owner))
    counts = np.bincount(cuts.owner, minlength=len(batch.start) - 1)
    if counts.max(initial=0) > MAX_CUTS:
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        order = order[rank < MAX_CUTS]
    return cuts.take(order)


def find_pairs(cuts: Cuts, n_molecules: int) -> tuple[Ints, Ints, Any]:
    """Return pairs of cuts of different classes, and which are nested (else disjoint)."""
    counts = np.bincount(cuts.owner, minlength=n_molecules)
    starts = np.cumsum(counts) - counts
    i_parts: list[Ints] = []
    j_parts: list[Ints] = []
    for begin, count in zip(starts.tolist(), counts.tolist(), strict=True):
        if count > 1:
            a, b = pairs(count)
            i_parts.append(a + begin)
            j_parts.append(b + begin)
    i, j = _concatenate(i_parts), _concatenate(j_parts)
    keep = np.flatnonzero(cuts.group[i] != cuts.group[j])
    i, j = i[keep], j[keep]
    i_in_j = _has(cuts, j, cuts.inside[i])
    return i, j, i_in_j | _has(cuts, i, cuts.inside[j])
