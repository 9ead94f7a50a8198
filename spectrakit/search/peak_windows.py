"""Where the peaks of queries fall in an inverted index: one slice for each peak and block."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.matching import grid_width
from spectrakit.search.peak_index import PeakIndex
from spectrakit.search.precursor_search import BLOCK_POLARITY, block_meets
from spectrakit.search.prepared import PreparedSpectra
from spectrakit.spectrum import Tolerance

_INT32 = np.iinfo(np.int32)
_MARGIN = 1.05  # a matching library peak is at most so much heavier (tolerances end below 5 %)


@dataclass(frozen=True, slots=True)
class PeakWindows:
    """Slices [low, high) of an inverted index; those of query i are [start[i], start[i + 1]).

    ``peak`` (n,) int64 is the query peak of each, ``position`` (n,) int64 what was looked up,
    ``low`` and ``high`` (n,) int64. With a tolerance in ppm, which is of the library peak's
    m/z, a slice is as wide as the heaviest peak in it needs, and the peaks have to be checked.
    """

    start: list[int]
    peak: IntArray
    position: IntArray
    low: IntArray
    high: IntArray


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
        position: (n_peaks,) int64 m/z or neutral loss of each query peak, in grid units.
        width: half-width of the window in grid units, one or (n_peaks,).
        usable: (n_peaks,) peaks that are looked up; None: all.
    """
    filled = [b for b in range(len(BLOCK_POLARITY)) if index.start[b + 1] > index.start[b]]
    n, n_blocks = len(position), len(filled)
    lowest = np.clip(position - width, _INT32.min, _INT32.max).astype(np.int32)
    highest = np.clip(position + width, _INT32.min, _INT32.max).astype(np.int32)
    low, high = np.empty((n, n_blocks), np.int64), np.empty((n, n_blocks), np.int64)
    for column, block in enumerate(filled):
        first, stop = int(index.start[block]), int(index.start[block + 1])
        held = np.asarray(index.position)[first:stop]
        low[:, column] = held.searchsorted(lowest, side="left")
        high[:, column] = held.searchsorted(highest, side="right")
        meets = block_meets(block, polarity)
        if not meets.all():
            apart = np.repeat(~meets, queries.counts)
            high[apart, column] = low[apart, column]
        if first:
            low[:, column] += first
            high[:, column] += first
    if usable is not None:
        high[~usable] = low[~usable]
    peak = np.arange(n)
    if n_blocks != 1:
        peak, position = np.repeat(peak, n_blocks), np.repeat(position, n_blocks)
    start = (queries.indptr * n_blocks).tolist()
    return PeakWindows(start, peak, position, low.ravel(), high.ravel())


def fragment_width(mz: IntArray, tolerance: Tolerance) -> IntArray | int:
    """Return the half-width that holds every fragment matching one of ``mz``, in grid units."""
    if tolerance.unit == "Da":
        return grid_width(mz, tolerance)
    return grid_width((mz * _MARGIN).astype(np.int64), tolerance) + 1


def loss_width(library_mz: NDArray[np.int32], tolerance: Tolerance) -> IntArray | int:
    """Return the half-width that holds every matching loss of any library peak."""
    if tolerance.unit == "Da":
        return grid_width(library_mz, tolerance)
    heaviest = np.array([library_mz.max(initial=0)])
    return grid_width(heaviest, tolerance) + 1
