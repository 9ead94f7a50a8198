"""MS1 and MS2 text (MakeMS2, RawConverter, ProteoWizard): lines that begin with H, S, I, Z or D.

Source: McDonald et al., Rapid Communications in Mass Spectrometry 18, 2162 (2004). Words are
separated by tabs, or by spaces as some programs write. A spectrum with one Z line has its
charge; with several, no charge is claimed and all are kept in ``extra``.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from math import isfinite, nan
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops, decode, split_records
from spectrakit.io.fields import number
from spectrakit.io.peaklist import EMPTY_LIST, BadPeakLine, note_column, parse_peaks
from spectrakit.io.record import (
    NO_COLUMNS,
    BadSpectrum,
    Field,
    add_extra,
    field_of,
    record_spectrum,
)
from spectrakit.spectrum import Spectrum

_NO_SCAN = "S line without two scan numbers"
_MEANINGS = {  # names of I lines, lower case -> the field they are
    "rtime": "rt_minutes",
    "rettime": "rt_minutes",
    "retention time": "rt_minutes",
    "activationtype": "activation",
    "instrumenttype": "instrument",
    "precursorint": "precursor_intensity",
}


def read_ms2(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of an MS1 or MS2 file in its order; the native id is the scan number.

    An S line with a precursor m/z is of MS level 2, one without of level 1. Whole numbers behind
    the intensity of the peaks are charge and resolution; anything else there is an annotation.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every spectrum that cannot be given.
    """
    drops = Drops(path, account)
    header: dict[str, Any] = {}
    line, index = 1, 0
    for number_of_block, block in enumerate(split_records(path, stream, b"\nS")):
        start, line = line, line + block.count(b"\n") + 1
        if number_of_block == 0:
            if not block.startswith(b"S"):
                _add_header(header, decode(block))
                continue
            block = block[1:]
        try:
            yield _spectrum(decode(block), header, index)
        except BadPeakLine as error:
            place = f"entry {index + 1}, line {start + error.line}"
            drops.drop(str(error), f"{place} ({error.text.strip()[:40]!r})")
        except BadSpectrum as error:
            drops.drop(str(error), f"entry {index + 1}, line {start}")
        index += 1


def _add_header(header: dict[str, Any], text: str) -> None:
    for line in text.split("\n"):
        if words := line.split(None, 1):
            add_extra(header, words[0], words[1].replace("\t", " ") if len(words) > 1 else "")


def _spectrum(text: str, header: dict[str, Any], index: int) -> Spectrum:
    first, *lines = text.split("\n")
    words = first.split()
    if len(words) < 2:
        raise BadSpectrum(_NO_SCAN)
    fields: list[Field] = [field_of("scans", words[0])]
    if words[1] != words[0]:
        fields.append(("", "last scan", words[1]))
    precursor = number(words[2]) if len(words) > 2 else nan
    if len(words) > 2:
        fields.append(("precursor_mz", "S", words[2]))
    fields += [("", "S", word) for word in words[3:]]
    charges: list[str] = []
    head = list(takewhile(lambda line: line[:1] in ("I", "Z", "D", "H"), lines))
    for line in head:
        kind, rest = line[0], line[1:].strip()
        if kind == "I":
            fields.append(_information(rest))
            continue
        fields.append(("", kind, rest.replace("\t", " ")))
        charges += rest.split()[:1] if kind == "Z" else []
    fields.append(("ms_level", "", "2" if isfinite(precursor) and precursor > 0 else "1"))
    if len(charges) == 1:
        fields.append(("charge", "", charges[0]))
    body = "\n".join(lines[len(head) :]).rstrip()
    try:
        peaks = parse_peaks(body.encode()) if body.strip() else EMPTY_LIST
    except BadPeakLine as error:
        raise BadPeakLine(error.line + len(head) + 1, error.text) from None
    mz, intensity, notes = peaks
    columns = _columns(notes) if notes else NO_COLUMNS
    spectrum = record_spectrum(
        fields, (mz, intensity, columns), id_order=("scans",), time_unit="min", index=index
    )
    return replace(spectrum, extra={**header, **spectrum.extra}) if header else spectrum


def _columns(notes: list[str]) -> dict[str, NDArray[Any]]:
    rows = [note.split() for note in notes]
    width = len(rows[0])
    if width in (1, 2) and all(len(row) == width and all(map(_is_count, row)) for row in rows):
        columns: dict[str, NDArray[Any]] = {"charge": np.array([int(row[0]) for row in rows])}
        if width == 2:
            columns["resolution"] = np.array([int(row[1]) for row in rows])
        return columns
    return {"annotation": note_column(notes)}


def _is_count(word: str) -> bool:
    return word.isdecimal() and len(word) <= 9


def _information(rest: str) -> Field:
    """Return an I line as a field: name and value are apart by a tab, else by the first blank."""
    key, tab, value = rest.partition("\t")
    if not tab:
        key, _, value = rest.partition(" ")
    key, value = key.strip(), value.strip()
    return _MEANINGS.get(key.lower(), ""), key, value
