"""EMSA/MAS spectra (ISO 22029): energy loss and X-ray spectra as text.

Source: Egerton et al., EMSA Bulletin 21 (1991) 35; ISO 22029:2022.
"""

import re
from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.text import all_lines, decode_head, number, trace
from spectrakit.io.traces.units import axis_unit, known_value_unit
from spectrakit.spectrum import FloatArray, Spectrum

_KEYWORD = re.compile(r"\s*#+([^:]{1,60}?)\s*:\s*(.*)")


def says_emsa(head: bytes, path: Path) -> bool:
    """Say whether a text opens as EMSA/MAS."""
    return re.match(r"\s*#FORMAT\s*:\s*EMSA", decode_head(head), re.IGNORECASE) is not None


def read_emsa(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectrum; the axis is OFFSET and XPERCHAN, or the file's own for DATATYPE XY.

    Raises:
        InputError: a line of the data is damaged, or the file ends before its ENDOFDATA with
            fewer points than it announces.
    """
    facts: dict[str, str] = {}
    cells: list[float] = []
    in_data = ended = False
    for at, line in enumerate(all_lines(path, stream), 1):
        match = _KEYWORD.match(line)
        if match and re.match(r"\s*#", line):
            key = re.split(r"\s*-", match[1].strip())[0].upper()
            if key == "SPECTRUM":
                in_data = True
            elif key == "ENDOFDATA":
                ended = True
                break
            elif not in_data:
                value = match[2].strip()
                more = key in ("TITLE", "COMMENT") and key in facts
                facts[key] = f"{facts[key]}\n{value}" if more else value
        elif in_data and line.strip():
            row = [number(cell) for cell in line.replace(",", " ").split()]
            if any(map(isnan, row)):
                raise InputError(
                    f"{path}: line {at}: '{line[:40]}' is no row of numbers.", hint=COPY_AGAIN
                )
            cells += row
    axis, values = _arrays(path, cells, facts)
    declared = number(facts.get("NPOINTS", ""))
    if not ended and declared > len(values):
        raise InputError(
            f"{path}: is cut off: {len(values)} of {declared:g} points are there.", hint=COPY_AGAIN
        )
    title = " ".join(facts.get("TITLE", "").split())
    try:
        yield trace(
            axis,
            values,
            unit=axis_unit(facts.get("XUNITS", "")),
            values=known_value_unit(facts.get("YUNITS", "")),
            name=title,
            sample=title,
            extra=dict(facts),
        )
    except BadSpectrum as error:
        Drops(path, account).drop(str(error), "the data")


def _arrays(path: Path, cells: list[float], facts: dict[str, str]) -> tuple[FloatArray, FloatArray]:
    """Return axis and values.

    The header's OFFSET and XPERCHAN define the axis, in XY files too (ISO 22029, 6.3): the
    positions written there are rounded, and in the standard's own example not even consistent.
    """
    paired = facts.get("DATATYPE", "Y").strip().upper().startswith("XY")
    if paired and len(cells) % 2:
        raise InputError(f"{path}: its {len(cells)} numbers are no pairs.", hint=COPY_AGAIN)
    values = np.array(cells[1::2] if paired else cells)
    offset, step = number(facts.get("OFFSET", "")), number(facts.get("XPERCHAN", ""))
    if not (isnan(offset) or isnan(step)):
        return offset + step * np.arange(len(values)), values
    if not paired:
        raise InputError(
            f"{path}: does not say where its axis begins (OFFSET, XPERCHAN).",
            hint="Export it again, as XY.",
        )
    return np.array(cells[::2]), values
