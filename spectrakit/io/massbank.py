"""MassBank records (format 2.x): one or many in a file, everything they say kept.

Fields with a meaning become those of the spectrum; every other tag is kept in ``extra`` under
its own name (``CH$LINK CAS``, ``AC$CHROMATOGRAPHY SOLVENT A``), where ``massbank_writer`` finds
it. ``int.`` is the intensity; ``rel.int.`` is kept as the column ``relative_intensity`` only
where it says something else than ``int.`` scaled to 999.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops, decode, split_records
from spectrakit.io.massbank_tags import (
    FULL_SCALE,
    KEPT,
    LINKS,
    MEANINGS,
    OWN,
    OWN_HEADER,
    PARTED,
    PLACEHOLDERS,
    TABLES,
)
from spectrakit.io.peaklist import BadPeakLine, note_column
from spectrakit.io.record import BadSpectrum, Field, field_of, record_spectrum, tidy_peaks
from spectrakit.spectrum import Spectrum

_TAG = re.compile(r"([A-Z]{2}\$[A-Z_/]+|[A-Z_]+): ?(.*)")
_TIME = re.compile(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)\s*(min|minutes?|sec|s|seconds?)\.?")
_NEXT = re.compile(r"\n(?=ACCESSION:)")
_NO_LIST = "no peak list"
_TWO_LISTS = "two peak lists in one record"
_ENDLESS = "cut off before //"
_SAME_MZ = 5e-4  # how far an annotation may lie from the peak it is for, in m/z


@dataclass(slots=True)
class _Record:
    """The lines of one record by what they are."""

    fields: list[Field] = field(default_factory=list[Field])
    peaks: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])  # line, text
    annotations: list[str] = field(default_factory=list[str])
    header: str = ""  # of the annotations
    has_list: bool = False
    declared: str = ""
    placeholders: set[str] = field(default_factory=set[str])
    kept: dict[str, Any] = field(default_factory=dict[str, Any])  # extras of our own writer


def read_massbank(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of a file of MassBank records in its order.

    The native id is ACCESSION, else the 0-based index. Lines of PK$ANNOTATION become the column
    ``annotation`` of the peaks they name; those that name none are kept in ``extra``. A number
    of peaks other than PK$NUM_PEAK is kept in ``extra`` and counted in ``account.treated``.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every spectrum that cannot be given.
    """
    drops = Drops(path, account)
    for index, (start, body, is_ended) in enumerate(_bodies(path, stream)):
        try:
            record = _record(body)
            if not is_ended and record.declared != str(len(record.peaks)):
                raise BadSpectrum(_ENDLESS)
            yield _spectrum(record, index, account)
        except BadPeakLine as error:
            where = f"entry {index + 1}, line {start + error.line}"
            drops.drop(str(error), f"{where} ({error.text.strip()[:40]!r})")
        except BadSpectrum as error:
            drops.drop(str(error), f"entry {index + 1}, line {start}")


def _bodies(path: Path, stream: BinaryIO) -> Iterator[tuple[int, str, bool]]:
    """Yield (first line, text, is it ended by //) of each record.

    Where // is missing between two, the second begins at its ACCESSION.
    """
    line = 1
    blocks = split_records(path, stream, b"\n//")
    block = next(blocks)
    while block is not None:
        following = next(blocks, None)
        text = decode(block)
        body = text.lstrip("\n /\t\r")  # what is left of the last separator, and blank lines
        start = line + text.count("\n", 0, len(text) - len(body))
        line += text.count("\n") + 1
        block = following
        parts = _NEXT.split(body) if body.count("\nPK$PEAK:") > 1 else [body]
        for part in parts:
            is_last = part is parts[-1]
            if part.strip():
                yield start, part, is_last and following is not None
            start += part.count("\n") + 1


def _record(body: str) -> _Record:
    record = _Record()
    table = ""
    for number, text in enumerate(body.split("\n")):
        match = None if text[:1] in (" ", "\t") else _TAG.match(text)
        if match is None:
            if not text.strip():
                continue
            if table == "PK$PEAK":
                record.peaks.append((number, text))
            elif table == "PK$ANNOTATION":
                record.annotations.append(text.strip())
            else:
                record.fields.append(("", "text", text.strip()))
            continue
        tag, value = match[1], match[2].strip()
        table = tag if tag in TABLES else ""
        if tag == "PK$PEAK":
            if record.has_list:
                raise BadSpectrum(_TWO_LISTS)
            record.has_list = True
        elif tag == "PK$ANNOTATION":
            record.header = value
        elif tag == "PK$NUM_PEAK":
            record.declared = value
        elif tag == "COMMENT" and value.startswith(PLACEHOLDERS):
            record.placeholders.update(value[len(PLACEHOLDERS) :].split(", "))
        elif tag == "COMMENT" and value.startswith(KEPT):
            record.kept.update(_json_object(value[len(KEPT) :]))
        else:
            record.fields.append(_field(tag, value))
    if record.placeholders:
        record.fields = [one for one in record.fields if one[1] not in record.placeholders]
    return record


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    return found if isinstance(found, dict) else {KEPT.strip(): text}  # pyright: ignore[reportUnknownVariableType]


def _field(tag: str, value: str) -> Field:
    if tag == "COMMENT" and value.startswith(OWN):
        key, _, text = value[len(OWN) :].partition("=")
        return field_of(key, text)
    key = tag
    if tag in PARTED:
        word, _, value = value.partition(" ")
        if tag == "AC$CHROMATOGRAPHY" and word == "SOLVENT" and value[1:2] == " ":
            word, value = f"SOLVENT {value[0]}", value[2:]
        key, value = f"{tag} {word}", value.strip()
    meaning = LINKS.get(key) or MEANINGS.get(key, "")
    if meaning == "retention_time" and (match := _TIME.fullmatch(value)):
        seconds = float(match[1]) * (60 if match[2].startswith("m") else 1)
        return "rt_seconds", key, repr(seconds)
    if value in ("N/A", "NA") and meaning not in ("name", "accession"):
        meaning = ""
    return meaning, key, value


def _spectrum(record: _Record, index: int, account: InputAccount) -> Spectrum:
    if not record.has_list:
        raise BadSpectrum(_NO_LIST)
    mz, intensity, relative = _peaks(record.peaks)
    columns: dict[str, Any] = {}
    if len(relative) and not _is_scaled(intensity, relative):
        columns["relative_intensity"] = relative
    notes, lost = _annotated(record, mz)
    if any(notes):
        columns["annotation"] = note_column(notes)
    fields = record.fields
    if record.header and record.header != OWN_HEADER:
        fields.append(("", "PK$ANNOTATION", record.header))
    fields += [("", "PK$ANNOTATION LINE", text) for text in lost]
    if record.declared and record.declared != str(len(mz)):
        fields.append(("", "PK$NUM_PEAK", record.declared))
        account.treated["PK$NUM_PEAK is not the number of peaks"] += 1
    peaks = tidy_peaks(mz, intensity, columns)
    spectrum = record_spectrum(fields, peaks, id_order=("accession",), time_unit="min", index=index)
    if record.kept:
        spectrum = replace(spectrum, extra={**spectrum.extra, **record.kept})
    return spectrum


def _peaks(lines: list[tuple[int, str]]) -> tuple[Any, Any, Any]:
    """Return m/z, int. and rel.int. (n,) float64; the last is empty where any peak lacks it."""
    rows: list[list[float]] = []
    for number, text in lines:
        words = text.split()
        try:
            if len(words) not in (2, 3) or "_" in text:
                raise ValueError
            rows.append([float(word) for word in words])
        except ValueError:
            raise BadPeakLine(number, text) from None
    mz = np.array([row[0] for row in rows])
    intensity = np.array([row[1] for row in rows])
    whole = bool(rows) and all(len(row) == 3 for row in rows)
    return mz, intensity, np.array([row[2] for row in rows]) if whole else np.empty(0)


def _is_scaled(intensity: Any, relative: Any) -> bool:
    """Say whether rel.int. is int. scaled to 999 and rounded, up or down."""
    if np.array_equal(intensity, relative):
        return True
    base = intensity.max()
    if not (np.isfinite(intensity).all() and base > 0):
        return False
    return bool((np.abs(intensity / base * FULL_SCALE - relative) <= 1).all())


def _annotated(record: _Record, mz: Any) -> tuple[list[str], list[str]]:
    """Return a note for each peak, in the order of the file, and the lines that name no peak."""
    notes = [""] * len(mz)
    lost: list[str] = []
    for text in record.annotations:
        word, _, note = text.replace("\t", " ").partition(" ")
        note = note.strip().replace("\u00a0", " ")  # our writer's space within a word
        try:
            distance = np.abs(mz - float(word))
            at = int(distance.argmin()) if len(mz) else -1
        except ValueError:
            at = -1
        if at < 0 or not distance[at] <= _SAME_MZ or not note:  # pyright: ignore[reportPossiblyUnboundVariable]
            lost.append(text)
        else:
            notes[at] = f"{notes[at]}; {note}" if notes[at] else note
    return notes, lost
