"""A batch: consecutive spectra of a block, as columns and as ``Spectrum`` objects."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import pairwise
from math import nan
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import Axis, Spectrum
from spectrakit.store.layout import name_of_link
from spectrakit.store.text import as_objects

if TYPE_CHECKING:
    from spectrakit.store.block import Block

_IS_PROFILE: dict[Any, bool | None] = {-1: None, 0: False, 1: True}
_FIELDS = tuple(field.name for field in fields(Spectrum))


class Batch(Sequence[Spectrum]):
    """Consecutive spectra of a block: as columns, and as ``Spectrum`` objects."""

    def __init__(self, block: "Block", start: int, stop: int) -> None:
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
        pairs = list(pairwise(bounds))
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
        if field == "sample_info":
            return [store.sample_info(row) for row in self._links("sample")]
        if field in ("sample", "instrument"):
            rows = self._links(field)
            names = store.names(f"{field}s") if any(row >= 0 for row in rows) else []
            return ["" if row < 0 else names[row] for row in rows]
        values = self.block.meta_rows(field, self.start, self.stop)
        plain = values if isinstance(values, list) else values.tolist()
        if field == "extra":
            key = f"/blocks/{self.block.name}/meta/extra"
            return [store.file.json(key, text) if text else {} for text in plain]
        if field == "is_profile":
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
