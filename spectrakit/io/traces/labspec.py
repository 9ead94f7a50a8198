"""Horiba LabSpec text: one spectrum as two columns, or a map with one spectrum in each row."""

import re
from collections.abc import Iterator, Sequence
from math import isnan
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.columns import parse_columns
from spectrakit.io.traces.text import all_lines, decode_head, number, numbers, trace
from spectrakit.io.traces.units import known_axis_unit, known_value_unit
from spectrakit.spectrum import Spectrum

_MARK = re.compile(r"#(?:Acq\. time \(s\)|AxisType\[0\]|Acquired|Laser)\s*=", re.MULTILINE)
_MAP_AXIS = re.compile(r"\t+-?\d")
_FACT = re.compile(r"#([^=]{1,100})=\s*(.*)")


def says_labspec(head: bytes, path: Path) -> bool:
    """Say whether a text has LabSpec's ``#Key=value`` header."""
    text = decode_head(head)
    return text.startswith("#") and _MARK.search(text[:8000]) is not None


def read_labspec(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of a LabSpec export; those of a map with their coordinates in ``extra``.

    Raises:
        InputError: a row is damaged or cut off.
    """
    lines = all_lines(path, stream)
    facts: dict[str, str] = {}
    start = 0
    for start, line in enumerate(lines):  # noqa: B007 - the first line of data is used below
        if line.strip() and not line.startswith("#"):
            break
        if match := _FACT.match(line):
            facts.setdefault(match[1].strip(), match[2].strip())
    if _MAP_AXIS.match(lines[start]):
        yield from _map(path, lines, start, facts, Drops(path, account))
        return
    table = parse_columns(path, lines)
    try:
        yield _spectrum(table.values[:, 0], table.values[:, 1], facts, {})
    except BadSpectrum as error:
        Drops(path, account).drop(str(error), f"line {table.line}")


def _map(
    path: Path, lines: Sequence[str], start: int, facts: dict[str, str], drops: Drops
) -> Iterator[Spectrum]:
    """Yield the rows of a map: coordinates, then one value for each position of the first line."""
    head = lines[start].rstrip("\t ")
    n_coordinates = len(head) - len(head.lstrip("\t"))
    axis = np.array([number(cell) for cell in head.lstrip("\t").split("\t")])
    names = _coordinates(facts, n_coordinates)
    last = max(i for i, line in enumerate(lines) if line.strip())
    for at in range(start + 1, last + 1):
        if not lines[at].strip():
            continue
        cells = lines[at].rstrip("\t ").split("\t")
        if len(cells) != n_coordinates + len(axis):
            if at == last:
                raise InputError(
                    f"{path}: is cut off in line {at + 1}: {len(cells)} of "
                    f"{n_coordinates + len(axis)} cells are there.",
                    hint=COPY_AGAIN,
                )
            drops.drop("a row with another number of cells than the axis", f"line {at + 1}")
            continue
        try:
            values = numbers(cells[n_coordinates:], comma=True)
            place = {name: number(cell) for name, cell in zip(names, cells, strict=False)}
            place = {name: value for name, value in place.items() if not isnan(value)}
            yield _spectrum(axis, values, facts, place, str(at - start))
        except BadSpectrum as error:
            drops.drop(str(error), f"line {at + 1}")


def _coordinates(facts: dict[str, str], n: int) -> list[str]:
    """Return the names of the coordinates with their units, in the order of the columns."""
    names: list[str] = []
    for i in range(2, 2 + n):
        unit = facts.get(f"AxisUnit[{i}]", "").replace("µ", "u")
        name = facts.get(f"AxisType[{i}]", f"coordinate {i - 1}")
        names.append(f"{name} [{unit}]" if unit else name)
    return names


def _spectrum(
    axis: Any, values: Any, facts: dict[str, str], place: dict[str, float], native_id: str = ""
) -> Spectrum:
    unit = known_axis_unit(facts.get("AxisUnit[1]", ""))
    said = "Raman" if any(key.startswith(("Laser", "Raman")) for key in facts) else ""
    for key in facts:
        if not unit and key.startswith(("Spectro (", "Range (")):
            unit = known_axis_unit(key)
    title = facts.get("Title", "")
    return trace(
        axis,
        values,
        unit=unit,
        values=known_value_unit(facts.get("AxisUnit[0]", "")),
        said=said,
        native_id=native_id,
        name=title,
        sample=facts.get("Sample", ""),
        instrument=facts.get("Instrument", ""),
        extra={**facts, **place},
    )
