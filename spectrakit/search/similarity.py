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

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.matching import PeakMatches, match_peaks, one_to_one, pair_chunks
from spectrakit.search.prepared import GRID, PreparedSpectra, on_grid
from spectrakit.search.void_matches import are_void
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


# FlashEntropySearch removes peaks above precursor m/z - 1.6 Da altogether
LEAST_LOSS = round(1.6 / GRID)  # in grid units
_FEW_PAIRS = 256  # need no chunks
COSINES = (Similarity.COSINE, Similarity.SQRT_COSINE, Similarity.MODIFIED_COSINE)


@dataclass(frozen=True, slots=True)
class PairScores:
    """(k,) float64 similarity in [0, 1] and (k,) int32 number of matched peaks."""

    score: FloatArray
    matched_peaks: NDArray[np.int32]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the scores of all parts, in their order."""
        return cls(
            np.concatenate([np.empty(0), *[part.score for part in parts]]),
            np.concatenate([np.empty(0, np.int32), *[part.matched_peaks for part in parts]]),
        )


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
    queries = queries.strong
    if len(pair_row) <= _FEW_PAIRS:
        return _score_chunk(queries, library, pair_query, pair_row, method, tolerance)
    counts = library.indptr[pair_row + 1] - library.indptr[pair_row]
    parts = [
        _score_chunk(queries, library, pair_query[part], pair_row[part], method, tolerance)
        for part in pair_chunks(counts)
    ]
    return PairScores.joined(parts)


def _score_chunk(
    queries: PreparedSpectra,
    library: PreparedSpectra,
    pair_query: IntArray,
    pair_row: IntArray,
    method: Similarity,
    tolerance: Tolerance,
) -> PairScores:
    if not method.needs_precursor:
        matches = match_peaks(queries, library, pair_query, pair_row, tolerance)
        return _sum(queries, library, pair_query, pair_row, method, _strong(library, matches))
    known = np.flatnonzero(
        np.isfinite(queries.precursor_mz[pair_query]) & np.isfinite(library.precursor_mz[pair_row])
    )
    asked, held = pair_query[known], pair_row[known]
    # the difference of grid units, not the unit of the difference: as in the inverted index
    shift = queries.grid_precursor[asked] - on_grid(library.precursor_mz[held])
    matches = match_peaks(queries, library, asked, held, tolerance, shift)
    matches = _strong(library, matches)
    if method is not Similarity.NEUTRAL_LOSS:
        direct = _strong(library, match_peaks(queries, library, asked, held, tolerance))
        if method is Similarity.HYBRID:
            precursor = queries.grid_precursor[asked[matches.pair]]
            matches = matches.where(precursor - queries.mz[matches.query_peak] >= LEAST_LOSS)
        matches = _both(queries, library, method, direct, matches)
    of_known = _sum(queries, library, asked, held, method, matches)
    if len(known) == len(pair_query):
        return of_known
    score, matched = np.zeros(len(pair_query)), np.zeros(len(pair_query), dtype=np.int32)
    score[known], matched[known] = of_known.score, of_known.matched_peaks
    return PairScores(score, matched)


def _strong(library: PreparedSpectra, matches: PeakMatches) -> PeakMatches:
    """Leave out matches of library peaks below 1 % of their base peak."""
    strong = library.weighted[matches.library_peak] > 0
    return matches if strong.all() else matches.where(strong)


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
    if method is Similarity.HYBRID:
        void = are_void(
            shifted.pair,
            shifted.query_peak,
            shifted.library_peak,
            direct.pair,
            direct.query_peak,
            direct.library_peak,
        )
        shifted = shifted.where(~void)
    either = PeakMatches(
        np.concatenate([direct.pair, shifted.pair]),
        np.concatenate([direct.query_peak, shifted.query_peak]),
        np.concatenate([direct.library_peak, shifted.library_peak]),
    )
    if method is Similarity.HYBRID:
        return either
    priority = terms(queries, library, method, either).astype(np.float64)
    return either.where(one_to_one(either, priority))


def terms(
    queries: PreparedSpectra, library: PreparedSpectra, method: Similarity, matches: PeakMatches
) -> NDArray[np.float32]:
    """Return what each matched peak pair adds, (n_matches,) float32, before normalisation."""
    if method in COSINES:
        a, b = queries.intensity[matches.query_peak], library.intensity[matches.library_peak]
    else:
        a, b = queries.weighted[matches.query_peak], library.weighted[matches.library_peak]
    return peak_terms(method, a, b)


def peak_terms(
    method: Similarity, a: NDArray[np.float32], b: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(n,) float32 what peaks of intensity ``a`` and ``b`` add, weighted but for cosines.

    Positive float32 (n,) are wanted; each term depends on its own pair alone.
    """
    if method in COSINES:
        product = a * b
        return np.sqrt(product) if method is Similarity.SQRT_COSINE else product
    term = a + b
    term *= np.log2(term)
    of_one = np.log2(a)
    of_one *= a
    term -= of_one
    np.log2(b, out=of_one)
    of_one *= b
    term -= of_one
    term *= np.float32(0.5)
    return term


def _sum(
    queries: PreparedSpectra,
    library: PreparedSpectra,
    pair_query: IntArray,
    pair_row: IntArray,
    method: Similarity,
    matches: PeakMatches,
) -> PairScores:
    norm = None
    if method in COSINES:
        norm = _norms(queries, pair_query, method) * _norms(library, pair_row, method)
    term = terms(queries, library, method, matches)
    return scores_of(matches.pair, term, len(pair_query), norm)


def scores_of(
    pair: IntArray, term: NDArray[np.float32], n: int, norm: FloatArray | None
) -> PairScores:
    """Sum the terms of the matched peaks of ``n`` pairs, in the order given.

    Args:
        pair: (n_matches,) pair that each matched peak is of.
        term: (n_matches,) what it adds (``peak_terms``).
        n: number of pairs.
        norm: (n,) product of the norms of the two spectra, for cosines.
    """
    score = np.bincount(pair, term, minlength=n)
    matched = np.bincount(pair, minlength=n)
    if norm is not None:
        score = np.divide(score, norm, out=np.zeros(n), where=norm > 0)
    score = np.minimum(np.maximum(score, 0.0), 1.0)
    return PairScores(score.astype(np.float64, copy=False), matched.astype(np.int32))


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
