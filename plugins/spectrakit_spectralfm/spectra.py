"""The spectra of a dataset in memory, on their own axes, and any part of them at any resolution."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.plugin import LeaveOut
from spectrakit.preprocess.axes import convert_axis, convertible
from spectrakit.spectrum import FloatArray, Modality, Spectrum
from spectrakit_spectralfm.model import TECHNIQUES

LEAST_POINTS = 16
ABSORBANCE = ("absorbance", "log(1/R)")  # units in which amounts add up
SAME_AXIS = 1e-6  # of its span: axes nearer than this are one, as for bundles
ROUNDING = 1e-6  # of the largest value of a row that was float32
FLAT = 1e-12  # a spread below this part of the largest value is rounding, not signal


@dataclass(frozen=True, slots=True)
class Trace:
    """One spectrum, its axis rising. ``values`` and ``axis`` (p,), without what is not finite.

    ``gaps``: some of it was not.
    """

    values: FloatArray
    axis: FloatArray
    unit: str
    technique: int
    name: str
    sample: str
    absorbance: bool = False
    gaps: bool = False


@dataclass(frozen=True)
class Traces:
    """Spectra that can be learned from, and why others cannot."""

    traces: tuple[Trace, ...]
    dropped: Counter[str] = field(default_factory=Counter[str])

    def __len__(self) -> int:
        return len(self.traces)

    def mates(self, one: Trace) -> list[int]:
        """Return the rows of absorbance spectra on the axis of one; none if it is none."""
        return self._by_axis.get(_key(one), []) if one.absorbance else []

    @cached_property
    def _by_axis(self) -> dict[tuple[Any, ...], list[int]]:
        found: dict[tuple[Any, ...], list[int]] = {}
        for row, one in enumerate(self.traces):
            if one.absorbance:
                found.setdefault(_key(one), []).append(row)
        return found


def _key(one: Trace) -> tuple[Any, ...]:
    return one.technique, one.unit, one.axis.tobytes()


def traces_of(data: Any, leave_out: LeaveOut) -> Traces:
    """Return the spectra of a dataset; ``leave_out`` is told of those that hold nothing."""
    kept: list[Trace] = []
    dropped: Counter[str] = Counter()
    for spectrum, file in _with_files(data):
        found = trace_of(spectrum, file)
        if isinstance(found, str):
            dropped[found] += 1
        else:
            kept.append(found)
    leave_out(dropped)
    return Traces(tuple(kept), dropped)


def without_gaps(traces: Sequence[Trace], dropped: Counter[str]) -> list[int]:
    """Return the rows that one calibration can take, those without a missing value; count others.

    Where every spectrum has gaps they may be the same channels: all are kept, and the axes tell.
    """
    whole = [row for row, one in enumerate(traces) if not one.gaps]
    if not whole:
        return list(range(len(traces)))
    if len(whole) < len(traces):
        dropped["with missing values"] += len(traces) - len(whole)
    return whole


def _with_files(data: Any) -> Iterator[tuple[Spectrum, str]]:
    files = [part.store.path.name for part in data.parts for _ in part.rows]
    yield from zip(data, files, strict=True)


def trace_of(spectrum: Spectrum, file: str = "") -> Trace | str:
    """Return a spectrum as the model takes it, or why it cannot."""
    axis = np.asarray(spectrum.axis.values, np.float64)
    values = np.asarray(spectrum.value, np.float64)
    if not spectrum.is_trace or values.ndim != 1:
        return "no plain trace"
    if str(spectrum.modality) not in TECHNIQUES:
        return f"{spectrum.modality}, no technique of the model"
    finite = np.isfinite(values) & np.isfinite(axis)
    if not finite.all():
        axis, values = axis[finite], values[finite]
    if len(axis) and axis[0] > axis[-1]:
        axis, values = axis[::-1], values[::-1]
    if len(axis) < LEAST_POINTS:
        return f"fewer than {LEAST_POINTS} points"
    if not (np.diff(axis) > 0).all():
        return "an axis that turns or repeats"
    if not np.ptp(values) > FLAT * np.abs(values).max():
        return "constant"
    return Trace(
        values.astype(np.float32),
        axis,
        spectrum.axis.unit,
        TECHNIQUES.index(str(spectrum.modality)),
        f"{file} '{spectrum.native_id or spectrum.sample}'",
        spectrum.sample,
        spectrum.value_unit in ABSORBANCE,
        not finite.all(),
    )


def points_of(axis: FloatArray, start: float, stop: float, points: int) -> FloatArray:
    """Return (points,) positions on an axis (n,), even in channels from ``start`` to ``stop``.

    Even in channels, not in wavelength: an instrument has its channels where they are needed, and
    a reflectance spectrum of 0.2 to 150 um would keep eight points below 3 um.

    Args:
        axis: (n,) rising.
        start: of the positions, as a share of the channels, 0 to 1.
        stop: likewise.
        points: how many.
    """
    channels = np.linspace(start, stop, points) * (len(axis) - 1)
    return np.interp(channels, np.arange(len(axis)), axis)


def standardised(values: FloatArray) -> FloatArray:
    """Return rows (n, p) with mean 0 and standard deviation 1; a flat row is all 0.

    A row is flat where its spread is the rounding of float32: a crop may hold nothing else.
    """
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True))
    flat = spread <= ROUNDING * np.abs(values).max(axis=1, keepdims=True)
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))


@dataclass(frozen=True, slots=True)
class CommonAxis:
    """The axis that all spectra of a calibration share, as the first of them has it."""

    axis: FloatArray
    unit: str
    technique: int


def on_common_axis(
    traces: Traces, wanted: CommonAxis | None = None, *, covering: bool = False
) -> tuple[NDArray[np.float64], CommonAxis]:
    """Return spectra (n, p) float64 on one axis: that of ``wanted``, else of the first spectrum.

    Args:
        traces: at least one.
        wanted: the axis; None: that of the first spectrum.
        covering: bring spectra to the unit of the axis, and resample those whose axis covers it,
            as a bundle does.

    Raises:
        MismatchError: nothing is there, or a spectrum is of another technique or axis.
    """
    if not len(traces):
        raise MismatchError("no spectrum can be used.", hint="The counts above say why.")
    first = traces.traces[0]
    common = wanted or CommonAxis(first.axis, first.unit, first.technique)
    rows = [_on_axis(one, common, covering) for one in traces.traces]
    for unit in sorted({one.unit for one in traces.traces} - {common.unit}):
        say(f"spectralfm: axes are brought from {unit} to {common.unit}, as of vacuum")
    n = sum(len(one.axis) != len(common.axis) for one in traces.traces)
    if n:
        say(f"spectralfm: {n} spectra on other axes are resampled to {_span(common)}")
    return np.array(rows, np.float64), common


def _on_axis(one: Trace, common: CommonAxis, covering: bool) -> FloatArray:
    if one.technique != common.technique:
        raise MismatchError(
            f"{one.name} is {TECHNIQUES[one.technique]}; the others are "
            f"{TECHNIQUES[common.technique]}.",
            hint="Choose spectra of one technique and axis with --where.",
        )
    told = _in_unit(one, common) if covering else one
    if told.unit == common.unit:
        same = len(told.axis) == len(common.axis)
        if same and np.abs(told.axis - common.axis).max() <= SAME_AXIS * np.ptp(common.axis):
            return told.values
        if covering and told.axis[0] <= common.axis[0] and told.axis[-1] >= common.axis[-1]:
            return np.interp(common.axis, told.axis, told.values)
    raise MismatchError(
        f"{one.name} has {_span(one)}, where {_span(common)} are read.",
        hint="Choose spectra on one axis with --where, or resample them.",
    )


def _in_unit(one: Trace, common: CommonAxis) -> Trace:
    """Return a spectrum in the unit of the axis; as it is where there is no map, as for Raman."""
    exact = convertible(one.unit, common.unit) and one.unit != common.unit
    if not exact or TECHNIQUES[one.technique] == Modality.RAMAN or not (one.axis > 0).all():
        return one
    axis, values = convert_axis(one.axis, one.unit, common.unit), one.values
    if axis[0] > axis[-1]:
        axis, values = axis[::-1], values[::-1]
    return replace(one, axis=axis, values=values, unit=common.unit)


def _span(told: Trace | CommonAxis) -> str:
    axis = told.axis
    return f"{len(axis)} points, {axis[0]:g} to {axis[-1]:g} {told.unit}"
