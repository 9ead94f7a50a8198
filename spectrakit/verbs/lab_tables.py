"""Tables that people keep in a spreadsheet: CSV, TSV or a workbook, with a header and ids.

What spreadsheets write is read: UTF-8 with or without its mark, UTF-16, Latin-1; commas,
semicolons or tabs; decimal commas; columns and lines without a name or a cell.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

from spectrakit.errors import InputError, UsageError, did_you_mean
from spectrakit.log import say

_DECIMAL_COMMA = re.compile(r"[+-]?(?:0?,\d+|\d+,(?:\d{1,2}|\d{4,}))(?:[eE][+-]?\d{1,3})?")
_ANY_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d{1,3})?")
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LabTable:
    """The named columns of a table and its lines that are not empty."""

    path: Path
    header: list[str]
    rows: list[tuple[int, dict[str, str]]]  # line of the file (row of the sheet), cells by name
    semicolons: bool = False  # divide the cells: a comma in one is a decimal comma

    @classmethod
    def read(cls, path: Path, *keys: str) -> "LabTable":
        """Read a table, or the first sheet of a workbook, whose header has one of ``keys``.

        Args:
            path: CSV, TSV or .xlsx.
            keys: names of columns as ``plain_name`` gives them, the first for messages.

        Raises:
            InputError: missing, no text and no workbook, two columns of one name, or a row longer
                than the header.
            UsageError: no column is called like one of ``keys``.
        """
        headers: list[str] = []
        for sheet in _sheets(path):
            header = [name.strip() for name in sheet.header]
            if set(keys) & set(map(plain_name, header)):
                return cls._of(path, header, sheet)
            headers += header
        raise UsageError(
            f"{path}: has no column '{keys[0]}'. {did_you_mean(keys[0], headers)}".rstrip(),
            hint=f"The first line must name the columns, '{keys[0]}' among them.",
        )

    @classmethod
    def _of(cls, path: Path, header: list[str], sheet: "_Sheet") -> "LabTable":
        low = [name.lower() for name in header]
        if twice := [name for name in header if name and low.count(name.lower()) > 1]:
            raise InputError(f"{path}: has two columns '{twice[0]}'.", hint="Rename or remove one.")
        rows: list[tuple[int, dict[str, str]]] = []
        for line, cells in sheet.rows:
            if any(cell.strip() for cell in cells[len(header) :]):
                raise InputError(
                    f"{path}: line {line} has more cells than the header.",
                    hint="Quote cells that hold the separator.",
                )
            if any(cell.strip() for cell in cells):
                filled = [*cells, *[""] * len(header)]
                known = zip(header, filled, strict=False)
                rows.append((line, {name: cell.strip() for name, cell in known if name}))
        for place, name in enumerate(header):
            cells = (row[place] for _, row in sheet.rows if place < len(row))
            if not name and any(map(str.strip, cells)):
                say(f"{path}: column {place + 1} is left out: it has no name")
        return cls(path, [name for name in header if name], rows, sheet.delimiter == ";")

    def number(self, place: str, cell: str) -> float:
        """Return a cell as a number.

        Raises:
            InputError: it is none, or not finite.
        """
        value = self.number_or_nan(cell)
        if not isfinite(value):
            raise InputError(
                f"{self.path}: {place}: '{cell}' is no number.",
                hint="Leave the cell empty where the value is not known.",
            )
        return value

    def number_or_nan(self, cell: str) -> float:
        """Return a cell as a number; NaN when it is none.

        A comma is a decimal comma between semicolons; elsewhere only where it cannot be one of
        thousands (``1,234`` may be).
        """
        if (_ANY_COMMA if self.semicolons else _DECIMAL_COMMA).fullmatch(cell):
            cell = cell.replace(",", ".")
        try:
            value = float(cell)
        except ValueError:
            return nan
        return value if isfinite(value) else nan


@dataclass(frozen=True, slots=True)
class _Sheet:
    header: Sequence[str]
    rows: list[tuple[int, Sequence[str]]]
    delimiter: str = ""


def plain_name(name: str) -> str:
    """Return the name of a column without case, blanks and marks: ``Sample ID`` is sampleid."""
    return re.sub(r"[\s_.#-]", "", name).lower()


def _sheets(path: Path) -> Iterator[_Sheet]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}.", hint="Check the path."
        ) from error
    if raw[:4] == b"PK\x03\x04":
        from spectrakit.io.traces.xlsx import tables_of

        for table in tables_of(path, io.BytesIO(raw)):
            yield _Sheet(table.header, list(enumerate(table.rows, 2)))
        return
    from spectrakit.io.traces.text import decode_head

    text = decode_head(raw).removeprefix("\ufeff")
    if raw and not text:
        raise InputError(f"{path}: is no text.", hint="Save the table as CSV, or as .xlsx.")
    yield _of_text(path, text)


def _of_text(path: Path, text: str) -> _Sheet:
    first = text.partition("\n")[0]
    skipped = 0
    if said := _SEPARATOR.fullmatch(first):  # Excel's own mark
        text, skipped, delimiter = text.partition("\n")[2], 1, said[1]
    else:
        delimiter = max(("\t", ";", ","), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = next(reader, [])
        rows: list[tuple[int, Sequence[str]]] = [(reader.line_num + skipped, r) for r in reader]
    except csv.Error as error:
        raise InputError(
            f"{path}: line {reader.line_num + skipped}: {error}.",
            hint="Check the quotes of this line.",
        ) from error
    return _Sheet(header, rows, delimiter)
