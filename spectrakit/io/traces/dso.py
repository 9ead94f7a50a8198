"""PLS_Toolbox DataSet objects: spectra with axes and labels, and tables of reference values.

Source: Eigenvector Research, *DataSet Object* (fields data, label, axisscale, title, include).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.traces.array_rule import Sheet, is_axis
from spectrakit.io.traces.array_samples import PropertyTable, clip
from spectrakit.io.traces.array_spectra import Told
from spectrakit.io.traces.arrays import Arrays, Variable
from spectrakit.io.traces.mat5 import Cell, Struct

_PLAIN = ("name", "author", "description", "datasetversion", "uniqueid", "type")


def is_dataset(value: Any) -> bool:
    """Say whether a value of a MATLAB file is a DataSet object with a table of numbers."""
    if not isinstance(value, Struct) or len(value.items) != 1:
        return False
    fields = value.items[0]
    data = fields.get("data")
    return "axisscale" in fields and isinstance(data, np.ndarray) and data.ndim == 2


def dataset_arrays(
    path: Path,
    datasets: Mapping[str, Any],
    beside: Sequence[Variable],
    about: Mapping[str, Any],
) -> tuple[Arrays, list[Sheet], dict[str, Told]]:
    """Return the spectra of DataSet objects, and what each says of itself.

    Objects that hold no spectra and have labelled columns are reference values of the spectra
    with as many rows.
    """
    sheets: list[Sheet] = []
    tables: list[PropertyTable] = []
    for name, value in datasets.items():
        fields = value.items[0]
        data = fields["data"]
        axis = _axis(fields, data.shape[1])
        if axis is not None and data.size:
            sheets.append(_sheet(name, data, axis, _second(fields, "axisscale", 1)))
        elif labels := _labels(fields, 1, data.shape[1]):
            names, units = zip(*map(_name_and_unit, labels), strict=True)
            tables.append(PropertyTable(data.astype(np.float64), names, units))
    told = {
        sheet.variable.name: _told(
            datasets[sheet.variable.name].items[0],
            [table for table in tables if len(table.values) == len(sheet.rows)],
            len(sheet.rows),
        )
        for sheet in sheets
    }
    variables = [*(sheet.variable for sheet in sheets), *beside]
    return Arrays(path, variables, about), sheets, told


def _sheet(name: str, data: NDArray[Any], axis: NDArray[np.float64], title: str) -> Sheet:
    variable = Variable(name, data.shape, "number", lambda: data)
    source = Variable(title or "axisscale", axis.shape, "number", lambda: axis, unit=title)
    return Sheet(variable, variable.values, axis, source)


def _set(fields: Mapping[str, Any], field: str, dimension: int, number: int, slot: int) -> Any:
    """Return one entry of ``field{dimension+1, slot, number}``, or None."""
    cells = fields.get(field)
    if not isinstance(cells, Cell) or len(cells.shape) < 2:
        return None
    shape = (*cells.shape, 1)[:3]
    place = dimension + shape[0] * (slot + shape[1] * number)
    inside = dimension < shape[0] and slot < shape[1] and number < shape[2]
    return cells.items[place] if inside and place < len(cells.items) else None


def _sets(fields: Mapping[str, Any], field: str) -> int:
    """Return how many sets of labels or scales a field has; at most 20 are looked at."""
    cells = fields.get(field)
    return min((*cells.shape, 1)[2], 20) if isinstance(cells, Cell) else 0


def _second(fields: Mapping[str, Any], field: str, dimension: int, number: int = 0) -> str:
    """Return the name of a set: its second column."""
    words = _set(fields, field, dimension, number, 1)
    return clip(cast(list[str], words)[0]) if isinstance(words, list) and words else ""


def _axis(fields: Mapping[str, Any], n: int) -> NDArray[np.float64] | None:
    for number in range(_sets(fields, "axisscale")):
        values = _set(fields, "axisscale", 1, number, 0)
        if isinstance(values, np.ndarray) and values.size == n > 1:
            axis = values.reshape(-1).astype(np.float64)
            if is_axis(axis):
                return axis
    try:
        written = np.array([float(word) for word in _labels(fields, 1, n)])
    except ValueError:
        return None
    return written if n > 1 and is_axis(written) else None


def _labels(fields: Mapping[str, Any], dimension: int, n: int, number: int = 0) -> list[str]:
    words = _set(fields, "label", dimension, number, 0)
    if isinstance(words, Cell):
        words = [" ".join(item) if isinstance(item, list) else "" for item in words.items]
    return [clip(word) for word in words] if isinstance(words, list) and len(words) == n else []


def _name_and_unit(label: str) -> tuple[str, str]:
    head, bracket, tail = label.partition("[")
    if not bracket:
        head, bracket, tail = label.partition("(")
    unit = tail.rstrip(" )]") if bracket and head.strip() else ""
    return (head.strip() if unit else label), unit


def _told(fields: Mapping[str, Any], tables: list[PropertyTable], n: int) -> Told:
    extra: dict[str, Any] = {}
    for key in _PLAIN:
        words = fields.get(key)
        if isinstance(words, list) and (text := clip(" ".join(cast(list[str], words)))):
            extra[key] = text
    columns: dict[str, list[Any]] = {}
    names: list[str] = []
    for number in range(_sets(fields, "label")):
        labels = _labels(fields, 0, n, number)
        if labels and not names:
            names = labels
        elif labels:
            columns[_second(fields, "label", 0, number) or f"label {number + 1}"] = labels
    for number in range(_sets(fields, "axisscale")):
        scale = _set(fields, "axisscale", 0, number, 0)
        if isinstance(scale, np.ndarray) and scale.size == n and n > 1:
            title = _second(fields, "axisscale", 0, number) or f"axisscale {number + 1}"
            columns[title] = [float(v) for v in scale.reshape(-1)]
    included = _set(fields, "include", 0, 0, 0)
    if isinstance(included, np.ndarray) and 0 < included.size < n:
        kept = {int(k) for k in included.reshape(-1) if np.isfinite(k)}
        columns["included"] = [row + 1 in kept for row in range(n)]
    instrument = str(extra.pop("name", ""))
    return Told(instrument, names, extra, tables, columns)
