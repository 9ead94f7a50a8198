"""Tables inside containers (sheets of a workbook, Parquet): read as tidy tables are.

A sheet whose header names channels holds one spectrum in each row; other sheets with the same
sample ids add their columns to it. A sheet whose first column is an axis holds one spectrum in
each of its other columns.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.traces.array_rule import FEW, is_axis
from spectrakit.io.traces.channels import Channels, find_channels
from spectrakit.io.traces.text import ABSENT, number
from spectrakit.io.traces.tidy import read_tidy
from spectrakit.io.traces.tidy_layout import MOST_ABOVE, NATIVE_ID, is_other
from spectrakit.io.traces.units import known_axis_unit
from spectrakit.spectrum import Spectrum

_FEWEST = 3  # channels of a sheet, whose numbers are numbers and not texts that look like some
_SAMPLE = ("sampleid", "sample", "samplename", "id")
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of texts; numbers are written so that nothing of them is lost."""

    name: str
    header: list[str]
    rows: list[list[str]]
    first: int = 2  # row of the sheet that is the first of ``rows``


def spectra_of_tables(
    path: Path, tables: Sequence[Table], account: InputAccount
) -> Iterator[Spectrum]:
    """Give the spectra of the tables of one file, in their order.

    Raises:
        InputError: no table holds spectra, or one cannot be joined because it names a sample twice.
    """
    tables = [_without_title(one) for one in tables]
    wide = [one for one in tables if _is_wide(one.header)]
    tall = [] if wide else [turned for one in tables if (turned := _turned(one))]
    others = [one for one in tables if one not in wide]
    if not wide and not tall:
        shown = ", ".join(
            f"{one.name or 'table'} ({', '.join(one.header[:5])}{', ...' * (len(one.header) > 5)})"
            for one in tables[:_MOST_NAMED]
        )
        raise InputError(
            f"{path}: no table in it holds spectra: {shown or 'all are empty'}.",
            hint="Put one spectrum in each row, under a header that names the channels by their "
            "wavelength or wavenumber.",
        )
    for one in wide:
        for other in others:
            one = _joined(path, one, other)
        yield from read_tidy(path, _as_csv(one), account)
    for one in tall:
        yield from read_tidy(path, _as_csv(one), account)


def _is_wide(header: Sequence[str]) -> bool:
    """Say whether a header names channels, and not samples by numbers."""
    channels = find_channels(header, _FEWEST)
    return channels is not None and not (channels.start > 0 and is_other(header, channels))


def _without_title(table: Table) -> Table:
    """Return a table without the lines of one or two cells above the header of its channels."""
    rows = [table.header, *table.rows[:MOST_ABOVE]]
    for at, row in enumerate(rows):
        if _is_wide(row):
            return Table(table.name, row, table.rows[at:], table.first + at) if at else table
        if sum(map(bool, row)) > 2:
            break
    return table


def _as_csv(table: Table) -> io.BytesIO:
    """Return a table as a tidy file whose first column says where each row was."""
    text = io.StringIO()
    writer = csv.writer(text)
    channels = find_channels(table.header, _FEWEST)
    header = [_spelled(cell, k, channels) for k, cell in enumerate(table.header)]
    writer.writerow([NATIVE_ID, *header])
    for at, row in enumerate(table.rows, table.first):
        if any(row):
            place = f"{table.name}!{at}" if table.name else str(at - table.first + 1)
            cells = (row + [""] * len(header))[: len(header)]
            writer.writerow([place, *(" ".join(cell.split()) for cell in cells)])
    return io.BytesIO(text.getvalue().encode("utf-8", "replace"))


def _spelled(cell: str, place: int, channels: Channels | None) -> str:
    """Return a header cell that cannot be taken for a channel unless it is one."""
    plain = " ".join(cell.split())
    if channels is not None and channels.start <= place < channels.stop:
        return plain
    return plain if plain.lower() != NATIVE_ID else "id in the table"


def _sample_column(header: Sequence[str]) -> int | None:
    plain = [cell.replace("_", "").replace(" ", "").replace("-", "").lower() for cell in header]
    return next((plain.index(name) for name in _SAMPLE if name in plain), None)


def _joined(path: Path, table: Table, other: Table) -> Table:
    """Add the columns of another sheet to the rows of the same samples."""
    mine, theirs = _sample_column(table.header), _sample_column(other.header)
    if mine is None or theirs is None:
        return table
    known: dict[str, list[str]] = {}
    for row in other.rows:
        sample = row[theirs] if theirs < len(row) else ""
        if sample and sample in known and known[sample] != row:
            raise InputError(
                f"{path}: sheet '{other.name}' has two rows for sample '{sample}'.",
                hint="Keep one of them.",
            )
        known[sample] = row
    have = {cell.strip().lower() for cell in table.header}
    added = [
        k
        for k, cell in enumerate(other.header)
        if k != theirs and cell.strip() and cell.strip().lower() not in have
    ]
    rows: list[list[str]] = []
    for row in table.rows:
        found = known.get(row[mine] if mine < len(row) else "", [])
        facts = [found[k] if k < len(found) else "" for k in added]
        rows.append([*facts, *row])
    header = [*(other.header[k] for k in added), *table.header]
    return Table(table.name, header, rows, table.first)


def _turned(table: Table) -> Table | None:
    """Return a sheet with spectra in columns as one with spectra in rows, or None."""
    first = [row[0] if row else "" for row in table.rows]
    while first and not first[-1]:
        first.pop()
    axis = np.array([number(cell) for cell in first])
    unit = known_axis_unit(table.header[0]) if table.header else ""
    if len(axis) < (2 if unit else FEW) or len(table.header) < 2 or not is_axis(axis):
        return None
    rows: list[list[str]] = []
    for k, name in enumerate(table.header[1:], 1):
        cells = [row[k] if k < len(row) else "" for row in table.rows[: len(axis)]]
        present = [cell for cell in cells if cell.lower() not in ABSENT]
        if present and all(number(cell) == number(cell) for cell in present):
            rows.append([name or f"column {k + 1}", *cells])
    header = ["sample", *(f"{cell} {unit}".strip() for cell in first)]
    found = Table(table.name, header, rows)
    return found if rows and find_channels(header, _FEWEST) is not None else None


def text_of(value: object) -> str:
    """Return a cell as text: numbers with all their digits, whole ones without a point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def columns_to_rows(columns: Mapping[str, Sequence[object]]) -> list[list[str]]:
    """Return columns of values as rows of texts."""
    return [[text_of(value) for value in row] for row in zip(*columns.values(), strict=True)]
