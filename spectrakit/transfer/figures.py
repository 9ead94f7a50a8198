"""Figures of merit of predictions, and the tests of ISO 12099 on them.

Source: ISO 12099:2017 (near infrared spectrometry of animal feeding stuffs and cereals): bias
6.2, SEP 6.4, slope 6.5; RPD: Williams and Sobering 1993.
"""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.result import Test

FloatArray = NDArray[np.float64]
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Figures:
    """Of n predictions; NaN where n does not allow a figure. Bias is predicted minus known."""

    n: int
    rmsep: float
    r2: float
    bias: float
    slope: float
    sep: float
    rpd: float


def figures_of(known: FloatArray, predicted: FloatArray) -> Figures:
    """Return the figures of (n,) predictions of known values.

    R2 = 1 - SSE / SST; the slope is that of known on predicted values (ISO 12099).
    """
    error = predicted - known
    n = len(error)
    if n == 0:
        return Figures(0, nan, nan, nan, nan, nan, nan)
    spread = float(((known - known.mean()) ** 2).sum())
    around = predicted - predicted.mean()
    size = float((around**2).sum())
    sep = float(error.std(ddof=1)) if n > 1 else nan
    return Figures(
        n,
        float(np.sqrt(np.mean(error**2))),
        1.0 - float((error**2).sum()) / spread if spread > 0 else nan,
        float(error.mean()),
        float((around * (known - known.mean())).sum() / size) if size > 0 else nan,
        sep,
        float(known.std(ddof=1)) / sep if n > 1 and sep > 0 else nan,
    )


def bootstrap_rmse(error: FloatArray, seed: int, draws: int = 1000) -> tuple[float, float]:
    """Return the 95 % interval of the RMSE of (n,) errors by bootstrap; NaN below 3 errors."""
    if len(error) < 3:
        return nan, nan
    rng = np.random.default_rng(seed)
    drawn = error[rng.integers(0, len(error), (draws, len(error)))]
    low, high = np.quantile(np.sqrt(np.mean(drawn**2, axis=1)), [0.025, 0.975])
    return float(low), float(high)


def iso_tests(known: FloatArray, predicted: FloatArray, sec: float) -> tuple[Test, ...]:
    """Return the tests for bias, slope and SEP; nothing below 4 samples.

    Args:
        known: (n,) reference values.
        predicted: (n,) predictions.
        sec: standard error of the calibration (leave-one-out on the source), which the SEP is
            compared with.
    """
    from scipy.stats import f as f_distribution
    from scipy.stats import t as t_distribution

    n = len(known)
    if n < 4:
        return ()
    told = figures_of(known, predicted)
    limit = float(t_distribution.ppf(1 - (1 - CONFIDENCE) / 2, n - 1)) * told.sep / sqrt(n)
    tests = [Test("bias", told.bias, limit, abs(told.bias) <= limit, n)]
    if sec > 0:
        # calibration errors have many degrees of freedom; 100 is what ISO's table goes to
        most = sec * sqrt(float(f_distribution.ppf(CONFIDENCE, n - 1, 100)))
        tests.append(Test("SEP", told.sep, most, told.sep <= most, n))
    around = predicted - predicted.mean()
    size = float((around**2).sum())
    if size > 0 and n > 2:
        residual = known - known.mean() - told.slope * around
        error = sqrt(float((residual**2).sum()) / (n - 2) / size)
        value = abs(told.slope - 1.0) / error if error > 0 else 0.0
        limit = float(t_distribution.ppf(1 - (1 - CONFIDENCE) / 2, n - 2))
        tests.append(Test("slope", value, limit, value <= limit, n))
    return tuple(tests)
