"""Search without a precursor window: score the whole library, then the best rows exactly.

First every library row gets the sum of the terms of its matching peaks from the inverted
index; that equals the similarity, or is an upper bound of it where a peak may match twice
(hybrid, modified cosine). Rows that can be among the best are then scored exactly.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray, expand_ranges
from spectrakit.search.matching import grid_width
from spectrakit.search.peak_index import PeakIndex
from spectrakit.search.precursor_search import BLOCK_POLARITY, Blocked, adducts_agree, block_meets
from spectrakit.search.prepared import GRID, PreparedSpectra, Queries
from spectrakit.search.similarity import COSINES, LEAST_LOSS, Similarity, norms, score_pairs
from spectrakit.spectrum import FloatArray, Tolerance

CHUNK_TERMS = 1 << 15  # peak matches summed at once
CHUNK_SCORES = 1 << 19  # (query, row) sums held at once
SLACK = 1e-5  # float32 sums may be this much below the exact score


class Indexed(Blocked, Protocol):
    """What open search needs of an index."""

    @property
    def fragments(self) -> PeakIndex:
        """All peaks by m/z."""
        ...

    @property
    def losses(self) -> PeakIndex:
        """All peaks by neutral loss."""
        ...

    def norm(self, method: Similarity) -> FloatArray:
        """(n,) float64 norm of each row's intensities."""
        ...


def open_pairs(
    index: Indexed,
    queries: Queries,
    query_adduct: IntArray,
    *,
    method: Similarity,
    tolerance: Tolerance,
    top: int,
    min_matched_peaks: int,
) -> tuple[IntArray, IntArray]:
    """Return (query, library row) pairs that hold the ``top`` best rows of every query.

    More pairs than ``top`` may come back for a query; the caller scores them exactly and cuts.

    Args:
        index: an index with its inverted peaks.
        queries: cleaned queries.
        query_adduct: (n,) int codes of the index's adducts, -1 unknown.
        method: the similarity.
        tolerance: of fragments.
        top: rows wanted for each query.
        min_matched_peaks: rows with fewer matching peaks are left out before the best are
            taken.
    """
    n_rows = len(index.spectra)
    parts: list[tuple[IntArray, IntArray]] = []
    ranges = _peak_ranges(index, queries, method, tolerance)
    n_terms = np.add.reduce([np.bincount(r.query, r.counts, len(queries)) for r in ranges])
    for first, stop in _query_chunks(n_terms, max(1, CHUNK_SCORES // max(n_rows, 1))):
        bound = _bounds(index, queries, ranges, first, stop, method, min_matched_peaks)
        for number in range(first, stop):
            of_query = bound[number - first]
            if query_adduct[number] != -1:
                of_query[~adducts_agree(query_adduct[number], index.adduct)] = 0.0
            rows = _rows_that_may_win(index, queries, number, of_query, method, tolerance, top)
            parts.append((np.full(len(rows), number, dtype=np.int64), rows))
    if not parts:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


class _Ranges:
    """For each query peak, the slice of an inverted index within the tolerance."""

    def __init__(
        self, peaks: PeakIndex, query: IntArray, query_peak: IntArray, low: IntArray, high: IntArray
    ) -> None:
        order = np.argsort(query, kind="stable")
        self.peaks = peaks
        self.query, self.query_peak = query[order], query_peak[order]
        self.low, self.counts = low[order], (high - low)[order]


def _peak_ranges(
    index: Indexed, queries: Queries, method: Similarity, tolerance: Tolerance
) -> list[_Ranges]:
    spectra = queries.spectra
    owner = np.repeat(np.arange(len(spectra), dtype=np.int64), spectra.counts)
    fragment = spectra.mz.astype(np.int64)
    width = np.broadcast_to(grid_width(fragment, tolerance), fragment.shape)
    counts = spectra.weighted > 0
    ranges: list[_Ranges] = []
    if method is not Similarity.NEUTRAL_LOSS:
        ranges.append(_look_up(index.fragments, queries, owner, fragment, width, counts))
    if method.needs_precursor:
        precursor = spectra.precursor_mz[owner]
        known = counts & np.isfinite(precursor)
        loss = np.rint(np.where(known, precursor, 0.0) / GRID).astype(np.int64) - fragment
        if method is Similarity.HYBRID:
            known &= loss * GRID >= LEAST_LOSS - GRID
        ranges.append(_look_up(index.losses, queries, owner, loss, width, known))
    return ranges


def _look_up(
    peaks: PeakIndex,
    queries: Queries,
    owner: IntArray,
    position: IntArray,
    width: IntArray,
    usable: NDArray[np.bool_],
) -> _Ranges:
    found: list[tuple[IntArray, ...]] = []
    for block in range(len(BLOCK_POLARITY)):
        first, stop = int(peaks.start[block]), int(peaks.start[block + 1])
        meets = block_meets(block, queries.polarity)[owner]
        chosen = np.flatnonzero(meets & usable)
        if first == stop or not len(chosen):
            continue
        held = peaks.position[first:stop]
        low = np.searchsorted(held, (position - width)[chosen].astype(held.dtype), side="left")
        high = np.searchsorted(held, (position + width)[chosen].astype(held.dtype), side="right")
        found.append((owner[chosen], chosen, low + first, high + first))
    empty = (np.empty(0, dtype=np.int64),) * 4
    columns = [np.concatenate(c) for c in zip(*found, strict=True)] if found else empty
    return _Ranges(peaks, *columns)


def _query_chunks(n_terms: FloatArray, most_queries: int) -> list[tuple[int, int]]:
    chunks: list[tuple[int, int]] = []
    first, terms = 0, 0.0
    for number, more in enumerate(n_terms.tolist()):
        if number > first and (terms + more > CHUNK_TERMS or number - first >= most_queries):
            chunks.append((first, number))
            first, terms = number, 0.0
        terms += more
    return [*chunks, (first, len(n_terms))] if len(n_terms) else chunks


def _bounds(
    index: Indexed,
    queries: Queries,
    ranges: list[_Ranges],
    first: int,
    stop: int,
    method: Similarity,
    min_matched_peaks: int,
) -> FloatArray:
    """(stop - first, n_rows) summed terms; 0 where fewer peaks match than wanted."""
    n_rows, n = len(index.spectra), stop - first
    sums: list[FloatArray] = []
    matched = np.zeros(n * n_rows if min_matched_peaks > 1 else 0, dtype=np.int64)
    for part in ranges:
        begin, end = np.searchsorted(part.query, [first, stop])
        counts = part.counts[begin:end]
        place = expand_ranges(part.low[begin:end], counts)
        query_peak = part.query_peak[begin:end]
        target = part.peaks.row[place] + np.repeat((part.query[begin:end] - first) * n_rows, counts)
        term = _terms(index.spectra, queries.spectra, part.peaks, place, query_peak, counts, method)
        sums.append(np.bincount(target, term, minlength=n * n_rows).astype(np.float64, copy=False))
        if len(matched):
            matched += np.bincount(target, minlength=n * n_rows)
    total = sums[0] if len(sums) == 1 else sums[0] + sums[1]
    if len(matched):
        total[matched < min_matched_peaks] = 0.0
    bound = total.reshape(n, n_rows)
    if method in COSINES:
        own = norms(queries.spectra.take(np.arange(first, stop)), method)
        norm = own[:, None] * index.norm(method)[None, :]
        bound = np.divide(bound, norm, out=np.zeros_like(bound), where=norm > 0)
    return bound


def _terms(
    library: PreparedSpectra,
    queries: PreparedSpectra,
    peaks: PeakIndex,
    place: IntArray,
    query_peak: IntArray,
    counts: IntArray,
    method: Similarity,
) -> NDArray[np.float32]:
    if method in (Similarity.ENTROPY, Similarity.NEUTRAL_LOSS, Similarity.HYBRID):
        own = queries.weighted[query_peak]
        a, b = np.repeat(own, counts), peaks.weighted[place]
        both = a + b
        both *= np.log2(both)
        both -= np.repeat(own * np.log2(own), counts)
        both -= b * np.log2(b)
        both *= np.float32(0.5)
        return both
    a = np.repeat(queries.intensity[query_peak], counts)
    product = a * library.intensity[peaks.peak[place]]
    return np.sqrt(product) if method is Similarity.SQRT_COSINE else product


def _rows_that_may_win(
    index: Indexed,
    queries: Queries,
    number: int,
    bound: FloatArray,
    method: Similarity,
    tolerance: Tolerance,
    top: int,
) -> IntArray:
    """Rows that hold the ``top`` best: by bound, checked exactly where the bound is loose."""
    rows = rows_above(bound, top)
    if method not in (Similarity.HYBRID, Similarity.MODIFIED_COSINE) or len(rows) < top:
        return rows
    pairs = np.full(len(rows), number, dtype=np.int64)
    exact = score_pairs(
        queries.spectra, index.spectra, pairs, rows, method=method, tolerance=tolerance
    ).score
    certain = np.partition(exact, len(exact) - top)[len(exact) - top]
    return np.flatnonzero(bound >= max(certain - SLACK, np.finfo(np.float64).tiny))


def rows_above(bound: FloatArray, top: int) -> IntArray:
    """Return the rows of the ``top`` highest positive values, ties and rounding included.

    A full sort is avoided: the ``top``-th highest maximum over groups of 64 rows is a lower
    limit of the ``top``-th highest value.
    """
    n = len(bound)
    groups = -(-n // 64)
    limit = np.finfo(np.float64).tiny
    if groups > top:
        highest = np.maximum.reduceat(bound, np.arange(0, n, 64))
        limit = max(limit, float(np.partition(highest, groups - top)[groups - top]) - SLACK)
    rows = np.flatnonzero(bound >= limit)
    if len(rows) > top:
        values = bound[rows]
        last = np.partition(values, len(values) - top)[len(values) - top]
        rows = rows[values >= last - SLACK]
    return rows
