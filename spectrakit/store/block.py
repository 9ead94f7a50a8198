"""A block of a store: columns for fast work, spectra for convenient work."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import UsageError
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store.batch import Batch
from spectrakit.store.columns import Reader, Texts, column_reader, missing, unknown_column
from spectrakit.store.guard import SafeFile
from spectrakit.store.layout import (
    COMPONENTS,
    ENCODING_VERSION,
    ENCODINGS,
    META_BY_NAME,
    link_name,
    name_of_link,
)
from spectrakit.store.possible import impossible
from spectrakit.store.text import as_objects, running_total
from spectrakit.store.values import Values

if TYPE_CHECKING:
    from spectrakit.store.reader import Store

BATCH_POINTS = 1 << 20  # a batch ends here even if it has few spectra
WINDOW_SPECTRA = 32  # read together when one spectrum of a compressed store is asked for
WINDOWS_KEPT = 4
AXES_KEPT = 64
CACHED_COLUMN_BYTES = 1 << 24


class Block:
    """Spectra of one modality and shape. Columns are numpy arrays, read when asked for."""

    def __init__(self, store: "Store", name: str) -> None:
        self.name = name
        self._store = store
        self._path = f"/blocks/{link_name(name)}"
        self._columns: dict[str, NDArray[Any]] = {}
        self._readers: dict[str, Reader] = {}
        self._windows: OrderedDict[int, Batch] = OrderedDict()
        self._axes: OrderedDict[int, NDArray[Any]] = OrderedDict()
        file = self._file
        attributes = file.attributes(self._path)
        self.encoding = str(attributes.get("encoding-type", ""))
        version = str(attributes.get("encoding-version", ""))
        major = version.partition(".")[0]
        if self.encoding not in ENCODINGS or major != ENCODING_VERSION.partition(".")[0]:
            raise file.wrong(
                f"{self._path}@encoding-type",
                f"the encoding '{self.encoding}' {version} is unknown to this spectrakit",
                hint="Update spectrakit.",
            )
        if attributes.get("modality") not in set(Modality):
            raise file.wrong(
                f"{self._path}@modality",
                f"'{attributes.get('modality', '')}' is unknown to this spectrakit",
                hint="Update spectrakit.",
            )
        self.modality = Modality(str(attributes["modality"]))
        self.domain = str(attributes.get("domain", ""))
        self.n = file.count(self._path, "n")
        self.components = file.count(self._path, "components")
        if self.components not in COMPONENTS:
            raise file.wrong(f"{self._path}@components", f"is {self.components}, not 1, 2 or 4")
        if self.encoding in ("grid", "grid2d"):
            _ = self._value_values
        else:
            file.need(f"{self._path}/indptr", (self.n + 1,), "i8")
        self.axis_unit = str(attributes.get("axis_unit", ""))
        self.value_unit = str(attributes.get("value_unit", ""))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Block, (self._store, self.name))

    def __len__(self) -> int:
        return self.n

    @property
    def _file(self) -> SafeFile:
        return self._store.file

    def _cached(self, key: str, read: Any) -> NDArray[Any]:
        values = self._columns.get(key)
        if values is None:
            values = read()
            if values.nbytes <= CACHED_COLUMN_BYTES or key == "indptr":
                self._columns[key] = values
        return values

    @property
    def indptr(self) -> NDArray[np.int64]:
        """(n + 1,) int64: points of spectrum k are ``indptr[k]:indptr[k + 1]`` of the columns."""
        return self._cached("indptr", self._read_indptr)

    def _read_indptr(self) -> NDArray[np.int64]:
        if self.encoding in ("grid", "grid2d"):
            points = int(np.prod(self._value_values.shape[1 : 2 + (self.encoding == "grid2d")]))
            return np.arange(self.n + 1, dtype=np.int64) * points
        return self._file.positions(f"{self._path}/indptr", self.n)

    @property
    def axis(self) -> NDArray[np.float64]:
        """float64 axis: of every point (ragged), of the grid, or of all axes one by one."""
        return self._axis_values.read()

    @cached_property
    def _axis_values(self) -> Values:
        values = self._file.values(f"{self._path}/axis")
        if values is None or len(values.shape) != 1 or values.dtype != np.float64:
            raise self._file.wrong(f"{self._path}/axis", "is no column of float64")
        if self.encoding == "ragged" and len(values) != int(self.indptr[-1]):
            raise self._file.wrong(
                f"{self._path}/axis", f"has {len(values)} points, indptr {int(self.indptr[-1])}"
            )
        return values

    @property
    def axis_indirect(self) -> Axis | None:
        """The second axis of a ``grid2d`` block, else None."""
        if self.encoding != "grid2d":
            return None
        shape = self._value_values.shape
        values = self._file.need(f"{self._path}/axis_indirect", (shape[1],), "f8").read()
        unit = self._file.attributes(self._path).get("axis_indirect_unit", "")
        return Axis(values, str(unit))

    @property
    def axis_id(self) -> NDArray[np.int64]:
        """(n,) int64: which axis of the table each spectrum of a ``shared-axis`` block has."""
        if self.encoding != "shared-axis":
            return np.zeros(self.n, np.int64)
        return self._cached("axis_id", self._read_axis_id)

    def _read_axis_id(self) -> NDArray[np.int64]:
        ids = self._file.need(f"{self._path}/axis_id", (self.n,), "i8").read()
        lengths = np.diff(self.axis_indptr)
        if len(ids) and (ids.min() < 0 or ids.max() >= len(lengths)):
            raise self._file.wrong(f"{self._path}/axis_id", "names an axis that is not there")
        if not np.array_equal(lengths[ids], np.diff(self.indptr)):
            raise self._file.wrong(f"{self._path}/indptr", "disagrees with the axes' lengths")
        return ids

    @property
    def axis_indptr(self) -> NDArray[np.int64]:
        """(axes + 1,) int64: axis k of the table is ``axis[axis_indptr[k]:axis_indptr[k + 1]]``."""
        return self._cached("axis_indptr", self._read_axis_indptr)

    def _read_axis_indptr(self) -> NDArray[np.int64]:
        n_points = len(self._axis_values)
        key = f"{self._path}/axis_indptr"
        if self.encoding != "shared-axis":
            return np.array([0, n_points], np.int64)
        values = self._file.values(key)
        starts = self._file.positions(key, 0 if values is None else len(values) - 1)
        if starts[-1] != n_points:
            raise self._file.wrong(key, f"ends at {starts[-1]} of {n_points} points")
        return starts

    @property
    def value(self) -> NDArray[Any]:
        """Values: (points[, c]), (n, L[, c]) or (n, n1, n2[, c]); float32 or float64."""
        return self._value_values.read()

    @cached_property
    def _value_values(self) -> Values:
        key = f"{self._path}/value"
        values = self._file.values(key)
        if values is None:
            raise self._file.wrong(key, "is missing")
        if values.dtype.str not in ("<f4", "<f8"):
            raise self._file.wrong(key, f"has type {values.dtype}, not float32 or float64")
        tail = (self.components,) if self.components > 1 else ()
        if self.encoding in ("grid", "grid2d"):
            length = len(self._axis_values)
            middle = values.shape[1:2] if self.encoding == "grid2d" else ()
            expected = (self.n, *middle, length, *tail)
            if self.n and 0 in expected:
                raise self._file.wrong(key, f"has {self.n} spectra without a point")
        else:
            expected = (int(self.indptr[-1]), *tail)
        if values.shape != expected:
            raise self._file.wrong(key, f"has shape {values.shape} where {expected} belongs")
        return values

    @property
    def meta_names(self) -> list[str]:
        """Columns that hold something; ``meta`` gives every column of the schema."""
        present = set(self._file.members(f"{self._path}/meta"))
        return [name for name in META_BY_NAME if name in present]

    def meta(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return a column of metadata, or rows of it; text is an object array of ``str``.

        ``sample``, ``molecule``, ``source`` and ``instrument`` are rows of the store's tables,
        -1 for none; ``is_profile`` is 1, 0, or -1 where the file does not say.

        Raises:
            UsageError: there is no such column in the schema.
        """
        values = self.meta_rows(name, start, self.n if stop is None else stop)
        return as_objects(values) if isinstance(values, list) else values

    def meta_rows(self, name: str, start: int, stop: int) -> NDArray[Any] | list[str]:
        """Return rows of a metadata column, text as a list of ``str``."""
        column = META_BY_NAME.get(name)
        if column is None:
            raise unknown_column(name, META_BY_NAME)
        reader = self._reader(name)
        if reader is None:
            values = missing(column, stop - start)
            if name in ("axis_unit", "value_unit"):
                values[:] = self.axis_unit if name == "axis_unit" else self.value_unit
            return values
        if isinstance(reader, Texts):
            return reader.read(start, stop)
        if self.n * 8 > CACHED_COLUMN_BYTES:
            return self._possible(name, reader, start, stop)
        whole = self._cached(f"meta/{name}", lambda: self._possible(name, reader, 0, self.n))
        return whole[start:stop]

    def _possible(self, name: str, reader: Values, start: int, stop: int) -> NDArray[Any]:
        values = reader.read(start, stop)
        if fault := impossible(name, values):
            key = f"{self._path}/meta/{name}"
            raise self._file.wrong(key, f"row {start + fault[0]}: {fault[1]}")
        return values

    def _reader(self, name: str) -> Reader:
        if name not in self._readers:
            path = f"{self._path}/meta"
            self._readers[name] = column_reader(self._file, path, META_BY_NAME[name], self.n)
        return self._readers[name]

    @cached_property
    def column_links(self) -> list[str]:
        """The links of per-point columns, such as ``ion_mobility.f8``."""
        return self._file.members(f"{self._path}/columns")

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """Per-point columns over all points, by name; where a spectrum lacks one: NaN, 0 or "".

        A name that occurs with several types is given as ``name.type``.
        """
        names = [link.rsplit(".", 1)[0] for link in self.column_links]
        whole: dict[str, NDArray[Any]] = {}
        batch = Batch(self, 0, self.n)
        for link in self.column_links:
            stem = link.rsplit(".", 1)[0]
            whole[name_of_link(stem if names.count(stem) == 1 else link)] = batch.flat_column(link)
        return whole

    def column_rows(self, link: str) -> tuple[NDArray[np.int64], Any]:
        """Return ((n + 1,) positions of a per-point column by row, its data)."""
        key = f"{self._path}/columns/{link}"
        lengths = np.diff(self.indptr)
        if self._file.object(f"{key}/present") is not None:
            present = self._file.need(f"{key}/present", (self.n,), "u1").read()
            lengths = np.where(present != 0, lengths, 0)
        starts = running_total(lengths)
        if link.endswith(".text"):
            return starts, Texts(self._file, f"{key}/data", int(starts[-1]))
        code = link.rsplit(".", 1)[1]
        expected = "u1" if code == "bool" else code
        return starts, self._file.need(f"{key}/data", (int(starts[-1]),), expected)

    def column_present(self, link: str, start: int, stop: int) -> NDArray[np.bool_]:
        """Return which rows of ``start:stop`` have a per-point column."""
        key = f"{self._path}/columns/{link}/present"
        if self._file.object(key) is None:
            return np.ones(stop - start, np.bool_)
        return self._file.need(key, (self.n,), "u1").read(start, stop) != 0

    def axis_of(self, number: int) -> NDArray[Any]:
        """Return one axis of the table of axes."""
        known = self._axes.get(number)
        if known is None:
            starts = self.axis_indptr
            known = self._axis_values.read(int(starts[number]), int(starts[number + 1]))
            self._axes[number] = known
            if len(self._axes) > AXES_KEPT:
                self._axes.popitem(last=False)
        return known

    def axis_slice(self, start: int, stop: int) -> NDArray[Any]:
        """Return the axis of points ``start:stop`` of a ragged block."""
        return self._axis_values.read(start, stop)

    def value_slice(self, start: int, stop: int) -> NDArray[Any]:
        """Return values of rows ``start:stop`` as (points[, c]) or (rows, n1, n2[, c])."""
        values = self._value_values
        if self.encoding == "grid2d":
            return values.read(start, stop)
        if self.encoding == "grid":
            rows = values.read(start, stop)
            return rows.reshape(-1, *rows.shape[2:])
        return values.read(int(self.indptr[start]), int(self.indptr[stop]))

    @property
    def store(self) -> "Store":
        """The store this block belongs to."""
        return self._store

    def link_limit(self, name: str) -> int:
        """Return how many rows the table has that a link column points into."""
        return self._store.table_size(f"{name}s")

    def spectrum(self, i: int) -> Spectrum:
        """Return spectrum ``i``, counted from 0.

        Raises:
            UsageError: the block has no such row.
        """
        if not 0 <= i < self.n:
            raise UsageError(f"block '{self.name}' has no spectrum {i}: it has {self.n}.")
        mapped = self._value_values.is_mapped
        window = i if mapped else i // WINDOW_SPECTRA * WINDOW_SPECTRA
        batch = self._windows.get(window)
        if batch is None:
            stop = window + 1 if mapped else self._end(window, WINDOW_SPECTRA)
            if stop <= i:  # large spectra: the window ends before this one
                window, stop = i, i + 1
            batch = self._windows[window] = Batch(self, window, stop)
            if len(self._windows) > WINDOWS_KEPT:
                self._windows.popitem(last=False)
        return batch[i - window]

    def batches(self, n: int = 1024) -> Iterator["Batch"]:
        """Yield the block in order, at most ``n`` spectra and about a million points at a time."""
        start = 0
        while start < self.n:
            stop = self._end(start, n)
            yield Batch(self, start, stop)
            start = stop

    def _end(self, start: int, n: int) -> int:
        goal = self.indptr[start] + BATCH_POINTS
        by_points = int(np.searchsorted(self.indptr, goal, side="right")) - 1
        return max(start + 1, min(start + n, by_points, self.n))

    def __iter__(self) -> Iterator[Spectrum]:
        for batch in self.batches():
            yield from batch
