"""FITS files as header-data units: what a header says, and the numbers of images and tables.

A small reader of its own: FITS is blocks of 2880 bytes, headers are cards of 80 characters and
numbers are big-endian. What a header declares is compared with the size of the file.

Source: Pence et al. 2010, *Definition of the Flexible Image Transport System*, version 3.0.
"""

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.arrays import check_bytes

_BLOCK, _CARD = 2880, 80
_MOST_CARDS = 36 * 2000
_MOST_UNITS = 10_000
_IMAGE = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_FORMS = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8",
          "A": "S", "X": "u1", "C": ">c8", "M": ">c16", "P": ">i8", "Q": ">V16"}  # fmt: skip
_FORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?")

Card = str | float | int | bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a binary table: (n_rows,) or (n_rows, repeat) values."""

    name: str
    unit: str
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Unit:
    """One header with its data, which are read when asked."""

    path: Path
    number: int
    header: dict[str, Card]
    data: memoryview

    @property
    def name(self) -> str:
        """``EXTNAME``, upper case."""
        return str(self.header.get("EXTNAME", "")).strip().upper()

    @property
    def is_table(self) -> bool:
        """Whether it is a binary table."""
        return str(self.header.get("XTENSION", "")).strip() in ("BINTABLE", "A3DTABLE")

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions, slowest first."""
        n = _whole(self, "NAXIS", 0)
        return tuple(_whole(self, f"NAXIS{k}", 0) for k in range(n, 0, -1))

    def text(self, *keys: str) -> str:
        """Return the first of these keywords that has a text."""
        return next((str(self.header[k]).strip() for k in keys if self.header.get(k)), "")

    def number_of(self, *keys: str) -> float | None:
        """Return the first of these keywords that has a number."""
        for key in keys:
            value = self.header.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
        return None

    def image(self) -> NDArray[Any]:
        """Return the pixels, scaled as the header says; blank ones are NaN.

        Raises:
            InputError: the type is none of FITS.
        """
        bits = _whole(self, "BITPIX", 0)
        if bits not in _IMAGE:
            raise self.wrong(f"BITPIX is {bits}")
        raw = np.frombuffer(self.data, _IMAGE[bits], prod(self.shape)).reshape(self.shape)
        return _scaled(raw, self.header, "BSCALE", "BZERO", "BLANK")

    def columns(self) -> list[Column]:
        """Return the numeric and text columns of a table, in order.

        Raises:
            InputError: the columns do not fit the rows.
        """
        n_rows, width = self.shape[0], self.shape[1]
        rows = np.frombuffer(self.data, "u1", n_rows * width).reshape(n_rows, width)
        found: list[Column] = []
        start = 0
        for k in range(1, min(_whole(self, "TFIELDS", 0), 999) + 1):
            form = _FORM.match(str(self.header.get(f"TFORM{k}", "")).strip())
            if form is None:
                raise self.wrong(f"TFORM{k} is '{self.header.get(f'TFORM{k}', '')}'")
            repeat, code = int(form[1] or 1), form[2]
            n_bytes = -(-repeat // 8) if code == "X" else repeat * _item(code)
            if start + n_bytes > width:
                raise self.wrong(f"column {k} ends at byte {start + n_bytes} of {width}")
            cells = rows[:, start : start + n_bytes]
            start += n_bytes
            name = str(self.header.get(f"TTYPE{k}", "")).strip()
            unit = str(self.header.get(f"TUNIT{k}", "")).strip()
            if code == "A" and n_bytes:
                texts = [bytes(cell).split(b"\x00")[0].decode("latin-1").strip() for cell in cells]
                found.append(Column(name, unit, np.array(texts, dtype=object)))
            elif code in "BIJKED" and repeat:
                raw = np.ascontiguousarray(cells).view(_FORMS[code])
                raw = raw[:, 0] if repeat == 1 else raw
                scaled = _scaled(raw, self.header, f"TSCAL{k}", f"TZERO{k}", f"TNULL{k}")
                found.append(Column(name, unit, scaled))
        return found

    def wrong(self, what: str) -> InputError:
        """Return the error for something in this unit."""
        return InputError(f"{self.path}: unit {self.number}: {what}.", hint=COPY_AGAIN)


def _item(code: str) -> int:
    return 1 if code == "A" else np.dtype(_FORMS[code]).itemsize


def _scaled(
    raw: NDArray[Any], header: dict[str, Card], scale: str, zero: str, blank: str
) -> NDArray[Any]:
    """Return native numbers: float32 where 16 bits or float32 are in the file, else float64."""
    small = raw.dtype.itemsize <= 2 or raw.dtype == np.dtype(">f4")
    values = raw.astype(np.float32 if small else np.float64)
    factor, offset, missing = header.get(scale, 1), header.get(zero, 0), header.get(blank)
    if isinstance(factor, int | float) and isinstance(offset, int | float):
        if (factor, offset) != (1, 0):
            values = (raw * float(factor) + float(offset)).astype(values.dtype)
        if raw.dtype.kind in "iu" and isinstance(missing, int):
            values[raw == missing] = np.nan
    return values


def _whole(unit: Unit, key: str, default: int) -> int:
    value = unit.header.get(key, default)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def read_units(path: Path, data: bytes) -> list[Unit]:
    """Return every unit of a FITS file.

    Raises:
        InputError: a header has no end, or declares more data than there are.
    """
    units: list[Unit] = []
    view = memoryview(data)
    at = 0
    while at < len(data) and len(units) < _MOST_UNITS:
        if units and not bytes(view[at : at + 8]).strip(b"\x00 "):
            break  # special records or padding after the last unit
        header, start = _read_header(path, view, at, len(units))
        draft = Unit(path, len(units), header, view[start:start])
        size = _data_bytes(draft)
        check_bytes(path, f"unit {len(units)}", size, len(data) - start)
        units.append(Unit(path, len(units), header, view[start : start + size]))
        at = start + -(-size // _BLOCK) * _BLOCK
    return units


def _data_bytes(unit: Unit) -> int:
    n = _whole(unit, "NAXIS", 0)
    if not 0 <= n <= 999:
        raise unit.wrong(f"NAXIS is {n}")
    shape = unit.shape
    if any(size < 0 for size in shape):
        raise unit.wrong(f"has the shape {shape}")
    groups, extra = _whole(unit, "GCOUNT", 1), _whole(unit, "PCOUNT", 0)
    if not shape:
        return 0
    if groups < 1 or extra < 0 or (unit.is_table and len(shape) != 2):
        raise unit.wrong(f"has {groups} groups, {extra} parameters and the shape {shape}")
    return abs(_whole(unit, "BITPIX", 8)) // 8 * groups * (extra + prod(shape))


def _read_header(path: Path, view: memoryview, at: int, number: int) -> tuple[dict[str, Card], int]:
    header: dict[str, Card] = {}
    for k in range(_MOST_CARDS):
        here = at + k * _CARD
        card = bytes(view[here : here + _CARD])
        if len(card) < _CARD:
            break
        keyword = card[:8].rstrip().decode("latin-1")
        if keyword == "END":
            used = (k + 1) * _CARD
            return header, at + -(-used // _BLOCK) * _BLOCK
        if card[8:10] == b"= " and keyword not in header:
            header[keyword] = _value(card[10:].decode("latin-1"))
    raise InputError(
        f"{path}: the header of unit {number} has no end.",
        hint=COPY_AGAIN,
    )


def _value(text: str) -> Card:
    text = text.strip()
    if text.startswith("'"):
        quoted = re.match(r"'((?:[^']|'')*)'?", text)
        return quoted[1].replace("''", "'").rstrip() if quoted else ""
    word = text.split("/")[0].strip()
    if word in ("T", "F"):
        return word == "T"
    if re.fullmatch(r"[+-]?\d{1,18}", word):
        return int(word)
    if _NUMBER.fullmatch(word):
        return float(word.upper().replace("D", "E"))
    return word
