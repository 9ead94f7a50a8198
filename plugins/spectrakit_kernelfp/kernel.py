"""The kernel between merged spectra, and ridge regression with held-out answers for free.

    k(x, x') = mean over kinds of (a + 2 a^2),  a = the inner product of two unit vectors

for the kinds peak, loss and difference. The square counts pairs of shared features of one kind;
the square of the mean over kinds, a cubic term or a factor for the precursor mass do no better.

Source: kernel ridge regression, Saunders et al. 1998; the held-out residuals are the block form
of the leave-one-out formula (Allen 1974; Pahikkala et al. 2006).
"""

from collections.abc import Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Singles = NDArray[np.float32]

QUADRATIC = 2.0
RIDGE = 0.2  # 0.1 to 0.6 makes no difference


def gram(rows: Sequence[Singles], columns: Sequence[Singles]) -> Singles:
    """Return the (n, m) float32 kernel of two sets of unit vectors, one array for each kind."""
    total = np.zeros((len(rows[0]), len(columns[0])), np.float32)
    for left, right in zip(rows, columns, strict=True):
        inner = left @ right.T
        total += inner + QUADRATIC * inner * inner
    return total / np.float32(len(rows))


def factorise(kernel: Singles, ridge: float = RIDGE) -> Singles:
    """Return the lower Cholesky factor of ``kernel + ridge I``; ``kernel`` is overwritten."""
    kernel[np.diag_indices_from(kernel)] += np.float32(ridge)
    factor = scipy.linalg.cholesky(kernel, lower=True, overwrite_a=True, check_finite=False)
    return np.tril(factor)


def coefficients(factor: Singles, kernel: Singles) -> Singles:
    """Return (m, n) weights of the training rows for m queries.

    Args:
        factor: (n, n) from :func:`factorise`.
        kernel: (m, n) kernel of the queries with the training rows.
    """
    return scipy.linalg.cho_solve((factor, True), kernel.T, check_finite=False).T


def held_out_coefficients(factor: Singles, groups: NDArray[np.int64]) -> Singles:
    """Return the weights each training row would get from a fit without the rows of its group.

    With A = (K + ridge I)^-1, the prediction for the rows C of a group from all others is
    y_C - A_CC^-1 (A y)_C, so the weights are -A_CC^-1 A_C: outside the group and 0 inside.

    Args:
        factor: (n, n) from :func:`factorise`.
        groups: (n,) label of the group of each row.
    """
    (invert,) = scipy.linalg.get_lapack_funcs(("potri",), (factor,))
    inverse = invert(factor, lower=1)[0]
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=np.nan) != 0)
    held_out = np.empty_like(inverse)
    for rows in np.split(order, starts[1:]):
        own = np.ix_(rows, rows)
        held_out[rows] = -np.linalg.solve(inverse[own], inverse[rows])
        held_out[own] = 0
    return held_out
