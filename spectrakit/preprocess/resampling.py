"""Linear interpolation to given points of an axis; never beyond its ends."""

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.spectrum import FloatArray

END_SLACK = 1e-6  # of the axis' span: points no farther outside are its ends


def interpolation(
    axis: FloatArray, points: FloatArray
) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
    """Return for each point the two channels it lies between, and the weight of the second.

    Args:
        axis: (p,) float64, ascending or descending, strictly.
        points: (q,) float64 in the same unit.

    Raises:
        MismatchError: the axis turns or repeats, or points lie outside it.
    """
    step = np.diff(axis)
    if len(axis) < 2 or not ((step > 0).all() or (step < 0).all()):
        raise MismatchError(
            f"an axis of {len(axis)} points that does not rise or fall throughout cannot be "
            "resampled.",
            hint="Sort the spectra along their axis first.",
        )
    rising = axis if step[0] > 0 else axis[::-1]
    low, high = float(rising[0]), float(rising[-1])
    slack = END_SLACK * (high - low)
    outside = points[~((points >= low - slack) & (points <= high + slack))]
    if len(outside):
        some = ", ".join(f"{value:g}" for value in outside[:3])
        more = " ..." if len(outside) > 3 else ""
        raise MismatchError(
            f"{len(outside)} of {len(points)} points lie outside the axis {low:g} to {high:g}: "
            f"{some}{more}.",
            hint="Nothing is extrapolated: choose a range that every instrument covers.",
        )
    inside = np.clip(points, low, high)
    first = np.clip(np.searchsorted(rising, inside, side="right") - 1, 0, len(axis) - 2)
    weight = (inside - rising[first]) / (rising[first + 1] - rising[first])
    if step[0] > 0:
        return first, first + 1, weight
    return len(axis) - 1 - first, len(axis) - 2 - first, weight


def resample(values: FloatArray, axis: FloatArray, points: FloatArray) -> FloatArray:
    """Interpolate rows (n, p) linearly to ``points`` (q,).

    Raises:
        MismatchError: as ``interpolation``.
    """
    first, second, weight = interpolation(axis, points)
    with np.errstate(invalid="ignore"):
        return values[:, first] * (1 - weight) + values[:, second] * weight


def even_points(start: float, stop: float, step: float) -> FloatArray:
    """Return points from ``start`` towards ``stop``, included where it is a whole step away.

    Raises:
        MismatchError: no step, or more than a million points.
    """
    if not (step > 0 and np.isfinite([start, stop, step]).all() and start != stop):
        raise MismatchError(
            f"resample cannot go from {start:g} to {stop:g} in steps of {step:g}.",
            hint="Write resample(START-STOP/STEP) with a positive step.",
        )
    count = int(min(abs(stop - start) / step * (1 + 1e-12) + 1e-9, 2e6)) + 1
    if count > 1_000_000:
        raise MismatchError(f"resample would give {count} points.", hint="Choose a larger step.")
    return start + np.copysign(step, stop - start) * np.arange(count)
