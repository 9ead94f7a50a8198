"""Traces into the array that a bundle's graph takes: its raw axis, direction, unit and steps.

The instrument's own axis is the bundle's raw axis: then nothing is done here, the graph does it
all. A manifest whose input says ``resample: true`` also takes another axis that covers it.
"""

import logging
from collections.abc import Sequence

import numpy as np

from spectrakit.bundle.folder import Bundle
from spectrakit.errors import MismatchError
from spectrakit.preprocess.axes import convert_axis, convertible
from spectrakit.preprocess.resampling import resample
from spectrakit.preprocess.trace_steps import apply_trace_steps
from spectrakit.spectrum import FloatArray, Modality, Spectrum

SAME_AXIS = 1e-6  # of its span: axes nearer than this are one

log = logging.getLogger(__name__)


def trace_array(
    bundle: Bundle, spectra: Sequence[Spectrum], said: set[str] | None = None
) -> FloatArray:
    """Return (n, points) float64 on the manifest's axis, after the manifest's steps.

    Args:
        bundle: whose input is of kind "trace".
        spectra: traces in any direction, and in any unit with an exact map to the bundle's.
        said: what was said of axes already; each thing is said once.

    Raises:
        MismatchError: a spectrum on another axis than the bundle reads, or an unknown step.
    """
    axis = np.asarray(bundle.manifest.input["axis"], np.float64)
    heard = set[str]() if said is None else said
    rows = [on_axis(bundle, one, heard) for one in spectra]
    return after_steps(bundle, np.array(rows, np.float64).reshape(len(spectra), len(axis)))


def on_axis(bundle: Bundle, one: Spectrum, said: set[str]) -> FloatArray:
    """Return (points,) float64 of one trace on the manifest's axis, before the manifest's steps.

    Raises:
        MismatchError: it is on another axis than the bundle reads.
    """
    told = bundle.manifest.input
    axis, unit = np.asarray(told["axis"], np.float64), str(told["axis_unit"])
    return _row(bundle, one, axis, unit, said)


def after_steps(bundle: Bundle, values: FloatArray) -> FloatArray:
    """Return traces (n, points) on the manifest's axis after the manifest's steps.

    Raises:
        MismatchError: an unknown step.
    """
    if not bundle.manifest.preprocessing:
        return values
    axis = np.asarray(bundle.manifest.input["axis"], np.float64)
    return apply_trace_steps(values, axis, bundle.manifest.preprocessing)[0]


def _row(bundle: Bundle, one: Spectrum, axis: FloatArray, unit: str, said: set[str]) -> FloatArray:
    values, own = one.value, one.axis.values
    if values.ndim != 1:
        raise _other_axis(bundle, one, axis, unit, "it is no plain trace")
    if one.axis.unit != unit:
        own = _in_unit(bundle, one, axis, unit, said)
    if len(own) == len(axis) and len(own) > 1 and (own[-1] > own[0]) != (axis[-1] > axis[0]):
        values, own = values[::-1], own[::-1]
    limit = SAME_AXIS * (float(np.ptp(axis)) if len(axis) > 1 else 1.0)
    if len(own) == len(axis) and np.abs(own - axis).max(initial=0.0) <= limit:
        return np.asarray(values, np.float64)
    if not bundle.manifest.input.get("resample"):
        raise _other_axis(bundle, one, axis, unit)
    try:
        resampled = resample(np.asarray(values, np.float64)[None], own, axis)[0]
    except MismatchError as error:
        raise _other_axis(bundle, one, axis, unit, str(error).rstrip(".")) from error
    _say(
        said,
        f"spectra on {_span(one.axis.values, one.axis.unit)} are resampled to the "
        f"{_span(axis, unit)} of bundle {bundle.label}.",
    )
    return resampled


def _in_unit(
    bundle: Bundle, one: Spectrum, axis: FloatArray, unit: str, said: set[str]
) -> FloatArray:
    """Return the axis in the bundle's unit. A Raman shift has no map without its laser."""
    if one.modality == Modality.RAMAN or not convertible(one.axis.unit, unit):
        raise _other_axis(
            bundle, one, axis, unit, f"'{one.axis.unit}' has no exact map to '{unit}'"
        )
    try:
        converted = convert_axis(one.axis.values, one.axis.unit, unit)
    except MismatchError as error:
        raise _other_axis(bundle, one, axis, unit, str(error).rstrip(".")) from error
    _say(
        said,
        f"axes in {one.axis.unit} are brought to the {unit} of bundle "
        f"{bundle.label}, as of vacuum.",
    )
    return converted


def _say(said: set[str], text: str) -> None:
    if text not in said:
        said.add(text)
        log.warning("%s", text)


def _other_axis(
    bundle: Bundle, one: Spectrum, axis: FloatArray, unit: str, why: str = ""
) -> MismatchError:
    return MismatchError(
        f"spectrum '{one.native_id}' has {_span(one.axis.values, one.axis.unit)}; bundle "
        f"{bundle.label} takes {_span(axis, unit)}{': ' if why else ''}{why}.",
        hint="Measure or resample on the model's axis, or choose another model.",
    )


def _span(axis: FloatArray, unit: str) -> str:
    ends = f"{axis[0]:g} to {axis[-1]:g} {unit}" if len(axis) else unit
    return f"{len(axis)} points, {ends}"
