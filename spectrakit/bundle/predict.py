"""Spectra into the arrays that a bundle's graphs take, and ``predict`` graphs into answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf, nan
from typing import Any

import numpy as np

from spectrakit.bundle.folder import Bundle
from spectrakit.bundle.trace_input import trace_array
from spectrakit.errors import MismatchError
from spectrakit.preprocess.peaks import PeakLists
from spectrakit.preprocess.steps import Context, apply_steps
from spectrakit.spectrum import FloatArray, Spectrum

BATCH = 256  # spectra of one call of a graph
PRECURSOR_FIELDS = ("precursor_mz", "charge", "polarity", "collision_energy_value", "rt_seconds")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer for one spectrum; ``value`` is a number (regress) or a class (classify)."""

    spectrum: str
    property: str
    value: float | str
    unit: str = ""
    lower: float = nan
    upper: float = nan
    probability: float = nan


def inputs_of(
    bundle: Bundle, spectra: Sequence[Spectrum], said: set[str] | None = None
) -> dict[str, Any]:
    """Return the arrays that the bundle's graphs take for these spectra.

    For peaks: ``mz`` (n, p) float64, ``intensity`` (n, p) float32, ``mask`` (n, p) bool, False
    where there is no peak, and ``precursor`` (n, k) float32 of the fields that the manifest
    names, NaN where missing. p is ``max_peaks`` or, without it, the most that a spectrum has.
    For traces: ``spectrum`` (n, points) float64 on the manifest's axis; running casts it to the
    graph's type. ``said``: what was said of axes already.

    Raises:
        MismatchError: spectra of another modality, kind or axis, or an unknown step or field.
    """
    manifest = bundle.manifest
    for one in spectra:
        if one.modality != manifest.modality:
            raise MismatchError(
                f"spectrum '{one.native_id}' is {one.modality}; bundle {bundle.label} reads "
                f"{manifest.modality}.",
                hint="Choose a model for this kind of data.",
            )
    if manifest.input["kind"] == "trace":
        return {"spectrum": trace_array(bundle, spectra, said)}
    if manifest.input["kind"] != "peaks":
        raise MismatchError(
            f"bundle {bundle.label} takes {manifest.input['kind']}, not spectra.",
            hint="Choose a model that reads spectra.",
        )
    return _peaks(bundle, spectra)


def _peaks(bundle: Bundle, spectra: Sequence[Spectrum]) -> dict[str, Any]:
    told = bundle.manifest.input
    precursor_mz = np.array([s.precursor_mz for s in spectra], np.float64)
    steps = [(s.step, s.version, s.parameters) for s in bundle.manifest.preprocessing]
    peaks = apply_steps(PeakLists.from_spectra(spectra), Context(precursor_mz), steps)
    limit = int(told.get("max_peaks") or 0)
    width = limit or max(1, int(peaks.counts.max(initial=0)))
    if limit and peaks.counts.max(initial=0) > limit:
        raise MismatchError(
            f"bundle {bundle.label}: a spectrum has {peaks.counts.max()} peaks, its graph takes "
            f"{limit}.",
            hint="The bundle's preprocessing must keep no more; export it again.",
        )
    shape = (len(spectra), width)
    column = np.arange(len(peaks.mz)) - np.repeat(peaks.indptr[:-1], peaks.counts)
    where = (peaks.owner(), column)
    mz, intensity = np.zeros(shape), np.zeros(shape, np.float32)
    mask = np.zeros(shape, np.bool_)
    mz[where], intensity[where], mask[where] = peaks.mz, peaks.intensity, True
    names = [str(name) for name in told.get("precursor", ())]
    for name in names:
        if name not in PRECURSOR_FIELDS:
            raise MismatchError(
                f"bundle {bundle.label} wants the unknown field '{name}'.",
                hint=f"Known: {', '.join(PRECURSOR_FIELDS)}. Update spectrakit.",
            )
    rows = [[float(getattr(s, name)) for name in names] for s in spectra]
    limits = np.finfo(np.float32)
    whole = np.clip(np.array(rows, np.float64), limits.min, limits.max)  # NaN stays NaN
    precursor = whole.astype(np.float32).reshape(len(spectra), len(names))
    return {"mz": mz, "intensity": intensity, "mask": mask, "precursor": precursor}


def predict(bundle: Bundle, spectra: Iterator[Spectrum]) -> Iterator[Prediction]:
    """Yield the answers of a ``predict`` graph, spectrum by spectrum, property by property.

    A regression graph gives ``value`` (n, properties), and ``lower`` and ``upper`` where it
    knows them; else the interval is the value plus and minus the calibration's half-width. A
    classification gives ``probability`` (n, classes).

    Raises:
        InputError: a file of the bundle was changed.
        MismatchError: the bundle does not predict, or does not fit the spectra.
    """
    bundle.graph("predict")
    source, said = iter(spectra), set[str]()
    while batch := list(islice(source, BATCH)):
        outputs = bundle.run("predict", inputs_of(bundle, batch, said))
        if bundle.manifest.task == "classify":
            yield from _classes(bundle, batch, outputs)
        else:
            yield from _values(bundle, batch, outputs)


def _output(bundle: Bundle, outputs: dict[str, Any], name: str, shape: tuple[int, ...]) -> Any:
    if name not in outputs or outputs[name].shape != shape:
        got = {key: array.shape for key, array in outputs.items()}
        raise MismatchError(
            f"bundle {bundle.label}: 'predict' gives {got} where {name} {shape} belongs.",
            hint="Export the bundle again.",
        )
    return outputs[name]


def _values(
    bundle: Bundle, spectra: Sequence[Spectrum], outputs: dict[str, Any]
) -> Iterator[Prediction]:
    properties = bundle.manifest.properties
    value, lower, upper = numbers(bundle, outputs, len(spectra))
    for row, one in enumerate(spectra):
        for column, told in enumerate(properties):
            yield Prediction(
                spectrum=one.native_id,
                property=str(told["name"]),
                value=float(value[row, column]),
                unit=str(told.get("unit", "")),
                lower=float(lower[row, column]),
                upper=float(upper[row, column]),
            )


def numbers(
    bundle: Bundle, outputs: dict[str, Any], n: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return value, lower and upper (n, properties) of a regression; NaN where not known.

    Raises:
        MismatchError: the graph gave another shape.
    """
    properties = bundle.manifest.properties
    shape = (n, len(properties))
    value = np.asarray(_output(bundle, outputs, "value", shape), np.float64)
    widths = bundle.manifest.calibration.get("half_width") or []
    half = np.array([nan if w is None else float(w) for w in widths], np.float64)
    if len(half) != len(properties):
        half = np.full(len(properties), nan)
    lower, upper = value - half, value + half
    if "lower" in outputs and "upper" in outputs:
        lower = _output(bundle, outputs, "lower", shape)
        upper = _output(bundle, outputs, "upper", shape)
    return value, lower, upper


def _classes(
    bundle: Bundle, spectra: Sequence[Spectrum], outputs: dict[str, Any]
) -> Iterator[Prediction]:
    classes = bundle.manifest.classes
    chance = _output(bundle, outputs, "probability", (len(spectra), len(classes)))
    name = bundle.manifest.properties[0]["name"] if bundle.manifest.properties else "class"
    for row, one in enumerate(spectra):
        best = int(np.argmax(np.where(np.isnan(chance[row]), -inf, chance[row])))
        yield Prediction(
            spectrum=one.native_id,
            property=str(name),
            value=classes[best],
            probability=float(chance[row, best]),
        )
