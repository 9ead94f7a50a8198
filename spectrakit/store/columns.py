"""Reading the columns of tables and blocks from a checked file."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import UsageError, did_you_mean
from spectrakit.store.guard import SafeFile
from spectrakit.store.layout import (
    DTYPES,
    FREE_COLUMN_TABLES,
    TABLES,
    Column,
    link_name,
    name_of_link,
)
from spectrakit.store.text import as_objects, decode_texts
from spectrakit.store.values import Values


class Texts:
    """A text column: rows of it as ``str``."""

    def __init__(self, file: SafeFile, key: str, n: int) -> None:
        self._file = file
        self._key = key
        self._starts = file.need(f"{key}/indptr", (n + 1,), "i8")
        blob = file.values(f"{key}/bytes")
        if blob is None or blob.dtype != np.uint8 or len(blob.shape) != 1:
            raise file.wrong(f"{key}/bytes", "is no column of bytes")
        self._blob: Values = blob
        self._n = n

    def read(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return the texts of rows ``start:stop``."""
        stop = self._n if stop is None else stop
        starts = self._starts.read(start, stop + 1)
        first, last = int(starts[0]), int(starts[-1])
        falls = (starts[1:] < starts[:-1]).any()
        if first < 0 or last > len(self._blob) or falls:
            raise self._file.wrong(f"{self._key}/indptr", "does not rise within the bytes")
        blob = self._blob.read(first, last).tobytes()
        try:
            return decode_texts(blob, starts - first)
        except UnicodeDecodeError as error:
            raise self._file.wrong(f"{self._key}/bytes", f"is no UTF-8 ({error.reason})") from error


Reader = Values | Texts | None


def column_reader(file: SafeFile, path: str, column: Column, n: int) -> Reader:
    """Return what reads rows of a schema column, or None where all are missing."""
    key = f"{path}/{column.name}"
    if file.object(key) is None:
        return None
    if column.kind == "text":
        return Texts(file, key, n)
    return file.need(key, (n,), DTYPES[column.kind][1:])


def missing(column: Column, n: int) -> NDArray[Any]:
    """Return n missing values of a column."""
    if column.kind == "text":
        return as_objects([""] * n)
    return np.full(n, column.missing, DTYPES[column.kind])


class Table(Mapping[str, NDArray[Any]]):
    """A table's columns by name, each read when it is asked for; text is an object array."""

    def __init__(self, file: SafeFile, table: str) -> None:
        self._file = file
        self._path = f"/{table}"
        self._columns = {column.name: column for column in TABLES[table]}
        self.n = file.count(self._path, "n")
        self._readers: dict[str, Reader] = {}
        self._check_n()
        links = file.members(f"{self._path}/columns") if table in FREE_COLUMN_TABLES else []
        self.free = [name_of_link(link) for link in links]

    def _check_n(self) -> None:
        """Compare the stated number of rows with a column; only one molecule can be all empty."""
        for name, column in self._columns.items():
            if self._file.object(f"{self._path}/{name}") is not None:
                column_reader(self._file, self._path, column, self.n)
                return
        if self.n > 1:
            raise self._file.wrong(f"{self._path}@n", f"states {self.n} rows without a column")

    def __iter__(self) -> Iterator[str]:
        return iter([*self._columns, *self.free])

    def __len__(self) -> int:
        return len(self._columns) + len(self.free)

    def __getitem__(self, name: str) -> NDArray[Any]:
        column = self._columns.get(name)
        if column is None:
            if name not in self.free:
                raise KeyError(f"{name}. {did_you_mean(name, self)}")
            return self._free(name)
        values = self.rows(name, 0, self.n)
        return as_objects(values) if isinstance(values, list) else values

    def rows(self, name: str, start: int, stop: int) -> NDArray[Any] | list[str]:
        """Return rows of a schema column; text as a list."""
        column = self._columns[name]
        if name not in self._readers:
            self._readers[name] = column_reader(self._file, self._path, column, self.n)
        reader = self._readers[name]
        return missing(column, stop - start) if reader is None else reader.read(start, stop)

    def _free(self, name: str) -> NDArray[Any]:
        key = f"{self._path}/columns/{link_name(name)}"
        if self._file.attributes(key).get("encoding-type") == "text":
            return as_objects(Texts(self._file, key, self.n).read())
        return self._file.need(key, (self.n,), "i8 f8").read()


def unknown_column(name: str, known: Mapping[str, Any]) -> UsageError:
    """Return the error for a column name that does not exist."""
    return UsageError(
        f"there is no column '{name}'. {did_you_mean(name, known)}".rstrip(),
        hint=f"Columns: {', '.join(known)}.",
    )
