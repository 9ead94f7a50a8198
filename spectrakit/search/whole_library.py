"""One query against every row of a library, from the inverted index of peaks.

Flash entropy search (Li 2023, Nat. Methods 20, 1475): each query peak meets only the library
peaks within its window, which lie side by side in the index, and adds its terms to the scores
of their rows. Scores are summed in float32 and err by about 1e-6; ``score_pairs`` is exact.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.matching import grid_width
from spectrakit.search.peak_index import PeakIndex
from spectrakit.search.peak_windows import PeakWindows, find_windows, fragment_width, loss_width
from spectrakit.search.precursor_search import Blocked
from spectrakit.search.prepared import Queries
from spectrakit.search.similarity import COSINES, LEAST_LOSS, Similarity, norms, peak_terms
from spectrakit.spectrum import FloatArray, Tolerance

Singles = NDArray[np.float32]

_MARKS = 1 << 26  # (query peak, row) marks held at once: 64 MB


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
class _Met:
    """Library peaks that the peaks of one query meet, all (n,).

    ``row`` int64; ``own`` and ``theirs`` float32 weights of the query's and of the library's
    peak; ``query_peak`` and ``peak`` int64 numbers of both, empty where nobody asks.
    """

    row: IntArray
    own: Singles
    theirs: Singles
    query_peak: IntArray
    peak: IntArray

    def where(self, keep: NDArray[np.bool_]) -> "_Met":
        """Return the meetings for which ``keep`` holds."""
        numbered = keep if len(self.peak) else slice(0)
        return _Met(
            self.row[keep],
            self.own[keep],
            self.theirs[keep],
            self.query_peak[numbered],
            self.peak[numbered],
        )


class WholeLibrary:
    """The library rows' scores for one query after another of a batch.

    For modified cosine the scores are upper bounds: a peak may count twice, as fragment and as
    shifted. Otherwise they are the similarities themselves.
    """

    def __init__(
        self, index: Indexed, queries: Queries, method: Similarity, tolerance: Tolerance
    ) -> None:
        self._index, self._method, self._tolerance = index, method, tolerance
        self._queries = queries.spectra.strong
        self._n_rows = len(index.spectra)
        self._own = self._queries.intensity if method in COSINES else self._queries.weighted
        self._numbers_peaks = (
            method in COSINES or method is Similarity.HYBRID or tolerance.unit == "ppm"
        )
        self._windows: list[tuple[PeakIndex, PeakWindows]] = []
        mz = self._queries.mz.astype(np.int64)
        if method is not Similarity.NEUTRAL_LOSS:
            width = fragment_width(mz, tolerance)
            found = find_windows(index.fragments, self._queries, queries.polarity, mz, width)
            self._windows.append((index.fragments, found))
        if method.needs_precursor:
            found = self._find_losses(queries.polarity, mz)
            self._windows.append((index.losses, found))
        if method in COSINES:
            self._own_norm = norms(self._queries, method)
        if method is Similarity.HYBRID:  # marks: all False between queries
            self._peak_used = np.zeros(len(index.spectra.mz), np.bool_)
            self._pair_used = np.zeros(0, np.bool_)

    def _find_losses(self, polarity: NDArray[np.int8], mz: IntArray) -> PeakWindows:
        spectra = self._queries
        loss = np.repeat(spectra.grid_precursor, spectra.counts) - mz
        usable = np.repeat(np.isfinite(spectra.precursor_mz), spectra.counts)
        if self._method is Similarity.HYBRID:
            usable &= loss >= LEAST_LOSS
        width = loss_width(self._index.spectra.mz, self._tolerance)
        return find_windows(self._index.losses, spectra, polarity, loss, width, usable)

    def scores(self, number: int, min_matched_peaks: int = 0) -> Singles:
        """(n_rows,) float32 scores of query ``number``; 0 where fewer peaks match than wanted."""
        met = [self._meet(peaks, windows, number) for peaks, windows in self._windows]
        if self._method is Similarity.HYBRID:
            met[1] = met[1].where(self._unused(number, *met))
        score = np.zeros(self._n_rows, np.float32)
        for part in met:
            np.add.at(score, part.row, peak_terms(self._method, part.own, part.theirs))
        if min_matched_peaks > 1:
            matched = np.zeros(self._n_rows, np.int64)
            for part in met:
                matched += np.bincount(part.row, minlength=self._n_rows)
            score[matched < min_matched_peaks] = 0.0
        if self._method in COSINES:
            norm = self._index.norm(self._method) * self._own_norm[number]
            np.divide(score, norm, out=score, where=norm > 0, casting="same_kind")
        return score

    def _meet(self, index: PeakIndex, windows: PeakWindows, number: int) -> _Met:
        """Return what lies in the windows of one query."""
        own = slice(windows.start[number], windows.start[number + 1])
        low, high = windows.low[own], windows.high[own]
        pieces = [slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
        counts, query_peak = high - low, windows.peak[own]
        row = _joined(index.row, pieces, np.intp)
        of_query = np.repeat(self._own[query_peak], counts)
        if not self._numbers_peaks:
            none = row[:0]
            return _Met(row, of_query, _joined(index.weighted, pieces, np.float32), none, none)
        peak = _joined(index.peak, pieces, np.intp)
        if self._method in COSINES:
            theirs = self._index.spectra.intensity[peak]
        else:
            theirs = _joined(index.weighted, pieces, np.float32)
        met = _Met(row, of_query, theirs, np.repeat(query_peak, counts), peak)
        if self._tolerance.unit == "ppm":
            apart = np.abs(
                _joined(index.position, pieces, np.int64)
                - np.repeat(windows.position[own], counts)
            )
            met = met.where(apart <= grid_width(self._index.spectra.mz[peak], self._tolerance))
        return met

    def _unused(self, number: int, direct: _Met, shifted: _Met) -> NDArray[np.bool_]:
        """Say which shifted matches share no peak with a direct match of the same row."""
        self._peak_used[direct.peak] = True
        unused = ~self._peak_used[shifted.peak]
        self._peak_used[direct.peak] = False
        first, stop = (int(p) for p in self._queries.indptr[number : number + 2])
        n_peaks = max(1, _MARKS // max(self._n_rows, 1))  # that the marks have room for
        for begin in range(first, stop, n_peaks):
            room = min(n_peaks, stop - begin) * self._n_rows
            if len(self._pair_used) < room:
                self._pair_used = np.zeros(room, np.bool_)
            taken, asked = (
                (met.query_peak - begin) * self._n_rows + met.row for met in (direct, shifted)
            )
            here: NDArray[np.bool_] | slice = slice(None)
            if stop - first > n_peaks:
                taken = taken[(taken >= 0) & (taken < room)]
                here = (asked >= 0) & (asked < room)
            self._pair_used[taken] = True
            unused[here] &= ~self._pair_used[asked[here]]
            self._pair_used[taken] = False
        return unused


def _joined(values: NDArray[Any], pieces: list[slice], dtype: type) -> NDArray[Any]:
    """Return some slices of an array, one after the other."""
    values = np.asarray(values)  # a slice of a plain array costs a tenth of a memory map's
    return np.concatenate([values[:0], *[values[piece] for piece in pieces]], dtype=dtype)
