"""What the columns of a table say of its samples: reference values, columns, split and group."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

from spectrakit.io.traces.text import ABSENT, number
from spectrakit.log import say
from spectrakit.spectrum import FloatArray, ReferenceValue, SampleInfo

OURS = "sample."  # how our own tables name a column of the sample
_NO_PROPERTY = re.compile(
    r"(?:.*[ _])?id|(?:cv_?)?fold|batch|order|run|year|month|day|date|time|season|plate|well|"
    r"position|row|(?:unnamed:? ?\d*)?|index|scan|seed|no\.?|number|lat(?:itude)?|"
    r"lon(?:gitude)?|subset|set",
    re.IGNORECASE,
)
_UNIT = re.compile(r"(.+?)\s*(?:\[(.*)\]|\((.*)\))\s*")
_HALF = 0.5  # share of numbers from which a column is meant to hold numbers
_ERROR = re.compile(r"(.+?)[ _.-](?:sd|sel)", re.IGNORECASE)


@dataclass(slots=True)
class Row:
    """One row of a table: cells of the columns that are no channels, and the values."""

    number: int  # of the table's rows, from 1
    cells: dict[int, str]
    values: FloatArray
    sample: str = ""


class Samples:
    """What the columns without a meaning say of each sample, and what of each spectrum."""

    def __init__(
        self, header: Sequence[str], meanings: Mapping[int, str], rows: Sequence[Row], path: Path
    ) -> None:
        by = {meaning: i for i, meaning in meanings.items() if meaning}
        self.by_meaning = by
        stem = path.name.split(".")[0]
        for row in rows:
            named = row.cells[by["sample"]] if "sample" in by else ""
            row.sample = named or f"{stem}#{row.number}"
        free = {i: header[i].strip() for i, meaning in meanings.items() if not meaning}
        fixed = [by[name] for name in ("split", "group") if name in by]
        self.disputed = {i: _disputed(rows, i) for i in (*free, *fixed)}
        shares = {i: _share_of_numbers(rows, i) for i in free}
        mixed = {i for i in free if _HALF <= shares[i] < 1 and _may_be_property(free[i], rows, i)}
        numeric = {i for i in free if shares[i] == 1}
        for i in sorted(mixed):
            _say_text(path, free[i], rows, i)
        n_samples = len({row.sample for row in rows})
        self.properties = {
            i: _name_and_unit(free[i])
            for i in sorted(numeric)
            if _may_be_property(free[i], rows, i) and 2 * len(self.disputed[i]) <= n_samples
        }
        self.errors = _errors(self.properties)
        for i in self.errors.values():
            del self.properties[i]
        for i in (*fixed, *self.properties):
            if self.disputed[i]:
                say(
                    f"{path}: '{header[i].strip()}' differs between spectra of "
                    f"{len(self.disputed[i])} samples: it is kept with each spectrum there"
                )
        self.numeric = numeric
        self.columns = {
            i: name
            for i, name in free.items()
            if i not in {*self.properties, *self.errors.values()}
        }

    def about(self, row: Row) -> tuple[SampleInfo, dict[str, Any]]:
        """Return what is known of the sample of a row, and what only of its spectrum."""
        columns: dict[str, str | float] = {}
        extra: dict[str, Any] = {}
        for i, name in self.columns.items():
            cell = row.cells[i]
            if cell.lower() in ABSENT or not name:
                continue
            told = extra if self.disputed[i] else columns
            told[name.removeprefix(OURS)] = number(cell) if i in self.numeric else cell
        targets: dict[str, ReferenceValue] = {}
        for i, (name, unit) in self.properties.items():
            value = number(row.cells[i])
            if isnan(value):
                continue
            error = self.errors.get(i)
            sd = number(row.cells[error]) if error is not None else nan
            if row.sample in self.disputed[i] | self.disputed.get(error or -1, set()):
                extra[name] = value
            else:
                targets[name] = ReferenceValue(value, unit, sd)
        fixed = {"split": "", "group": ""}
        for name in fixed:
            i = self.by_meaning.get(name)
            if i is not None and row.sample in self.disputed[i]:
                extra[name] = row.cells[i]
            elif i is not None:
                fixed[name] = row.cells[i]
        return SampleInfo(**fixed, columns=columns, targets=targets), extra


def _disputed(rows: Sequence[Row], column: int) -> set[str]:
    """Return the samples of which this column says more than one thing."""
    seen: dict[str, str] = {}
    return {
        row.sample
        for row in rows
        if seen.setdefault(row.sample, row.cells[column]) != row.cells[column]
    }


def _share_of_numbers(rows: Sequence[Row], column: int) -> float:
    """Return which share of the cells are numbers; ``007`` is none but an id."""
    present = [row.cells[column] for row in rows if row.cells[column].lower() not in ABSENT]
    return sum(map(_is_number, present)) / len(present) if present else 0.0


def _is_number(cell: str) -> bool:
    return not isnan(number(cell)) and not re.match(r"[+-]?0\d", cell)


def _say_text(path: Path, name: str, rows: Sequence[Row], column: int) -> None:
    """Tell the person of the text among the numbers of a column."""
    odd = [
        row
        for row in rows
        if row.cells[column].lower() not in ABSENT and isnan(number(row.cells[column]))
    ]
    if not odd:  # ids such as 007
        return
    say(
        f"{path}: {len(odd)} of {len(rows)} cells of '{name}' are no numbers "
        f"('{odd[0].cells[column][:40]}' in row {odd[0].number}): it is kept "
        "as text, and there are no reference values; correct or empty these cells"
    )


def _may_be_property(header: str, rows: Sequence[Row], column: int) -> bool:
    """Say whether a column of numbers is a reference value: one that has a unit always is."""
    if header.startswith(OURS):
        return False
    if _UNIT.fullmatch(header):
        return True
    return not _NO_PROPERTY.fullmatch(header) and not _is_flag(rows, column)


def _is_flag(rows: Sequence[Row], column: int) -> bool:
    cells = {row.cells[column] for row in rows}
    return {number(cell) for cell in cells if cell.lower() not in ABSENT} <= {0.0, 1.0}


def _name_and_unit(header: str) -> tuple[str, str]:
    match = _UNIT.fullmatch(header)
    return (match[1], match[2] or match[3] or "") if match else (header, "")


def _errors(properties: dict[int, tuple[str, str]]) -> dict[int, int]:
    """Return {column of a property: column of its reference error}."""
    columns = {name.lower(): i for i, (name, _) in properties.items()}
    errors: dict[int, int] = {}
    for i, (name, _) in properties.items():
        match = _ERROR.fullmatch(name)
        if match and (of := columns.get(match[1].lower())) is not None:
            errors[of] = i
    return errors
