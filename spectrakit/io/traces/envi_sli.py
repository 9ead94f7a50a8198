"""ENVI spectral libraries: spectra as lines of a raw binary file, described by a header beside.

The library ``name.sli`` has its header in ``name.hdr`` or ``name.sli.hdr``.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout
from spectrakit.io.traces.units import axis_unit, modality_of, value_unit
from spectrakit.spectrum import Spectrum

_TYPES = {"1": "u1", "2": "i2", "3": "i4", "4": "f4", "5": "f8", "12": "u2", "13": "u4",
          "14": "i8", "15": "u8"}  # fmt: skip
_FIELD = re.compile(r"^[ \t]*([A-Za-z][\w /-]*?)[ \t]*=[ \t]*(\{.*?\}|[^\r\n]*)", re.M | re.S)
_LARGEST_HEADER = 64 << 20
_TAKEN = (
    *("samples", "lines", "bands", "header offset", "data type", "byte order", "interleave"),
    *("file type", "wavelength", "spectra names", "wavelength units", "bbl", "fwhm"),
)


def header_of(path: Path) -> Path | None:
    """Return the header that lies beside a library, if one does."""
    for name in (path.with_suffix(".hdr"), Path(f"{path}.hdr"), path.with_suffix(".HDR")):
        if name.is_file():
            return name
    return None


def read_envi_header(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Say that a header alone has no spectra.

    Raises:
        InputError: always; names what to give instead.
    """
    raise InputError(
        f"{path}: is the header of an ENVI file, which holds no spectra itself.",
        hint=f"Give the library beside it: {path.with_suffix('.sli').name}.",
    )
    yield  # a reader is a generator


def read_envi_sli(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the lines of the library; the native id is their number from 1.

    Raises:
        InputError: the header is missing or does not fit the library.
    """
    header_path = header_of(path)
    if header_path is None:
        raise InputError(
            f"{path}: its header {path.with_suffix('.hdr').name} is not beside it.",
            hint="Copy the .hdr file into the same folder.",
        )
    with header_path.open("rb") as file:
        text = file.read(_LARGEST_HEADER).decode("latin-1")
    fields = {key.lower(): value.strip() for key, value in _FIELD.findall(text)}
    layout = Layout.of(path, stream)
    n, lines = _whole(header_path, fields, "samples"), _whole(header_path, fields, "lines")
    if _whole(header_path, fields, "bands", "1") != 1 or not n:
        raise InputError(
            f"{header_path}: describes an image of {fields.get('bands')} bands, not a library.",
            hint="Export the spectra of the regions of interest as a spectral library.",
        )
    kind = _TYPES.get(fields.get("data type", ""))
    if kind is None:
        raise InputError(
            f"{header_path}: the data type {fields.get('data type', '')!r} is no real number.",
            hint="Save the library again as floating point numbers.",
        )
    dtype = (">" if fields.get("byte order") == "1" else "<") + kind
    start = _whole(header_path, fields, "header offset", "0")
    width = np.dtype(dtype).itemsize
    layout.need(start, lines * n * width, f"{lines} spectra of {n} points")
    x, unit = _axis(header_path, fields, n)
    names = _words(fields.get("spectra names", ""))
    said: dict[str, Any] = {
        key: value.strip("{} \r\n")[:1000] for key, value in fields.items() if key not in _TAKEN
    }
    values = value_unit(said.get("z plot titles", "")) if "z plot titles" in said else ""
    drops = Drops(path, account)
    for index in range(lines):
        y = layout.array(dtype, start + index * n * width, n, f"spectrum {index + 1}")
        try:
            yield trace(
                x,
                unit,
                y,
                values,
                modality=modality_of(axis=x, unit=unit, values=values),
                extra=said,
                native_id=str(index + 1),
                name=names[index] if index < len(names) else "",
                sample=names[index] if index < len(names) else "",
            )
        except BadSpectrum as error:
            drops.drop(str(error), f"spectrum {index + 1}")


def _whole(path: Path, fields: dict[str, str], key: str, default: str = "") -> int:
    text = fields.get(key, default)
    if not text.isdecimal() or len(text) > 12:
        raise InputError(
            f"{path}: '{key}' is {text[:40]!r}, not a whole number.",
            hint="Copy the header again from its source.",
        )
    return int(text)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.strip("{} \r\n").split(",")]


def _axis(path: Path, fields: dict[str, str], n: int) -> tuple[np.ndarray[Any, Any], str]:
    listed = fields.get("wavelength", "")
    if not listed:
        return np.arange(1.0, n + 1), "index"
    try:
        x = np.array([float(word) for word in _words(listed)])
    except ValueError:
        x = np.empty(0)
    if len(x) != n:
        raise InputError(
            f"{path}: lists {len(_words(listed))} wavelengths for {n} points.",
            hint="Copy the header again from its source.",
        )
    return x, axis_unit(fields.get("wavelength units", ""))
