"""AnIML documents: the series of values of each result, paired with the one they depend on."""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.units import axis_unit, modality_of, value_unit
from spectrakit.io.traces.xml_tree import Element, local_name, read_tree
from spectrakit.spectrum import Spectrum

_NUMBERS = {"Int32": "<i4", "Int64": "<i8", "Float32": "<f4", "Float64": "<f8"}
_MOST_POINTS = 1 << 26
_MOST_PARAMETERS = 200


def read_animl(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield every dependent series; the native id is ``step/series``.

    Raises:
        InputError: the XML is damaged or no result is a series.
    """
    root = read_tree(path, stream)
    drops = Drops(path, account)
    samples = {one.get("sampleID", ""): one.get("name", "") for one in _all(root, "Sample")}
    found = 0
    for step in _all(root, "ExperimentStep"):
        said = _said(step)
        sample = next((one.get("sampleID", "") for one in _all(step, "SampleReference")), "")
        for series_set in _all(step, "SeriesSet"):
            series = [one for one in series_set if local_name(one) == "Series"]
            free = next((one for one in series if one.get("dependency") == "independent"), None)
            for one in series:
                if one is free or one.get("seriesType") not in _NUMBERS:
                    continue
                found += 1
                name = one.get("name", "")
                label = f"{step.get('experimentStepID', '')}/{one.get('seriesID', name)}"
                try:
                    yield _spectrum(one, free, said, label, sample, samples.get(sample, ""))
                except BadSpectrum as error:
                    drops.drop(str(error), f"series {label}")
    if not found:
        raise InputError(
            f"{path}: the AnIML document holds single results, but no series of values.",
            hint="Export the spectra themselves, as AnIML with series or as JCAMP-DX.",
        )


def _all(element: Element, name: str) -> Iterator[Element]:
    return (one for one in element.iter() if local_name(one) == name)


def _spectrum(
    series: Element,
    free: Element | None,
    said: dict[str, Any],
    label: str,
    sample: str,
    sample_name: str,
) -> Spectrum:
    y = _values(series, 0)
    if free is None:
        x, unit = np.arange(1.0, len(y) + 1), "index"
    else:
        x, unit = _values(free, len(y)), axis_unit(_unit(free))
    values = value_unit(_unit(series) or series.get("name", ""))
    technique = f"{said.get('technique', '')} {said.get('method', '')}"
    return trace(
        x,
        unit,
        y,
        values,
        modality=modality_of(technique, axis=x if len(x) else None, unit=unit, values=values),
        extra=said | {"block": series.get("name", "")},
        native_id=label,
        name=sample_name,
        sample=sample,
        instrument=str(said.get("device", "")),
    )


def _unit(series: Element) -> str:
    return next((one.get("label", "") for one in series if local_name(one) == "Unit"), "")


def _values(series: Element, length: int) -> NDArray[Any]:
    """Return the (n,) numbers of a series; ``length`` is used where it says no end."""
    pieces: list[NDArray[Any]] = []
    kind = _NUMBERS.get(series.get("seriesType", ""), "<f8")
    for part in series:
        name = local_name(part)
        if name == "IndividualValueSet":
            pieces.append(np.array([_number(one.text) for one in part]))
        elif name == "EncodedValueSet":
            try:
                raw = base64.b64decode("".join((part.text or "").split()), validate=True)
                pieces.append(np.frombuffer(raw, kind))
            except (binascii.Error, ValueError):
                raise BadSpectrum("the encoded values are damaged") from None
        elif name == "AutoIncrementedValueSet":
            pieces.append(_counted(part, length))
    if not pieces:
        raise BadSpectrum("no values")
    return np.concatenate(pieces)


def _counted(part: Element, length: int) -> NDArray[Any]:
    first, last = part.get("startIndex", "0"), part.get("endIndex", "")
    n = int(last) - int(first) + 1 if last.isdecimal() and first.isdecimal() else length
    if not 0 <= n <= _MOST_POINTS:
        raise BadSpectrum("the axis has an impossible length")
    ends = {local_name(one): _number("".join(one.itertext())) for one in part}
    return ends.get("StartValue", np.nan) + ends.get("Increment", np.nan) * np.arange(n)


def _number(text: str | None) -> float:
    try:
        return float((text or "").strip())
    except ValueError:
        raise BadSpectrum("a value is no number") from None


def _said(step: Element) -> dict[str, Any]:
    """Return technique, method, device, time and the single results of a step."""
    said: dict[str, Any] = {"step": step.get("name", "")}
    for one in _all(step, "Technique"):
        said.setdefault("technique", one.get("name", ""))
    for one in _all(step, "Method"):
        said.setdefault("method", one.get("name", ""))
    for device in _all(step, "Device"):
        words = [(one.text or "").strip() for one in device if local_name(one) == "Name"]
        said.setdefault("device", " ".join(words))
    for one in _all(step, "Timestamp"):
        said.setdefault("date", (one.text or "").strip())
    parameters: dict[str, str] = {}
    for one in _all(step, "Parameter"):
        if len(parameters) < _MOST_PARAMETERS:
            parameters[one.get("name", "")[:200]] = "".join(one.itertext()).strip()[:500]
    said["parameters"] = parameters
    return said
