"""How alike two traces are: hit quality indices over the bins that both cover.

Traces are centred on their mean over the common bins, so an offset changes nothing, and compared
by angle, so a scale changes nothing. The derivative asks for slopes instead of heights and is
little moved by a baseline. Euclidean distance between such vectors of length 1 is
sqrt(2 - 2 r): it ranks as the correlation does and is no measure of its own.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from spectrakit.search.traces.grids import BoolArray
from spectrakit.spectrum import FloatArray


class Measure(StrEnum):
    """Which hit quality index is computed."""

    COMBINED = "combined"  # the mean of the two others
    CORRELATION = "correlation"  # squared correlation of the values, 0 where it is negative
    DERIVATIVE = "derivative"  # the same of the first derivatives


HALF_WINDOW = 2  # bins on either side of the derivative
# Savitzky and Golay 1964: slope of the least-squares line through five neighbours
SLOPE: FloatArray = np.arange(-HALF_WINDOW, HALF_WINDOW + 1) / np.sum(
    np.arange(-HALF_WINDOW, HALF_WINDOW + 1) ** 2
)


def slopes(values: FloatArray, ends: Sequence[int]) -> FloatArray:
    """(n, p) derivative of (n, p) values along each segment; 0 within two bins of its ends.

    Args:
        values: 0 where not covered; slopes count only where ``slopes_covered``.
        ends: one past the last bin of each segment.
    """
    found = np.zeros_like(values)
    start = 0
    for stop in ends:
        first, last = start + HALF_WINDOW, stop - HALF_WINDOW
        for shift, weight in zip(range(-HALF_WINDOW, HALF_WINDOW + 1), SLOPE, strict=True):
            if last > first and weight:
                part = values[..., first + shift : last + shift]
                found[..., first:last] += values.dtype.type(weight) * part
        start = stop
    return found


def slopes_transposed(weights: FloatArray, ends: Sequence[int]) -> FloatArray:
    """(n, p) v with ``values @ v`` equal to ``slopes(values) @ weights`` for every ``values``."""
    found = np.zeros_like(weights)
    start = 0
    for stop in ends:
        first, last = start + HALF_WINDOW, stop - HALF_WINDOW
        for shift, weight in zip(range(-HALF_WINDOW, HALF_WINDOW + 1), SLOPE, strict=True):
            if last > first and weight:
                found[..., first + shift : last + shift] += weight * weights[..., first:last]
        start = stop
    return found


def slopes_covered(covered: BoolArray, ends: Sequence[int]) -> BoolArray:
    """(p,) whether all bins that a slope is made of are covered."""
    found = np.zeros_like(covered)
    start = 0
    for stop in ends:
        first, last = start + HALF_WINDOW, stop - HALF_WINDOW
        if last > first:
            found[first:last] = True
            for shift in range(-HALF_WINDOW, HALF_WINDOW + 1):
                found[first:last] &= covered[first + shift : last + shift]
        start = stop
    return found


def quality(
    products: FloatArray, n: int, sums: tuple[FloatArray, ...], own: tuple[FloatArray, ...]
) -> FloatArray:
    """Hit quality index from sums over common bins: squared correlation, 0 if negative.

    Args:
        products: (...,) sum of x y.
        n: common bins.
        sums: sum of x and of x squared.
        own: sum of y and of y squared.
    """
    (x, xx), (y, yy) = sums, own
    spread_x = xx - x * x / n
    spread_y = yy - y * y / n
    # what is left of a constant is rounding: float32 keeps 7 digits of the sum of squares
    flat = (spread_x <= 1e-6 * xx) | (spread_y <= 1e-6 * yy)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (products - x * y / n) / np.sqrt(spread_x * spread_y)
    return np.where(flat, 0.0, np.clip(r, 0.0, 1.0) ** 2)


def combine(correlation: FloatArray, derivative: FloatArray, measure: Measure) -> FloatArray:
    """Return the index that a measure asks for."""
    if measure is Measure.CORRELATION:
        return correlation
    if measure is Measure.DERIVATIVE:
        return derivative
    return (correlation + derivative) / 2


def exact(
    x: FloatArray,
    y: FloatArray,
    common: BoolArray,
    ends: Sequence[int],
    measure: Measure,
) -> FloatArray:
    """(n,) index of each of (n, p) traces ``x`` with one (p,) ``y``, in double precision.

    Args:
        x: 0 where not covered.
        y: 0 where not covered.
        common: (p,) bins that both cover.
        ends: of the segments.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    sloped = slopes_covered(common, ends)
    parts = [
        _exact(x[:, common], y[common]),
        _exact(slopes(x, ends)[:, sloped], slopes(y, ends)[sloped]),
    ]
    return combine(parts[0], parts[1], measure)


def _exact(x: FloatArray, y: FloatArray) -> FloatArray:
    n = len(y)
    if not n:
        return np.zeros(len(x))
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean()
    nothing = np.zeros(len(x))
    xx = np.einsum("ij,ij->i", x, x)
    yy = np.full(len(x), float(y @ y))
    return quality(np.einsum("ij,j->i", x, y), n, (nothing, xx), (nothing, yy))
