"""Spectral similarities, exact, for many pairs of cleaned spectra at once.

Every method is 0 for spectra without a common peak and 1 for equal ones. Only peaks of at
least 1 % of the base peak count (``weighted`` > 0).

* ``entropy``          1/2 sum f(a + b) - f(a) - f(b), f(x) = x log2 x, weighted (Li 2021)
* ``cosine``           sum a b / (|a| |b|), no transform (matchms CosineGreedy)
* ``sqrt-cosine``      the same on square roots of intensities
* ``modified-cosine``  cosine where a peak may also match after the precursor difference
                       (Watrous 2012; greedy, as matchms and GNPS do)
* ``neutral-loss``     entropy of the losses, precursor - m/z (flash neutral-loss search)
* ``hybrid``           entropy where peaks may match as fragment, else as loss (Li 2023); the
                       precursor peak, whose loss of 0 every spectrum has, matches as fragment
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.matching import PeakMatches, match_peaks, one_to_one, pair_chunks
from spectrakit.search.prepared import GRID, PreparedSpectra
from spectrakit.spectrum import FloatArray, Tolerance


class Similarity(StrEnum):
    """How two spectra are compared."""

    ENTROPY = "entropy"
    COSINE = "cosine"
    SQRT_COSINE = "sqrt-cosine"
    MODIFIED_COSINE = "modified-cosine"
    NEUTRAL_LOSS = "neutral-loss"
    HYBRID = "hybrid"

    @property
    def needs_precursor(self) -> bool:
        """Whether both spectra must have a precursor m/z."""
        return self in (Similarity.MODIFIED_COSINE, Similarity.NEUTRAL_LOSS, Similarity.HYBRID)


LEAST_LOSS = 1.6  # Da; FlashEntropySearch removes peaks above precursor m/z - 1.6 altogether
COSINES = (Similarity.COSINE, Similarity.SQRT_COSINE, Similarity.MODIFIED_COSINE)


@dataclass(frozen=True, slots=True)
class PairScores:
    """(k,) float64 similarity in [0, 1] and (k,) int32 number of matched peaks."""

    score: FloatArray
    matched_peaks: NDArray[np.int32]


def score_pairs(
    queries: PreparedSpectra,
    library: PreparedSpectra,
    pair_query: IntArray,
    pair_row: IntArray,
    *,
    method: Similarity,
    tolerance: Tolerance,
) -> PairScores:
    """Return the similarity of each (query, library row) pair.

    Pairs are worked off in chunks; a pair's score does not depend on the others. A pair
    without a precursor that the method needs scores 0.
    """
    score = np.zeros(len(pair_query))
    matched = np.zeros(len(pair_query), dtype=np.int32)
    counts = library.indptr[pair_row + 1] - library.indptr[pair_row]
    for part in pair_chunks(counts):
        score[part], matched[part] = _score_chunk(
            queries, library, pair_query[part], pair_row[part], method, tolerance
        )
    return PairScores(score, matched)


def _score_chunk(
    queries: PreparedSpectra,
    library: PreparedSpectra,
    pair_query: IntArray,
    pair_row: IntArray,
    method: Similarity,
    tolerance: Tolerance,
) -> tuple[FloatArray, IntArray]:
    n = len(pair_query)
    if not method.needs_precursor:
        matches = _strong(
            queries, library, match_peaks(queries, library, pair_query, pair_row, tolerance)
        )
        return _sum(queries, library, pair_query, pair_row, method, matches)
    shift = queries.precursor_mz[pair_query] - library.precursor_mz[pair_row]
    known = np.flatnonzero(np.isfinite(shift))
    pair_query, pair_row, shift = pair_query[known], pair_row[known], shift[known]
    shifted = _strong(
        queries, library, match_peaks(queries, library, pair_query, pair_row, tolerance, shift)
    )
    if method is Similarity.NEUTRAL_LOSS:
        matches = shifted
    else:
        direct = _strong(
            queries, library, match_peaks(queries, library, pair_query, pair_row, tolerance)
        )
        if method is Similarity.HYBRID:
            loss = queries.precursor_mz[pair_query[shifted.pair]] - (
                queries.mz[shifted.query_peak] * GRID
            )
            shifted = shifted.where(loss >= LEAST_LOSS)
        matches = _both(queries, library, method, direct, shifted)
    score, matched = np.zeros(n), np.zeros(n, dtype=np.int64)
    score[known], matched[known] = _sum(queries, library, pair_query, pair_row, method, matches)
    return score, matched


def _strong(
    queries: PreparedSpectra, library: PreparedSpectra, matches: PeakMatches
) -> PeakMatches:
    """Leave out matches of peaks below 1 % of their base peak."""
    return matches.where(
        (queries.weighted[matches.query_peak] > 0) & (library.weighted[matches.library_peak] > 0)
    )


def _both(
    queries: PreparedSpectra,
    library: PreparedSpectra,
    method: Similarity,
    direct: PeakMatches,
    shifted: PeakMatches,
) -> PeakMatches:
    """Merge fragment and shifted matches, each peak used once.

    ``hybrid`` prefers the fragment match (as flash hybrid search does), ``modified-cosine``
    the larger product.
    """
    either = PeakMatches(
        np.concatenate([direct.pair, shifted.pair]),
        np.concatenate([direct.query_peak, shifted.query_peak]),
        np.concatenate([direct.library_peak, shifted.library_peak]),
    )
    priority = terms(queries, library, method, either)
    if method is Similarity.HYBRID:
        priority[: len(direct.pair)] += 2.0  # a term is at most 1
    taken = one_to_one(either, priority)
    return either.where(taken)


def terms(
    queries: PreparedSpectra, library: PreparedSpectra, method: Similarity, matches: PeakMatches
) -> FloatArray:
    """Return what each matched peak pair adds, (n_matches,) float64, before normalisation."""
    if method in (Similarity.ENTROPY, Similarity.NEUTRAL_LOSS, Similarity.HYBRID):
        a = queries.weighted[matches.query_peak]
        b = library.weighted[matches.library_peak]
        both = a + b
        return (0.5 * (both * np.log2(both) - a * np.log2(a) - b * np.log2(b))).astype(np.float64)
    product = queries.intensity[matches.query_peak] * library.intensity[matches.library_peak]
    if method is Similarity.SQRT_COSINE:
        product = np.sqrt(product)
    return product.astype(np.float64)


def _sum(
    queries: PreparedSpectra,
    library: PreparedSpectra,
    pair_query: IntArray,
    pair_row: IntArray,
    method: Similarity,
    matches: PeakMatches,
) -> tuple[FloatArray, IntArray]:
    n = len(pair_query)
    score = np.bincount(matches.pair, terms(queries, library, method, matches), minlength=n)
    matched = np.bincount(matches.pair, minlength=n)
    if method in COSINES:
        norm = _norms(queries, pair_query, method) * _norms(library, pair_row, method)
        score = np.divide(score, norm, out=np.zeros(n), where=norm > 0)
    return np.clip(score, 0.0, 1.0).astype(np.float64), matched


def _norms(spectra: PreparedSpectra, rows: IntArray, method: Similarity) -> FloatArray:
    unique, inverse = np.unique(rows, return_inverse=True)
    return norms(spectra.take(unique), method)[inverse]


def norms(spectra: PreparedSpectra, method: Similarity) -> FloatArray:
    """(n,) float64 Euclidean norm of the (square roots of the) intensities that count."""
    owner = np.repeat(np.arange(len(spectra)), spectra.counts)
    square = np.where(spectra.weighted > 0, spectra.intensity, 0.0).astype(np.float64)
    if method is not Similarity.SQRT_COSINE:
        square = square**2
    return np.sqrt(np.bincount(owner, square, minlength=len(spectra)))


def similarity(
    a: PreparedSpectra, b: PreparedSpectra, *, method: Similarity, tolerance: Tolerance
) -> PairScores:
    """Return the similarity of spectrum ``i`` of ``a`` with spectrum ``i`` of ``b``, all i."""
    pairs = np.arange(len(a), dtype=np.int64)
    return score_pairs(a, b, pairs, pairs, method=method, tolerance=tolerance)
