"""Prediction intervals after a transfer, from standards that the models did not see."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from spectrakit.calibrate import conformal_quantile
from spectrakit.transfer.result import Interval

FloatArray = NDArray[np.float64]


def interval_of(
    residuals: FloatArray, level: float, test: tuple[FloatArray, FloatArray] | None
) -> Interval:
    """Return the interval of a property.

    Args:
        residuals: (N,) of standards left out, by fits whose choices did not see them either.
        level: wanted coverage, e.g. 0.8.
        test: known and predicted values of test samples, to measure the coverage on.

    Source: Vovk 2015 (cross-conformal); the half-width is that of Lei 2018, algorithm 2.
    """
    n = len(residuals)
    half = conformal_quantile(residuals, level) if n else None
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


def _coverage_left_out(residuals: FloatArray, level: float) -> float | None:
    """Return the share of residuals inside the interval that the others would have given."""
    inside: list[bool] = []
    for k in range(len(residuals)):
        half = conformal_quantile(np.delete(residuals, k), level)
        if half is None:
            return None
        inside.append(bool(abs(residuals[k]) <= half))
    return float(np.mean(inside))
