"""Horiba Jobin Yvon LabSpec files in XML: spectra, line scans and maps.

The tree has one axis of intensities and one each of the spectrum and the places. Detectors are
read from the long wavelengths down; spectra are given from the short ones up, as LabSpec shows
and exports them, with the order in the file in ``extra.stored_order``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.units import axis_unit, modality_of, value_unit
from spectrakit.io.traces.xml_tree import Element, numbers, read_tree
from spectrakit.spectrum import Spectrum

_TITLE, _AXES = "0x6C7469D9", "0x7B697861"
_KIND, _UNIT, _POINTS = "0x6D707974", "0x7C696E75", "0x7D6CD4DB"
_NAME, _VALUE = "0x6D6D616E", "0x7D6C61DB"
_MOST_SETTINGS = 200
_HINT = "Export the spectra from LabSpec as text."


def read_horiba_xml(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra; of places the first axis of the file runs fastest. The native id counts.

    Raises:
        InputError: the XML is damaged, or intensities and axes do not fit.
    """
    root = read_tree(path, stream)
    drops = Drops(path, account)
    tree = root.find("LSX_Tree")
    axes = _child(tree, _AXES)
    if tree is None or axes is None:
        axes = next((one for one in root.iter("LSX") if one.get("ID") == _AXES), None)
    if axes is None or tree is None:
        raise InputError(f"{path}: the LabSpec file has no axes.", hint=_HINT)
    values = ""
    spectral: tuple[NDArray[np.float64], str] | None = None
    places: list[tuple[str, NDArray[np.float64], str]] = []
    for axis in axes:
        kind, unit = _text(axis, _KIND), _text(axis, _UNIT)
        if kind == "Intens":
            values = value_unit(unit)
        elif kind == "Spectr":
            spectral = numbers(_text(axis, _POINTS)), axis_unit(unit)
        elif len(points := numbers(_text(axis, _POINTS))):
            places.append((kind, points, axis_unit(unit)))
    if spectral is None or not len(spectral[0]):
        raise InputError(f"{path}: the LabSpec file has no spectral axis.", hint=_HINT)
    x, unit = spectral
    shape = [len(points) for _, points, _ in places]
    rows = [numbers(row.text) for row in root.iter("LSX_Row")]
    if not rows or len(rows) != int(np.prod(shape)):
        grid = " by ".join(map(str, shape)) or "1"
        raise InputError(
            f"{path}: there are {len(rows)} spectra for {grid} places.", hint=COPY_AGAIN
        )
    said = _settings(tree)
    backward = len(x) > 1 and x[0] > x[-1]
    said["stored_order"] = "descending" if backward else None
    shown = x[::-1].copy() if backward else x
    technique = "Raman" if unit == "cm-1" else ""
    for index, row in enumerate(rows):
        where = np.unravel_index(index, shape[::-1])[::-1] if shape else ()
        extra = dict(said)
        for (kind, points, place_unit), at in zip(places, where, strict=True):
            extra[kind.lower()] = float(points[at])
            extra[f"{kind.lower()}_unit"] = place_unit
        try:
            yield trace(
                shown,
                unit,
                row[::-1].copy() if backward else row,
                values,
                modality=modality_of(technique, axis=shown, unit=unit, values=values),
                extra=extra,
                native_id=str(index + 1),
                name=_text(tree, _TITLE),
            )
        except BadSpectrum as error:
            drops.drop(str(error), f"spectrum {index + 1}")


def _child(element: Element | None, identifier: str) -> Element | None:
    """Return the child, or the grandchild, with an identifier."""
    if element is None:
        return None
    for one in (*element, *(deep for child in element for deep in child)):
        if one.get("ID") == identifier:
            return one
    return None


def _text(element: Element, identifier: str) -> str:
    found = next((one for one in element if one.get("ID") == identifier), None)
    return (found.text or "").strip() if found is not None else ""


def _settings(tree: Element) -> dict[str, Any]:
    """Return what the instrument was set to: every group with a name and a value."""
    settings: dict[str, str] = {}
    for group in tree.iter("LSX"):
        name, value = _text(group, _NAME), _text(group, _VALUE)
        if name and value and len(settings) < _MOST_SETTINGS:
            settings[name[:200]] = value[:500]
    return {"settings": settings}
