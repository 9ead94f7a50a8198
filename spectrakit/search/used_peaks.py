"""Which loss matches of a hybrid search are void, because a peak already matches as a fragment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.peak_index import PeakIndex
from spectrakit.search.peak_windows import Met

_MOST_MARKS = 1 << 26  # (query peak, row) marks held at once: 64 MB


@dataclass(slots=True)
class Matches:
    """Library peaks that one query meets in ``index``: (n,) int64 ``row`` of each."""

    index: PeakIndex
    met: Met
    row: IntArray


class UsedPeaks:
    """Marks of what matches as a fragment; all are False between two queries."""

    def __init__(self, n_peaks: int, n_rows: int) -> None:
        self._n_rows = max(n_rows, 1)
        self._peak = np.zeros(n_peaks, np.bool_)
        self._row = np.zeros(n_rows, np.bool_)
        self._pair = np.zeros(0, np.bool_)

    def void(
        self, direct: Matches, outside: IntArray, shifted: Matches, score: NDArray[np.float32]
    ) -> IntArray:
        """Return which loss matches are void, as positions (k,) int64.

        A loss match is void if its library peak, or its query peak in the same row, matches as
        a fragment. Only rows that have matches of both kinds are looked into.

        Args:
            direct: fragment matches of a query.
            outside: (j,) positions of those that do not count.
            shifted: loss matches of the same query.
            score: (n_rows or more,) not 0 where a fragment matches.
        """
        later = score[shifted.row].nonzero()[0]
        if not len(later):
            return later
        row = shifted.row[later]
        self._row[row] = True
        either = self._row[direct.row]
        either[outside] = False
        self._row[row] = False
        earlier = either.nonzero()[0]

        used = direct.met.joined(direct.index.peak, np.intp)[earlier]
        self._peak[used] = True
        void = self._peak[shifted.met.joined(shifted.index.peak, np.intp)[later]]
        self._peak[used] = False

        first = int(direct.met.query_peak[0])
        n_query_peaks = int(direct.met.query_peak[-1]) + 1 - first
        step = max(min(n_query_peaks, _MOST_MARKS // self._n_rows), 1)
        if len(self._pair) < step * self._n_rows:
            self._pair = np.zeros(step * self._n_rows, np.bool_)
        ours = direct.met.spread(direct.met.query_peak - first)[earlier]
        theirs = shifted.met.spread(shifted.met.query_peak - first)[later]
        for begin in range(0, n_query_peaks, step):
            taken, asked = slice(None), slice(None)
            if step < n_query_peaks:  # more query peaks than there is room for
                taken = (ours >= begin) & (ours < begin + step)
                asked = (theirs >= begin) & (theirs < begin + step)
            pair = (ours[taken] - begin) * self._n_rows + direct.row[earlier][taken]
            self._pair[pair] = True
            void[asked] |= self._pair[(theirs[asked] - begin) * self._n_rows + row[asked]]
            self._pair[pair] = False
        return later[void]
