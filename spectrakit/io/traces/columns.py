"""Text with columns of numbers below some lines of header: cut into its parts.

What the columns mean is decided elsewhere (``exports`` for instruments, ``plain`` for the rest).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path

import numpy as np

from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.text import ABSENT, number
from spectrakit.spectrum import FloatArray

FEWEST_ROWS = 3
_COMMA_NUMBER = re.compile(r"[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?")
_PAIR = re.compile(r"\s*[#;*/]*\s*([^:=\t,;]{1,60}?)\s*(?::|=|\t|,)\s*(.*)")


@dataclass(slots=True)
class Columns:
    """One block of numbers: (rows, columns) with NaN where a cell is empty or NA."""

    values: FloatArray
    names: list[str] = field(default_factory=list[str])  # as the file writes them
    units: list[str] = field(default_factory=list[str])  # from a line of units below the names
    before: list[str] = field(default_factory=list[str])  # lines above, without names and units
    after: list[str] = field(default_factory=list[str])
    line: int = 0  # of the first row, from 1

    def name(self, column: int) -> str:
        """Return the name of a column, or an empty text."""
        return self.names[column] if column < len(self.names) else ""

    def unit(self, column: int) -> str:
        """Return what the line of units says of a column, or an empty text."""
        return self.units[column] if column < len(self.units) else ""


def cells_of(line: str) -> list[str]:
    """Divide a line at tabs, semicolons, commas or spaces, whichever it has first in that order.

    Commas divide unless the line reads as numbers with decimal commas between spaces. Empty
    cells at the end are no cells.
    """
    text = line.strip(" \n\r\ufeff")
    if "\t" in text:
        cells = text.split("\t")
    elif ";" in text:
        cells = text.split(";")
    elif "," in text:
        words = text.split()
        decimal = len(words) > 1 and all(_COMMA_NUMBER.fullmatch(word) for word in words)
        cells = words if decimal else text.split(",")
    else:
        return text.split()
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _has_empty_end(line: str, width: int) -> bool:
    """Say whether a line has all its cells, the last ones empty."""
    return any(line.strip(" \n\r").count(mark) == width - 1 for mark in "\t;,")


def row_of(line: str, width: int = 0) -> list[float] | None:
    """Return the numbers of a line: first a number, then numbers or words for missing ones.

    Args:
        line: with or without its end.
        width: cells of the rows before; empty ones at the end of the line are missing then.
    """
    cells = cells_of(line)
    if len(cells) < 2 or isnan(number(cells[0])):
        return None
    row = [number(cell) for cell in cells]
    for value, cell in zip(row, cells, strict=True):
        if isnan(value) and cell.lower() not in ABSENT:
            return None
    if len(row) < width and _has_empty_end(line, width):
        row += [nan] * (width - len(row))
    return row if not all(map(isnan, row[1:])) or cells[1].lower() in ABSENT else None


def find_start(lines: Sequence[str], *, whole: bool = True) -> int:
    """Return the index of the first line of the block of numbers, or -1.

    The block is the first run of rows with equally many cells that is long enough.

    Args:
        lines: the text, or its beginning.
        whole: whether the last line is known to be whole.
    """
    usable = lines if whole else lines[:-1]
    start, width, n = -1, 0, 0
    for i, line in enumerate(usable):
        if not line.strip():
            continue
        row = row_of(line, width if start >= 0 else 0)
        if row is None:
            start, n = -1, 0
            continue
        if start < 0 or len(row) != width:
            start, width, n = i, len(row), 0
        n += 1
        if n >= FEWEST_ROWS:
            return start
    return -1


def parse_columns(path: Path, lines: Sequence[str], start: int = -1) -> Columns:
    """Return the block of numbers of a text and the lines around it.

    Args:
        path: named in messages.
        lines: without their ends.
        start: index of the first row where it is known.

    Raises:
        InputError: there is no block, a row inside it is damaged, or the last one is cut off.
    """
    if start < 0:
        start = find_start(lines)
    if start < 0:
        raise InputError(
            f"{path}: has no rows of numbers.", hint="Export the spectrum again, as two columns."
        )
    rows: list[list[float]] = []
    width = len(cells_of(lines[start]))
    at = start
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip():
            continue
        row = row_of(line, width)
        if row is None or len(row) != width:
            _refuse_damage(path, lines, at - 1, width)
            at -= 1
            break
        rows.append(row)
    table = Columns(np.array(rows, dtype=np.float64), line=start + 1, after=list(lines[at:]))
    _name(table, [line for line in lines[:start] if line.strip()], width)
    return table


def _refuse_damage(path: Path, lines: Sequence[str], at: int, width: int) -> None:
    """Raise where rows go on below a line that is none, or where the text ends in half a row."""
    row = row_of(lines[at])
    rest = [line for line in lines[at + 1 :] if line.strip()]
    going_on = find_start(rest[: 4 * FEWEST_ROWS])
    if going_on >= 0 and len(cells_of(rest[going_on])) == width:
        raise InputError(
            f"{path}: line {at + 1} is no row of {width} numbers: '{lines[at][:40]}'.",
            hint="Export it again; a line inside the numbers is damaged.",
        )
    cut = row is not None or _is_begun(lines[at])
    if not rest and cut:
        raise InputError(
            f"{path}: is cut off in line {at + 1}: '{lines[at][:40]}' is no row of {width} cells.",
            hint=COPY_AGAIN,
        )


def _is_begun(line: str) -> bool:
    return re.fullmatch(r"[\s\d.,;eE+-]+", line) is not None


def _name(table: Columns, above: list[str], width: int) -> None:
    """Take the lines of names and units from those above the numbers."""
    if above and _is_title(above[-1], width):
        names = header_cells(above[-1])
        if len(above) > 1 and _is_units(names) and _is_title(above[-2], width):
            table.units = names
            above.pop()
            names = header_cells(above[-1])
        table.names = names
        above.pop()
    table.before = above


def header_cells(line: str) -> list[str]:
    """Return the cells of a line that names columns; spaces divide only where nothing else does."""
    text = line.strip(" \n\r\ufeff").strip("\t")
    if "\t" in text:
        return [cell.strip() for cell in text.split("\t") if cell.strip()]
    for delimiter in ";", ",":
        if delimiter in text:
            return [cell.strip().strip('"') for cell in text.split(delimiter)]
    cells = [cell.strip() for cell in re.split(r"\s{2,}", text)]
    return cells if len(cells) > 1 else text.split()


def _is_title(line: str, width: int) -> bool:
    cells = header_cells(line)
    return len(cells) == width and isnan(number(cells[0])) and not line.rstrip().endswith(":")


def _is_units(cells: Sequence[str]) -> bool:
    return all(re.fullmatch(r"\[.*\]|\(.*\)", cell) for cell in cells if cell)


def facts_of(lines: Sequence[str]) -> dict[str, str]:
    """Return ``Key: value`` lines as facts; other lines together under ``header``."""
    facts: dict[str, str] = {}
    rest: list[str] = []
    for line in lines:
        match = _PAIR.fullmatch(line.strip())
        if match and match[1] and not re.fullmatch(r"[+>\-=*#_ ]+", match[1]):
            key, value = match[1].strip(), match[2].strip().strip('"')
            if value:
                facts[key] = f"{facts[key]}\n{value}" if key in facts else value
        elif line.strip(" +>-<=*#_\t"):
            rest.append(line.strip())
    if rest:
        facts["header"] = "\n".join(rest)
    return facts
