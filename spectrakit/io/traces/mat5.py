"""MATLAB files of versions 4 to 7 as values: numbers, texts, cells, structs and objects.

scipy's reader trusts the sizes that a file declares; here every size is compared with the bytes
that are left before anything is made. The notable choices: numbers become arrays in MATLAB's own
shape, char arrays a list of rows, and what is neither (sparse, function handles, opaque classes)
``None``.

Source: MathWorks, *MAT-File Format* (versions 4 and 5 of the format).
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN

_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8",
          13: "u8", 16: "u1", 17: "u2", 18: "u4"}  # fmt: skip
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8",
            15: "u8"}  # fmt: skip
_CODECS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _CHAR = 1, 2, 3, 4
_DEEPEST = 24
_MOST_EXPANSION = 1032  # deflate cannot exceed it
_MOST_INFLATED = 4 << 30
_HEADER = 128
_V4_PRECISIONS = ("f8", "f4", "i4", "i2", "u2", "u1")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell array: its shape and its values in MATLAB's order (first index fastest)."""

    shape: tuple[int, ...]
    items: list[Any]


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct or an object of an old-style class: for each element, a value for each field."""

    class_name: str
    shape: tuple[int, ...]
    items: list[dict[str, Any]]


class _Reader:
    """Bytes with a place in them; every step is checked against the end."""

    def __init__(self, path: Path, data: memoryview, order: str, budget: list[int]) -> None:
        self.path = path
        self.data = data
        self.order = order
        self.at = 0
        self.budget = budget  # shared by all readers of one file: bytes that may be inflated

    def damaged(self, what: str) -> InputError:
        return InputError(f"{self.path}: {what} at byte {self.at}.", hint=COPY_AGAIN)

    def take(self, n: int) -> memoryview:
        if n < 0 or n > len(self.data) - self.at:
            raise self.damaged(f"{n} bytes are declared and {len(self.data) - self.at} are left")
        self.at += n
        return self.data[self.at - n : self.at]

    def element(self) -> tuple[int, memoryview]:
        """Return the type and the bytes of the next element, and step over its padding."""
        first, size = struct.unpack(self.order + "II", self.take(8))
        if first >> 16:  # the small form: type and length share four bytes, the data the others
            self.at -= 4
            small = first >> 16
            if small > 4:
                raise self.damaged(f"a small element of {small} bytes")
            return first & 0xFFFF, self.take(4)[:small]
        body = self.take(size)
        if first != _COMPRESSED:
            self.at = min(self.at + -size % 8, len(self.data))
        return first, body

    def inner(self, data: memoryview) -> "_Reader":
        return _Reader(self.path, data, self.order, self.budget)

    def numbers(self) -> tuple[int, Any]:
        kind, body = self.element()
        if kind not in _TYPES:
            raise self.damaged(f"numbers of the unknown type {kind}")
        dtype = np.dtype(self.order + _TYPES[kind])
        if len(body) % dtype.itemsize:
            raise self.damaged(f"{len(body)} bytes are no whole number of {dtype.name}")
        return kind, np.frombuffer(body, dtype)

    def text(self) -> str:
        _, body = self.element()
        return bytes(body).rstrip(b"\x00").decode("latin-1")


def read_mat(path: Path, data: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the (name, value) of each variable of a MATLAB file of version 4 to 7.

    Raises:
        InputError: cut off, or sizes that cannot be.
    """
    if is_mat4(data[:100]):
        yield from _read_mat4(path, memoryview(data))
        return
    order = ">" if data[126:128] == b"MI" else "<"
    budget = [min(_MOST_EXPANSION * len(data), _MOST_INFLATED)]
    reader = _Reader(path, memoryview(data)[_HEADER:], order, budget)
    while reader.at < len(reader.data):
        kind, body = reader.element()
        if kind == _COMPRESSED:
            inside = reader.inner(memoryview(_inflate(reader, body)))
            kind, body = inside.element()
        if kind != _MATRIX:
            raise reader.damaged(f"an element of type {kind} where a variable belongs")
        name, value = _matrix(reader.inner(body), 0)
        if name and not name.startswith("__"):
            yield name, value


def _inflate(reader: _Reader, body: memoryview) -> bytes:
    unpack = zlib.decompressobj()
    try:
        data = unpack.decompress(body, reader.budget[0] + 1)
    except zlib.error as error:
        raise reader.damaged(f"the compressed data are corrupt ({error})") from error
    reader.budget[0] -= len(data)
    if reader.budget[0] < 0:
        raise InputError(
            f"{reader.path}: its variables unpack to more than {_MOST_INFLATED >> 30} GiB.",
            hint="Save fewer variables, or split the file.",
        )
    if not unpack.eof:
        raise reader.damaged("the compressed data are cut off")
    return data


def _matrix(reader: _Reader, depth: int) -> tuple[str, Any]:
    """Return the name and the value of one array."""
    if not len(reader.data):
        return "", np.zeros((0, 0))
    if depth > _DEEPEST:
        raise reader.damaged("arrays nested too deeply")
    _, flags = reader.numbers()
    if len(flags) < 2 or flags.dtype.itemsize != 4:
        raise reader.damaged("an array without flags")
    kind, is_complex = int(flags[0]) & 0xFF, bool(int(flags[0]) & 0x800)
    if kind == 17:  # an opaque class (table, string, datetime): its own layout follows
        return reader.text(), None
    _, numbers = reader.numbers()
    shape = tuple(int(n) for n in numbers)
    if len(shape) < 2 or len(shape) > 32 or min(shape) < 0:
        raise reader.damaged(f"an array of shape {shape}")
    name = reader.text()
    if kind in _CLASSES:
        return name, _numeric(reader, kind, shape, is_complex)
    if kind == _CHAR:
        return name, _characters(reader, shape)
    if kind == _CELL:
        n = _count(reader, prod(shape))
        return name, Cell(shape, [_member(reader, depth) for _ in range(n)])
    if kind in (_STRUCT, _OBJECT):
        return name, _struct(reader, shape, kind == _OBJECT, depth)
    return name, None


def _count(reader: _Reader, n: int) -> int:
    """Refuse more members than there are bytes for their tags."""
    if n * 8 > len(reader.data) - reader.at:
        raise reader.damaged(f"{n} members in {len(reader.data) - reader.at} bytes")
    return n


def _member(reader: _Reader, depth: int) -> Any:
    kind, body = reader.element()
    if kind != _MATRIX:
        raise reader.damaged(f"an element of type {kind} where an array belongs")
    return _matrix(reader.inner(body), depth + 1)[1]


def _numeric(reader: _Reader, kind: int, shape: tuple[int, ...], is_complex: bool) -> Any:
    _, values = reader.numbers()
    if len(values) != prod(shape):
        raise reader.damaged(f"{len(values)} values in an array of shape {shape}")
    if is_complex:
        return None  # no spectrum or property is complex here
    native = values.astype(np.dtype(_CLASSES[kind]), copy=False)
    return native.reshape(shape, order="F")


def _characters(reader: _Reader, shape: tuple[int, ...]) -> list[str]:
    kind, body = reader.element()
    codec = _CODECS.get(kind)
    if codec is None:
        raise reader.damaged(f"text of the unknown type {kind}")
    if codec.startswith(("utf-16", "utf-32")):
        codec += "-be" if reader.order == ">" else "-le"
    text = bytes(body).decode(codec, "replace")
    rows = shape[0]
    if rows <= 1:
        return [text] if text else []
    if len(text) % rows:
        raise reader.damaged(f"{len(text)} characters in {rows} rows")
    return [text[k::rows].rstrip() for k in range(rows)]


def _struct(reader: _Reader, shape: tuple[int, ...], is_object: bool, depth: int) -> Struct:
    class_name = reader.text() if is_object else ""
    _, width = reader.numbers()
    size = int(width[0]) if len(width) else 0
    _, body = reader.element()
    names_bytes = bytes(body)
    if size <= 0 or len(names_bytes) % size:
        if names_bytes:
            raise reader.damaged(f"field names {size} bytes wide")
        return Struct(class_name, shape, [])
    names = [
        names_bytes[k : k + size].split(b"\x00")[0].decode("latin-1")
        for k in range(0, len(names_bytes), size)
    ]
    n = _count(reader, prod(shape) * len(names)) // len(names)
    items = [{name: _member(reader, depth) for name in names} for _ in range(n)]
    return Struct(class_name, shape, items)


def is_mat4(head: bytes) -> bool:
    """Say whether a file begins with a MATLAB 4 variable: a coded type, sizes and a name."""
    if len(head) < 22:
        return False
    order = _order4(head)
    code, rows, columns, imaginary, length = struct.unpack(order + "5i", head[:20])
    precision, kind = code % 1000 // 10, code % 10
    if code < 0 or code >= 2000 or code // 100 % 10 or precision > 5 or kind > 2:
        return False
    if min(rows, columns) < 0 or imaginary not in (0, 1) or not 1 < length <= 64:
        return False
    name = head[20 : 20 + length]
    return re.fullmatch(rb"[A-Za-z]\w*\x00+", name) is not None


def _order4(head: bytes) -> str:
    return ">" if head[:2] == b"\x00\x00" and head[2:4] != b"\x00\x00" else "<"


def _read_mat4(path: Path, data: memoryview) -> Iterator[tuple[str, Any]]:
    reader = _Reader(path, data, _order4(bytes(data[:4])), [0])
    while reader.at < len(data):
        place = reader.at
        header = reader.take(20)
        code, rows, columns, imaginary, length = struct.unpack(reader.order + "5i", header)
        precision, kind = code % 1000 // 10, code % 10
        if code < 0 or precision > 5 or kind > 2 or min(rows, columns) < 0 or length > 1024:
            reader.at = place
            raise reader.damaged("no MATLAB 4 variable")
        name = bytes(reader.take(length)).rstrip(b"\x00").decode("latin-1")
        dtype = np.dtype(reader.order + _V4_PRECISIONS[precision])
        n_bytes = rows * columns * dtype.itemsize
        body = reader.take(n_bytes)
        if imaginary:
            reader.take(n_bytes)
        if kind == 2 or imaginary:
            yield name, None
            continue
        values = np.frombuffer(body, dtype).reshape((rows, columns), order="F")
        if kind == 1:
            codes = np.nan_to_num(values.astype(np.float64)).astype(np.int64)
            yield name, ["".join(chr(c & 0xFF) for c in row).rstrip() for row in codes]
        else:
            yield name, values.astype(values.dtype.newbyteorder("="), copy=False)
