"""Which loss matches of a hybrid comparison are void, because a peak matches as a fragment."""

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray


def are_void(
    owner: IntArray,
    query_peak: IntArray,
    library_peak: IntArray,
    taken_owner: IntArray,
    taken_query_peak: IntArray,
    taken_library_peak: IntArray,
) -> NDArray[np.bool_]:
    """(n,) bool: loss matches that share a peak with a fragment match of the same spectrum pair.

    Args:
        owner: (n,) int64 which pair of spectra each loss match is of.
        query_peak: (n,) int64.
        library_peak: (n,) int64.
        taken_owner: (m,) int64, and
        taken_query_peak: (m,) int64, and
        taken_library_peak: (m,) int64: the same of the fragment matches.
    """
    void = np.zeros(len(owner), np.bool_)
    if not len(owner) or not len(taken_owner):
        return void
    for peak, taken in ((query_peak, taken_query_peak), (library_peak, taken_library_peak)):
        n = max(int(peak.max()), int(taken.max())) + 1
        held = taken_owner * n + taken
        held.sort()
        asked = owner * n + peak
        place = held.searchsorted(asked)
        place[place == len(held)] = 0
        void |= held[place] == asked
    return void
