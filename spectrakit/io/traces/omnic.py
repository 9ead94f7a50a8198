"""Thermo OMNIC files: single spectra (SPA), groups (SPG) and series (SRS).

SPA and SPG have a table of sections: each spectrum is a header (key 2), values (key 3) and, in
groups, a title (key 107). A series has one header and then rows of a label and values, which
run from the last wavenumber of the header to its first; they are given from the first to the
last, as the header says it and as OMNIC exports them. Interferograms and the background of a
series are named in ``extra.also_in_file`` and not given.

Source: offsets as found by the spectrochempy project (CeCILL-B) and read off files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout, even_axis
from spectrakit.io.traces.units import modality_of
from spectrakit.spectrum import Spectrum

SERIES_MARK = b"Spectral Exte File"
DATA_MARK = b"Spectral Data File"
_COUNT_AT, _TABLE_AT, _ENTRY = 294, 304, 16
_TITLE_AT = 30
_HEADER, _VALUES, _HISTORY, _COMMENT, _TITLE = 2, 3, 27, 4, 107
_INTERFEROGRAMS = {102: "sample interferogram", 103: "background interferogram"}
_ROW_MARK = b"\x02\x00\x00\x00\x18\x00\x00\x00\x00\x00"  # before header, background and rows
_MARKS = (3, 4)  # high-speed series have one more
_LABEL = 84  # bytes of the label before the values of a row; 16 more lie between rows
_BETWEEN = 16
_AXES = {1: "cm-1", 2: "index", 3: "nm", 4: "um", 32: "cm-1"}
_INDEX, _RAMAN = 2, 32
_VALUE_UNITS = {
    11: "percent reflectance", 12: "log(1/R)", 15: "single beam", 16: "percent transmittance",
    17: "absorbance", 20: "Kubelka-Munk", 21: "reflectance", 22: "interferogram",
    26: "photoacoustic", 31: "arbitrary",
}  # fmt: skip
_RAMAN_INTENSITY = 31
_EPOCH = datetime(1899, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Header:
    """What the header of a spectrum says."""

    n: int
    axis_code: int
    value_code: int
    first: float
    last: float
    extra: dict[str, Any]


def read_omnic(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra in the order of the file; the native id is their number from 1.

    Raises:
        InputError: a section lies outside the file, or the series is of another kind than those
            of TGA and GC.
    """
    layout = Layout.of(path, stream)
    drops = Drops(path, account)
    if layout.raw(0, len(SERIES_MARK), "the mark of OMNIC") == SERIES_MARK:
        yield from _series(layout, drops)
        return
    sections = _sections(layout)
    headers = [at for key, at, _ in sections if key == _HEADER]
    values = [(at, size) for key, at, size in sections if key == _VALUES]
    titles = [at for key, at, _ in sections if key == _TITLE]
    history = [(at, size) for key, at, size in sections if key == _HISTORY]
    if not headers or len(headers) != len(values):
        raise layout.bad(f"the table has {len(headers)} headers for {len(values)} lists of values")
    comments = [layout.text(at, size, "a comment") for key, at, size in sections if key == _COMMENT]
    besides = sorted({_INTERFEROGRAMS[key] for key, *_ in sections if key in _INTERFEROGRAMS})
    for index, (at, (start, size)) in enumerate(zip(headers, values, strict=True)):
        header = _header(layout, at)
        title_at = titles[index] if len(titles) == len(headers) else _TITLE_AT
        title = layout.text(title_at, min(256, layout.size - title_at), "the title")
        date_at = title_at + 256 if len(titles) == len(headers) else 296
        said: dict[str, Any] = {"date": _date(layout, date_at), "comments": comments}
        said["also_in_file"] = besides
        if len(history) == len(headers):
            said["history"] = layout.text(*history[index], "the history")
        if 4 * header.n > size:
            raise layout.bad(f"spectrum {index + 1} has {size} bytes for {header.n} points")
        try:
            yield _spectrum(layout, header, start, str(index + 1), title, said)
        except BadSpectrum as error:
            drops.drop(str(error), f"spectrum {index + 1}")


def _sections(layout: Layout) -> list[tuple[int, int, int]]:
    """Return key, offset and length of every section."""
    count = layout.number("<H", _COUNT_AT, "the number of sections")
    found: list[tuple[int, int, int]] = []
    for index in range(count):
        key, at, size = layout.unpack("<HII", _TABLE_AT + _ENTRY * index, "the table of sections")
        if key in (_HEADER, _VALUES, _HISTORY, _COMMENT, _TITLE, *_INTERFEROGRAMS):
            layout.need(at, size, f"section {index + 1} (key {key})")
            found.append((key, at, size))
    return found


def _header(layout: Layout, at: int) -> _Header:
    what = "the header of a spectrum"
    n, axis_code, value_code = layout.unpack("<III", at + 4, what)
    first, last = layout.unpack("<ff", at + 16, what)
    points, zpd, scans = layout.unpack("<III", at + 28, what)
    background_scans = layout.number("<I", at + 52, what)
    laser = layout.number("<f", at + 80, what)
    layout.need(at, 192, what)
    extra = {
        "scans": scans or None,
        "background_scans": background_scans or None,
        "interferogram_points": points or None,
        "zero_path_difference": zpd or None,
        "reference_laser_wavenumber": laser,
        "optical_velocity": layout.number("<f", at + 188, what),
    }
    return _Header(n, axis_code & 255, value_code & 255, first, last, extra)


def _spectrum(
    layout: Layout, header: _Header, start: int, number: str, title: str, said: dict[str, Any]
) -> Spectrum:
    y = layout.array("<f4", start, header.n, f"the values of spectrum {number}")
    x = even_axis(header.first, header.last, header.n)
    unit = _AXES.get(header.axis_code, "")
    values = _VALUE_UNITS.get(header.value_code, "")
    is_raman = header.axis_code == _RAMAN or header.value_code == _RAMAN_INTENSITY
    technique = "Raman" if is_raman else "FT-IR"
    return trace(
        x,
        unit,
        y,
        values,
        modality=modality_of(technique, axis=x, unit=unit, values=values),
        extra=header.extra | said,
        native_id=number,
        name=title,
    )


def _date(layout: Layout, at: int) -> str:
    """Return the date that is stored as seconds since the last day of 1899."""
    if at + 4 > layout.size:
        return ""
    seconds = layout.number("<I", at, "the date")
    return (_EPOCH + timedelta(seconds=seconds)).isoformat() if seconds else ""


def _series(layout: Layout, drops: Drops) -> Iterator[Spectrum]:
    """Yield the rows of a series of TGA or GC."""
    marks: list[int] = []
    at = layout.find(_ROW_MARK)
    while at >= 0 and len(marks) <= _MARKS[-1]:
        marks.append(at)
        at = layout.find(_ROW_MARK, at + 1)
    if len(marks) not in _MARKS or marks[0] < 152:
        raise layout.bad(
            "this OMNIC series is of a kind that is not known here",
            "Save its spectra in OMNIC as a group (.spg) or as single spectra (.spa).",
        )
    at = marks[0] - 152
    header = _header(layout, at)
    first_time, last_time = layout.unpack("<ff", at + 1002, "the times of the series")
    count = layout.number("<I", at + 1026, "the number of rows")
    name = layout.text(at + 938, 64, "the name of the series")
    row = _LABEL + 4 * header.n + _BETWEEN
    start = marks[-1] + 60
    layout.need(start, row * count - _BETWEEN if count else 0, f"{count} rows")
    with np.errstate(all="ignore"):
        times = np.linspace(first_time, last_time, count)
    for index in range(count):
        place = start + row * index
        said: dict[str, Any] = {
            "series": name,
            "time_minutes": float(times[index]),
            "also_in_file": ["background"],
        }
        label = layout.text(place, _LABEL, "the label of a row")
        try:
            found = _spectrum(layout, header, place + _LABEL, str(index + 1), label, said)
            found = replace(found, rt_seconds=60 * float(times[index]))
            if header.axis_code != _INDEX:
                found = replace(found, value=found.value[::-1].copy())
        except BadSpectrum as error:
            drops.drop(str(error), f"row {index + 1}")
            continue
        yield found
