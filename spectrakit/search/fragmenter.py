"""Combinatorial fragments of molecules, many at once: every way to cut one or two places.

A place is a bridge (one bond) or two bonds of one ring. Three facts make this fast:

* two bonds cut a molecule exactly when the same fundamental cycles run through them, so the
  ring bonds fall into classes by a bit label and any two of one class are a cut;
* SMILES order is a preorder walk, so what lies below a bond is an interval of atoms and the
  mass of a side is a difference of prefix sums, without bit masks or a limit of atoms;
* sides that leave out the first atom are nested or disjoint when they come from different
  classes, so two cuts give exactly one new connected piece: their difference, or the rest.
  Two cuts of one class give nothing new that hangs together.

Source: the family of MetFrag (Ruttkies et al. 2016, doi:10.1186/s13321-016-0115-9); cycle-space
labels after Pritchard and Thurimella 2011, section 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.bond_costs import CutCosts, bond_costs
from spectrakit.search.smiles_graph import HYDROGEN_MASS, SmilesGraph, read_smiles

MAX_ATOMS = 400  # heavier graphs are refused: peptides of 50 residues, not molecules to look up
MAX_CUTS = 400  # the cheapest are kept: a macrocycle of 40 bonds alone has 780
_BATCH = 256  # molecules at once: arrays stay in the processor's cache

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fragments:
    """Neutral fragments of ``n`` structures, flat.

    Those of structure ``i`` are ``indptr[i]:indptr[i + 1]``; ``mass`` (k,) float64 is in Da with
    the hydrogens that the atoms carry in the molecule, ``cost`` (k,) float32 the sum of the bond
    costs, ``odd`` (k,) uint8 is 1 where an even number of hydrogens would have to move to make
    an even-electron ion. ``rejected`` maps structures without fragments to the reason.
    """

    indptr: Ints
    mass: Floats
    cost: NDArray[np.float32]
    odd: NDArray[np.uint8]
    rejected: dict[int, str]

    def __len__(self) -> int:
        return len(self.indptr) - 1


@lru_cache(maxsize=MAX_CUTS + 1)
def _pairs(n: int) -> tuple[Ints, Ints]:
    first, second = np.triu_indices(n, 1)
    return first, second


class _Batch:
    """Flat lists of atoms, bonds and cuts, filled molecule by molecule."""

    def __init__(self) -> None:
        self.mass: list[float] = []
        self.n_h: list[int] = []
        self.kind: list[int] = []
        self.odd: list[int] = []
        self.pi: list[bool] = []
        self.stop: list[int] = []  # past-the-end atom below the bond to the parent
        self.bond_a: list[int] = []  # bond e < n_atoms is that of atom e to its parent
        self.bond_b: list[int] = []
        self.order: list[int] = []
        self.in_ring: list[bool] = []
        self.closure: list[tuple[int, int, int]] = []
        self.bridges: list[int] = []
        self.bridge_owner: list[int] = []
        self.ring_first: list[Ints] = []
        self.ring_second: list[Ints] = []
        self.ring_owner: list[int] = []
        self.ring_size: list[int] = []
        self.start: list[int] = [0]

    def add(self, graph: SmilesGraph, owner: int, closure_base: int) -> None:
        """Append a molecule; closures are numbered from ``closure_base``."""
        base = len(self.mass)
        parent, n = graph.parent, len(graph.parent)
        size = [1] * n
        label = [0] * n
        bit = 1
        for a, b, _ in graph.closures:
            label[a] ^= bit
            label[b] ^= bit
            bit <<= 1
        for i in range(n - 1, 0, -1):
            up = parent[i]
            size[up] += size[i]
            label[up] ^= label[i]
        self.mass += graph.mass
        self.n_h += graph.n_h
        self.kind += graph.kind
        self.odd += graph.odd
        self.pi += graph.pi
        self.order += graph.order
        self.stop += [base + i + s for i, s in enumerate(size)]
        self.bond_a += range(base, base + n)
        self.bond_b.append(base)
        self.bond_b += [base + up for up in parent[1:]]
        self.in_ring += [mark != 0 for mark in label]
        bridges = [base + i for i in range(1, n) if not label[i]]
        self.bridges += bridges
        self.bridge_owner += [owner] * len(bridges)
        self.start.append(base + n)
        if not graph.closures:
            return
        classes: dict[int, list[int]] = {}
        for i in range(1, n):
            if label[i]:
                classes.setdefault(label[i], []).append(base + i)
        for k, (a, b, order) in enumerate(graph.closures):
            classes.setdefault(1 << k, []).append(closure_base + len(self.closure))
            self.closure.append((base + a, base + b, order))
        for bonds in classes.values():
            if len(bonds) > 1:
                first, second = _pairs(min(len(bonds), MAX_CUTS))
                array = np.array(bonds)
                self.ring_first.append(array[first])
                self.ring_second.append(array[second])
                self.ring_owner.append(owner)
                self.ring_size.append(len(first))


def _concatenate(arrays: list[Ints]) -> Ints:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)


def _fragment_graphs(
    graphs: Sequence[SmilesGraph], costs: CutCosts
) -> tuple[Ints, Floats, NDArray[np.float32], NDArray[np.uint8]]:
    """Return (owner, mass, cost, odd) of all fragments, ordered by owner."""
    batch = _Batch()
    n_atoms = sum(len(graph.mass) for graph in graphs)
    for owner, graph in enumerate(graphs):
        batch.add(graph, owner, n_atoms)
    n_h = np.array(batch.n_h, np.int64)
    prefix = np.zeros(n_atoms + 1)
    np.cumsum(np.array(batch.mass) + n_h * HYDROGEN_MASS, out=prefix[1:])
    odd_prefix = np.zeros(n_atoms + 1, np.int64)
    np.cumsum(np.array(batch.odd, np.int64) + n_h, out=odd_prefix[1:])

    # bonds: tree bonds first, ring closures with an empty interval after them
    closures = np.array(batch.closure, np.int64).reshape(-1, 3)
    n_closures = len(closures)
    lo = np.concatenate([np.arange(n_atoms), np.zeros(n_closures, np.int64)])
    hi = np.concatenate([np.array(batch.stop, np.int64), np.zeros(n_closures, np.int64)])
    bond_cost = bond_costs(
        costs,
        a=np.concatenate([np.array(batch.bond_a, np.int64), closures[:, 0]]),
        b=np.concatenate([np.array(batch.bond_b, np.int64), closures[:, 1]]),
        order=np.concatenate([np.array(batch.order, np.int64), closures[:, 2]]),
        in_ring=np.concatenate([np.array(batch.in_ring, bool), np.ones(n_closures, bool)]),
        kind=np.array(batch.kind, np.int64),
        pi=np.array(batch.pi, bool),
        n_h=n_h,
    )
    below = prefix[hi] - prefix[lo]
    odd_below = odd_prefix[hi] - odd_prefix[lo]

    # cuts: one bridge, or two bonds of one class
    bridges = np.array(batch.bridges, np.int64)
    first, second = _concatenate(batch.ring_first), _concatenate(batch.ring_second)
    lo1, hi1 = np.concatenate([lo[bridges], lo[first]]), np.concatenate([hi[bridges], hi[first]])
    nothing = np.zeros(len(bridges), np.int64)
    lo2, hi2 = np.concatenate([nothing, lo[second]]), np.concatenate([nothing, hi[second]])
    nested = (lo1[len(bridges) :] <= lo[second]) & (hi[second] <= hi[first])
    nested |= (lo[second] <= lo[first]) & (hi[first] <= hi[second])
    m1, m2 = below[first], below[second]
    mass = np.concatenate([below[bridges], np.where(nested, np.abs(m1 - m2), m1 + m2)])
    odd = np.concatenate([odd_below[bridges], odd_below[first] + odd_below[second]]) & 1
    cost = np.concatenate(
        [bond_cost[bridges], (bond_cost[first] + bond_cost[second]) * costs.ring_factor]
    )
    inside = np.concatenate(
        [lo[bridges], np.where(nested, np.minimum(lo[first], lo[second]), lo[first])]
    )  # an atom of the side
    sizes = np.array(batch.ring_size, np.int64)
    owner = np.concatenate(
        [np.array(batch.bridge_owner, np.int64), np.repeat(np.array(batch.ring_owner), sizes)]
    ).astype(np.int64)
    group = np.concatenate(
        [-1 - np.arange(len(bridges)), np.repeat(np.arange(len(sizes)), sizes)]
    )  # bridges are classes of their own

    order = np.lexsort((cost, owner))
    counts = np.bincount(owner, minlength=len(graphs))
    if counts.size and counts.max() > MAX_CUTS:
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        order = order[rank < MAX_CUTS]
        counts = np.minimum(counts, MAX_CUTS)
    lo1, hi1, lo2, hi2, mass, odd, cost, inside, owner, group = (
        column[order]
        for column in (lo1, hi1, lo2, hi2, mass, odd, cost, inside, owner, group)
    )

    # pairs of cuts of different classes
    starts = np.cumsum(counts) - counts
    i_parts: list[Ints] = []
    j_parts: list[Ints] = []
    for begin, count in zip(starts.tolist(), counts.tolist(), strict=True):
        if count > 1:
            a, b = _pairs(count)
            i_parts.append(a + begin)
            j_parts.append(b + begin)
    i, j = _concatenate(i_parts), _concatenate(j_parts)
    both = cost[i] + cost[j]
    keep = np.flatnonzero((both <= costs.max_cost) & (group[i] != group[j]))
    i, j, both = i[keep], j[keep], both[keep]
    at_i, at_j = inside[i], inside[j]
    is_nested = ((lo1[j] <= at_i) & (at_i < hi1[j])) != ((lo2[j] <= at_i) & (at_i < hi2[j]))
    is_nested |= ((lo1[i] <= at_j) & (at_j < hi1[i])) != ((lo2[i] <= at_j) & (at_j < hi2[i]))
    bounds = np.array(batch.start, np.int64)
    total = prefix[bounds[1:]] - prefix[bounds[:-1]]
    total_odd = (odd_prefix[bounds[1:]] - odd_prefix[bounds[:-1]]) & 1
    pair_owner = owner[i]
    pair_mass = np.where(
        is_nested, np.abs(mass[i] - mass[j]), total[pair_owner] - mass[i] - mass[j]
    )
    pair_odd = (odd[i] ^ odd[j]) ^ np.where(is_nested, 0, total_odd[pair_owner])

    owners = np.concatenate([np.arange(len(graphs)), owner, owner, pair_owner])
    by_owner = np.argsort(owners, kind="stable")
    return (
        owners[by_owner],
        np.concatenate([total, mass, total[owner] - mass, pair_mass])[by_owner],
        np.concatenate([np.zeros(len(graphs)), cost, cost, both]).astype(np.float32)[by_owner],
        np.concatenate([total_odd, odd, total_odd[owner] ^ odd, pair_odd]).astype(np.uint8)[
            by_owner
        ],
    )


def fragment_many(smiles: Sequence[str], costs: CutCosts | None = None) -> Fragments:
    """Return the fragments of many structures, in their order.

    A SMILES that cannot be read, or one of more than ``MAX_ATOMS`` heavy atoms, gets no
    fragments and a reason. Of several components the largest is cut.
    """
    costs = costs or CutCosts()
    rejected: dict[int, str] = {}
    owners: list[Any] = []
    columns: list[tuple[Any, Any, Any]] = []
    for begin in range(0, len(smiles), _BATCH):
        graphs: list[SmilesGraph] = []
        numbers: list[int] = []
        for number, text in enumerate(smiles[begin : begin + _BATCH], begin):
            try:
                graph = read_smiles(text)
            except ValueError as error:
                rejected[number] = f"unreadable SMILES: {error}"
                continue
            if len(graph.mass) > MAX_ATOMS:
                rejected[number] = f"more than {MAX_ATOMS} heavy atoms"
                continue
            graphs.append(graph)
            numbers.append(number)
        if graphs:
            owner, *rest = _fragment_graphs(graphs, costs)
            owners.append(np.array(numbers)[owner])
            columns.append((rest[0], rest[1], rest[2]))
    indptr = np.zeros(len(smiles) + 1, np.int64)
    if not columns:
        empty = np.zeros(0)
        return Fragments(
            indptr, empty, empty.astype(np.float32), empty.astype(np.uint8), rejected
        )
    np.cumsum(np.bincount(np.concatenate(owners), minlength=len(smiles)), out=indptr[1:])
    mass, cost, odd = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Fragments(indptr, mass, cost, odd, rejected)


def fragment(smiles: str, costs: CutCosts | None = None) -> Fragments:
    """Return the fragments of one structure in ascending mass, equal pieces at their lowest cost.

    Raises:
        ValueError: the SMILES cannot be read or is too large; the message says which.
    """
    found = fragment_many([smiles], costs)
    if found.rejected:
        raise ValueError(found.rejected[0])
    order = np.lexsort((found.cost, np.round(found.mass, 6)))
    rounded = np.round(found.mass[order], 6)
    order = order[np.concatenate([[True], np.diff(rounded) > 0])]
    return Fragments(
        np.array([0, len(order)]), found.mass[order], found.cost[order], found.odd[order], {}
    )
