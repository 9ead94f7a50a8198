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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.cuts import MAX_CUTS, find_cuts, find_pairs
from spectrakit.search.fragment_model import FITTED, FragmentModel
from spectrakit.search.graph_batch import GraphBatch
from spectrakit.search.smiles_graph import HYDROGEN_MASS, SmilesGraph, read_smiles

MAX_ATOMS = 400  # heavier graphs are refused: peptides of 50 residues, not molecules to look up
N_STATES = 6  # 0, 1 or 2 cuts, each with an even or odd number of hydrogens to move
_BATCH_WORK = 1_000_000  # squared atoms of a batch: bounds the memory of its pairs of cuts
_BATCH = 256  # molecules at once: arrays stay in the processor's cache

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fragments:
    """Neutral fragments of ``n`` structures, flat.

    Those of structure ``i`` are ``indptr[i]:indptr[i + 1]``; ``mass`` (k,) float64 is in Da with
    the hydrogens that the atoms carry in the molecule, and ``cost`` (k,) float32 is the negative
    natural logarithm of how readily the fragment forms. ``state`` (k,) uint8 is twice the number
    of cuts, plus 1 where an even number of hydrogens has to move to make an even-electron ion.
    ``abundance`` (n, 6) float64 is the sum of exp(-cost) in each state over the fragments heavy
    enough to be seen. ``rejected`` maps structures without fragments to the reason.
    """

    indptr: Ints
    mass: Floats
    cost: NDArray[np.float32]
    state: NDArray[np.uint8]
    abundance: Floats
    rejected: dict[int, str]
    broken: Ints | None = None  # (k, 4) classes of broken bonds, -1 for none

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def between(self, start: int, stop: int) -> "Fragments":
        """Return the structures ``start:stop`` without copying."""
        a, b = int(self.indptr[start]), int(self.indptr[stop])
        return Fragments(
            self.indptr[start : stop + 1] - a,
            self.mass[a:b],
            self.cost[a:b],
            self.state[a:b],
            self.abundance[start:stop],
            {row - start: why for row, why in self.rejected.items() if start <= row < stop},
            None if self.broken is None else self.broken[a:b],
        )


class _Flat(NamedTuple):
    owner: Ints
    mass: Floats
    cost: Floats
    state: Ints
    total: Floats  # mass of the whole molecule
    broken: Ints | None  # (k, 4) classes of the broken bonds, -1 for none


def _fragment_graphs(graphs: Sequence[SmilesGraph], model: FragmentModel, explain: bool) -> _Flat:
    """Return the fragments of some molecules, ordered by molecule."""
    batch = GraphBatch(graphs, max_ring=MAX_CUTS)
    n_atoms = len(batch.mass)
    n_h = np.array(batch.n_h, np.int64)
    prefix = np.zeros(n_atoms + 1)
    np.cumsum(np.array(batch.mass) + n_h * HYDROGEN_MASS, out=prefix[1:])
    odd_prefix = np.zeros(n_atoms + 1, np.int64)
    np.cumsum(np.array(batch.odd, np.int64) + n_h, out=odd_prefix[1:])
    bounds = np.array(batch.start, np.int64)
    total = prefix[bounds[1:]] - prefix[bounds[:-1]]
    total_odd = (odd_prefix[bounds[1:]] - odd_prefix[bounds[:-1]]) & 1

    cuts = find_cuts(batch, prefix, odd_prefix, model)
    i, j, nested = find_pairs(cuts, len(graphs))
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
    ring = (cuts.group >= 0).astype(np.int64)
    n, k = len(graphs), len(owner)
    cost = [
        np.full(n, model.cuts[0]),
        cuts.cost_kept + model.cuts[1 + ring],
        cuts.cost_lost + model.cuts[1 + ring],
        model.cuts[3 + ring[i] + ring[j]]
        + np.where(keeps_i, cuts.cost_kept[i], cuts.cost_lost[i])
        + np.where(keeps_j, cuts.cost_kept[j], cuts.cost_lost[j]),
    ]
    broken = None
    if explain:
        none = np.full((len(owners), 4), -1)
        none[n : n + k, :2] = cuts.kept
        none[n + k : n + 2 * k, :2] = cuts.lost
        none[n + 2 * k :, :2] = np.where(keeps_i[:, None], cuts.kept[i], cuts.lost[i])
        none[n + 2 * k :, 2:] = np.where(keeps_j[:, None], cuts.kept[j], cuts.lost[j])
        broken = none[order]
    n_cuts = np.repeat([0, 1, 2], [n, 2 * k, len(i)])
    return _Flat(
        owners[order],
        np.concatenate(mass)[order],
        np.concatenate(cost)[order],
        (2 * n_cuts + np.concatenate(odd))[order],
        total,
        broken,
    )


def _batches(
    smiles: Sequence[str], rejected: dict[int, str]
) -> Iterator[tuple[list[int], list[SmilesGraph]]]:
    """Yield numbers and graphs of structures that are cut together; fill ``rejected``."""
    numbers: list[int] = []
    graphs: list[SmilesGraph] = []
    work = 0
    for number, text in enumerate(smiles):
        try:
            graph = read_smiles(text)
        except ValueError as error:
            rejected[number] = f"unreadable SMILES: {error}"
            continue
        n = len(graph.mass)
        if n > MAX_ATOMS:
            rejected[number] = f"more than {MAX_ATOMS} heavy atoms"
            continue
        if graphs and (len(graphs) >= _BATCH or work + n * n > _BATCH_WORK):
            yield numbers, graphs
            numbers, graphs, work = [], [], 0
        numbers.append(number)
        graphs.append(graph)
        work += n * n
    if graphs:
        yield numbers, graphs


def fragment_many(
    smiles: Sequence[str], model: FragmentModel = FITTED, *, explain: bool = False
) -> Fragments:
    """Return the fragments of many structures, in their order.

    A SMILES that cannot be read, or one of more than ``MAX_ATOMS`` heavy atoms, gets no
    fragments and a reason. Of several components the largest is cut. With ``explain`` the
    classes of the broken bonds come along, for fitting costs.
    """
    rejected: dict[int, str] = {}
    abundance = np.zeros((len(smiles), N_STATES))
    sizes = np.zeros(len(smiles), np.int64)
    flats: list[_Flat] = []
    for numbers, graphs in _batches(smiles, rejected):
        flat = _fragment_graphs(graphs, model, explain)
        cost = flat.cost + model.size_cost(flat.mass, flat.total[flat.owner])
        seen = np.exp(-cost) * (flat.mass > model.lowest_mass)
        summed = np.bincount(
            flat.owner * N_STATES + flat.state, seen, minlength=len(graphs) * N_STATES
        )
        abundance[numbers] = summed.reshape(-1, N_STATES)
        sizes[numbers] = np.bincount(flat.owner, minlength=len(graphs))
        flats.append(flat._replace(cost=cost))
    indptr = np.zeros(len(smiles) + 1, np.int64)
    np.cumsum(sizes, out=indptr[1:])
    empty = [np.zeros(0)]
    return Fragments(
        indptr,
        np.concatenate([flat.mass for flat in flats] or empty),
        np.concatenate([flat.cost for flat in flats] or empty).astype(np.float32),
        np.concatenate([flat.state for flat in flats] or empty).astype(np.uint8),
        abundance,
        rejected,
        np.concatenate([f.broken for f in flats if f.broken is not None])
        if explain and flats
        else None,
    )


def fragment(smiles: str, model: FragmentModel = FITTED) -> Fragments:
    """Return the fragments of one structure in ascending mass.

    Raises:
        ValueError: the SMILES cannot be read or is too large; the message says which.
    """
    found = fragment_many([smiles], model)
    if found.rejected:
        raise ValueError(found.rejected[0])
    order = np.lexsort((found.cost, found.mass))
    return replace(found, mass=found.mass[order], cost=found.cost[order], state=found.state[order])
