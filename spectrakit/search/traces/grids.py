"""The common grid of a family of traces: bins that every spectrum of the family is averaged into.

Bins nest: a coarser level joins pairs of bins, so a spectrum is put on the grid once and its
coarser forms are means. A value is the mean of the linear interpolant over its bin, an exact
integral, so fine spectra are averaged and coarse ones interpolated by the same formula. Nothing
is extrapolated: a bin that the spectrum does not cover whole, or that lies in a gap, is missing.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import FloatArray

BoolArray = NDArray[np.bool_]

LEVELS = 4  # the coarsest bins are 2**3 as wide as the finest
GAP = 5.0  # a spacing this many times its neighbours' is a gap
_AROUND = 9  # spacings whose median is the usual one
_PLANCK_NM_EV = 1239.841984  # h c, nm eV, CODATA 2018
_TO_NM = {"nm": 1.0, "um": 1e3, "mm": 1e6}


@dataclass(frozen=True, slots=True)
class Segment:
    """Even bins: ``start`` to ``stop`` in ``unit`` (nm or cm-1), each ``step`` wide."""

    unit: str
    start: float
    stop: float
    step: float

    @property
    def bins(self) -> int:
        """Bins of the finest level; a multiple of what the coarsest one joins."""
        joined = 2 ** (LEVELS - 1)
        return round((self.stop - self.start) / self.step) // joined * joined

    @property
    def edges(self) -> FloatArray:
        """(bins + 1,) ascending."""
        return self.start + self.step * np.arange(self.bins + 1)


@dataclass(frozen=True)
class Grid:
    """One or more segments, one after another."""

    segments: tuple[Segment, ...]

    @property
    def bins(self) -> int:
        """Bins of the finest level."""
        return sum(segment.bins for segment in self.segments)

    @cached_property
    def segment_bins(self) -> tuple[int, ...]:
        """Bins of each segment at the finest level."""
        return tuple(segment.bins for segment in self.segments)

    def place(self, axis: FloatArray, values: FloatArray, unit: str) -> "OnGrid":
        """Put one spectrum on the grid.

        Args:
            axis: (n,) positions in any order, in ``unit``.
            values: (n,) float64; points that are not finite count as missing.
            unit: nm, um, mm, cm-1 or eV; a Raman shift is in cm-1 and meets segments in cm-1.
        """
        pieces: list[FloatArray] = []
        covered: list[BoolArray] = []
        spacings: list[FloatArray] = []
        for segment in self.segments:
            position = converted(axis, unit, segment.unit)
            mean, inside, spacing = _binned(position, values, segment.edges)
            pieces.append(mean)
            covered.append(inside)
            spacings.append(spacing / segment.step)
        pooled = np.concatenate(spacings)
        level = _level(float(np.median(pooled)) if len(pooled) else 0.0)
        return OnGrid(np.concatenate(pieces), np.concatenate(covered), level)

    def excluded(self, low: float, high: float, unit: str) -> BoolArray:
        """(bins,) whether a bin touches the range from ``low`` to ``high``."""
        touched: list[BoolArray] = []
        for segment in self.segments:
            ends = np.sort(converted(np.array([low, high]), unit, segment.unit))
            edges = segment.edges
            touched.append((edges[1:] > ends[0]) & (edges[:-1] < ends[1]))
        return np.concatenate(touched)


@dataclass(frozen=True, slots=True, eq=False)
class OnGrid:
    """A spectrum on a grid.

    Attributes:
        values: (p,) float64, 0 where not covered.
        covered: (p,) bool.
        level: the finest level whose bins are no narrower than the spectrum's own spacing.
    """

    values: FloatArray
    covered: BoolArray
    level: int

    def coarser(self, level: int) -> tuple[FloatArray, BoolArray]:
        """Return values and coverage with 2**level bins joined to one."""
        width = 2**level
        if width == 1:
            return self.values, self.covered
        covered: BoolArray = np.logical_and.reduce(self.covered.reshape(-1, width), axis=1)
        mean = self.values.reshape(-1, width).mean(axis=1)
        return np.where(covered, mean, 0.0), covered


def converted(axis: FloatArray, unit: str, wanted: str) -> FloatArray:
    """Return positions in another unit (1e7 / nm = cm-1); what has none there is NaN.

    Raises:
        KeyError: a unit that cannot be converted.
    """
    if unit == wanted:
        return np.asarray(axis, np.float64)
    axis = np.where(np.asarray(axis) > 0, axis, np.nan)
    if unit == "cm-1":
        nm = 1e7 / axis
    elif unit == "eV":
        nm = _PLANCK_NM_EV / axis
    else:
        nm = axis * _TO_NM[unit]
    return nm if wanted == "nm" else 1e7 / nm


def _level(coarseness: float) -> int:
    """Return the level of a spacing given in bins of the finest one; a tenth more is let pass."""
    return int(np.clip(np.ceil(np.log2(max(coarseness / 1.1, 1.0))), 0, LEVELS - 1))


def _binned(
    axis: FloatArray, values: FloatArray, edges: FloatArray
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Return mean and coverage of each bin, and the spacings of the points inside."""
    nothing = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1, np.bool_), np.empty(0)
    whole = np.isfinite(axis) & np.isfinite(values)
    axis, first = np.unique(axis[whole], return_index=True)
    values = values[whole][first]
    if len(axis) < 2:
        return nothing
    spacing = np.diff(axis)
    inside = (axis[1:] > edges[0]) & (axis[:-1] < edges[-1])
    if not inside.any():
        return nothing
    gap = np.zeros(len(spacing), np.bool_)
    if spacing.max() > GAP * spacing.min():
        gap = spacing > GAP * _usual(spacing)
    # each point stands for half a spacing on either side, the outer ones too
    knots = np.concatenate([[axis[0] - spacing[0] / 2], axis, [axis[-1] + spacing[-1] / 2]])
    heights = np.concatenate([values[:1], values, values[-1:]])
    missing = np.concatenate([[False], gap, [False]])
    width = np.diff(knots)
    area = np.concatenate([[0.0], np.cumsum(width * (heights[1:] + heights[:-1]) / 2)])
    lost = np.concatenate([[0.0], np.cumsum(width * missing)])
    at = np.clip(np.searchsorted(knots, edges, side="right") - 1, 0, len(width) - 1)
    past = np.clip(edges - knots[at], 0.0, width[at])
    slope = (heights[at + 1] - heights[at]) / width[at]
    integral = area[at] + past * (heights[at] + slope * past / 2)
    absent = lost[at] + past * missing[at]
    step = np.diff(edges)
    slack = 1e-9 * step[0]
    covered = (edges[:-1] >= knots[0] - slack) & (edges[1:] <= knots[-1] + slack)
    covered &= np.diff(absent) <= slack
    mean = np.where(covered, np.diff(integral) / step, 0.0)
    return mean, covered, spacing[inside & ~gap]


def _usual(spacing: FloatArray) -> FloatArray:
    """(n,) median of the spacings around each one."""
    if len(spacing) <= _AROUND:
        return np.full(len(spacing), np.median(spacing))
    windows = np.lib.stride_tricks.sliding_window_view(spacing, _AROUND)
    middle = np.median(windows, axis=1)
    half = _AROUND // 2
    return np.concatenate([np.full(half, middle[0]), middle, np.full(half, middle[-1])])
