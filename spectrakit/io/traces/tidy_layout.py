"""How a table with one spectrum in each row is laid out: lines above, header, channels, units.

The header is the first line that names channels. Above it may stand blank lines, comments, and
titles or facts of one or two cells. Below it may stand a row of units: the channels' cells are
all one unit, or empty where only columns of facts have units.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import isnan

import numpy as np

from spectrakit.io.traces.channels import FEWEST, Channels, find_channels
from spectrakit.io.traces.text import ABSENT, number
from spectrakit.io.traces.tidy_samples import OURS
from spectrakit.io.traces.units import known_axis_unit, known_value_unit

NATIVE_ID = "native_id"  # the first column of the tables that we write
_MEANINGS = {
    "sample": "sample", "sampleid": "sample", "samplename": "sample", "sampleno": "sample",
    "samplenumber": "sample", "samplecode": "sample", "id": "sample",
    "instrument": "instrument", "instrumentid": "instrument", "spectrometer": "instrument",
    "device": "instrument", "replicate": "replicate", "rep": "replicate", "split": "split",
    "group": "group", "name": "name", "nativeid": NATIVE_ID, "modality": "modality",
    "technique": "modality", "valueunit": "value_unit", "yunit": "value_unit",
    "extra": "extra", "compound": "compound", "inchikey": "inchikey", "smiles": "smiles",
    "inchi": "inchi", "formula": "formula",
}  # fmt: skip
MOST_ABOVE = 50  # lines above the header
_LONGEST_ABOVE = 10_000  # characters of one of them
_COMMENT = ("#", "%", "//", "!", '"#')
_SPECTRAL = ("cm-1", "nm", "um", "Angstrom", "eV")
_QUANTITY = re.compile(
    r"\s*(?:wave[- _]?lengths?|wave[- _]?numbers?|raman[- _]?shift)\b.*", re.IGNORECASE
)
_ONE_WAY = 0.9  # of the steps of a header in two or more pieces
_UNIT_TEXT = re.compile(r"[^\d;]{1,30}|[^\d;]{0,20}\d{1,3}[^\d;]{1,10}")

_SURE_UNIT = re.compile(r"[%/°\[(]")


@dataclass(frozen=True, slots=True)
class TidyLayout:
    """How the table is cut, and which of its columns are what."""

    delimiter: str
    header: list[str]
    channels: Channels
    facts: dict[int, str] = field(default_factory=dict[int, str])  # column -> meaning or ""
    is_ours: bool = False  # written by tidy_writer
    above: tuple[str, ...] = ()  # lines before the header
    values: str = ""  # unit of the values, from a row of units


def find_layout(lines: Iterable[str]) -> TidyLayout | None:
    """Return the layout that the first lines of a text say, or None when it is no such table.

    No line below the header is taken from ``lines``.
    """
    above: list[str] = []
    for line in islice(lines, MOST_ABOVE + 1):
        text = line.rstrip("\n")
        found = _layout(text)
        if found is not None:
            said = [one for one in above if one.strip()]
            bare = found.channels.start == 0 and not found.channels.unit
            return None if said and bare else replace(found, above=tuple(said))
        if not _may_stand_above(text):
            return None
        above.append(text)
    return None


def _may_stand_above(line: str) -> bool:
    text = line.strip()
    if not text or len(text) > _LONGEST_ABOVE:
        return not text
    if text.startswith(_COMMENT):
        return True
    cells = [cell for cell in re.split(r"[,;\t|]", text) if cell.strip(' "')]
    return len(cells) <= 2 and isnan(number(cells[0])) if cells else True


def _layout(first: str) -> TidyLayout | None:
    best: TidyLayout | None = None
    for delimiter in (",", ";", "\t", "|"):
        if delimiter not in first and best is not None:
            continue
        try:
            header = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            continue
        if header and header[0].startswith("#"):
            header[0] = header[0].lstrip("# ")
        ours = bool(header) and header[0].strip() == NATIVE_ID
        if ours and len(header) == 1:  # a table without any spectrum
            return TidyLayout(delimiter, header, Channels(1, 1, np.empty(0), ""), {0: ""}, ours)
        channels = find_channels(header, 1 if ours else FEWEST, at_end=ours)
        if channels is None or (not ours and is_other(header, channels)):
            continue
        if best is None or len(channels.positions) > len(best.channels.positions):
            best = TidyLayout(delimiter, header, channels, _facts(header, channels), ours)
    return best


def is_other(header: Sequence[str], channels: Channels) -> bool:
    """Say whether bare numbers in a line are the values of a spectrum, or names of samples."""
    cells = header[channels.start : channels.stop]
    if channels.unit or any(isnan(number(cell)) for cell in cells):
        return False
    steps = np.diff(channels.positions)
    if channels.start == 0:
        bare = not any(isnan(number(cell)) for cell in header)
        return bare and not ((steps > 0).all() or (steps < 0).all())
    if channels.start == 1 and _names_axis(header[0]):
        return True  # spectra are in columns, named by numbers
    if any(_facts(header, channels).values()):
        return False
    return max((steps > 0).mean(), (steps < 0).mean()) < _ONE_WAY


def _names_axis(cell: str) -> bool:
    return known_axis_unit(cell) in _SPECTRAL or _QUANTITY.fullmatch(cell) is not None


def _facts(header: Sequence[str], channels: Channels) -> dict[int, str]:
    """Return the meaning of each column that is no channel; a meaning is given once."""
    facts: dict[int, str] = {}
    rank = list(_MEANINGS)
    columns = [i for i in range(len(header)) if not channels.start <= i < channels.stop]
    plain = {
        i: "" if header[i].startswith(OURS) else re.sub(r"[\s_.#-]", "", header[i]).lower()
        for i in columns
    }
    for i in sorted(columns, key=lambda i: rank.index(plain[i]) if plain[i] in rank else 99):
        meaning = _MEANINGS.get(plain[i], "")
        facts[i] = meaning if meaning not in facts.values() else ""
    return {i: facts[i] for i in columns}


def with_units(layout: TidyLayout, line: str) -> TidyLayout | None:
    """Return the layout with the units of the row below the header; None when it is no such row."""
    try:
        cells = next(csv.reader([line.rstrip("\n")], delimiter=layout.delimiter), [])
    except csv.Error:
        return None
    if len(cells) != len(layout.header):
        return None
    start, stop = layout.channels.start, layout.channels.stop
    told = [i for i, meaning in layout.facts.items() if meaning != NATIVE_ID and cells[i].strip()]
    facts = {i: cells[i].strip() for i in told}
    if any(not _UNIT_TEXT.fullmatch(cell) for cell in facts.values()):
        return None
    units = {cell.strip() for cell in cells[start:stop]}
    said = units.pop() if len(units) == 1 else "?"
    axis, values = known_axis_unit(said), known_value_unit(said)
    if said and not axis and not values:
        return None
    named = any(layout.facts[i] for i in facts if facts[i] not in ABSENT)
    if not said and (named or not facts or not all(map(_SURE_UNIT.search, facts.values()))):
        return None  # a sample without a spectrum
    header = list(layout.header)
    for i, unit in facts.items():
        if unit.strip("[]()") not in ABSENT and not layout.facts[i] and "[" not in header[i]:
            header[i] = f"{header[i].strip()} [{unit.strip('[]()')}]"
    channels = replace(layout.channels, unit=layout.channels.unit or axis)
    return replace(layout, header=header, channels=channels, values=values if not axis else "")
