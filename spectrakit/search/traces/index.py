"""Many traces of one family, ready to be compared: one matrix for each level of coarseness.

A pair is compared at the coarser of its two levels, over the bins that both cover. Rows are
sorted by level and coverage: those of one coverage stand together, so that a query meets each
group with one matrix product and the same common bins. Sums of squares over the common bins are
kept for whole coverage and computed where a query covers less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.traces.grids import LEVELS, BoolArray, Grid, OnGrid
from spectrakit.search.traces.measures import (
    Measure,
    combine,
    exact,
    quality,
    slopes,
    slopes_covered,
    slopes_transposed,
)
from spectrakit.spectrum import FloatArray

LEAST_SHARE = 0.5  # of a query's bins, and of its slopes squared, that must be common
LEAST_COMMON = 8  # bins that must be common, at the level that is compared
_CHUNK = 256  # rows whose slopes are made at once: they stay in the cache
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Rows of one level and coverage."""

    start: int
    stop: int
    level: int
    mask: int  # row of ``TraceIndex.masks``


@dataclass(frozen=True, eq=False)
class TraceIndex:
    """The traces of one family.

    Attributes:
        grid: of the family.
        values: for each level (n_level, p_level) float32: the rows of this level or finer,
            centred and of length 1 over what they cover, 0 elsewhere.
        totals: for each level (n_level, 4) float64: sum and sum of squares of the values, and of
            the slopes, over all that a row covers.
        masks: (m, p) bool: the coverages that occur, at the finest level.
        groups: in the order of the rows.
    """

    grid: Grid
    values: tuple[NDArray[np.float32], ...]
    totals: tuple[FloatArray, ...]
    masks: BoolArray
    groups: tuple[Group, ...]
    _covered: dict[tuple[int, int], BoolArray] = field(
        default_factory=dict[tuple[int, int], BoolArray]
    )

    def __len__(self) -> int:
        return self.groups[-1].stop if self.groups else 0

    def covered(self, mask: int, level: int) -> BoolArray:
        """(p_level,) a coverage at a level."""
        key = (mask, level)
        if key not in self._covered:
            whole = self.masks[mask].astype(np.bool_)
            self._covered[key] = whole.reshape(-1, 2**level).all(axis=1)
        return self._covered[key]

    def ends(self, level: int) -> tuple[int, ...]:
        """One past the last bin of each segment at a level."""
        return tuple(int(n) for n in np.cumsum(self.grid.segment_bins) // 2**level)

    def scores(
        self, queries: Sequence[OnGrid], excluded: BoolArray, measure: Measure
    ) -> tuple[FloatArray, FloatArray]:
        """Compare queries with every row.

        Args:
            queries: k spectra of one level and coverage.
            excluded: (p,) bins of the finest level that do not count.
            measure: the hit quality index.

        Returns:
            (k, n) index, and (k, n) share of the query that is compared, both float64; a share
            of 0 where it is below ``LEAST_SHARE``.
        """
        n = len(self)
        found, share = np.zeros((len(queries), n)), np.zeros((len(queries), n))
        asked: dict[int, _Asked] = {}
        for group, level in self._meeting(queries[0].level):
            if level not in asked:
                asked[level] = _Asked(queries, excluded, level, self.ends(level))
            rows = slice(group.start, group.stop)
            ask = asked[level]
            common = ask.covered & self.covered(group.mask, level)
            part = ask.share(common)
            if part is None:
                continue
            share[:, rows] = part[:, None]
            found[:, rows] = self._compare(group, level, ask, common, measure)
        return found, share

    def exact_score(
        self, query: OnGrid, excluded: BoolArray, rows: IntArray, measure: Measure
    ) -> FloatArray:
        """(k,) index of rows in double precision, whatever they are searched together with."""
        found = np.zeros(len(rows))
        starts = np.array([group.start for group in self.groups])
        owner = np.searchsorted(starts, rows, side="right") - 1
        asked: dict[int, _Asked] = {}
        for number in np.unique(owner).tolist():
            group = self.groups[number]
            level = max(group.level, query.level)
            if level not in asked:
                asked[level] = _Asked([query], excluded, level, self.ends(level))
            ask = asked[level]
            common = ask.covered & self.covered(group.mask, level)
            own = np.flatnonzero(owner == number)
            x = self.values[level][rows[own]]
            found[own] = exact(x, ask.values[0], common, ask.ends, measure)
        return found

    def _meeting(self, level: int) -> Iterator[tuple[Group, int]]:
        """Yield each group with the level at which a query of ``level`` is compared with it."""
        for group in self.groups:
            yield group, max(group.level, level)

    def _compare(
        self, group: Group, level: int, ask: "_Asked", common: BoolArray, measure: Measure
    ) -> FloatArray:
        """(k, rows of the group) hit quality indices."""
        x = self.values[level][group.start : group.stop]
        sloped = slopes_covered(common, ask.ends)
        whole = bool((common == self.covered(group.mask, level)).all())
        totals = self.totals[level][group.start : group.stop].T
        if not whole:
            totals = _totals(x, common, sloped, ask.ends)
        nothing = np.zeros(len(x))
        correlation = derivative = nothing
        if measure is not Measure.DERIVATIVE:
            y = np.where(common, ask.values, 0.0)
            correlation = _quality(x, y, y, int(common.sum()), totals[:2])
        if measure is not Measure.CORRELATION:
            y = np.where(sloped, ask.slopes, 0.0)
            back = slopes_transposed(y, ask.ends)
            derivative = _quality(x, y, back, int(sloped.sum()), totals[2:])
        return combine(correlation, derivative, measure)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name."""
        groups = [(g.start, g.stop, g.level, g.mask) for g in self.groups]
        arrays: dict[str, NDArray[Any]] = {
            "masks": self.masks,
            "groups": np.array(groups, np.int64).reshape(-1, 4),
        }
        for level in range(LEVELS):
            arrays[f"values.{level}"] = self.values[level]
            arrays[f"totals.{level}"] = self.totals[level]
        return arrays

    @classmethod
    def from_arrays(cls, grid: Grid, arrays: Mapping[str, NDArray[Any]]) -> "TraceIndex":
        """Open what ``arrays`` gave.

        Raises:
            KeyError: an array is missing.
            ValueError: arrays that do not fit each other.
        """
        masks = arrays["masks"]
        groups = tuple(Group(*map(int, row)) for row in arrays["groups"])
        _need(masks.ndim == 2 and masks.shape[1] == grid.bins, "masks")
        at = 0
        last = 0
        for group in groups:
            _need(group.start == at < group.stop and 0 <= group.mask < len(masks), "groups")
            _need(last <= group.level < LEVELS, "groups")
            at, last = group.stop, group.level
        values: list[NDArray[np.float32]] = []
        totals: list[FloatArray] = []
        for level in range(LEVELS):
            rows = max((g.stop for g in groups if g.level <= level), default=0)
            matrix, sums = arrays[f"values.{level}"], arrays[f"totals.{level}"]
            _need(matrix.shape == (rows, grid.bins // 2**level), f"values.{level}")
            _need(matrix.dtype == np.float32, f"values.{level}")
            _need(sums.shape == (rows, 4) and sums.dtype == np.float64, f"totals.{level}")
            values.append(matrix)
            totals.append(sums)
        return cls(grid, tuple(values), tuple(totals), masks, groups)


def _need(fits: bool, name: str) -> None:
    if not fits:
        raise ValueError(name)


class _Asked:
    """Queries of one coverage at one level: values and slopes, centred, excluded bins left out."""

    def __init__(
        self, queries: Sequence[OnGrid], excluded: BoolArray, level: int, ends: tuple[int, ...]
    ) -> None:
        self.ends = ends
        coarse = [query.coarser(level) for query in queries]
        covered = coarse[0][1]
        values = centred(np.array([one[0] for one in coarse]), covered)
        self.slopes = slopes(values, ends)
        skip = excluded.reshape(-1, 2**level).any(axis=1)
        self.covered: BoolArray = covered & ~skip
        self.values = values
        self._squares = self.slopes**2
        self._whole = self._squares @ slopes_covered(self.covered, ends).astype(np.float64)
        self._n = int(self.covered.sum())

    def share(self, common: BoolArray) -> FloatArray | None:
        """(k,) share of each query that is compared; None where it is too little for all.

        The smaller of two shares: of its bins, and of its slopes squared, so that a long empty
        range counts for as little as a short one full of bands.
        """
        n = int(common.sum())
        if n < LEAST_COMMON or n < LEAST_SHARE * self._n:
            return None
        inside = self._squares @ slopes_covered(common, self.ends).astype(np.float64)
        steep = np.divide(inside, self._whole, out=np.zeros_like(inside), where=self._whole > 0)
        # rounded: a product with other queries beside it may differ in its last bits
        share = np.round(np.minimum(np.minimum(steep, n / self._n), 1.0), 9)
        return np.where(share >= LEAST_SHARE, share, 0.0)


def centred(values: FloatArray, covered: BoolArray) -> FloatArray:
    """(n, p) rows with mean 0 and length 1 over the covered bins, 0 elsewhere."""
    n = max(int(covered.sum()), 1)
    moved = np.where(covered, values - (values * covered).sum(axis=1, keepdims=True) / n, 0.0)
    length = np.sqrt(np.einsum("ij,ij->i", moved, moved))[:, None]
    return np.divide(moved, length, out=np.zeros_like(moved), where=length > 0)


def _quality(
    x: NDArray[np.float32], y: FloatArray, weights: FloatArray, n: int, totals: FloatArray
) -> FloatArray:
    """(k, rows) hit quality index; ``weights`` are what ``x`` is multiplied by for sum x y."""
    if not n:
        return np.zeros((len(y), len(x)))
    products = (x @ weights.astype(np.float32).T).T.astype(np.float64)
    own = y.sum(axis=1)[:, None], np.einsum("ij,ij->i", y, y)[:, None]
    return quality(products, n, (totals[0][None, :], totals[1][None, :]), own)


def _totals(x: FloatArray, common: BoolArray, sloped: BoolArray, ends: Sequence[int]) -> FloatArray:
    """(4, rows) sum and sum of squares of values over common bins, and of their slopes.

    Computed in the precision of ``x``: what is shown was computed again in double precision.
    """
    found = np.zeros((4, len(x)))
    inside = np.flatnonzero(common)
    if not len(inside):
        return found
    low, high = int(inside[0]), int(inside[-1]) + 1
    weights = common[low:high].astype(x.dtype), sloped[low:high].astype(x.dtype)
    own = [min(max(end - low, 0), high - low) for end in ends]
    for start in range(0, len(x), _CHUNK):
        part = x[start : start + _CHUNK, low:high]
        for at, (form, weight) in enumerate(zip((part, slopes(part, own)), weights, strict=True)):
            found[2 * at, start : start + _CHUNK] = form @ weight
            found[2 * at + 1, start : start + _CHUNK] = np.square(form) @ weight
    return found


def build(grid: Grid, traces: Sequence[OnGrid]) -> tuple[TraceIndex, IntArray]:
    """Return the index of traces, and (n,) which of them each row is."""
    masks, inverse = np.unique(
        np.array([trace.covered for trace in traces]), axis=0, return_inverse=True
    )
    level = np.array([trace.level for trace in traces], np.int64)
    order = np.lexsort((np.arange(len(traces)), inverse, level))
    keys = np.stack([level[order], inverse[order]], axis=1)
    starts = np.flatnonzero(np.r_[True, (keys[1:] != keys[:-1]).any(axis=1)])
    groups = tuple(
        Group(int(start), int(stop), int(keys[start, 0]), int(keys[start, 1]))
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True)
    )
    index = TraceIndex(grid, (), (), masks, groups)
    values: list[NDArray[np.float32]] = []
    totals: list[FloatArray] = []
    for coarse in range(LEVELS):
        held = [group for group in groups if group.level <= coarse]
        rows = held[-1].stop if held else 0
        matrix = np.zeros((rows, grid.bins // 2**coarse), np.float32)
        sums = np.zeros((rows, 4))
        ends = index.ends(coarse)
        for group in held:
            covered = index.covered(group.mask, coarse)
            for start in range(group.start, group.stop, _CHUNK):
                chosen = order[start : min(start + _CHUNK, group.stop)]
                raw = np.array([traces[k].coarser(coarse)[0] for k in chosen])
                at = slice(start, start + len(chosen))
                matrix[at] = centred(raw, covered)
                sloped = slopes_covered(covered, ends)
                sums[at] = _totals(matrix[at].astype(np.float64), covered, sloped, ends).T
        values.append(matrix)
        totals.append(sums)
    return TraceIndex(grid, tuple(values), tuple(totals), masks, groups), order
