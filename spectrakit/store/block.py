"""A block of a store: columns for fast work, spectra for convenient work."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import UsageError
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store.columns import Reader, Texts, column_reader, missing, unknown_column
from spectrakit.store.guard import SafeFile, Values
from spectrakit.store.layout import (
    COMPONENTS,
    ENCODING_VERSION,
    ENCODINGS,
    META_BY_NAME,
    link_name,
    name_of_link,
)
from spectrakit.store.text import as_objects, running_total

if TYPE_CHECKING:
    from spectrakit.store.reader import Store

BATCH_POINTS = 1 << 20  # a batch ends here even if it has few spectra
WINDOW_SPECTRA = 32  # read together when one spectrum of a compressed store is asked for
WINDOWS_KEPT = 4
AXES_KEPT = 64
CACHED_COLUMN_BYTES = 1 << 24
_IS_PROFILE = {-1: None, 0: False, 1: True}
_FIELDS = tuple(field.name for field in fields(Spectrum))


class Block:
    """Spectra of one modality and shape. Columns are numpy arrays, read when asked for."""

    def __init__(self, store: "Store", name: str) -> None:
        self.name = name
        self._store = store
        self._path = f"/blocks/{link_name(name)}"
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
        self.axis_unit = str(attributes.get("axis_unit", ""))
        self.value_unit = str(attributes.get("value_unit", ""))
        self._columns: dict[str, NDArray[Any]] = {}
        self._readers: dict[str, Reader] = {}
        self._windows: OrderedDict[int, Batch] = OrderedDict()
        self._axes: OrderedDict[int, NDArray[Any]] = OrderedDict()

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
        values = self._meta(name, start, self.n if stop is None else stop)
        return as_objects(values) if isinstance(values, list) else values

    def _meta(self, name: str, start: int, stop: int) -> NDArray[Any] | list[str]:
        column = META_BY_NAME.get(name)
        if column is None:
            raise unknown_column(name, META_BY_NAME)
        reader = self._reader(name)
        if reader is None:
            values = missing(column, stop - start)
            if name in ("axis_unit", "value_unit"):
                values[:] = self.axis_unit if name == "axis_unit" else self.value_unit
            return values
        if isinstance(reader, Texts) or self.n * 8 > CACHED_COLUMN_BYTES:
            return reader.read(start, stop)
        return self._cached(f"meta/{name}", reader.read)[start:stop]

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
            batch = Batch(self, window, stop)
            self._windows[window] = batch
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


class Batch(Sequence[Spectrum]):
    """Consecutive spectra of a block: as columns, and as ``Spectrum`` objects."""

    def __init__(self, block: Block, start: int, stop: int) -> None:
        self.block = block
        self.start = start
        self.stop = stop
        self._spectra: list[Spectrum] | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def indptr(self) -> NDArray[np.int64]:
        """(rows + 1,) int64 positions within this batch's ``axis`` and ``value``."""
        starts = self.block.indptr[self.start : self.stop + 1]
        return starts - starts[0]

    @property
    def axis(self) -> NDArray[np.float64]:
        """(points,) float64 axis of every point of this batch."""
        if self.block.encoding == "ragged":
            starts = self.block.indptr
            return self.block.axis_slice(int(starts[self.start]), int(starts[self.stop]))
        ids = self.block.axis_id[self.start : self.stop].tolist()
        return np.concatenate([np.zeros(0), *(self.block.axis_of(k) for k in ids)])

    @property
    def value(self) -> NDArray[Any]:
        """Values of this batch: (points[, c]), or (rows, n1, n2[, c]) in a ``grid2d`` block."""
        return self.block.value_slice(self.start, self.stop)

    def meta(self, name: str) -> NDArray[Any]:
        """Return this batch's rows of a metadata column."""
        return self.block.meta(name, self.start, self.stop)

    @overload
    def __getitem__(self, index: int) -> Spectrum: ...
    @overload
    def __getitem__(self, index: slice) -> list[Spectrum]: ...
    def __getitem__(self, index: int | slice) -> Spectrum | list[Spectrum]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Spectrum]:
        return iter(self._all())

    def _all(self) -> list[Spectrum]:
        if self._spectra is None:
            made = {
                "modality": [self.block.modality] * len(self),
                "is_trace": [self.block.encoding != "ragged"] * len(self),
                "value_unit": self._list("value_unit"),
                "columns": self._point_columns(),
            }
            made["axis"], made["value"] = self._points()
            rows = zip(
                *(made[name] if name in made else self._list(name) for name in _FIELDS),
                strict=True,
            )
            self._spectra = [Spectrum(*row) for row in rows]
        return self._spectra

    def _points(self) -> tuple[list[Axis], list[NDArray[Any]]]:
        value, units = self.value, self._list("axis_unit")
        bounds = self.indptr.tolist()
        pairs = list(zip(bounds[:-1], bounds[1:], strict=True))
        if self.block.encoding == "ragged":
            axis = self.axis
            axes = [Axis(axis[a:b], u) for (a, b), u in zip(pairs, units, strict=True)]
        else:
            shared: dict[tuple[int, str], Axis] = {}
            axes = []
            ids = self.block.axis_id[self.start : self.stop].tolist()
            for key in zip(ids, units, strict=True):
                if key not in shared:
                    shared[key] = Axis(self.block.axis_of(key[0]), key[1])
                axes.append(shared[key])
        if self.block.encoding == "grid2d":
            return axes, list(value)
        return axes, [value[a:b] for a, b in pairs]

    def _list(self, field: str) -> list[Any]:
        """Return a field of every spectrum as Python values."""
        store = self.block.store
        if field == "molecule":
            return store.molecules_at(self._links("molecule"))
        if field in ("sample", "instrument"):
            rows = self._links(field)
            names = store.names(f"{field}s") if any(row >= 0 for row in rows) else []
            return ["" if row < 0 else names[row] for row in rows]
        values = self.block._meta(field, self.start, self.stop)  # pyright: ignore[reportPrivateUsage] -- same file
        plain = values if isinstance(values, list) else values.tolist()
        if field == "extra":
            key = f"/blocks/{self.block.name}/meta/extra"
            return [store.file.json(key, text) if text else {} for text in plain]
        if field == "is_profile":
            if not set(plain) <= _IS_PROFILE.keys():
                raise store.file.wrong(f"/blocks/{self.block.name}/meta/is_profile", "is no flag")
            return [_IS_PROFILE[flag] for flag in plain]
        return plain

    def _links(self, name: str) -> list[int]:
        rows = self.meta(name)
        if len(rows) and (rows.min() < -1 or rows.max() >= self.block.link_limit(name)):
            key = f"/blocks/{self.block.name}/meta/{name}"
            raise self.block.store.file.wrong(key, f"points outside /{name}s")
        return rows.tolist()

    def _point_columns(self) -> list[dict[str, NDArray[Any]]]:
        made: list[dict[str, NDArray[Any]]] = [{} for _ in range(len(self))]
        for link in self.block.column_links:
            stem, _, code = link.rpartition(".")
            starts, data = self.block.column_rows(link)
            values = self._column_data(starts, data, code)
            first = int(starts[self.start])
            present = self.block.column_present(link, self.start, self.stop).tolist()
            for k in [k for k, has in enumerate(present) if has]:
                a, b = int(starts[self.start + k]), int(starts[self.start + k + 1])
                made[k][name_of_link(stem)] = values[a - first : b - first]
        return made

    def _column_data(self, starts: NDArray[np.int64], data: Any, code: str) -> NDArray[Any]:
        values = data.read(int(starts[self.start]), int(starts[self.stop]))
        if code == "text":
            return as_objects(values)
        return values != 0 if code == "bool" else values

    def flat_column(self, link: str) -> NDArray[Any]:
        """Return a per-point column over all points of this batch, gaps filled."""
        starts, data = self.block.column_rows(link)
        code = link.rsplit(".", 1)[1]
        values = self._column_data(starts, data, code)
        present = self.block.column_present(link, self.start, self.stop)
        if present.all():
            return values
        where = np.repeat(present, np.diff(self.indptr))
        gap: Any = "" if code == "text" else nan if code.startswith("f") else 0
        filled = np.full(len(where), gap, values.dtype)
        filled[where] = values
        return filled
