"""How far a spectrum lies beside a reference, in channels: the shift of the wavelength axis."""

import numpy as np

from spectrakit.spectrum import FloatArray

REACH = 5  # channels to either side that are tried


def channel_shift(values: FloatArray, reference: FloatArray) -> FloatArray:
    """Return the shift (n,) of spectra against a reference; positive: towards higher channels.

    First derivatives (central differences) are correlated at whole lags over the channels that
    both have; a parabola through the best lag and its neighbours gives the fraction. NaN where a
    spectrum or the reference is flat or not finite, or the best lag is at the end of the reach.

    Args:
        values: (n, p) float64.
        reference: (p,) float64.

    Source: Rabiner and Gold 1975, Theory and Application of Digital Signal Processing, on peaks
    between samples; derivative correlation as in Wang et al. 1991, Anal. Chem. 63, 2750.
    """
    own = np.gradient(np.asarray(values, np.float64), axis=1)
    fixed = np.gradient(np.asarray(reference, np.float64))
    p = len(fixed)
    reach = min(REACH, (p - 3) // 2)
    if reach < 1:
        return np.full(len(own), np.nan)
    lags = np.arange(-reach, reach + 1)
    at = np.stack([_correlation(own, fixed, int(lag)) for lag in lags], axis=1)
    known = np.isfinite(at.sum(axis=1))
    best = np.nan_to_num(at).argmax(axis=1)
    inside = np.clip(best, 1, len(lags) - 2)
    row = np.arange(len(own))
    left, middle, right = at[row, inside - 1], at[row, inside], at[row, inside + 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = 0.5 * (left - right) / (left - 2 * middle + right)
    return np.where(known & (best == inside), lags[inside] + part, np.nan)


def _correlation(own: FloatArray, fixed: FloatArray, lag: int) -> FloatArray:
    """Return Pearson's r (n,) of ``own[i + lag]`` and ``fixed[i]``."""
    p = len(fixed)
    a = own[:, max(lag, 0) : p + min(lag, 0)]
    b = fixed[max(-lag, 0) : p + min(-lag, 0)]
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a @ b) / np.sqrt((a**2).sum(axis=1) * (b**2).sum())
