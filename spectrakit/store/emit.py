"""Writing groups and datasets into the part file, in one way for all of them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from spectrakit.store.digest import SHA256_ATTRIBUTE, Attribute, object_line
from spectrakit.store.layout import (
    CHUNK,
    CONTIGUOUS_BELOW,
    ENCODING_VERSION,
    GZIP_LEVEL,
    Column,
)
from spectrakit.store.packing import chunks, pack
from spectrakit.store.text import encode_texts, running_total

TEXT_ATTRIBUTES: dict[str, Attribute] = {
    "encoding-type": "text",
    "encoding-version": ENCODING_VERSION,
}


def chunk_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return chunks of about 16,384 values that keep whole spectra together where they fit."""
    if len(shape) == 1:
        return (min(CHUNK, shape[0]),)
    if len(shape) == 4:  # planes of a two-dimensional experiment
        return (1, min(128, shape[1]), min(128, shape[2]), shape[3])
    tail = tuple(shape[1:])
    if prod(tail) > CHUNK:  # a long trace spans several chunks
        tail = (max(1, CHUNK // prod(tail[1:])), *tail[1:])
    return (min(shape[0], max(1, CHUNK // max(1, prod(tail)))), *tail)


class Emitter:
    """Writes objects of a store and collects the lines of its content digest."""

    def __init__(self, file: h5py.File, compression: str, check: Callable[[], None]) -> None:
        self._file = file
        self._check = check  # raises where the disk took no more
        self._compress = compression == "gzip"
        self.lines: dict[str, str] = {}

    def group(self, path: str, attributes: Mapping[str, Attribute] | None = None) -> None:
        """Make a group with its attributes."""
        attributes = {k: v for k, v in (attributes or {}).items() if v != ""}
        group = self._file.require_group(path)
        for name, value in attributes.items():
            set_attribute(group, name, value)
        self.lines[path] = object_line(path, attributes)

    def array(
        self, path: str, values: NDArray[Any], attributes: Mapping[str, Attribute] | None = None
    ) -> None:
        """Write an array that is in memory."""
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        self.stream(path, little.shape, little.dtype.str, [little.reshape(-1)], attributes)

    def stream(
        self,
        path: str,
        shape: Sequence[int],
        dtype: str,
        pieces: Iterable[NDArray[Any]],
        attributes: Mapping[str, Attribute] | None = None,
        *,
        contiguous: bool = False,
    ) -> None:
        """Write a dataset from flat pieces, each a whole number of rows of ``shape``.

        Raises:
            OSError: the disk takes no more.
        """
        attributes = {k: v for k, v in (attributes or {}).items() if v != ""}
        small = prod(shape) * np.dtype(dtype).itemsize < CONTIGUOUS_BELOW
        settings: dict[str, Any] = {}
        if self._compress and not small and not contiguous:
            settings = {
                "chunks": chunk_shape(shape),
                "compression": "gzip",
                "compression_opts": GZIP_LEVEL,
                "shuffle": True,
            }
        dataset = self._file.create_dataset(path, tuple(shape), dtype, **settings)
        digest = hashlib.sha256()
        n_values = 0

        def counted() -> Iterator[NDArray[Any]]:
            nonlocal n_values
            for piece in pieces:
                self._check()
                digest.update(np.ascontiguousarray(piece).view(np.uint8).data)
                n_values += piece.size
                yield piece

        if settings and len(shape) == 1:
            size = settings["chunks"][0]
            for i, chunk in enumerate(chunks(counted(), size)):
                dataset.id.write_direct_chunk((i * size,), pack(chunk.astype(dtype, copy=False)))
        else:
            row = 0
            for piece in filter(len, counted()):
                block = piece.reshape(-1, *shape[1:])
                dataset[row : row + len(block)] = block
                row += len(block)
        if n_values != prod(shape):
            raise RuntimeError(f"{path}: {n_values} values written of {prod(shape)}")
        sha256 = digest.hexdigest()
        for name, value in {**attributes, SHA256_ATTRIBUTE: sha256}.items():
            set_attribute(dataset, name, value)
        self.lines[path] = object_line(path, attributes, dtype, shape, sha256)

    def text(
        self,
        path: str,
        blob: Iterable[NDArray[Any]],
        n_bytes: int,
        lengths: NDArray[np.int64],
        attributes: Mapping[str, Attribute] | None = None,
    ) -> None:
        """Write a text column from its bytes and the byte length of each text."""
        self.group(path, {**TEXT_ATTRIBUTES, **(attributes or {})})
        self.stream(f"{path}/bytes", (n_bytes,), "|u1", blob)
        self.array(f"{path}/indptr", running_total(lengths))

    def texts(self, path: str, texts: Sequence[str]) -> None:
        """Write a text column that is in memory."""
        blob, lengths = encode_texts(texts)
        self.text(path, [np.frombuffer(blob, np.uint8)], len(blob), lengths)

    def column(self, path: str, column: Column, values: Sequence[Any]) -> None:
        """Write a table's column from memory, unless every value is missing."""
        if column.kind == "text":
            if any(values):
                self.texts(path, values)
            return
        array = np.array(values, "<f8" if column.kind == "float" else "<i8")
        missing = np.isnan(array) if column.kind == "float" else array == column.missing
        if not missing.all():
            self.array(path, array, column_attributes(column))


def column_attributes(column: Column) -> dict[str, Attribute]:
    """Return the unit and PSI-MS accession of a column, where it has them."""
    named: dict[str, Attribute] = {"unit": column.unit, "accession": column.accession}
    return {key: value for key, value in named.items() if value}


def set_attribute(target: Any, name: str, value: Attribute) -> None:
    """Write an attribute as an int64 or a fixed-length UTF-8 text."""
    if isinstance(value, int):
        target.attrs.create(name, np.int64(value))
        return
    data = value.encode("utf-8", "surrogatepass")
    target.attrs.create(name, np.array(data, h5py.string_dtype("utf-8", len(data))))
