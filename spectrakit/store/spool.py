"""Columns that grow while spectra arrive, kept in one nameless temporary file.

A store's datasets are laid out when all spectra are known: only then is it decided whether a
column is written at all, whether values fit float32, whether all traces share one axis, and how
long a contiguous (memory-mapped) dataset is. Until then pieces of every column go to one spool,
in memory up to 8 MB and beyond that in an unnamed file beside the output, which the system
removes even when the process is killed. It costs 1 to 2 % of the time that gzip takes.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

IN_MEMORY_BYTES = 1 << 23
PIECE_VALUES = 1 << 17  # values handed on at a time: 1 MB of float64


@dataclass(frozen=True, slots=True)
class Extent:
    """A piece of a column in the spool."""

    offset: int
    dtype: str
    count: int


@dataclass(slots=True)
class Spooled:
    """What is known of one column so far."""

    extents: list[Extent] = field(default_factory=list[Extent])
    count: int = 0  # values


class SpoolError(OSError):
    """The disk does not take the columns that wait to be laid out."""


class Spool:
    """Appendable columns by key; ``close`` frees them."""

    def __init__(self, folder: Path) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES, dir=str(folder))  # noqa: SIM115 -- closed by close()
        self._end = 0
        self._columns: defaultdict[str, Spooled] = defaultdict(Spooled)

    def append(self, key: str, values: NDArray[Any] | bytes) -> None:
        """Add values, (n,) or (n, c), to the end of a column; bytes count as ``uint8``.

        Raises:
            SpoolError: the disk is full.
        """
        column = self._columns[key]
        if isinstance(values, bytes):
            data, dtype, count = memoryview(values), "|u1", len(values)
        else:
            flat = np.ascontiguousarray(values).reshape(-1)
            data, dtype, count = flat.view(np.uint8).data, flat.dtype.str, flat.size
        if not count:
            return
        try:
            self._file.write(data)
        except OSError as error:
            raise SpoolError(error.errno, error.strerror) from error
        column.extents.append(Extent(self._end, dtype, count))
        column.count += count
        self._end += len(data)

    def count(self, key: str) -> int:
        """Return the number of values in a column so far; 0 for an unknown key."""
        return self._columns[key].count if key in self._columns else 0

    def pieces(self, key: str, dtype: str, multiple: int = 1) -> Iterator[NDArray[Any]]:
        """Yield a column as flat arrays whose lengths, but for the last, are multiples.

        ``dtype`` must hold every spooled value exactly; float32 pieces are widened to float64
        and float64 pieces narrowed where the caller has found that nothing is lost.
        """
        goal = max(multiple, PIECE_VALUES // multiple * multiple)
        waiting: list[NDArray[Any]] = []
        n_waiting = 0
        for extent in self._columns[key].extents if key in self._columns else []:
            waiting.append(self._read(extent).astype(dtype, copy=False))
            n_waiting += extent.count
            if n_waiting >= goal:
                joined = np.concatenate(waiting)
                whole = n_waiting // multiple * multiple
                yield joined[:whole]
                waiting, n_waiting = [joined[whole:]], n_waiting - whole
        if n_waiting:
            yield np.concatenate(waiting)

    def _read(self, extent: Extent) -> NDArray[Any]:
        self._file.seek(extent.offset)
        n_bytes = extent.count * np.dtype(extent.dtype).itemsize
        return np.frombuffer(self._file.read(n_bytes), extent.dtype)

    def close(self) -> None:
        """Free the columns."""
        with suppress(OSError):  # what is still in a buffer is not needed any more
            self._file.close()
