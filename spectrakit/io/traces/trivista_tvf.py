"""TriVista files (.tvf): frames of a spectrometer in XML, with their axis and time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.units import axis_unit, modality_of, value_unit
from spectrakit.io.traces.xml_tree import Element, numbers, parse_tree, read_tree
from spectrakit.spectrum import Spectrum

_TICKS_PER_SECOND = 1e7
_MOST_INFORMATION = 200  # entries kept of what was set at the instrument


def read_trivista_tvf(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the frames of all documents; the native id is ``document/frame``.

    Raises:
        InputError: the XML is damaged or holds no document.
    """
    root = read_tree(path, stream)
    drops = Drops(path, account)
    found = 0
    for number, document in enumerate(root.iter("Document"), start=1):
        found += 1
        said = _said(path, document)
        frames = document.findall("./Data/Frame")
        first = min((t for t in map(_ticks, frames) if t), default=0)
        for index, frame in enumerate(frames, start=1):
            try:
                yield _spectrum(
                    document, frame, said | {"frame": index}, f"{number}/{index}", first
                )
            except BadSpectrum as error:
                drops.drop(str(error), f"document {number}, frame {index}")
    if not found:
        raise InputError(f"{path}: the TriVista file has no document.", hint=COPY_AGAIN)


def _ticks(frame: Element) -> int:
    text = frame.get("TimeStamp", "")
    return int(text) if text.isdecimal() and len(text) < 20 else 0


def _spectrum(
    document: Element, frame: Element, extra: dict[str, Any], native_id: str, first: int
) -> Spectrum:
    y = numbers(frame.text, ";")
    calibration = document.find("./xDim/Calibration")
    if calibration is None:
        raise BadSpectrum("the axis is missing")
    listed = calibration.get("ValueArray", "").partition("|")[2]
    x = numbers(listed, "|")
    unit = axis_unit(calibration.get("Unit", ""))
    if not len(x):
        x, unit = np.arange(1.0, len(y) + 1), "pixel"
    values = value_unit(document.get("DataLabel", ""))
    laser = numbers(calibration.get("LaserWave"))
    extra["laser_wavelength_nm"] = float(laser[0]) if len(laser) == 1 and laser[0] > 0 else None
    ticks = _ticks(frame)
    seconds = (ticks - first) / _TICKS_PER_SECOND if ticks else float("nan")
    technique = "Raman" if unit == "cm-1" and extra["laser_wavelength_nm"] else ""
    return trace(
        x,
        unit,
        y,
        values,
        modality=modality_of(technique, axis=x, unit=unit, values=values),
        extra=extra,
        native_id=native_id,
        name=document.get("Label", ""),
        rt_seconds=seconds,
    )


def _said(path: Path, document: Element) -> dict[str, Any]:
    """Return what was set at the instrument, which a text inside the XML holds as XML."""
    said: dict[str, Any] = {
        "date": document.get("RecordTime", ""),
        "mode": document.get("ModeName"),
    }
    packed = document.get("InfoSerialized", "")
    start = packed.find("?>")
    if packed[start + 2 :].strip():
        info = parse_tree(path, packed[start + 2 :].strip())
        settings: dict[str, str] = {}
        for group in info.iter("Group"):
            name = group.findtext("Name", "")
            for item in group.findall("./Items/Item"):
                if len(settings) < _MOST_INFORMATION:
                    key = f"{name}: {item.findtext('Name', '')}"
                    settings[key] = item.findtext("Value", "")[:500]
        said["settings"] = settings
    return said
