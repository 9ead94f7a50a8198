"""A JCAMP-DX file cut into blocks of labelled data records."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

DATA = ("XYDATA", "XYPOINTS", "PEAKTABLE", "PEAKASSIGNMENTS", "RADATA", "DATATABLE")
_LABEL = re.compile(r"\s*##(.*?)=(.*)", re.DOTALL)
_BARE_END = re.compile(r"\s*##\s*end\s*", re.IGNORECASE)
_LONGEST_VALUE = 4000  # characters of a record that is no data
_PRIVATE = "$SPECTRAKIT"  # what our writer keeps; its lines are cut anywhere
_LONGEST_PRIVATE = 1 << 24
_MOST_RECORDS = 5000  # of one block


def canonical(label: str) -> str:
    """Return a label without what JCAMP-DX ignores: case, spaces, ``-``, ``/`` and ``_``."""
    return re.sub(r"[\s\-/_]", "", label).upper()


@dataclass(slots=True)
class Record:
    """One labelled data record: its value, and the data lines below it."""

    label: str  # canonical
    written: str  # as the file spells it
    value: str
    line: int
    lines: list[str] = field(default_factory=list[str])

    @property
    def is_data(self) -> bool:
        """Say whether the lines are a table of numbers."""
        return self.label in DATA


@dataclass(slots=True)
class Block:
    """The records from one TITLE to its END, without those of the blocks inside."""

    line: int
    records: list[Record] = field(default_factory=list[Record])
    closed: bool = False
    comments: list[str] = field(default_factory=list[str])

    def get(self, label: str, default: str = "") -> str:
        """Return the value of the first record of a canonical label."""
        return next((r.value for r in self.records if r.label == label), default)

    def has(self, label: str) -> bool:
        """Say whether there is a record of a canonical label, even an empty one."""
        return any(record.label == label for record in self.records)

    @property
    def is_link(self) -> bool:
        """Say whether this block only holds others."""
        return self.get("DATATYPE").strip().upper() == "LINK" or self.get("BLOCKS") != ""


def blocks_of(lines: Iterable[str]) -> Iterator[Block]:
    """Yield the blocks of a file: each when it ends, an outer one after those inside it.

    A TITLE inside a block that is no LINK ends that block, whose END is missing.
    """
    stack: list[Block] = []
    record: Record | None = None
    for number, raw in enumerate(lines, 1):
        text, dollars, comment = raw.partition("$$")
        if dollars and stack and comment.strip() and len(stack[-1].comments) < 100:
            stack[-1].comments.append(comment.strip())
        if not text.strip():
            continue
        match = _LABEL.match(text) if "##" in text else None
        if match is None and _BARE_END.fullmatch(text):
            match = _LABEL.match("##END=")
        if match is None:
            if record is not None:
                _continue(record, text)
            continue
        label = canonical(match[1])
        record = Record(label, match[1].strip(), match[2].strip(), number)
        if label == "TITLE":
            if stack and not stack[-1].is_link:
                yield stack.pop()
            stack.append(Block(number))
        if not stack:
            continue
        if label == "END":
            stack[-1].closed = True
            yield stack.pop()
            record = None
        elif len(stack[-1].records) < _MOST_RECORDS or record.is_data:
            stack[-1].records.append(record)
    while stack:
        yield stack.pop()


def _continue(record: Record, text: str) -> None:
    if record.is_data:
        record.lines.append(text.strip())
    elif record.label == _PRIVATE:
        if sum(map(len, record.lines)) < _LONGEST_PRIVATE:
            record.lines.append(text.strip())
    elif len(record.value) + len(text) < _LONGEST_VALUE:
        record.value = f"{record.value}\n{text.strip()}".strip()
