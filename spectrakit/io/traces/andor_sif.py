"""Andor SIF files: spectra and images of Andor cameras.

Lines of text about camera and spectrograph, then the areas of the sensor that were read, then
float32 counts. A polynomial turns sensor columns (from 1) into nanometres. Each row of each
frame is a spectrum; an image without calibration is one trace over its pixels, row by row, with
its shape in ``extra.image_shape``.

Source: the order of the lines as found by sif_parser (MIT, after a script of M. Leutenegger).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout, plain
from spectrakit.io.traces.units import modality_of, value_unit
from spectrakit.spectrum import Spectrum

MARK = b"Andor Technology Multi-Channel File\n"
_LONGEST_HEADER = 1 << 20
_AREAS = re.compile(
    rb"(\d{1,3})\n([^\n]{0,99}?)(\d{1,3})\n([^\n]{0,99}?)(\d{1,3})\n([^\n]{0,99}?)"
    rb"65(?:541|539) ((?:\d{1,9} ){7}\d{1,9}) *\n"
)
_FRAME_CALIBRATION = re.compile(rb"Calibration data for frame (\d{1,6})[: ]*([-+\d.eE, ]+)")
_MOST_AREAS = 1 << 16


@dataclass(frozen=True, slots=True)
class _Area:
    """A rectangle of the sensor: first column, columns and rows after binning."""

    left: int
    binning: int
    width: int
    height: int


def read_andor_sif(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the rows of all frames; the native id is ``frame/row`` (or the frame alone).

    Raises:
        InputError: the text is not that of a SIF file, or the counts end too early.
    """
    layout = Layout.of(path, stream)
    drops = Drops(path, account)
    head = layout.raw(0, min(layout.size, _LONGEST_HEADER), "the header")
    found = _AREAS.search(head)
    if found is None:
        raise layout.bad("the description of the image is not where SIF files have it")
    frames, n_areas = (int(word) for word in found[7].split()[4:6])
    areas, offset = _areas(layout, head, found.end(), n_areas)
    offset = _data_start(layout, head, offset, frames)
    per_frame = sum(area.width * area.height for area in areas)
    layout.need(offset, 4 * per_frame * frames, f"{frames} frames of {per_frame} counts")
    coefficients, laser = _calibration(head[: found.start()])
    of_frame = {int(number): _numbers(text) for number, text in _FRAME_CALIBRATION.findall(head)}
    label = plain(found[2])
    said = _said(head) | {"axis_label": label}
    if "raman" in label.lower():
        said["laser_wavelength_nm"] = laser
    values = value_unit(plain(found[4]))
    values = "counts" if values.lower().startswith("counts") else values
    for frame in range(frames):
        polynomial = of_frame.get(frame + 1, coefficients)
        row = 0
        for area in areas:
            is_pixel = polynomial[:4] in ([], [0.0, 1.0, 0.0, 0.0])
            whole = is_pixel and area.height > 1
            rows, width = (1, area.width * area.height) if whole else (area.height, area.width)
            for _ in range(rows):
                row += 1
                y = layout.array("<f4", offset, width, "counts")
                offset += 4 * width
                x = np.arange(1.0, width + 1) if whole else _axis(area, polynomial)
                shape = [area.height, area.width] if whole else None
                single = len(areas) == 1 and rows == 1
                try:
                    yield _trace(
                        (x, "index" if whole else "pixel" if is_pixel else "nm", y, values),
                        said | {"image_shape": shape, "frame": frame + 1, "row": row},
                        str(frame + 1) if single else f"{frame + 1}/{row}",
                    )
                except BadSpectrum as error:
                    drops.drop(str(error), f"frame {frame + 1}, row {row}")


def _trace(
    data: tuple[NDArray[Any], str, NDArray[Any], str], extra: dict[str, Any], number: str
) -> Spectrum:
    x, unit, y, values = data
    is_raman = "raman" in extra["axis_label"].lower()
    technique = "Raman" if is_raman else ""
    return trace(
        x,
        unit,
        y,
        values,
        modality=modality_of(technique, axis=x, unit=unit, values="counts"),
        extra=extra,
        native_id=number,
        instrument=extra.get("detector", ""),
    )


def _areas(layout: Layout, head: bytes, at: int, count: int) -> tuple[list[_Area], int]:
    """Return the areas, which are one line each, and the byte after them."""
    if not 0 < count <= _MOST_AREAS:
        raise layout.bad(f"the image has {count} areas")
    found: list[_Area] = []
    for index in range(count):
        end = head.find(b"\n", at)
        words = head[at:end].split() if end >= 0 else []
        try:
            left, top, right, bottom, high, wide = (int(word) for word in words[1:7])
        except ValueError:
            raise layout.bad(f"area {index + 1} of the image is not described") from None
        if high < 1 or wide < 1 or right < left or top < bottom or left < 0:
            raise layout.bad(f"area {index + 1} is from {left} to {right}, {bottom} to {top}")
        found.append(_Area(left, wide, (1 + right - left) // wide, (1 + top - bottom) // high))
        at = end + 1
    return found, at


def _data_start(layout: Layout, head: bytes, at: int, frames: int) -> int:
    """Return where the counts begin: after a time of each frame and, in newer files, more."""

    def line(at: int) -> tuple[bytes, int]:
        end = head.find(b"\n", at, at + 64)
        return (head[at:end].strip(), end + 1) if end >= 0 else (b"", at)

    for frame in range(frames):
        text, after = line(at)
        if not text.isdigit():
            raise layout.bad(f"the time of frame {frame + 1} is missing")
        at = after
    text, after = line(at)
    if text == b"0":
        return after
    if text == b"1":
        start = after
        for _ in range(frames):
            text, after = line(start)
            if not text.isdigit():
                return after if text else start
            start = after
        return start
    return at


def _calibration(head: bytes) -> tuple[list[float], float | None]:
    """Return the polynomial, the first of three lines of numbers, and the laser's wavelength."""
    lines = head.split(b"\n")[-16:]
    for index in range(len(lines) - 4, -1, -1):
        three = [_numbers(text) for text in lines[index : index + 3]]
        if all(len(numbers) >= 4 for numbers in three):
            laser = _numbers(lines[index + 3]) if len(lines) - index > 6 else []
            return three[0], laser[0] if len(laser) == 1 and 150 < laser[0] < 2000 else None
    return [], None


def _numbers(text: bytes) -> list[float]:
    try:
        found = [float(word) for word in text.replace(b",", b" ").split()]
    except ValueError:
        return []
    return found if np.isfinite(found).all() else []


def _axis(area: _Area, polynomial: list[float]) -> NDArray[Any]:
    """Return the (width,) axis: the polynomial at the middle of each binned column."""
    with np.errstate(over="ignore", invalid="ignore"):
        column = area.left + area.binning * np.arange(float(area.width)) + (area.binning - 1) / 2
        return np.polyval(polynomial[::-1], column) if polynomial else column


def _said(head: bytes) -> dict[str, Any]:
    """Return what the first lines say of time, temperature, exposure and detector."""
    lines = head.split(b"\n", 6)
    said: dict[str, Any] = {"detector": plain(lines[3]) if len(lines) > 3 else ""}
    words = lines[2].split() if len(lines) > 2 else []
    try:
        said["unix_time"] = int(words[4])
        said["detector_temperature"] = float(words[5])
        said["exposure_s"] = float(words[12])
        said["cycles"] = int(words[15])
    except (ValueError, IndexError):
        pass
    return said
