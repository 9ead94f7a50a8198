"""BUCHI NIRCal projects (.nir): many spectra with their sample names and reference values.

A project is a stream of lines: texts with their length (``4/4000``), lists (``20 Values`` and
then texts, or numbers between ``begin`` and ``end``) and checksums, which are not verified.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout
from spectrakit.io.traces.units import axis_unit, value_unit
from spectrakit.spectrum import Modality, ReferenceValue, SampleInfo, Spectrum

MARK = b"NIRCAL Project File"
_LIST = re.compile(rb"(\d{1,9}) Values")
_TEXT = re.compile(rb"(\d{1,9})/")
_GUID = re.compile(r"\{[0-9A-F-]{36}\}", re.IGNORECASE)
_LONGEST_LINE = 1 << 16
_AFTER_GUID = {27: "operator", 45: "serial_number", 46: "cell", 49: "device"}
_LABELLED = ("Gain Factor", "Gain", "Instrument Temperature", "Sample Temperature")
_SCANS, _RESOLUTION = 5, 6


@dataclass(slots=True)
class _Lines:
    """What was read so far: texts and lists in order, and the numbers of the last spectrum."""

    texts: list[str] = field(default_factory=list[str])
    lists: list[list[str]] = field(default_factory=list[list[str]])
    numbers: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # byte, count


def read_buchi_nir(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra; the sample is the name in the project, its reference values targets.

    Raises:
        InputError: the project ends too early or has no wavelengths.
    """
    layout = Layout.of(path, stream)
    drops = Drops(path, account)
    x: np.ndarray[Any, np.dtype[np.float64]] | None = None
    unit = ""
    number = planned = 0
    replicates: Counter[str] = Counter()
    lines = _Lines()
    for _ in _read(layout, lines):
        if lines.numbers and x is not None and lines.numbers[-1][1] == len(x):
            at = lines.numbers[-1][0]
            guids = [i for i, text in enumerate(lines.texts) if _GUID.fullmatch(text)]
            if not guids:
                lines.numbers.pop()
                continue  # flags of the axis, not a spectrum
            number += 1
            try:
                yield _spectrum(layout, lines, guids[-1], at, (x, unit), number, replicates)
            except BadSpectrum as error:
                drops.drop(str(error), f"spectrum {number}")
            lines.texts, lines.lists, lines.numbers = [], [], []
            if number == planned:
                return  # what follows are calibrations
        elif x is None and lines.lists and "Wavelength Selection" in lines.texts[-20_000:]:
            place = len(lines.texts) - 1 - lines.texts[::-1].index("Wavelength Selection")
            found = _floats(lines.lists[-1])
            if len(found) > 1 and lines.texts[place - 2] == str(len(found)):
                x, unit = found, axis_unit(lines.texts[place - 1])
                planned = max(map(len, lines.lists[:-1]), default=0)  # the names of the spectra
                stated = _stated(lines.texts)
                if stated not in (None, planned):
                    raise layout.bad(f"the project says {stated} spectra and names {planned}")
                lines.texts, lines.lists, lines.numbers = [], [], []
    if x is None:
        raise layout.bad("the project has no list of wavelengths")
    raise layout.bad(f"the project has {number} of its {planned} spectra")


def _read(layout: Layout, lines: _Lines) -> Iterator[None]:
    """Read the project into ``lines``, pausing after every list."""
    at = layout.find(b"\n") + 1  # the first line names program and version
    while 0 < at < layout.size:
        text, after = _line(layout, at)
        counted = _LIST.fullmatch(text)
        if not counted:
            said, at = _text(layout, at, text, after)
            if said is not None:
                lines.texts.append(said)
            continue
        count, at = int(counted[1]), after
        if layout.raw(at, min(6, layout.size - at), "a list") == b"begin\n":
            layout.need(at + 6, 8 * count + 5, f"a list of {count} numbers")
            lines.numbers.append((at + 6, count))
            at += 6 + 8 * count + 5
        else:
            if count > layout.size - at:
                layout.need(at, 2 * count, f"a list of {count} texts")
            found: list[str] = []
            while len(found) < count and at < layout.size:
                text, after = _line(layout, at)
                said, after = _text(layout, at, text, after)
                if said is None:
                    break  # some lists are of other things
                found.append(said)
                at = after
            if len(found) == count:
                lines.lists.append(found)
            lines.texts.extend(found)
        yield


def _line(layout: Layout, at: int) -> tuple[bytes, int]:
    end = layout.find(b"\n", at, min(layout.size, at + _LONGEST_LINE))
    if end < 0:
        end = min(layout.size, at + _LONGEST_LINE)
    return layout.raw(at, end - at, "a line"), end + 1


def _text(layout: Layout, at: int, line: bytes, after: int) -> tuple[str | None, int]:
    """Return a text, whose length is before its slash, and where the next line begins."""
    match = _TEXT.match(line)
    if not match:
        return None, after
    start, length = at + match.end(), int(match[1])
    raw = layout.raw(start, length, f"a text of {length} bytes")
    return raw.decode("latin-1").strip()[:1000], start + length + 1


def _stated(texts: list[str]) -> int | None:
    """Return the number of spectra that the project states, or None."""
    if "Spectra Selection" not in texts[2:]:
        return None
    said = texts[texts.index("Spectra Selection", 2) - 2]
    return int(said) if said.isdecimal() and len(said) < 10 else None


def _floats(texts: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        found = np.array([float(text) for text in texts])
    except ValueError:
        return np.empty(0)
    return found if np.isfinite(found).all() else np.empty(0)


def _spectrum(
    layout: Layout,
    lines: _Lines,
    guid: int,
    at: int,
    axis: tuple[np.ndarray[Any, np.dtype[np.float64]], str],
    number: int,
    replicates: Counter[str],
) -> Spectrum:
    x, unit = axis
    texts = lines.texts
    y = layout.array("<f8", at, len(x), f"spectrum {number}")
    sample = texts[guid - 3] if guid >= 3 else ""
    replicates[sample] += 1
    after = texts[guid + 1 :]
    extra: dict[str, Any] = {
        "guid": texts[guid],
        "comment": texts[guid - 2] if guid >= 2 else "",
        "scans": _whole(after, _SCANS),
        "resolution": _whole(after, _RESOLUTION),
    }
    extra |= {key: after[place] for place, key in _AFTER_GUID.items() if place < len(after)}
    for label, value in pairwise(after):
        for known in _LABELLED:
            if label == known or label.startswith(f"{known} ["):
                extra[known.lower().replace(" ", "_")] = value
    values = value_unit(texts[guid - 1]) if guid else ""
    targets = _targets(layout, lines)
    return trace(
        x,
        unit,
        y,
        values,
        modality=Modality.NIR,
        extra=extra,
        native_id=str(number),
        name=sample,
        sample=sample,
        replicate=replicates[sample],
        instrument=str(extra.get("device", "")),
        sample_info=SampleInfo(targets=targets) if targets else None,
    )


def _whole(texts: list[str], place: int) -> int | None:
    return int(texts[place]) if place < len(texts) and texts[place].isdecimal() else None


def _targets(layout: Layout, lines: _Lines) -> dict[str, ReferenceValue]:
    """Return the reference values; all zero means that nobody entered any.

    The list that begins with ``<<undef>>`` names the properties, the first numbers of the same
    length are their values, the third list of texts their units.
    """
    start = next((i for i, one in enumerate(lines.lists) if one[:1] == ["<<undef>>"]), None)
    if start is None:
        return {}
    names = lines.lists[start]
    same = [one for one in lines.numbers if one[1] == len(names)]
    if not same:
        return {}
    values = layout.array("<f8", same[0][0], len(names), "the reference values")
    if not values.any():
        return {}
    units = lines.lists[start + 2] if start + 2 < len(lines.lists) else []
    units = units if len(units) == len(names) else [""] * len(names)
    found: dict[str, ReferenceValue] = {}
    for name, value, unit in zip(names[1:], values[1:], units[1:], strict=True):
        if np.isfinite(value):
            label = name if name not in found else f"{name} ({len(found) + 1})"
            found[label] = ReferenceValue(float(value), unit)
    return found
