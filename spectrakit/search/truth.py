"""Tables of hits and of truth, read strictly and joined by spectrum.

An error names the file, the line and the column. Ties count against the truth.
"""

import csv
import io
import math
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from spectrakit.errors import InputError

HIT_COLUMNS = ("spectrum", "rank", "inchikey", "score")  # without these nothing can be judged
TRUTH_COLUMNS = ("spectrum", "inchikey")
NAMED_PROBABILITY = 0.5  # a rank-1 hit at or above it, or of level 1 or 2a, names the compound
NAMED_LEVELS = ("1", "2a")
_INCHIKEY = re.compile(r"[A-Z]{14}(-[A-Z]{10}(-[A-Z])?)?")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; a column that is not there reads as empty."""

    path: Path
    line: int
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """Return a cell without blanks around it."""
        return self.cells.get(column, "").strip()

    def error(self, column: str, problem: str, *, hint: str = "") -> InputError:
        """Return the error that names this cell."""
        return InputError(
            f"{self.path}: line {self.line}, column '{column}': {problem}.", hint=hint
        )

    def number(self, column: str) -> float:
        """Return a number, NaN where the cell is empty."""
        text = self.text(column)
        if not text:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            raise self.error(column, f"'{text}' is not a number") from None
        if math.isinf(value):
            raise self.error(column, f"'{text}' is not finite")
        return value

    def inchikey_block(self) -> str:
        """Return the first block of the InChIKey, empty where there is none."""
        text = self.text("inchikey").upper()
        if text and not _INCHIKEY.fullmatch(text):
            raise self.error(
                "inchikey",
                f"'{text}' is not an InChIKey",
                hint="Give all 27 characters or the first block of 14 letters.",
            )
        return text[:14]


def read_rows(path: Path, required: Sequence[str]) -> Iterator[Row]:
    """Yield the lines of a tab-, comma- or semicolon-separated table with a header; ``-`` is stdin.

    Raises:
        InputError: unreadable, empty, not UTF-8, a required column missing, or a line whose
            number of cells is not that of the header.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}.", hint="Check the name."
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: line {line} is not UTF-8 text.", hint="Save the table as UTF-8."
        ) from error
    first = text.partition("\n")[0]
    if not first.strip():
        raise InputError(f"{path}: line 1: the table is empty.", hint="Is it the right file?")
    tabs = "\t" in first
    comma = ";" if ";" in first and "," not in first else ","  # Excel where commas are decimal
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter="\t" if tabs else comma,
        quoting=csv.QUOTE_NONE if tabs and '"' not in first else csv.QUOTE_MINIMAL,
    )
    header = [name.strip().lower() for name in next(reader, [])]
    for column in required:
        if header.count(column) != 1:
            problem = "is there twice" if column in header else "is missing"
            raise InputError(
                f"{path}: line 1: column '{column}' {problem}.",
                hint=f"The first line must name the columns {' '.join(required)}.",
            )
    empty = True
    for cells in reader:
        if not any(cells):
            continue
        empty = False
        if len(cells) != len(header):
            raise InputError(
                f"{path}: line {reader.line_num} has {len(cells)} cells, the header {len(header)}.",
                hint="Separate cells by one tab, or by commas in a CSV file.",
            )
        yield Row(path, reader.line_num, dict(zip(header, cells, strict=True)))
    if empty:
        raise InputError(f"{path}: line 2: the table has no rows.", hint="Is it the right file?")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a table of hits proposes for one spectrum on one line."""

    rank: int
    compound: str  # first InChIKey block, or a name of its own for a line without one
    smiles: str
    score: float
    probability: float
    q_value: float
    level: str

    @classmethod
    def from_row(cls, row: Row) -> Self | None:
        """Return the proposal of a line, None for rank 0 (searched, nothing found)."""
        text = row.text("rank")
        if not text.isdecimal():
            raise row.error("rank", f"'{text}' is not a whole number of 0 or more")
        proposal = cls(
            rank=int(text),
            compound=row.inchikey_block() or f"line {row.line}",
            smiles=row.text("smiles"),
            score=row.number("score"),
            probability=row.number("probability"),
            q_value=row.number("q_value"),
            level=row.text("level").lower(),
        )
        for column, value in (("probability", proposal.probability), ("q_value", proposal.q_value)):
            if value == value and not 0 <= value <= 1:
                raise row.error(column, f"{value:g} is not between 0 and 1")
        return proposal if proposal.rank else None

    def ties_with(self, other: "Proposal") -> bool:
        """Say whether nothing but the order of lines separates the two."""
        return self.score == other.score and (
            self.probability == other.probability
            or (math.isnan(self.probability) and math.isnan(other.probability))
        )


@dataclass(slots=True)
class Case:
    """One spectrum of the truth table and what was proposed for it, best first."""

    spectrum: str
    molecule: str
    known: bool
    compound: str
    smiles: str
    in_hits: bool = False
    proposals: list[Proposal] = field(default_factory=list[Proposal])

    @property
    def first(self) -> Proposal | None:
        """The best proposal, None when there is none."""
        return self.proposals[0] if self.proposals else None

    @property
    def rank(self) -> int | None:
        """Rank of the truth, behind every other compound that ties with it; None if not there."""
        if not self.known:
            return None
        found = next((p for p in self.proposals if p.compound == self.compound), None)
        if found is None:
            return None
        ahead = {p.compound for p in self.proposals if p.rank <= found.rank or p.ties_with(found)}
        return len(ahead | {self.compound})

    @property
    def is_named(self) -> bool:
        """Whether the first proposal claims to be the compound."""
        first = self.first
        return first is not None and (
            first.level in NAMED_LEVELS or first.probability >= NAMED_PROBABILITY
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """Truth and hits joined."""

    cases: list[Case]
    not_in_hits: list[str]  # truth spectra that the hits do not mention: counted as misses
    not_in_truth: int  # spectra of the hits that the truth does not mention: ignored


def judge(hits: Path, truth: Path) -> Judged:
    """Read both tables and join them by spectrum, and by file where the truth names files.

    Raises:
        InputError: a table is unreadable or malformed, a truth spectrum is listed twice or is
            in several files of the hits while the truth does not say which.
    """
    found: dict[str, dict[str, list[Proposal]]] = defaultdict(dict)
    for row in read_rows(hits, HIT_COLUMNS):
        proposals = found[row.text("spectrum")].setdefault(row.text("file"), [])
        if (proposal := Proposal.from_row(row)) is not None:
            proposals.append(proposal)
    cases: list[Case] = []
    used: set[tuple[str, str]] = set()
    seen: dict[tuple[str, str], int] = {}
    missing: list[str] = []
    for row in read_rows(truth, TRUTH_COLUMNS):
        key = (row.text("file"), row.text("spectrum"))
        if key in seen:
            raise row.error("spectrum", f"'{key[1]}' is on line {seen[key]} already")
        seen[key] = row.line
        case = _truth_case(row)
        cases.append(case)
        by_file = found.get(key[1], {})
        files = [name for name in by_file if not key[0] or _same_file(name, key[0])]
        if len(files) > 1:
            raise row.error(
                "spectrum",
                f"'{key[1]}' is in {len(files)} files of {hits}",
                hint="Add a column 'file' to the truth, as the hits write it.",
            )
        if not files:
            missing.append(case.spectrum)
            continue
        used.add((files[0], key[1]))
        case.in_hits = True
        case.proposals = sorted(by_file[files[0]], key=lambda p: p.rank)
    return Judged(cases, missing, sum(map(len, found.values())) - len(used))


def _truth_case(row: Row) -> Case:
    text = row.text("known").lower() or "1"
    if text not in ("0", "1", "true", "false", "yes", "no"):
        raise row.error("known", f"'{text}' is neither 1 nor 0")
    known = text in ("1", "true", "yes")
    compound = row.inchikey_block()
    spectrum = row.text("spectrum")
    if not spectrum:
        raise row.error("spectrum", "it is empty")
    if known and not compound:
        raise row.error(
            "inchikey", "a known compound has none", hint="Write 0 in column 'known' for unknowns."
        )
    molecule = row.text("molecule") or compound or spectrum
    return Case(spectrum, molecule, known, compound, row.text("smiles"))


def _same_file(in_hits: str, in_truth: str) -> bool:
    """Compare whole paths, or the end of the path where the truth gives only that."""
    ours, wanted = (name.replace("\\", "/") for name in (in_hits, in_truth))
    return ours == wanted or ours.endswith(f"/{wanted.removeprefix('./')}")
