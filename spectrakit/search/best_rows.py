"""The best of very many scores without sorting them all."""

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

SLACK = 1e-5  # float32 sums may be this much below the exact score
TINY = float(np.finfo(np.float32).tiny)
_GROUPS = 512  # of rows, or
_GROUPS_PER_ROW = 8  # for each row wanted, where that is more


def group_number(n_rows: int, top: int) -> int:
    """Return into how many groups ``n_rows`` are put when the ``top`` best are wanted."""
    return max(min(max(_GROUPS, _GROUPS_PER_ROW * top), n_rows), 1)


def lower_limits(score: Singles, top: int, n_groups: int) -> Singles:
    """Return (n,) float32 limits that the ``top`` best scores of each query reach, less rounding.

    The ``top``-th highest maximum of a group is a lower limit of the ``top``-th highest score.
    No limit is 0, so that rows without a score never reach it.

    Args:
        score: (n, n_rows) float32; row r is in group r mod ``n_groups``, which divides n_rows.
        top: scores wanted for each query.
        n_groups: from ``group_number``.
    """
    if top >= n_groups:
        return np.full(len(score), TINY, np.float32)
    highest = score.reshape(len(score), -1, n_groups).max(axis=1)
    place = n_groups - top
    highest.partition(place, axis=1)
    return np.maximum(highest[:, place] - np.float32(SLACK), np.float32(TINY))
