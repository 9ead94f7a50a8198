"""Mascot generic format: GNPS, MetaboScape, MassHunter, msconvert and library exports alike."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops, decode, split_records
from spectrakit.io.mgf_notes import KEY as NOTES
from spectrakit.io.mgf_notes import with_notes
from spectrakit.io.peaklist import EMPTY_LIST, BadPeakLine, note_column, parse_peaks
from spectrakit.io.record import BadSpectrum, Columns, Field, field_of, record_spectrum
from spectrakit.spectrum import Spectrum

_ID_ORDER = ("spectrum_id", "title", "scans", "feature_id")
_BEGIN = re.compile(rb"^[ \t]*BEGIN IONS[ \t]*$", re.MULTILINE)
_ANY_SPELLING = re.compile(rb"^[ \t]*(BEGIN|END) IONS[ \t]*$", re.MULTILINE | re.IGNORECASE)
_INDENTED = (b" END IONS", b"\tEND IONS")
_FIRST_PEAK = re.compile(rb"^[ \t]*[-+.]?\d", re.MULTILINE)
_COMMENTS = b"#;!/"
_PEAK_CHARGE = re.compile(r"(\d{0,3})[+]?")
_CUT_OFF = "cut off before END IONS"


def read_mgf(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of an MGF file in its order.

    The native id is SPECTRUMID, TITLE or SCANS, else FEATURE_ID, else the 0-based index.
    Parameters above the first spectrum hold for every spectrum that does not say otherwise.
    Peaks are sorted by m/z (stable); a third column becomes ``charge`` or ``annotation``.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every spectrum that cannot be given.
    """
    drops = Drops(path, account)
    common: dict[str, str] = {}
    index = -1
    line = 1
    blocks = split_records(path, stream, b"\nEND IONS", tidy=_in_capitals)
    block = next(blocks)
    for following in blocks:
        begins = list(_BEGIN.finditer(block)) if block.count(b"BEGIN IONS") != 1 else []
        at = block.find(b"BEGIN IONS") if not begins else begins[-1].start()
        if len(begins) > 1:
            for lost in begins[:-1]:
                index += 1
                place = line + block.count(b"\n", 0, lost.start())
                drops.drop(_CUT_OFF, f"entry {index + 1}, line {place}")
        if at >= 0:
            index += 1
            if block[:at].strip():
                _read_common(common, block[: begins[0].start() if begins else at])
            start = line + block.count(b"\n", 0, at)
            try:
                yield _spectrum(block[at:], common, index)
            except BadPeakLine as error:
                text = f"line {start + error.line} ({error.text.strip()[:40]!r})"
                drops.drop(str(error), f"entry {index + 1}, {text}")
            except BadSpectrum as error:
                drops.drop(str(error), f"entry {index + 1}, line {start}")
        line += block.count(b"\n") + 1
        block = following.partition(b"\n")[2] if not following.startswith(b"\n") else following
    for lost in _BEGIN.finditer(block):
        index += 1
        place = line + block.count(b"\n", 0, lost.start())
        drops.drop(_CUT_OFF, f"entry {index + 1}, line {place}")


def _in_capitals(text: bytes) -> bytes:
    """Return text in which the lines around records are spelled in one way."""
    if not (_holds_small(text, b"ions") or _holds_small(text, b"Ions")) and not any(
        indented in text for indented in _INDENTED
    ):
        return text
    return _ANY_SPELLING.sub(lambda match: match[1].upper() + b" IONS", text)


def _holds_small(text: bytes, word: bytes) -> bool:
    """Say whether a word follows BEGIN or END; in notes it is common, and quick to look for."""
    at = text.find(word)
    while at >= 0 and text[max(0, at - 4) : at].lower() not in (b"gin ", b"end "):
        at = text.find(word, at + 1)
    return at >= 0


def _read_common(common: dict[str, str], text: bytes) -> None:
    for line in decode(text).split("\n"):
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(tuple(_COMMENTS.decode())):
            common[key.strip()] = value.strip()


def _spectrum(block: bytes, common: dict[str, str], index: int) -> Spectrum:
    """Build one spectrum from the text between BEGIN IONS and END IONS."""
    top = block.find(b"\n") + 1 or len(block)
    first = _FIRST_PEAK.search(block, top)
    header_end = first.start() if first else len(block)
    header = decode(block[top:header_end])
    fields: list[Field] = []
    for i, text in enumerate(header.split("\n")):
        field = _field(text)
        if field is None:
            raise BadPeakLine(1 + i, text)
        fields.append(field)
    if common:
        own = {key for _, key, _ in fields}
        fields.extend(field_of(key, value) for key, value in common.items() if key not in own)
    body = block[header_end:].rstrip()
    try:
        mz, intensity, notes = parse_peaks(body, comments=_COMMENTS) if body else EMPTY_LIST
    except BadPeakLine as error:
        raise BadPeakLine(error.line + 1 + header.count("\n"), error.text) from None
    columns: Columns = _third_column(notes)
    if NOTES in header:
        fields, columns = with_notes(fields, columns, len(mz))
    return record_spectrum(
        fields,
        (mz, intensity, columns),
        id_order=_ID_ORDER,
        time_unit="s",
        index=index,
    )


@lru_cache(maxsize=1 << 16)
def _field(line: str) -> Field | None:
    """Return one header line as a field, or None for what is neither field nor comment."""
    key, equals, value = line.partition("=")
    if equals:
        return field_of(key.strip(), value.strip())
    if not key.strip() or key.lstrip().startswith(tuple(_COMMENTS.decode())):
        return "", "", ""
    return None


def _third_column(notes: list[str]) -> dict[str, NDArray[Any]]:
    if not notes:
        return {}
    charges = [_PEAK_CHARGE.fullmatch(note) for note in notes]
    if all(charges):
        return {"charge": np.array([int(m[1] or 0) for m in charges if m], dtype=np.int16)}
    return {"annotation": note_column(notes)}
