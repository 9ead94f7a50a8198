"""MATLAB files of version 7.3, which are HDF5: the same values as those of older versions."""

from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spectrakit.errors import InputError
from spectrakit.io.traces.arrays import MOST_BYTES, TOO_LARGE
from spectrakit.io.traces.hdf5_guard import FAILURES, ForeignFile
from spectrakit.io.traces.mat5 import Cell, Struct

_DEEPEST = 12
_MOST_MEMBERS = 100_000  # that references lead to, all together


def read_values(path: Path) -> dict[str, Any]:
    """Return the variables of a file: arrays in MATLAB's shape, texts, cells, structs, objects.

    Raises:
        InputError: damaged, hostile, or larger than can be held.
    """
    with ForeignFile(path) as file:
        values = _Values(file)
        return {
            name: values.of(name, one, 0)
            for name, one in file.walk()
            if "/" not in name and not name.startswith("#")
        }


class _Values:
    """Turns datasets and groups into values, with a limit on all of them together."""

    def __init__(self, file: ForeignFile) -> None:
        self.file = file
        self.members = 0
        self.n_bytes = 0

    def of(self, key: str, one: Any, depth: int) -> Any:
        self.members += 1
        if depth > _DEEPEST or self.members > _MOST_MEMBERS:
            raise self.file.wrong(key, "is nested too deeply or has too many members")
        said = self.file.attributes(one)
        name = str(said.get("MATLAB_class", ""))
        if isinstance(one, h5py.Group):
            return self._struct(key, one, name, depth)
        if said.get("MATLAB_empty"):
            return [] if name == "char" else np.zeros((0, 0))
        kind = self.file.kind_of(one)
        if kind == "reference":
            return self._cell(key, one, depth)
        if kind != "number":
            return None
        self.n_bytes += prod(one.shape) * one.dtype.itemsize
        if self.n_bytes > MOST_BYTES:
            raise InputError(f"{self.file.path}: its variables are too large.", hint=TOO_LARGE)
        values = self.file.read(key, one).T
        if name == "char" and values.ndim == 2 and values.dtype.kind in "ui":
            return ["".join(chr(int(c) & 0xFFFF) for c in row).rstrip() for row in values]
        return values

    def _struct(self, key: str, group: Any, name: str, depth: int) -> Struct:
        try:
            inside = list(self.file.members(key, group))
        except FAILURES as error:
            raise self.file.wrong(key, "cannot be read") from error
        fields = {path.rpartition("/")[2]: self.of(path, one, depth + 1) for path, one in inside}
        return Struct(name, (1, 1), [fields])

    def _cell(self, key: str, dataset: Any, depth: int) -> Cell:
        self.file.check(key, dataset)
        shape = tuple(reversed(dataset.shape))
        if prod(shape) > _MOST_MEMBERS:
            raise self.file.wrong(key, f"is a cell array of shape {shape}")
        items: list[Any] = []
        try:
            for reference in np.asarray(dataset[()]).T.reshape(-1, order="F"):
                one = self.file.file[reference] if reference else None
                found = isinstance(one, h5py.Dataset | h5py.Group)
                items.append(self.of(key, one, depth + 1) if found else None)
        except FAILURES as error:
            raise self.file.wrong(key, "has references that lead nowhere") from error
        return Cell(shape, items)
