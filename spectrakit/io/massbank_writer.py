"""Spectra as MassBank records, written so that our reader gives back the same spectra.

Obligatory tags that a spectrum says nothing of get a neutral value, and a comment names them, so
that reading the record back invents nothing. Fields without a tag (a charge, the edges of the
isolation window) are comments as well.
"""

import json
import re
from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any, BinaryIO

import numpy as np

from spectrakit.io.field_texts import charge_text, number_text, one_line, shared_fields
from spectrakit.io.massbank_tags import (
    FULL_SCALE,
    KEPT,
    OBLIGATORY,
    ORDER,
    OWN,
    OWN_HEADER,
    PARTED,
    PLACEHOLDERS,
    SHARED,
)
from spectrakit.io.splash import splash
from spectrakit.spectrum import FloatArray, Spectrum

_FAMILY = re.compile(r"(\S+?)(?: (\S+|SOLVENT [A-Z]))?")
_FOLLOWS = ("PK$SPLASH", "PK$NUM_PEAK", "PK$ANNOTATION", "PK$ANNOTATION LINE")  # from the peaks

Tags = dict[str, list[str]]


def write_massbank(handle: BinaryIO, spectra: Iterable[Spectrum]) -> int:
    """Write spectra as MassBank records and return how many.

    A per-peak column ``annotation`` becomes PK$ANNOTATION, ``relative_intensity`` the third
    column of the peaks; PK$SPLASH is computed.
    """
    count = 0
    for count, spectrum in enumerate(spectra, 1):  # noqa: B007 - the last count is returned
        lines = [*_head(spectrum), *_annotations(spectrum), *_peaks(spectrum), "//\n"]
        handle.write("\n".join(lines).encode())
    return count


def _head(spectrum: Spectrum) -> list[str]:
    tags, own, kept = _tags(spectrum)
    missing = [tag for tag in OBLIGATORY if tag not in tags]
    known = {key.casefold().replace(" ", "_"): value for key, value in spectrum.extra.items()}
    for tag in missing:
        known_as = known.get(tag.removeprefix("AC$").casefold())
        stated = known_as if isinstance(known_as, str) else ""
        if tag == "CH$NAME" and spectrum.molecule is not None:
            stated = spectrum.molecule.name
        if tag == "ACCESSION":
            stated = spectrum.native_id
        if tag == "RECORD_TITLE":
            parts = ("CH$NAME", "AC$INSTRUMENT_TYPE", "AC$MASS_SPECTROMETRY MS_TYPE")
            stated = "; ".join(tags[part][0].replace(";", ",") for part in parts)
        tags[tag] = [one_line(stated) or OBLIGATORY[tag]]
    if key := splash(spectrum.mz.tolist(), spectrum.intensity.tolist()):
        tags["PK$SPLASH"] = [key]
        missing += [] if "PK$SPLASH" in spectrum.extra else ["PK$SPLASH"]
    comments = [f"{OWN}{key}={value}" for key, value in own]
    if kept:
        comments.append(KEPT + json.dumps(kept, ensure_ascii=True))
    if missing:
        comments.append(PLACEHOLDERS + ", ".join(missing))
    if comments:
        tags["COMMENT"] = [*tags.get("COMMENT", []), *comments]
    lines: list[str] = []
    for tag in sorted(tags, key=_place):
        name, _, part = tag.partition(" ")
        lead = f"{name}: {part} " if part else f"{name}: "
        lines += [f"{lead}{value}".rstrip() for value in tags[tag]]
    return lines


def _place(tag: str) -> tuple[int, str]:
    """Return where a tag stands: its own place, else at the end of its family's."""
    if tag in ORDER:
        return ORDER.index(tag), ""
    return ORDER.index(tag.partition(" ")[0]), tag


def _tags(spectrum: Spectrum) -> tuple[Tags, list[tuple[str, str]], dict[str, Any]]:
    """Return what goes under tags, into comments as fields, and into a comment as it is."""
    tags: Tags = {}
    own: list[tuple[str, str]] = []
    texts = dict(shared_fields(spectrum))
    if name := one_line(spectrum.name):
        tags["CH$NAME"] = [name]
    if level := texts.pop("MSLEVEL", ""):
        texts["MS_TYPE"] = "MS" if level == "1" else f"MS{level}"
    if spectrum.precursor_mz > 0:
        texts["PRECURSOR_M/Z"] = number_text(float(spectrum.precursor_mz))
    if not isnan(spectrum.rt_seconds):
        texts["RETENTION_TIME"] = f"{float(spectrum.rt_seconds)!r} sec"
    if not isnan(spectrum.precursor_intensity):
        texts["PRECURSOR_INTENSITY"] = number_text(float(spectrum.precursor_intensity))
    if spectrum.charge:
        texts["CHARGE"] = charge_text(spectrum)
    if accession := one_line(spectrum.native_id):
        tags["ACCESSION"] = [accession]
    for key, text in texts.items():
        if key in SHARED:
            tags[SHARED[key]] = [text]
        else:
            own.append((key, text))
    kept: dict[str, Any] = {}
    for key, value in spectrum.extra.items():
        items = value if isinstance(value, list) else [value]
        if key in _FOLLOWS and key != "PK$NUM_PEAK":
            continue
        if _is_tag(key) and items and all(_is_plain(item) for item in items):
            tags[key] = [*tags.get(key, []), *items]
        else:
            kept[key] = value
    return tags, own, kept


def _is_tag(key: str) -> bool:
    match = _FAMILY.fullmatch(key)
    if match is None or key in _FOLLOWS or (match[1] not in ORDER and key not in ORDER):
        return False
    return (match[1] in PARTED) == (match[2] is not None)


def _is_plain(value: Any) -> bool:
    """Say whether a value is a text that one line holds as it is."""
    ours = (OWN, KEPT, PLACEHOLDERS)
    return isinstance(value, str) and value == one_line(value) != "" and not value.startswith(ours)


def _annotations(spectrum: Spectrum) -> list[str]:
    """Return PK$ANNOTATION: a line for each note where all fit the header that the source had."""
    header = str(spectrum.extra.get("PK$ANNOTATION", ""))
    notes = [one_line(str(text)) for text in spectrum.columns.get("annotation", ())]
    lost = _texts(spectrum.extra, "PK$ANNOTATION LINE")
    cut = [(mz, part) for mz, note in zip(spectrum.mz.tolist(), notes, strict=False) if note
           for part in note.split("; ")]  # fmt: skip
    width = len(header.split()) - 1
    if header and all(len(part.split(" ")) == width for _, part in cut):
        lines = [(mz, f"  {_positional(mz)} {part}") for mz, part in cut]
        lines += [(_leading(text), f"  {text}") for text in lost]
        lines.sort(key=lambda line: line[0])
        return [f"PK$ANNOTATION: {header}", *(text for _, text in lines)]
    if not cut:
        return []
    whole = zip(spectrum.mz.tolist(), notes, strict=True)
    return [f"PK$ANNOTATION: {OWN_HEADER}"] + [
        f"  {_positional(mz)} {note.replace(' ', chr(0xA0))}" for mz, note in whole if note
    ]


def _texts(extra: Mapping[str, Any], key: str) -> list[str]:
    value = extra.get(key, [])
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _leading(text: str) -> float:
    try:
        return float(text.split()[0])
    except (ValueError, IndexError):
        return 0.0


def _peaks(spectrum: Spectrum) -> list[str]:
    intensity = np.asarray(spectrum.intensity, np.float64)
    relative = spectrum.columns.get("relative_intensity")
    if relative is None:
        relative = scaled(intensity)
    rows = zip(spectrum.mz.tolist(), intensity.tolist(), relative.tolist(), strict=True)
    return [
        f"PK$NUM_PEAK: {len(spectrum)}",
        "PK$PEAK: m/z int. rel.int.",
        *(f"  {_positional(mz)} {_positional(i)} {_positional(r)}" for mz, i, r in rows),
    ]


def scaled(intensity: FloatArray) -> FloatArray:
    """Return int. scaled to a base peak of 999, whole numbers; as it is where none is positive."""
    base = intensity.max(initial=0.0)
    return np.round(intensity / base * FULL_SCALE) if base > 0 else intensity


def _positional(value: float) -> str:
    """Return the shortest text that reads back as the same float64, without an exponent."""
    text = repr(value)
    if "e" in text:
        return np.format_float_positional(value, trim="-")
    return text.removesuffix(".0")
