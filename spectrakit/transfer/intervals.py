"""Prediction intervals after a transfer, from standards that the models did not see.

With few standards the conformal quantile is one of the largest errors, and standards that were
chosen for being far apart err more than new samples will. Below ``CONFORMAL`` standards the
half-width is therefore that of Student's t for their root mean square error; on splits that no
table shows it covered 76 to 90 % at 1.0 to 1.4 times the width needed, the quantile 78 to 94 % at
1.1 to 1.5 times. Neither promises anything below the number that the quantile needs.

A standard at the edge of the samples stands for few of them, one in the middle for many: errors are
weighted by ``represented``. Its square root is taken, because counts of so few are noisy; on splits
that no table shows 5 and 10 tablets then covered 81 % at 1.0 times the width needed (unweighted 91
and 84 % at 1.4 and 1.2), and the other sets changed by at most 3 %.
"""

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from spectrakit.calibrate import conformal_quantile
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.result import Interval
from spectrakit.transfer.standards import scores_of

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
CONFORMAL = 20  # standards left out


def represented(source: FloatArray, twins: Rows) -> FloatArray:
    """Return (N,) weights of standards, sum N: the square root of the samples each is nearest to.

    Args:
        source: (n, p) source spectra.
        twins: (N,) rows of them that are the standards.

    Source: the ratio of densities of Tibshirani 2019, NeurIPS 32 (weighted conformal prediction),
    by counts in the cells of the standards.
    """
    scores = scores_of(PREPROCESSINGS[1](source))
    own = scores[twins]
    nearest = ((own**2).sum(axis=1) - 2 * scores @ own.T).argmin(axis=1)
    weights = np.sqrt(np.maximum(np.bincount(nearest, minlength=len(twins)), 1.0))
    return weights * len(twins) / weights.sum()


def interval_of(
    residuals: FloatArray, level: float, test: tuple[FloatArray, FloatArray] | None,
    weights: FloatArray | None = None,
) -> Interval:  # fmt: skip
    """Return the interval of a property.

    Args:
        residuals: (N,) of standards left out, by fits whose choices did not see them either.
        level: wanted coverage, e.g. 0.8.
        test: known and predicted values of test samples, to measure the coverage on.
        weights: (N,) of the standards, see ``represented``; None: all alike.

    Source: Vovk 2015 (cross-conformal) with the half-width of Lei 2018, algorithm 2; for few
    standards a new error over the root mean square of n is Student's t with n degrees of freedom.
    """
    n = len(residuals)
    weights = np.ones(n) if weights is None else weights
    half = _half_width(residuals, level, weights)
    if half is None:
        least = ceil(level / (1 - level) - 1e-9)
        reason = (
            f"{level:.0%} needs at least {least} standards left out, there are {n}"
            if n
            else "no labelled standards were left out"
        )
        return Interval(level, None, n, reason)
    if test is not None and len(test[0]):
        inside = float(np.mean(np.abs(test[1] - test[0]) <= half))
        return Interval(level, half, n, "", inside, "test samples", len(test[0]))
    return Interval(
        level, half, n, "", _coverage_left_out(residuals, level, weights), "standards left out", n
    )


def _half_width(residuals: FloatArray, level: float, weights: FloatArray) -> float | None:
    """Return the half-width, None where there are too few residuals for the level."""
    n = len(residuals)
    if not n or conformal_quantile(residuals, level) is None:
        return None
    share = weights / weights.sum()
    as_good_as = 1 / float((share**2).sum())  # so many standards of equal weight
    if n >= CONFORMAL:
        return _weighted_quantile(np.abs(residuals), share, level * (1 + 1 / as_good_as))
    from scipy.special import stdtrit

    scale = sqrt(float((share * residuals**2).sum()))
    return float(stdtrit(as_good_as, 0.5 + level / 2)) * scale


def _weighted_quantile(sizes: FloatArray, share: FloatArray, level: float) -> float:
    """Return the smallest size up to which the shares (sum 1) reach a level, or the largest."""
    order = np.argsort(sizes)
    reached = np.cumsum(share[order]) >= level - 1e-9
    return float(sizes[order[reached.argmax() if reached.any() else -1]])


def _coverage_left_out(residuals: FloatArray, level: float, weights: FloatArray) -> float | None:
    """Return the share of residuals inside the interval that the others would have given."""
    inside: list[bool] = []
    for k in range(len(residuals)):
        half = _half_width(np.delete(residuals, k), level, np.delete(weights, k))
        if half is None:
            return None
        inside.append(bool(abs(residuals[k]) <= half))
    return float(np.average(inside, weights=weights))
