"""One query against every row of a library, from the inverted index of peaks.

Flash entropy search (Li 2023, Nat. Methods 20, 1475): each query peak meets only the library
peaks within its window, which lie side by side in the index, and adds its terms to the scores
of their rows. Scores are summed in float32 and err by about 1e-6; ``score_pairs`` is exact.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.matching import grid_width
from spectrakit.search.peak_index import PeakIndex
from spectrakit.search.peak_windows import Met, PeakWindows, fragment_windows, loss_windows
from spectrakit.search.precursor_search import Blocked
from spectrakit.search.prepared import Queries
from spectrakit.search.similarity import COSINES, LEAST_LOSS, Similarity, norms, peak_terms
from spectrakit.search.used_peaks import Matches, UsedPeaks
from spectrakit.spectrum import FloatArray, Tolerance

Singles = NDArray[np.float32]

CHUNK_PEAKS = 1 << 15  # library peaks met, and
CHUNK_SCORES = 1 << 18  # (query, row) sums, worked on at once


class Indexed(Blocked, Protocol):
    """What this search needs of an index."""

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


class WholeLibrary:
    """The library rows' scores for the queries of a batch, a few queries at a time.

    For modified cosine the scores are upper bounds: a peak may count twice, as fragment and as
    shifted. Otherwise they are the similarities themselves.
    """

    def __init__(
        self, index: Indexed, queries: Queries, method: Similarity, tolerance: Tolerance
    ) -> None:
        self._index, self._method, self._tolerance = index, method, tolerance
        self._queries = strong = queries.spectra.strong
        self._n_rows = len(index.spectra)
        self._own = strong.weighted
        self._looked_up: list[tuple[PeakIndex, PeakWindows]] = []
        if method is not Similarity.NEUTRAL_LOSS:
            windows = fragment_windows(index.fragments, strong, queries.polarity, tolerance)
            self._looked_up.append((index.fragments, windows))
        if method.needs_precursor:
            windows = loss_windows(
                index.losses,
                strong,
                queries.polarity,
                tolerance,
                library_mz=index.spectra.mz,
                least=LEAST_LOSS if method is Similarity.HYBRID else None,
            )
            self._looked_up.append((index.losses, windows))
        if method in COSINES:
            self._own, self._own_norm = strong.intensity, norms(strong, method)
        if method is Similarity.HYBRID:
            self._used = UsedPeaks(len(index.spectra.mz), self._n_rows)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Cut the queries into ranges [first, stop) whose sums stay in the cache."""
        n = len(self._queries)
        most = max(1, CHUNK_SCORES // max(self._n_rows, 1))
        if n == 1 or most == 1 or self._method is Similarity.HYBRID:
            yield from ((number, number + 1) for number in range(n))
            return
        n_met = [sum(counts) for counts in zip(*(w.n_met() for _, w in self._looked_up))]
        first, met = 0, 0
        for number, more in enumerate(n_met):
            if number > first and (met + more > CHUNK_PEAKS or number - first >= most):
                yield first, number
                first, met = number, 0
            met += more
        if first < n:
            yield first, n

    def scores(self, first: int, stop: int, width: int, min_matched_peaks: int = 0) -> Singles:
        """(stop - first, width) float32 scores of these queries; ``width`` is n_rows or more.

        0 where fewer peaks match than wanted.
        """
        size = (stop - first) * width
        score = np.zeros(size, np.float32)
        matched = np.zeros(size if min_matched_peaks > 1 else 0)
        direct: tuple[Matches, IntArray] | None = None  # fragment matches, and those outside
        for index, windows in self._looked_up:
            met = windows.of(first, stop)
            row = met.joined(index.row, np.intp)
            own = met.spread(self._own[met.query_peak])
            term = peak_terms(self._method, own, self._theirs(index, met))
            void = self._outside(index, met)
            if self._method is Similarity.HYBRID:
                matches = Matches(index, met, row)
                if direct is None:
                    direct = (matches, void)
                else:
                    void = np.concatenate([void, self._used.void(*direct, matches, score)])
            if len(void):
                term[void] = 0.0
            if stop - first > 1:
                row += met.spread((self._queries.owner[met.query_peak] - first) * width)
            np.add.at(score, row, term)
            if len(matched):
                counts = np.ones(len(row))
                counts[void] = 0.0
                matched += np.bincount(row, counts, minlength=size)
        if len(matched):
            score[matched < min_matched_peaks] = 0.0
        score = score.reshape(stop - first, width)
        if self._method in COSINES:
            norm = self._own_norm[first:stop, None] * self._index.norm(self._method)
            known = score[:, : self._n_rows]
            np.divide(known, norm, out=known, where=norm > 0, casting="same_kind")
        return score

    def _theirs(self, index: PeakIndex, met: Met) -> Singles:
        """(n,) float32 intensities of the library peaks met."""
        if self._method in COSINES:
            return self._index.spectra.intensity[met.joined(index.peak, np.intp)]
        return met.joined(index.weighted, np.float32)

    def _outside(self, index: PeakIndex, met: Met) -> IntArray:
        """Return which of the library peaks met are beyond a tolerance in ppm."""
        if self._tolerance.unit == "Da":
            return np.empty(0, np.int64)
        mz = self._index.spectra.mz[met.joined(index.peak, np.intp)]
        apart = met.joined(index.position, np.int64) - met.spread(met.position)
        return (np.abs(apart) > grid_width(mz, self._tolerance)).nonzero()[0]
