"""Match the peaks of many spectrum pairs at once.

All library peaks of all pairs are looked up in one sorted array of query peaks, whose key is
(query, m/z). Cleaned spectra have no two peaks within twice the tolerance, so a peak has at
most one partner and no assignment problem arises; only a match with *and* without a shift
(modified cosine, hybrid search) can offer a peak twice, and is settled greedily.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray, expand_ranges
from spectrakit.search.prepared import GRID, PreparedSpectra
from spectrakit.spectrum import FloatArray, Tolerance

CHUNK_PEAKS = 1 << 17  # library peaks looked up at once: the work arrays stay in cache


@dataclass(frozen=True, slots=True)
class PeakMatches:
    """Matched peaks of many pairs: (n_matches,) pair number, query peak and library peak."""

    pair: IntArray
    query_peak: IntArray
    library_peak: IntArray

    def where(self, keep: NDArray[np.bool_]) -> "PeakMatches":
        """Return the matches for which ``keep`` holds."""
        return PeakMatches(self.pair[keep], self.query_peak[keep], self.library_peak[keep])


def pair_chunks(peaks_of_pair: IntArray) -> Iterator[slice]:
    """Cut pairs into slices of about ``CHUNK_PEAKS`` library peaks; at least one pair each."""
    total = np.cumsum(peaks_of_pair)
    start = 0
    while start < len(total):
        before = int(total[start - 1]) if start else 0
        stop = int(np.searchsorted(total, before + CHUNK_PEAKS, side="right"))
        stop = max(stop, start + 1)
        yield slice(start, stop)
        start = stop


def grid_width(mz: NDArray[np.integer[Any]], tolerance: Tolerance) -> IntArray | int:
    """Return the half-width of the window around grid ``mz``, in grid units, rounded."""
    if tolerance.unit == "Da":
        return round(tolerance.value / GRID)
    return np.rint(tolerance.half_width(mz.astype(np.float64))).astype(np.int64)


def match_peaks(
    queries: PreparedSpectra,
    library: PreparedSpectra,
    pair_query: IntArray,
    pair_row: IntArray,
    tolerance: Tolerance,
    shift: IntArray | None = None,
) -> PeakMatches:
    """Find, for every pair, the peaks whose m/z agree.

    Args:
        queries: n spectra.
        library: m spectra.
        pair_query: (k,) int64 query of each pair.
        pair_row: (k,) int64 library row of each pair.
        tolerance: largest difference; ppm are of the library peak's m/z.
        shift: (k,) int64 grid units added to the library peaks (precursor difference); None: 0.

    Returns:
        Matches ordered by pair and library m/z.
    """
    first = library.indptr[pair_row]
    counts = library.indptr[pair_row + 1] - first
    library_peak = expand_ranges(first, counts)
    mz = library.mz[library_peak]
    width = grid_width(mz, tolerance)
    base = pair_query << 32
    if shift is not None:
        base = base + shift
    wanted = np.repeat(base, counts)
    wanted += mz
    wanted -= width
    key = queries.key  # one more than there are peaks, the last beyond all
    place = key.searchsorted(wanted)
    wanted += width
    wanted += width
    found = (key[place] <= wanted).nonzero()[0]
    pair = counts.cumsum().searchsorted(found, side="right")
    return PeakMatches(pair, place[found], library_peak[found])


def one_to_one(matches: PeakMatches, priority: FloatArray) -> NDArray[np.bool_]:
    """Choose matches greedily so that every peak of a pair is used once.

    A match is taken when no open match that shares a peak with it has a higher priority (the
    earlier one at equal priority); repeated until none is open. This equals going through all
    matches in falling priority.

    Args:
        matches: possibly ambiguous matches.
        priority: (n_matches,) float64, higher first.

    Returns:
        (n_matches,) bool, the matches taken.
    """
    n = len(matches.pair)
    taken = np.zeros(n, dtype=np.bool_)
    rank = np.empty(n, dtype=np.int64)
    rank[np.argsort(-priority, kind="stable")] = np.arange(n)
    query = _numbered(matches.pair, matches.query_peak)
    library = _numbered(matches.pair, matches.library_peak)
    is_open = np.arange(n)
    while len(is_open):
        best_query = np.full(int(query.max()) + 1, n)
        best_library = np.full(int(library.max()) + 1, n)
        np.minimum.at(best_query, query[is_open], rank[is_open])
        np.minimum.at(best_library, library[is_open], rank[is_open])
        wins = (best_query[query[is_open]] == rank[is_open]) & (
            best_library[library[is_open]] == rank[is_open]
        )
        won = is_open[wins]
        taken[won] = True
        used_query = np.zeros(len(best_query), dtype=np.bool_)
        used_library = np.zeros(len(best_library), dtype=np.bool_)
        used_query[query[won]] = True
        used_library[library[won]] = True
        is_open = is_open[~(used_query[query[is_open]] | used_library[library[is_open]])]
    return taken


def _numbered(pair: IntArray, peak: IntArray) -> IntArray:
    """Number the distinct (pair, peak) from 0."""
    if not len(pair):
        return pair
    return np.unique(pair * (int(peak.max()) + 1) + peak, return_inverse=True)[1]
