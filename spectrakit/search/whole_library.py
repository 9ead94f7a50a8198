"""One query against every row of a library, from the inverted index of peaks.

Flash entropy search (Li 2023, Nat. Methods 20, 1475): each query peak meets only the library
peaks within its window, which lie side by side in the index, and adds its terms to the scores
of their rows. All rows' scores are summed in float32 and err by about 1e-6; those of the rows
that may be among the best are summed once more, exactly, from the same terms.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.best_rows import Singles, group_number, lower_limits
from spectrakit.search.matching import grid_width
from spectrakit.search.peak_index import PeakIndex
from spectrakit.search.peak_windows import Met, PeakWindows, fragment_windows, loss_windows
from spectrakit.search.precursor_search import Blocked, adducts_agree
from spectrakit.search.prepared import Queries
from spectrakit.search.similarity import (
    COSINES,
    LEAST_LOSS,
    PairScores,
    Similarity,
    norms,
    peak_terms,
    scores_of,
)
from spectrakit.search.void_matches import are_void
from spectrakit.spectrum import FloatArray, Tolerance

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


@dataclass(slots=True)
class _Part:
    """What the peaks of some queries meet in one index: (n,) place in the scores, and term.

    ``inside`` (n,) are positions among all that lies in the windows ``met``; None: all. ``void``
    are positions among the n that do not count.
    """

    index: PeakIndex
    met: Met
    place: IntArray
    term: Singles
    inside: IntArray | None
    void: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def within(self, places: NDArray[np.bool_]) -> IntArray:
        """Return the meetings that count in some ``places`` of the scores."""
        counts = places[self.place]
        counts[self.void] = False
        return counts.nonzero()[0]

    def peaks(self, chosen: IntArray) -> tuple[IntArray, IntArray]:
        """Return query peaks and library peaks of some meetings."""
        query_peak, place = self.met.peaks(chosen if self.inside is None else self.inside[chosen])
        return query_peak, self.index.peak[place].astype(np.int64)


class WholeLibrary:
    """The library rows' scores for the queries of a batch, a few queries at a time.

    For modified cosine the scores are upper bounds: a peak may count twice, as fragment and as
    shifted. So they are for rows of a hybrid search that cannot be among the ``top`` best.
    Otherwise they are the similarities themselves.
    """

    def __init__(
        self,
        index: Indexed,
        queries: Queries,
        query_adduct: IntArray,
        *,
        method: Similarity,
        tolerance: Tolerance,
        top: int,
        min_matched_peaks: int,
    ) -> None:
        self._index, self._method, self._tolerance = index, method, tolerance
        self._queries = strong = queries.spectra.strong
        self._adduct: list[int] = query_adduct.tolist()
        self._agreeing: dict[int, NDArray[np.bool_]] = {}
        self._top, self._min_matched_peaks = top, min_matched_peaks
        self._n_rows = len(index.spectra)
        self.n_groups = group_number(self._n_rows, top)
        self._width = max(-(-self._n_rows // self.n_groups), 1) * self.n_groups
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
        # losses leave these out by themselves, fragments do not
        self._no_precursor = np.empty(0, np.int64)
        if method.needs_precursor:
            self._no_precursor = (~np.isfinite(index.spectra.precursor_mz)).nonzero()[0]
        if method in COSINES:
            self._own, self._own_norm = strong.intensity, norms(strong, method)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Cut the queries into ranges [first, stop) whose sums stay in the cache."""
        n = len(self._queries)
        most = max(1, CHUNK_SCORES // max(self._width, 1))
        if n == 1 or most == 1:
            yield from ((number, number + 1) for number in range(n))
            return
        n_met = [w.n_met() for _, w in self._looked_up]
        first, met = 0, 0
        for number, more in enumerate(map(sum, zip(*n_met, strict=True))):
            if number > first and (met + more > CHUNK_PEAKS or number - first >= most):
                yield first, number
                first, met = number, 0
            met += more
        if first < n:
            yield first, n

    def best(self, first: int, stop: int) -> tuple[IntArray, IntArray, PairScores]:
        """Return query, row and exact score of all that may be among these queries' best.

        Sorted by query, then row; a few rows more than ``top`` may come back for a query.
        """
        score, parts = self._sums(first, stop)
        limit = lower_limits(score, self._top, self.n_groups)
        reached = (score >= limit[:, None]).ravel()
        best = reached.nonzero()[0]
        pair: list[IntArray] = []
        term: list[Singles] = []
        for part in parts:
            chosen = part.within(reached)
            pair.append(best.searchsorted(part.place[chosen]))
            term.append(part.term[chosen])
        query, row = np.divmod(best, self._width)
        query += first
        norm = None
        if self._method in COSINES:
            norm = self._own_norm[query] * self._index.norm(self._method)[row]
        return query, row, scores_of(np.concatenate(pair), np.concatenate(term), len(best), norm)

    def bounds(self, first: int, stop: int) -> Singles:
        """(stop - first, width) float32 upper bounds of the scores of these queries with all rows.

        0 where fewer peaks match than wanted, where the adducts disagree, and for the columns
        beyond the last row that make ``n_groups`` divide the width.
        """
        return self._sums(first, stop)[0]

    def _sums(self, first: int, stop: int) -> tuple[Singles, list["_Part"]]:
        """Return ``bounds`` and the terms that they are sums of."""
        shape = (stop - first, self._width)
        score = np.zeros(shape, np.float32)
        matched = np.zeros(shape if self._min_matched_peaks > 1 else (0, 0), np.int64)
        parts: list[_Part] = []
        limit = np.empty(0, np.float32)
        for index, windows in self._looked_up:
            part = self._meet(index, windows, first, stop)
            if parts and self._method is Similarity.HYBRID:
                by_fragments = self._allowed(score.copy(), matched, first)
                limit = lower_limits(by_fragments, self._top, self.n_groups)
            np.add.at(score.ravel(), part.place, part.term)
            if matched.size:
                matched += np.bincount(part.place, minlength=score.size).reshape(shape)
            parts.append(part)
        if self._method is Similarity.HYBRID:
            self._take_back(score, matched, limit, *parts)
        if self._method in COSINES:
            norm = self._own_norm[first:stop, None] * self._index.norm(self._method)
            known = score[:, : self._n_rows]
            np.divide(known, norm, out=known, where=norm > 0, casting="same_kind")
        return self._allowed(score, matched, first), parts

    def _meet(self, index: PeakIndex, windows: PeakWindows, first: int, stop: int) -> _Part:
        """Return the terms of all library peaks that match a peak of these queries."""
        met = windows.of(first, stop)
        place = met.joined(index.row, np.intp)
        if stop - first > 1:
            place += met.spread((self._queries.owner[met.query_peak] - first) * self._width)
        if self._method in COSINES:
            theirs = self._index.spectra.intensity[met.joined(index.peak, np.intp)]
        else:
            theirs = met.joined(index.weighted, np.float32)
        term = peak_terms(self._method, met.spread(self._own[met.query_peak]), theirs)
        if self._tolerance.unit == "Da":
            return _Part(index, met, place, term, None)
        mz = self._index.spectra.mz[met.joined(index.peak, np.intp)]
        apart = met.joined(index.position, np.int64) - met.spread(met.position)
        inside = (np.abs(apart) <= grid_width(mz, self._tolerance)).nonzero()[0]
        return _Part(index, met, place[inside], term[inside], inside)

    def _take_back(
        self,
        score: Singles,
        matched: IntArray,
        limit: Singles,
        direct: _Part,
        shifted: _Part,
    ) -> None:
        """Take the terms of void loss matches back, in rows whose score reaches the limit."""
        may_win = (score >= limit[:, None]).ravel()
        later, earlier = (may_win[part.place].nonzero()[0] for part in (shifted, direct))
        void = are_void(
            shifted.place[later],
            *shifted.peaks(later),
            direct.place[earlier],
            *direct.peaks(earlier),
        )
        shifted.void = later[void]
        np.subtract.at(score.ravel(), shifted.place[shifted.void], shifted.term[shifted.void])
        if matched.size:
            np.subtract.at(matched.ravel(), shifted.place[shifted.void], 1)

    def _allowed(self, score: Singles, matched: IntArray, first: int) -> Singles:
        """Return the scores, changed in place: 0 for rows that the query may not find."""
        if matched.size:
            score[matched < self._min_matched_peaks] = 0.0
        if self._method.needs_precursor:
            score[:, self._no_precursor] = 0.0
            lacking = ~np.isfinite(self._queries.precursor_mz[first : first + len(score)])
            if lacking.any():
                score[lacking] = 0.0
        for of_query, code in zip(score, self._adduct[first : first + len(score)], strict=True):
            if code != -1:
                if code not in self._agreeing:
                    self._agreeing[code] = adducts_agree(np.array(code), self._index.adduct)
                of_query[: self._n_rows] *= self._agreeing[code]
        return score
