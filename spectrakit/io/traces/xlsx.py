"""Excel workbooks (.xlsx): the values of every sheet, read without Excel's own model of them.

A workbook is a zip archive of XML. Formulas count with the value that Excel last saw; a document
type or an entity is refused.

Source: ECMA-376, part 1 (SpreadsheetML).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat
from zipfile import ZipFile

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.sheets import Table, spectra_of_tables, text_of
from spectrakit.io.traces.zips import open_zip, read_member
from spectrakit.spectrum import Spectrum

_MOST_XML = 1 << 30
_MOST_COLUMNS = 16_384  # of any sheet
_MOST_ROWS = 1_048_576
_MOST_CELLS = 50_000_000
_MOST_SHEETS = 200
_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")


def read_xlsx(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Give the spectra of every sheet of a workbook.

    Raises:
        InputError: no workbook, damaged, or no sheet holds spectra.
    """
    yield from spectra_of_tables(path, tables_of(path, stream), account)


def tables_of(path: Path, stream: BinaryIO) -> list[Table]:
    """Return the sheets of a workbook that are not empty.

    Raises:
        InputError: no workbook, or damaged.
    """
    with open_zip(path, stream) as archive:
        names = _sheets(path, archive)
        shared = _shared(path, archive)
        tables = [_table(path, archive, name, part, shared) for name, part in names]
    return [one for one in tables if one.rows]


class _Xml:
    """A parser that hands on (tag, attributes) and text, and refuses what no workbook has."""

    def __init__(self, path: Path, part: str) -> None:
        self.path, self.part = path, part
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.buffer_text = True

    def _refuse(self, *_: object) -> None:
        raise InputError(
            f"{self.path}: '{self.part}' has a DOCTYPE or entities, which no workbook has.",
            hint="Get the file from a source you trust.",
        )

    def run(self, data: bytes) -> None:
        try:
            self.parser.Parse(data, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise InputError(
                f"{self.path}: '{self.part}' is no XML ({error}).", hint=COPY_AGAIN
            ) from error


def _plain(tag: str) -> str:
    return tag.rpartition(":")[2]


def _part(path: Path, archive: ZipFile, name: str) -> bytes | None:
    known = archive.NameToInfo.get(name)
    return None if known is None else read_member(path, archive, known, _MOST_XML)


def _sheets(path: Path, archive: ZipFile) -> list[tuple[str, str]]:
    """Return the name of each sheet and the part that it is, in the workbook's order."""
    book, links = _part(path, archive, "xl/workbook.xml"), "xl/_rels/workbook.xml.rels"
    linked = _part(path, archive, links)
    if book is None or linked is None:
        raise InputError(
            f"{path}: is a zip archive and no workbook.", hint="Unpack it and give what is inside."
        )
    targets: dict[str, str] = {}
    sheets: list[tuple[str, str]] = []

    def link(tag: str, said: dict[str, str]) -> None:
        if _plain(tag) == "Relationship" and said.get("TargetMode") != "External":
            targets[said.get("Id", "")] = said.get("Target", "")

    def sheet(tag: str, said: dict[str, str]) -> None:
        if _plain(tag) == "sheet":
            key = next((v for k, v in said.items() if _plain(k) == "id" and ":" in k), "")
            sheets.append((said.get("name", ""), key))

    for name, data, handler in ((links, linked, link), ("xl/workbook.xml", book, sheet)):
        xml = _Xml(path, name)
        xml.parser.StartElementHandler = handler
        xml.run(data)
    found: list[tuple[str, str]] = []
    for name, key in sheets[:_MOST_SHEETS]:
        target = targets.get(key, "")
        part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if part in archive.NameToInfo and "worksheets/" in part:
            found.append((name, part))
    return found


def _shared(path: Path, archive: ZipFile) -> list[str]:
    """Return the texts that cells point at."""
    data = _part(path, archive, "xl/sharedStrings.xml")
    texts: list[str] = []
    if data is None:
        return texts
    pieces: list[str] = []
    inside = False

    def start(tag: str, said: dict[str, str]) -> None:
        nonlocal inside
        if _plain(tag) == "si":
            pieces.clear()
        inside = _plain(tag) == "t"

    def end(tag: str) -> None:
        nonlocal inside
        inside = False
        if _plain(tag) == "si":
            texts.append("".join(pieces))

    def text(words: str) -> None:
        if inside:
            pieces.append(words)

    xml = _Xml(path, "xl/sharedStrings.xml")
    xml.parser.StartElementHandler = start
    xml.parser.EndElementHandler = end
    xml.parser.CharacterDataHandler = text
    xml.run(data)
    return texts


def _table(path: Path, archive: ZipFile, name: str, part: str, shared: list[str]) -> Table:
    """Return a sheet; its first row that is not empty is the header."""
    cells = _Cells(path, part, shared)
    xml = _Xml(path, part)
    xml.parser.StartElementHandler = cells.start
    xml.parser.EndElementHandler = cells.end
    xml.parser.CharacterDataHandler = cells.text
    xml.run(_part(path, archive, part) or b"")
    rows = cells.rows
    first = min(rows, default=0)
    if not rows:
        return Table(name, [], [])
    body = [rows.get(at, []) for at in range(first + 1, max(rows) + 1)] if _dense(rows) else [
        rows[at] for at in sorted(rows)[1:]
    ]  # fmt: skip
    return Table(name, rows[first], body)


def _dense(rows: dict[int, list[str]]) -> bool:
    return max(rows) - min(rows) < 4 * len(rows) + 100


class _Cells:
    """Collects the cells of a sheet as rows of texts."""

    def __init__(self, path: Path, part: str, shared: list[str]) -> None:
        self.path, self.part, self.shared = path, part, shared
        self.rows: dict[int, list[str]] = {}
        self.n = 0
        self._row, self._column, self._kind = 0, 0, "n"
        self._pieces: list[str] = []
        self._inside = False

    def start(self, tag: str, said: dict[str, str]) -> None:
        tag = _plain(tag)
        if tag == "row":
            stated = said.get("r", "")
            self._row = int(stated) if stated.isdecimal() and len(stated) < 8 else self._row + 1
            self._column = 0
        elif tag == "c":
            place = _PLACE.fullmatch(said.get("r", ""))
            self._column = _column(place[1]) if place else self._column + 1
            self._row = int(place[2]) if place else self._row
            self._kind = said.get("t", "n")
            self._pieces.clear()
            self._check()
        self._inside = tag in ("v", "t")

    def _check(self) -> None:
        row, column = self._row, self._column
        if not (1 <= row <= _MOST_ROWS and 1 <= column <= _MOST_COLUMNS):
            raise InputError(
                f"{self.path}: '{self.part}' has a cell in row {row}, column {column}.",
                hint=COPY_AGAIN,
            )

    def end(self, tag: str) -> None:
        self._inside = False
        if _plain(tag) != "c" or not self._pieces:
            return
        cells = self.rows.setdefault(self._row, [])
        missing = self._column - len(cells)
        self.n += max(missing, 1)
        if self.n > _MOST_CELLS:
            raise InputError(
                f"{self.path}: '{self.part}' has more than {_MOST_CELLS} cells.",
                hint="Save the sheet as CSV.",
            )
        cells.extend([""] * missing)
        cells[self._column - 1] = self._value("".join(self._pieces))

    def text(self, words: str) -> None:
        if self._inside:
            self._pieces.append(words)

    def _value(self, words: str) -> str:
        if self._kind == "s":
            known = words.strip().isdecimal() and len(words) < 10
            if not known or int(words) >= len(self.shared):
                raise InputError(
                    f"{self.path}: '{self.part}', row {self._row}: text {words[:20]} of "
                    f"{len(self.shared)}.",
                    hint=COPY_AGAIN,
                )
            return self.shared[int(words)].strip()
        if self._kind == "e":  # #N/A, #DIV/0!
            return ""
        if self._kind == "n":
            try:
                return text_of(float(words))
            except ValueError:
                return ""
        return words.strip()


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number
