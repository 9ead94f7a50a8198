"""Preprocessing of traces as pure functions on ``values`` (n, p) float64, one spectrum a row.

Every function returns a new array. A row with a value that is not finite comes back as NaN
wherever the step mixes channels, and a row that a step cannot scale (constant, or zero) comes
back as NaN: nothing is guessed, and one bad spectrum never stops a batch.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError, UsageError
from spectrakit.spectrum import FloatArray

NO_SCALE = 1e-12  # a spread below this part of a row's largest value is rounding, not signal
NOT_A_FRACTION = -0.05  # of full scale: what lies lower is no noise of a transmittance
NORMS = ("area", "max", "vector", "range")


def _scaled(values: FloatArray, scale: FloatArray, size: FloatArray) -> FloatArray:
    """Divide rows by ``scale`` (n, 1); NaN where it is nothing beside ``size`` (n, 1)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return values / np.where(np.abs(scale) > NO_SCALE * size, scale, np.nan)


def _size(values: FloatArray) -> FloatArray:
    return np.abs(values).max(axis=1, keepdims=True)


def snv(values: FloatArray) -> FloatArray:
    """Subtract each row's mean, divide by its standard deviation (n - 1): standard normal variate.

    Source: Barnes, Dhanoa and Lister 1989, Applied Spectroscopy 43, 772, equation 1.
    """
    with np.errstate(invalid="ignore"):
        centred = values - values.mean(axis=1, keepdims=True)
        freedom = max(1, values.shape[1] - 1)
        spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / freedom)
        return _scaled(centred, spread, _size(values))


def msc(values: FloatArray, reference: FloatArray) -> FloatArray:
    """Fit ``row = a + b * reference`` by least squares; return ``(row - a) / b``.

    Args:
        values: (n, p) float64.
        reference: (p,) float64, commonly the mean spectrum of the calibration set.

    Source: Geladi, MacDougall and Martens 1985, Applied Spectroscopy 39, 491.
    """
    level = reference.mean()
    shape = reference - level
    length = float(np.sqrt(shape @ shape))
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = values - values.mean(axis=1, keepdims=True)
        slope = centred @ (shape / length**2)[:, None]
        size = _size(values) * np.sqrt(len(reference)) / length
        return _scaled(centred, slope, size) + level


def savitzky_golay(
    values: FloatArray, *, window: int, order: int, derivative: int = 0
) -> FloatArray:
    """Fit a polynomial in a moving window; return its value or derivative at the centre.

    Derivatives are per channel, in the direction of the channels. The first and last half window
    come from the polynomial of the first and last whole window (scipy's ``mode="interp"``).

    Raises:
        UsageError: the window is even or no larger than the order, or the order is negative.
        MismatchError: a spectrum has fewer channels than the window.

    Source: Savitzky and Golay 1964, Analytical Chemistry 36, 1627.
    """
    channels = values.shape[1]
    if channels < window:
        raise MismatchError(
            f"a Savitzky-Golay window of {window} channels does not fit {channels}.",
            hint="Choose a smaller window, or cut less.",
        )
    centre, left, right = savitzky_golay_weights(window, order, derivative)
    half, inner = window // 2, channels - window + 1
    with np.errstate(invalid="ignore"):
        result = np.empty_like(values)
        result[:, half : half + inner] = sum(
            weight * values[:, k : k + inner] for k, weight in enumerate(centre)
        )
        result[:, :half] = values[:, :window] @ left
        result[:, channels - half :] = values[:, channels - window :] @ right
    return _whole(result, values)


def savitzky_golay_weights(
    window: int, order: int, derivative: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the weights of a window's channels: (w,) at its centre, (w, w // 2) left and right.

    Raises:
        UsageError: as ``savitzky_golay``.
    """
    if window < 1 or window % 2 == 0 or order < 0 or derivative < 0 or window <= order:
        raise UsageError(
            f"Savitzky-Golay cannot have window {window}, order {order}, derivative {derivative}.",
            hint="The window is odd and larger than the order.",
        )
    half = max(1, window // 2)
    position = np.arange(-(window // 2), window // 2 + 1) / half
    fit = np.linalg.pinv(position[:, None] ** np.arange(order + 1))  # (order + 1, w)
    power = np.arange(order + 1)
    factor = np.array([np.prod(np.arange(k - derivative + 1, k + 1)) for k in power], np.float64)
    factor[power < derivative] = 0.0
    exponent = np.maximum(power - derivative, 0)
    at = factor * position[:, None] ** exponent / float(half) ** derivative  # (w, order + 1)
    weights = (at @ fit).T  # (w channels, w positions)
    return weights[:, window // 2], weights[:, : window // 2], weights[:, window // 2 + 1 :]


def _whole(result: FloatArray, values: FloatArray) -> FloatArray:
    """Set rows to NaN whose input was not finite: what a matrix product would give."""
    result[~np.isfinite(values).all(axis=1)] = np.nan
    return result


def detrend(values: FloatArray, *, order: int = 2) -> FloatArray:
    """Subtract from each row its least-squares polynomial over channel position.

    Source: Barnes, Dhanoa and Lister 1989 (there of order 2, over wavelength).
    """
    basis = polynomials(values.shape[1], order)
    with np.errstate(invalid="ignore"):
        return _whole(values - (values @ basis) @ basis.T, values)


def polynomials(channels: int, order: int) -> FloatArray:
    """Return (p, order + 1) orthonormal polynomials over channel position.

    Raises:
        UsageError: the order is negative.
        MismatchError: no more channels than coefficients.
    """
    if order < 0:
        raise UsageError(f"detrend cannot have order {order}.", hint="0, 1 or 2 are common.")
    if channels <= order + 1:
        raise MismatchError(
            f"a polynomial of order {order} takes all of {channels} channels.",
            hint="Choose a lower order, or cut less.",
        )
    position = np.linspace(-1.0, 1.0, channels)
    return np.linalg.qr(np.polynomial.legendre.legvander(position, order))[0]


def normalise(values: FloatArray, *, kind: str) -> FloatArray:
    """Divide each row by its size: one of ``NORMS``.

    ``area``: sum of absolute values over channels; ``max``: largest absolute value; ``vector``:
    Euclidean length; ``range``: minimum to 0 and maximum to 1.

    Raises:
        UsageError: another kind.
    """
    size = _size(values)
    with np.errstate(invalid="ignore", over="ignore"):
        if kind == "area":
            return _scaled(values, np.abs(values).sum(axis=1, keepdims=True), size)
        if kind == "max":
            return _scaled(values, size, size)
        if kind == "vector":
            return _scaled(values, np.sqrt((values**2).sum(axis=1, keepdims=True)), size)
        if kind == "range":
            low = values.min(axis=1, keepdims=True)
            return _scaled(values - low, values.max(axis=1, keepdims=True) - low, size)
    raise UsageError(f"'{kind}' is no kind of normalisation.", hint=f"One of {', '.join(NORMS)}.")


def absorbance(values: FloatArray, *, full: float = 1.0, floor: float = 1e-6) -> FloatArray:
    """Return ``-log10`` of transmittance or reflectance, clipped below at ``floor``.

    A little below zero is noise of a black band and is clipped. A row with a value below -5 % of
    full scale is no transmittance and becomes NaN; fitting refuses it (``check_fraction``).

    Args:
        values: (n, p) float64, transmittance or reflectance.
        full: the value of full transmission: 1, or 100 for percent.
        floor: smallest fraction; 1e-6 is an absorbance of 6.
    """
    if not (full > 0 and 0 < floor < 1):
        raise UsageError(
            f"absorbance cannot have full={full:g}, floor={floor:g}.",
            hint="full is 1 or 100; the floor lies between 0 and 1.",
        )
    fraction = values / full
    with np.errstate(invalid="ignore"):
        bad = (fraction < NOT_A_FRACTION).any(axis=1, keepdims=True)
    return np.where(bad, np.nan, -np.log10(np.maximum(fraction, floor)))  # maximum keeps NaN


def check_fraction(values: FloatArray, *, full: float = 1.0) -> None:
    """Refuse values that are no transmittance or reflectance of this full scale.

    Raises:
        MismatchError: values below -5 % of full scale (with their count), or a median above twice
            full scale.
    """
    low = values[values < NOT_A_FRACTION * full]
    if low.size:
        raise MismatchError(
            f"{low.size} values are negative, the lowest {low.min():.4g}: no transmittance or "
            "reflectance.",
            hint="Leave the step absorbance out if the spectra are absorbance already.",
        )
    finite = values[np.isfinite(values)]
    if finite.size and np.median(finite) > 2 * full:
        raise MismatchError(
            f"the median value is {np.median(finite):.4g} where full scale is {full:g}.",
            hint="For percent write absorbance(full=100).",
        )


def autoscale(values: FloatArray, mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Subtract ``mean`` (p,) and divide by ``sd`` (p,), both learnt from the calibration set."""
    return (values - mean) / sd


def mean_centre(values: FloatArray, mean: FloatArray) -> FloatArray:
    """Subtract ``mean`` (p,), learnt from the calibration set."""
    return values - mean


def kept_channels(axis: FloatArray, ranges: Any) -> NDArray[np.intp]:
    """Return the channels inside any of ``ranges`` [(low, high)], ends included, in axis order.

    Raises:
        MismatchError: a range holds no channel.
    """
    keep = np.zeros(len(axis), np.bool_)
    for one in ranges:
        low, high = sorted((float(one[0]), float(one[1])))
        inside = (axis >= low) & (axis <= high)
        if not inside.any():
            ends = f"{axis.min():g} to {axis.max():g}" if len(axis) else "empty"
            raise MismatchError(
                f"no channel lies in {low:g} to {high:g}; the axis is {ends}.",
                hint="Give ranges in the unit of the axis.",
            )
        keep |= inside
    return np.flatnonzero(keep)
