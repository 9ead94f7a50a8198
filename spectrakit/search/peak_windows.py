"""Where the peaks of queries fall in an inverted index: one slice for each peak and block."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.matching import grid_width
from spectrakit.search.peak_index import PeakIndex
from spectrakit.search.precursor_search import BLOCK_POLARITY, block_meets, meets_all
from spectrakit.search.prepared import GRID, MAX_MZ, PreparedSpectra
from spectrakit.spectrum import Tolerance

_INT32 = np.iinfo(np.int32)
_SAFE = _INT32.max - round(MAX_MZ / GRID) - 1  # width that int32 has room for beyond any m/z
_MARGIN = 1.05  # a matching library peak is at most so much heavier (tolerances end at 1 %)


@dataclass(slots=True)
class Met:
    """The library peaks that the peaks of some queries meet, lying side by side in slices.

    ``pieces`` are the n slices of the inverted index, ``low`` (n,) int64 their starts and
    ``counts`` (n,) int64 their lengths, ``query_peak`` (n,) int64 the query peaks and
    ``position`` (n,) integers what was looked up.
    """

    pieces: list[slice]
    low: IntArray
    counts: IntArray
    query_peak: IntArray
    position: IntArray

    def joined(self, values: NDArray[Any], dtype: type) -> NDArray[Any]:
        """Return the values of all library peaks met, of an array as long as the index."""
        view = values.data  # bytes join in half the time that arrays take
        joined = np.frombuffer(b"".join([view[p] for p in self.pieces]), values.dtype)
        return joined.astype(dtype, copy=False)

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return (n,) values repeated for each library peak met."""
        return values.repeat(self.counts)

    def peaks(self, chosen: IntArray) -> tuple[IntArray, IntArray]:
        """Return query peak, and place in the index, of some of the peaks met, by position."""
        ends = self.counts.cumsum()
        piece = ends.searchsorted(chosen, side="right")
        return self.query_peak[piece], chosen + (self.low - ends + self.counts)[piece]


@dataclass(frozen=True, slots=True)
class PeakWindows:
    """Slices [low, high) of an inverted index; those of query i are [start[i], start[i + 1]).

    ``query_peak`` (n,) int64 is the query peak of each, ``position`` (n,) integers what was
    looked up, ``low`` and ``high`` (n,) int64. With a tolerance in ppm, which is of the library
    peak's m/z, a slice is as wide as the heaviest peak in it needs, and the peaks have to be
    checked.
    """

    start: list[int]
    query_peak: IntArray
    position: IntArray
    low: IntArray
    high: IntArray

    def of(self, first: int, stop: int) -> Met:
        """Return what the peaks of the queries [first, stop) meet."""
        own = slice(self.start[first], self.start[stop])
        low, high = self.low[own], self.high[own]
        pieces = list(map(slice, low.tolist(), high.tolist()))
        return Met(pieces, low, high - low, self.query_peak[own], self.position[own])

    def n_met(self) -> list[int]:
        """Return how many library peaks the peaks of each query meet."""
        total = np.concatenate([[0], np.cumsum(self.high - self.low)])[self.start]
        return np.diff(total).tolist()


def find_windows(
    index: PeakIndex,
    queries: PreparedSpectra,
    polarity: NDArray[np.int8],
    position: IntArray,
    width: IntArray | int,
    usable: NDArray[np.bool_] | None = None,
) -> PeakWindows:
    """Look up query peaks in the blocks of an index that their polarity may meet.

    Args:
        index: library peaks sorted by position within each block.
        queries: m spectra.
        polarity: (m,) of the queries.
        position: (n_peaks,) m/z (int32) or neutral loss (int64) of each query peak, in grid
            units.
        width: half-width of the window in grid units, one or (n_peaks,).
        usable: (n_peaks,) peaks that are looked up; None: all.
    """
    start = index.start.tolist()
    filled = [block for block in range(len(BLOCK_POLARITY)) if start[block + 1] > start[block]]
    n, n_blocks = len(position), len(filled)
    # one search for both ends, since all are whole numbers
    wanted = np.concatenate([position - width, position + (width + 1)])
    if wanted.dtype != np.int32:  # else the index would be converted
        wanted = np.clip(wanted, _INT32.min, _INT32.max).astype(np.int32)
    found = np.empty((2, n, n_blocks), np.int64)  # ends, peaks, blocks
    for column, block in enumerate(filled):
        held = np.asarray(index.position)[start[block] : start[block + 1]]
        found[:, :, column] = held.searchsorted(wanted).reshape(2, n)
        if start[block]:
            found[:, :, column] += start[block]
        if not meets_all(block, polarity):
            apart = np.repeat(~block_meets(block, polarity), queries.counts)
            found[1, apart, column] = found[0, apart, column]
    if usable is not None and not usable.all():
        found[1, ~usable] = found[0, ~usable]
    peak = np.arange(n)
    if n_blocks != 1:
        peak, position = np.repeat(peak, n_blocks), np.repeat(position, n_blocks)
    low, high = found.reshape(2, -1)
    first_window = queries.indptr if n_blocks == 1 else queries.indptr * n_blocks
    return PeakWindows(first_window.tolist(), peak, position, low, high)


def fragment_windows(
    index: PeakIndex, queries: PreparedSpectra, polarity: NDArray[np.int8], tolerance: Tolerance
) -> PeakWindows:
    """Look up the m/z of query peaks; arguments as of ``find_windows``."""
    position: IntArray = queries.mz
    width = grid_width(position, tolerance)
    if isinstance(width, int):
        if width > _SAFE:
            position = position.astype(np.int64)
    else:
        position = position.astype(np.int64)
        width = grid_width((position * _MARGIN).astype(np.int64), tolerance) + 1
    return find_windows(index, queries, polarity, position, width)


def loss_windows(
    index: PeakIndex,
    queries: PreparedSpectra,
    polarity: NDArray[np.int8],
    tolerance: Tolerance,
    *,
    library_mz: NDArray[np.int32],
    least: int | None,
) -> PeakWindows:
    """Look up the losses of query peaks, in grid units; those below ``least`` meet nothing."""
    loss = np.repeat(queries.grid_precursor, queries.counts) - queries.mz
    usable = np.repeat(np.isfinite(queries.precursor_mz), queries.counts)
    if least is not None:
        usable &= loss >= least
    width = grid_width(library_mz[:1], tolerance)
    if not isinstance(width, int):
        width = grid_width(np.array([library_mz.max(initial=0)]), tolerance) + 1
    return find_windows(index, queries, polarity, loss, width, usable)
