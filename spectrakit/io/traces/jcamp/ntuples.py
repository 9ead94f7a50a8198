"""NTUPLES of JCAMP-DX 5 and 6: pages of tables, real and imaginary parts put together.

Source: Lampen et al., Appl. Spectrosc. 47 (1993) 1093 (NMR); 48 (1994) 1545 (mass spectra).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import nan

import numpy as np

from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.jcamp.labels import Block, Record, canonical
from spectrakit.io.traces.jcamp.tables import Frame, Table, is_even_form, read_even, read_groups
from spectrakit.io.traces.text import number

_VARIABLES = ("VARNAME", "SYMBOL", "VARTYPE", "VARFORM", "VARDIM", "UNITS", "FIRST", "LAST",
              "MIN", "MAX", "FACTOR")  # fmt: skip
_EVEN = re.compile(r"\(\s*(\w+)\s*\+\+\s*\(\s*(\w+)\s*\.\.", re.IGNORECASE)
_GROUP = re.compile(r"\(\s*(\w+?)\s*\.\.", re.IGNORECASE)
_PAGE = re.compile(r"\s*(\w+)\s*=\s*(.*)", re.DOTALL)


@dataclass(slots=True)
class Page:
    """One table of an NTUPLES block, with the variables that it is made of."""

    table: Table
    x_symbol: str
    y_symbol: str
    x_unit: str
    y_unit: str
    page: dict[str, str] = field(default_factory=dict[str, str])  # PAGE variables, as written
    is_even: bool = True
    count: int = -1
    line: int = 0


def pages_of(block: Block) -> Iterator[Page | tuple[str, int]]:
    """Yield the tables of a block in its order, each real part with its imaginary part.

    A table that cannot be read is yielded as (reason, line).
    """
    held: Page | None = None
    for page in _single(block):
        if held is not None and isinstance(page, Page) and _is_other_half(held, page):
            values = np.stack([held.table.y, page.table.y], axis=1)
            notices = [*held.table.notices, *page.table.notices]
            n_read = min(held.table.n_read, page.table.n_read)
            yield replace(held, table=Table(held.table.x, values, n_read, notices))
            held = None
            continue
        if held is not None:
            yield held
        held = page if isinstance(page, Page) else None
        if not isinstance(page, Page):
            yield page
    if held is not None:
        yield held


def _is_other_half(real: Page, imaginary: Page) -> bool:
    return (
        real.y_symbol.startswith("R")
        and imaginary.y_symbol.startswith("I")
        and real.is_even
        and imaginary.is_even
        and real.table.y.shape == imaginary.table.y.shape
        and bool(np.array_equal(real.table.x, imaginary.table.x))
    )


def _single(block: Block) -> Iterator[Page | tuple[str, int]]:
    variables: dict[str, list[str]] = {}
    local: dict[str, list[str]] = {}
    page: dict[str, str] = {}
    count = -1
    for record in block.records:
        if record.label in _VARIABLES:
            target = local if page else variables
            target[record.label] = [cell.strip() for cell in record.value.split(",")]
        elif record.label == "PAGE":
            local, count = {}, -1
            match = _PAGE.match(record.value)
            page = {match[1]: match[2].strip()} if match else {"PAGE": record.value}
        elif record.label == "NPOINTS" and page:
            count = int(number(record.value)) if number(record.value) >= 0 else -1
        elif record.label == "DATATABLE":
            try:
                yield _page(record, variables | local, page, count)
            except BadSpectrum as error:
                yield str(error), record.line


def _page(
    record: Record, variables: dict[str, list[str]], page: dict[str, str], count: int
) -> Page:
    even = _EVEN.search(record.value)
    symbols = [canonical(symbol) for symbol in variables.get("SYMBOL", [])]
    if even:
        x, y = canonical(even[1]), canonical(even[2])
    else:
        match = _GROUP.search(record.value)
        letters = canonical(match[1]) if match else "XY"
        x, y = _two(letters, symbols)

    def of(label: str, symbol: str) -> str:
        cells = variables.get(label, [])
        at = symbols.index(symbol) if symbol in symbols else -1
        return cells[at] if 0 <= at < len(cells) else ""

    def value(label: str, symbol: str, default: float = nan) -> float:
        found = number(of(label, symbol))
        return found if found == found else default

    declared = value("VARDIM", x)
    frame = Frame(
        first=value("FIRST", x),
        last=value("LAST", x),
        count=count if count >= 0 else int(declared) if declared > 0 and even else -1,
        x_factor=value("FACTOR", x, 1.0),
        y_factor=value("FACTOR", y, 1.0),
        first_y=value("FIRST", y),
    )
    if even and is_even_form(record.value):
        table = read_even(record.lines, frame)
    else:
        table = read_groups(record.value, record.lines, frame)
    units = of("UNITS", x), of("UNITS", y)
    return Page(table, x, y, *units, page, even is not None, frame.count, record.line)


def _two(letters: str, symbols: Sequence[str]) -> tuple[str, str]:
    """Divide ``XY`` or ``F1Y`` into two symbols of the block."""
    for symbol in sorted(symbols, key=len, reverse=True):
        rest = letters.removeprefix(symbol)
        if symbol and letters.startswith(symbol) and (rest in symbols or not symbols):
            return symbol, rest
    return letters[:1] or "X", letters[1:2] or "Y"
