"""Tables without a mark of a program: two columns, or one axis and a spectrum in each column.

The first column is the axis, unless its name says pixel and another column's name is a unit of
spectra: then that one is (wavenumber before wavelength), and it is said. Columns named after
what a spectrometer measures on the way (dark, reference, raw) belong to the spectrum of the
last column; other columns are each a spectrum, whose sample is the column's name.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.columns import Columns, facts_of, find_start, parse_columns, row_of
from spectrakit.io.traces.text import all_lines, decode_head, trace
from spectrakit.io.traces.units import known_axis_unit, known_value_unit
from spectrakit.log import say
from spectrakit.spectrum import FloatArray, Spectrum

_ROLES = re.compile(
    r"[#\s]*(?:dark|ref(?:erence)?|sample|target|raw|white|background|processed|signal|scope|"
    r"sd|std\.?(?: dev\w*)?|standard deviation|error|uncertainty|intensity|counts?|abs(?:orbance)?|"
    r"trans(?:mittance|mission)?|refl(?:ect(?:ance|ion)?)?|pixels?|wavelength|wavenumber)\b.*",
    re.IGNORECASE,
)
_SPREAD = re.compile(r"sd|std|standard deviation|error|uncertainty", re.IGNORECASE)
_PREFERRED = ("cm-1", "nm", "um", "ppm", "eV")
_SHARE_ROWS = 0.9  # of the lines below the first row must be rows in the beginning of the file


def says_columns(head: bytes, path: Path) -> bool:
    """Say whether a text is a block of numbers whose first or named column is an axis."""
    text = decode_head(head)
    lines = text.split("\n")
    whole = len(head) < 1 << 16
    start = find_start(lines, whole=whole)
    if start < 0:
        return False
    below = [line for line in lines[start : len(lines) if whole else -1] if line.strip()]
    rows = [row for row in map(row_of, below) if row is not None]
    width = len(rows[0])
    rows = [row for row in rows if len(row) == width]
    if len(rows) < _SHARE_ROWS * len(below) - 40:  # a footer may follow
        return False
    values = np.array(rows)
    return any(_is_axis(values[:, i]) for i in range(width - 1))


def _is_axis(column: FloatArray) -> bool:
    """Say whether numbers only rise or only fall."""
    steps = np.diff(column)
    return bool((steps > 0).all() or (steps < 0).all())


def read_columns(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of a plain table of numbers.

    Raises:
        InputError: a row is damaged or cut off, or no column is an axis.
    """
    table = parse_columns(path, all_lines(path, stream))
    axis = _axis_column(table, path)
    unit = _axis_unit(table, axis, path)
    facts = facts_of([*table.before, *table.after])
    drops = Drops(path, account)
    for column, beside in _spectra_columns(table, axis):
        try:
            yield _spectrum(table, axis, unit, column, beside, facts)
        except BadSpectrum as error:
            drops.drop(str(error), f"column {column + 1}")


def _axis_column(table: Columns, path: Path) -> int:
    """Return which column is the axis, and say so when it is not the first."""
    width = table.values.shape[1]
    usable = [i for i in range(width) if _is_axis(table.values[:, i])]
    if not usable:
        raise InputError(
            f"{path}: no column of its numbers rises or falls from row to row: none is an axis.",
            hint="Save the table with the positions in the first column.",
        )
    units = {i: known_axis_unit(table.name(i)) or _quantity(table.name(i)) for i in usable}
    if usable[0] != 0 or units[0] not in ("pixel", "index"):
        return usable[0]
    for wanted in _PREFERRED:
        for i in usable[1:]:
            if units[i] == wanted:
                say(f"{path}: takes column '{table.name(i)}' as the axis, not '{table.name(0)}'")
                return i
    return 0


def _quantity(name: str) -> str:
    """Return the unit that programs mean by a quantity named without its unit."""
    return {"wavelength": "nm", "wavenumber": "cm-1"}.get(name.strip("# ").lower(), "")


def _axis_unit(table: Columns, axis: int, path: Path) -> str:
    unit = known_axis_unit(table.unit(axis)) or known_axis_unit(table.name(axis))
    if not unit and axis != 0:
        unit = _quantity(table.name(axis))
    positions = table.values[:, axis]
    if unit in ("pixel", "index") and not (positions == np.round(positions)).all():
        say(
            f"{path}: column '{table.name(axis)}' holds positions that are no {unit} numbers "
            f"({positions[0]:g} to {positions[-1]:g}); its unit is not known"
        )
        return ""
    return unit


def _spectra_columns(table: Columns, axis: int) -> list[tuple[int, list[int]]]:
    """Return the columns that are spectra, each with those that belong to it."""
    others = [i for i in range(table.values.shape[1]) if i != axis]
    names = [table.name(i) for i in others]
    if len(others) > 1 and all(names) and all(_ROLES.fullmatch(name) for name in names):
        values = [i for i in others if not _SPREAD.match(table.name(i).strip("# "))] or others
        processed = values[-1]
        return [(processed, [i for i in others if i != processed])]
    return [(i, []) for i in others]


def _spectrum(
    table: Columns, axis: int, unit: str, column: int, beside: list[int], facts: dict[str, str]
) -> Spectrum:
    name = table.name(column)
    values = known_value_unit(table.unit(column)) or known_value_unit(name)
    values = values or known_value_unit(facts.get("Data Type", ""))  # Andor
    alone = not table.name(column) or table.values.shape[1] == 2 or bool(beside)
    said = " ".join((facts.get("Technique", ""), facts.get("header", ""), table.name(axis), name))
    extra: dict[str, Any] = dict(facts)
    if name and alone:
        extra["value_name"] = name
    if table.name(axis):
        extra["axis_name"] = table.name(axis)
    return trace(
        table.values[:, axis],
        table.values[:, column],
        unit=unit,
        values=values,
        said=said,
        native_id=str(column + 1) if table.values.shape[1] > 2 and not beside else "",
        name="" if alone else name,
        sample="" if alone else name,
        instrument=facts.get("Model", facts.get("Spectrometer", facts.get("Instrument", ""))),
        columns={table.name(i): table.values[:, i] for i in beside},
        extra=extra,
    )
