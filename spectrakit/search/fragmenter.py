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
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.bond_costs import CutCosts, bond_classes, plain_costs
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
    broken: Ints | None = None  # (k, 4) classes of broken bonds, -1 for none

    def __len__(self) -> int:
        return len(self.indptr) - 1


@lru_cache(maxsize=MAX_CUTS + 1)
def _pairs(n: int) -> tuple[Ints, Ints]:
    first, second = np.triu_indices(n, 1)
    return first, second


class _Flat(NamedTuple):
    owner: Ints
    mass: Floats
    cost: NDArray[np.float32]
    odd: NDArray[np.uint8]
    broken: Ints | None  # (k, 4) classes of the broken bonds, -1 for none


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


def _array(values: list[int]) -> Ints:
    return np.array(values, np.int64)


def _concatenate(arrays: list[Ints]) -> Ints:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Cuts:
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

    def take(self, rows: Ints) -> "_Cuts":
        return _Cuts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def _has(cuts: _Cuts, rows: Any, atom: Ints) -> NDArray[np.bool_]:
    """Say whether each atom lies in the side of its cut: in one of two intervals, not in both."""
    in_first = (cuts.lo1[rows] <= atom) & (atom < cuts.hi1[rows])
    return in_first != ((cuts.lo2[rows] <= atom) & (atom < cuts.hi2[rows]))


def _find_cuts(batch: _Batch, prefix: Floats, odd_prefix: Ints, costs: CutCosts) -> _Cuts:
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
    cuts = _Cuts(
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
    price = np.append(costs.flat, 0.0)  # class -1 costs nothing
    cost_kept, cost_lost = price[kept].sum(axis=1), price[lost].sum(axis=1)
    cuts = replace(cuts, kept=kept, lost=lost, cost_kept=cost_kept, cost_lost=cost_lost)
    order = np.lexsort((np.minimum(cost_kept, cost_lost), cuts.owner))
    counts = np.bincount(cuts.owner, minlength=len(batch.start) - 1)
    if counts.max(initial=0) > MAX_CUTS:
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        order = order[rank < MAX_CUTS]
    return cuts.take(order)


def _find_pairs(cuts: _Cuts, n_molecules: int, max_cost: float) -> tuple[Ints, Ints, Any]:
    """Return pairs of cuts of different classes, and which are nested (else disjoint)."""
    counts = np.bincount(cuts.owner, minlength=n_molecules)
    starts = np.cumsum(counts) - counts
    i_parts: list[Ints] = []
    j_parts: list[Ints] = []
    for begin, count in zip(starts.tolist(), counts.tolist(), strict=True):
        if count > 1:
            a, b = _pairs(count)
            i_parts.append(a + begin)
            j_parts.append(b + begin)
    i, j = _concatenate(i_parts), _concatenate(j_parts)
    least = np.minimum(cuts.cost_kept, cuts.cost_lost)
    keep = np.flatnonzero((least[i] + least[j] <= max_cost) & (cuts.group[i] != cuts.group[j]))
    i, j = i[keep], j[keep]
    i_in_j = _has(cuts, j, cuts.inside[i])
    return i, j, i_in_j | _has(cuts, i, cuts.inside[j])


def _fragment_graphs(graphs: Sequence[SmilesGraph], costs: CutCosts, explain: bool) -> _Flat:
    """Return the fragments of some molecules, ordered by molecule."""
    batch = _Batch()
    n_atoms = sum(len(graph.mass) for graph in graphs)
    for owner, graph in enumerate(graphs):
        batch.add(graph, owner, n_atoms)
    n_h = np.array(batch.n_h, np.int64)
    prefix = np.zeros(n_atoms + 1)
    np.cumsum(np.array(batch.mass) + n_h * HYDROGEN_MASS, out=prefix[1:])
    odd_prefix = np.zeros(n_atoms + 1, np.int64)
    np.cumsum(np.array(batch.odd, np.int64) + n_h, out=odd_prefix[1:])
    bounds = np.array(batch.start, np.int64)
    total = prefix[bounds[1:]] - prefix[bounds[:-1]]
    total_odd = (odd_prefix[bounds[1:]] - odd_prefix[bounds[:-1]]) & 1

    cuts = _find_cuts(batch, prefix, odd_prefix, costs)
    i, j, nested = _find_pairs(cuts, len(graphs), costs.max_cost)
    # of nested sides the larger is kept and the smaller lost; of disjoint ones both are lost
    larger = nested & (cuts.mass[i] > cuts.mass[j])
    keeps_i, keeps_j = larger, nested & ~larger
    owner = cuts.owner
    owners = np.concatenate([np.arange(len(graphs)), owner, owner, owner[i]])
    order = np.argsort(owners, kind="stable")
    mass_i, mass_j = cuts.mass[i], cuts.mass[j]
    mass = [
        total,
        cuts.mass,
        total[owner] - cuts.mass,
        np.where(nested, np.abs(mass_i - mass_j), total[owner[i]] - mass_i - mass_j),
    ]
    odd = [
        total_odd,
        cuts.odd,
        total_odd[owner] ^ cuts.odd,
        cuts.odd[i] ^ cuts.odd[j] ^ np.where(nested, 0, total_odd[owner[i]]),
    ]
    cost = [
        np.zeros(len(graphs)),
        cuts.cost_kept,
        cuts.cost_lost,
        np.where(keeps_i, cuts.cost_kept[i], cuts.cost_lost[i])
        + np.where(keeps_j, cuts.cost_kept[j], cuts.cost_lost[j]),
    ]
    broken = None
    if explain:
        none = np.full((len(owners), 4), -1)
        n, k = len(graphs), len(owner)
        none[n : n + k, :2] = cuts.kept
        none[n + k : n + 2 * k, :2] = cuts.lost
        none[n + 2 * k :, :2] = np.where(keeps_i[:, None], cuts.kept[i], cuts.lost[i])
        none[n + 2 * k :, 2:] = np.where(keeps_j[:, None], cuts.kept[j], cuts.lost[j])
        broken = none[order]
    return _Flat(
        owners[order],
        np.concatenate(mass)[order],
        np.concatenate(cost).astype(np.float32)[order],
        np.concatenate(odd).astype(np.uint8)[order],
        broken,
    )


def fragment_many(
    smiles: Sequence[str], costs: CutCosts | None = None, *, explain: bool = False
) -> Fragments:
    """Return the fragments of many structures, in their order.

    A SMILES that cannot be read, or one of more than ``MAX_ATOMS`` heavy atoms, gets no
    fragments and a reason. Of several components the largest is cut. With ``explain`` the
    classes of the broken bonds come along, for fitting costs.
    """
    costs = costs or _default_costs()
    rejected: dict[int, str] = {}
    flats: list[_Flat] = []
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
            flat = _fragment_graphs(graphs, costs, explain)
            flats.append(flat._replace(owner=np.array(numbers)[flat.owner]))
    indptr = np.zeros(len(smiles) + 1, np.int64)
    if not flats:
        none = np.zeros(0)
        return Fragments(indptr, none, none.astype("f4"), none.astype("u1"), rejected)
    owner = np.concatenate([flat.owner for flat in flats])
    np.cumsum(np.bincount(owner, minlength=len(smiles)), out=indptr[1:])
    return Fragments(
        indptr,
        np.concatenate([flat.mass for flat in flats]),
        np.concatenate([flat.cost for flat in flats]),
        np.concatenate([flat.odd for flat in flats]),
        rejected,
        np.concatenate([flat.broken for flat in flats if flat.broken is not None])
        if explain
        else None,
    )


@cache
def _default_costs() -> CutCosts:
    return plain_costs()


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
