"""Avantes binary files: AvaSoft 8 (AVS82, AVS84) and the older ones of AvaSoft 6 and 7.

What a file computes from its own counts (transmittance, absorbance, reflectance) comes first,
with ``extra.computed`` saying how; then the counts of sample, reference and dark as stored.

Source: offsets as found by the lightr, kaitai and pyAvantes projects and read off files.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout
from spectrakit.io.traces.units import modality_of
from spectrakit.spectrum import Spectrum

MARKS = (b"AVS82", b"AVS84")
_SUB_START, _SUB_DATA = 6, 322
_MODES = {1: "absorbance", 2: "transmittance", 3: "reflectance", 4: "irradiance", 5: "irradiance"}
_OLD_HEADER = 400
_OLD_COEFFICIENTS, _OLD_PIXELS = 296, 316
_OLD_THREE = {".trm": "transmittance", ".abs": "absorbance"}
_OLD_ONE = {".drk": "dark", ".ref": "reference"}
_UNITS = {"transmittance": "percent transmittance", "reflectance": "percent reflectance",
          "absorbance": "absorbance"}  # fmt: skip
_FORMULA = {
    "transmittance": "100 (sample - dark) / (reference - dark)",
    "reflectance": "100 (sample - dark) / (reference - dark)",
    "absorbance": "-log10((sample - dark) / (reference - dark))",
}

_Part = tuple[str, NDArray[Any], str]  # name, values, unit


def read_avantes(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield what each spectrum of the file holds; the native id names the part.

    Raises:
        InputError: the file ends too early or contradicts itself.
    """
    layout = Layout.of(path, stream)
    drops = Drops(path, account)
    is_new = layout.raw(0, 5, "the mark") in MARKS
    for label, x, parts, said in _new(layout) if is_new else _old(layout):
        for name, y, unit in parts:
            extra = said | {"block": name}
            if name in _FORMULA:
                extra["computed"] = _FORMULA[name]
            try:
                yield trace(
                    x,
                    "nm",
                    y,
                    unit,
                    modality=modality_of(axis=x, unit="nm", values=unit),
                    extra=extra,
                    native_id=f"{label}{name}",
                    instrument=str(said.get("serial_number", "")),
                )
            except BadSpectrum as error:
                drops.drop(str(error), f"{label}{name}")


def _new(layout: Layout) -> Iterator[tuple[str, NDArray[Any], list[_Part], dict[str, Any]]]:
    """Yield the spectra of AvaSoft 8: four lists of float32 after a header of 322 bytes."""
    count = layout.number("B", 5, "the number of spectra")
    at = _SUB_START
    for index in range(count):
        what = f"spectrum {index + 1}"
        length, _, mode = layout.unpack("<IBB", at, what)
        first, last, exposure, delay, scans = layout.unpack("<HHfII", at + 83, what)
        if last < first:
            raise layout.bad(f"{what} is from pixel {first} to {last}")
        n = last - first + 1
        x, sample, dark, white = (
            layout.array("<f4", at + _SUB_DATA + 4 * n * part, n, what) for part in range(4)
        )
        kind = _MODES.get(mode, "sample")
        said: dict[str, Any] = {
            "serial_number": layout.text(at + 8, 10, what),
            "user_name": layout.text(at + 18, 64, what),
            "comment": layout.text(at + 192, 130, what),
            "integration_time_ms": exposure,
            "integration_delay": delay or None,
            "scans": scans,
            "mode": kind if kind != "sample" else "scope",
        }
        is_calibrated = kind == "irradiance"
        fourth = ("calibration", white, "") if is_calibrated else ("reference", white, "counts")
        parts = [
            *_computed(kind, sample, white, dark),
            ("sample", sample, "counts"),
            *(
                part for part in (("dark", dark, "counts"), fourth) if np.any(part[1] != 0)
            ),  # 0: not saved
        ]
        yield (f"{index + 1}/" if count > 1 else "", x, parts, said)
        at += length + 10
    if not count:
        raise layout.bad("byte 5: the file has 0 spectra")


def _old(layout: Layout) -> Iterator[tuple[str, NDArray[Any], list[_Part], dict[str, Any]]]:
    """Yield the one spectrum of AvaSoft 6 or 7; everything is float32, even its text."""
    suffix = layout.path.suffix.lower()
    head = layout.array("<f4", 0, _OLD_HEADER // 4, "the header")
    first, last = layout.unpack("<ff", _OLD_PIXELS, "the pixels")
    if not 0 <= first <= last < 100_000:
        raise layout.bad(f"the spectrum is from pixel {first} to {last}")
    n = int(last) - int(first) + 1
    coefficients = layout.floats("<f4", _OLD_COEFFICIENTS, 5, "the calibration")
    pixels = np.arange(int(first), int(last) + 1, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.polyval(coefficients[::-1], pixels)
    lists = 3 if suffix in _OLD_THREE else 1
    data = layout.array("<f4", _OLD_HEADER, lists * n, f"{n} pixels")
    if lists == 3:
        sample, white, dark = (data[part::3].copy() for part in range(3))
        kind = _OLD_THREE[suffix]
        parts = [
            *_computed(kind, sample, white, dark),
            ("sample", sample, "counts"),
            ("reference", white, "counts"),
            ("dark", dark, "counts"),
        ]
    else:
        parts = [(_OLD_ONE.get(suffix, "sample"), data, "counts")]
    tail = _OLD_HEADER + 4 * lists * n
    said: dict[str, Any] = {
        "serial_number": _characters(head[1:10]),
        "user_name": _characters(head[10:74]),
        "first_pixel": int(first),
    }
    if tail + 8 <= layout.size:
        exposure, scans = layout.unpack("<ff", tail, "the exposure")
        said["integration_time_ms"] = exposure
        said["scans"] = int(scans) if 0 <= scans < 1e9 else None
    yield "", x, parts, said


def _computed(
    kind: str, sample: NDArray[Any], white: NDArray[Any], dark: NDArray[Any]
) -> list[_Part]:
    """Return what the file stands for, as AvaSoft computes it; NaN where it cannot be."""
    if kind not in _FORMULA:
        return []
    with np.errstate(all="ignore"):
        ratio = (sample.astype(np.float64) - dark) / (white.astype(np.float64) - dark)
        values = -np.log10(ratio) if kind == "absorbance" else 100 * ratio
    values[~np.isfinite(values)] = np.nan
    return [(kind, values, _UNITS[kind])]


def _characters(numbers: NDArray[Any]) -> str:
    """Return the text whose characters are stored as numbers, up to the first that is none."""
    whole = np.nan_to_num(numbers).tolist()
    text = ""
    for number in whole:
        if not 31 < number < 256:
            break
        text += chr(int(number))
    return text.strip()
