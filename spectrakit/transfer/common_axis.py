"""Two instruments on one axis: the range they share, at the coarser of their steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
LEAST_SHARED = 0.2  # of the narrower range; below it the instruments have no common range
_LEAST_CHANNELS = 8
_SAME = 1e-6  # of the span


@dataclass(frozen=True, slots=True)
class CommonAxis:
    """Where both instruments are compared.

    Attributes:
        axis: (p,) points of the source side; of both where ``shared``.
        source: (p_source, p) interpolation matrix, or None where the axis is used as it is.
        target: (q_target, p) likewise.
        shared: False where each instrument keeps its own axis.
        says: one sentence on what was done.
    """

    axis: FloatArray
    source: FloatArray | None
    target: FloatArray | None
    shared: bool
    says: str

    def of_source(self, values: FloatArray) -> FloatArray:
        """Return (n, p) source spectra on the common axis."""
        return values if self.source is None else values @ self.source

    def of_target(self, values: FloatArray) -> FloatArray:
        """Return (m, p) target spectra on the common axis (or as they are)."""
        return values if self.target is None else values @ self.target


def common_axis(source: FloatArray, target: FloatArray, unit: str) -> CommonAxis:
    """Return the common axis of two ascending axes in one unit."""
    if _same(source, target):
        return CommonAxis(source, None, None, True, "Both instruments have the same axis.")
    low, high = max(source[0], target[0]), min(source[-1], target[-1])
    narrower = min(np.ptp(source), np.ptp(target))
    step = max(float(np.median(np.diff(source))), float(np.median(np.diff(target))))
    n = int(np.floor((high - low) / step + 1e-9)) + 1
    if high - low < LEAST_SHARED * narrower or n < _LEAST_CHANNELS:
        shared, whole = _said(max(0.0, high - low), unit), _said(narrower, unit)
        return CommonAxis(
            source,
            None,
            None,
            False,
            f"The instruments share {shared} of {whole}: too little, so each keeps its axis and "
            f"only methods for such pairs are used.{_other_unit(source, target)}",
        )
    axis = low + step * np.arange(n)
    return CommonAxis(
        axis,
        interpolation(source, axis),
        interpolation(target, axis),
        True,
        f"Both were interpolated to {n} points, {axis[0]:g} to {_said(axis[-1], unit)}, "
        f"step {step:g}.",
    )


def _said(value: float, unit: str) -> str:
    return f"{value:g} {unit}".rstrip()


def _other_unit(source: FloatArray, target: FloatArray) -> str:
    """Say so where the axes share most of their range as nm and cm-1: a file may state no unit."""
    if min(source[0], target[0]) <= 0:
        return ""
    ends = 1e7 / target[-1], 1e7 / target[0]
    shared = min(source[-1], ends[1]) - max(source[0], ends[0])
    if shared < 0.5 * min(float(np.ptp(source)), ends[1] - ends[0]):
        return ""
    return (
        " As wavelength in nm and wavenumber in cm-1 they would share most of it: if so, "
        "export both in one unit."
    )


def interpolation(start: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return (p, q) ``M``: ``spectra @ M`` interpolates linearly from one axis to another."""
    place = np.clip(np.searchsorted(start, wanted, side="right") - 1, 0, len(start) - 2)
    part = np.clip((wanted - start[place]) / (start[place + 1] - start[place]), 0.0, 1.0)
    matrix = np.zeros((len(start), len(wanted)))
    columns = np.arange(len(wanted))
    matrix[place, columns] = 1 - part
    matrix[place + 1, columns] += part
    return matrix


def _same(one: FloatArray, other: FloatArray) -> bool:
    return len(one) == len(other) and bool(
        np.allclose(one, other, rtol=0, atol=_SAME * max(float(np.ptp(one)), 1e-300))
    )
