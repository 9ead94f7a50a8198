"""The best of very many scores without sorting them all."""

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.spectrum import FloatArray

SLACK = 1e-5  # float32 sums may be this much below the exact score
TINY = float(np.finfo(np.float32).tiny)
_GROUPS = 512  # of rows, or
_GROUPS_PER_ROW = 8  # for each row wanted, where that is more


def group_number(n_rows: int, top: int) -> int:
    """Return into how many groups ``n_rows`` are put when the ``top`` best are wanted."""
    return max(min(max(_GROUPS, _GROUPS_PER_ROW * top), n_rows), 1)


def lower_limits(score: NDArray[np.float32], top: int, n_groups: int) -> FloatArray:
    """Return (n,) limits that the ``top`` best scores of each query reach, less rounding.

    The ``top``-th highest maximum of a group is a lower limit of the ``top``-th highest score.

    Args:
        score: (n, n_rows) float32; row r is in group r mod ``n_groups``, which divides n_rows.
        top: scores wanted for each query.
        n_groups: from ``group_number``.
    """
    return _limits(score.reshape(len(score), -1, n_groups).max(axis=1), top)


def _limits(highest: NDArray[np.float32], top: int) -> FloatArray:
    n_groups = highest.shape[1]
    if top >= n_groups:
        return np.full(len(highest), TINY)
    last = np.partition(highest, n_groups - top, axis=1)[:, n_groups - top]
    return np.maximum(last - SLACK, TINY)


def best_rows(score: NDArray[np.float32], top: int, n_groups: int) -> tuple[IntArray, IntArray]:
    """Return (query, row) of the ``top`` highest positive scores, ties and rounding included.

    Arguments as of ``lower_limits``. Only groups that reach the limit are looked into. A few
    rows too many may come back; queries ascend.
    """
    in_groups = score.reshape(len(score), -1, n_groups)
    highest = in_groups.max(axis=1)  # (n, n_groups)
    limit = _limits(highest, top)
    reached = (highest >= limit[:, None]).ravel().nonzero()[0]
    query, group = np.divmod(reached, n_groups)
    members = in_groups[query, :, group]  # (n_reached, n_rows / n_groups)
    place = (members >= limit[query][:, None]).ravel().nonzero()[0]
    chosen, member = np.divmod(place, in_groups.shape[1])
    return query[chosen], member * n_groups + group[chosen]
