"""MoNA and GNPS JSON: lists of spectra or a single one, whatever they say kept in ``extra``.

MoNA: ``compound``, ``metaData``, ``spectrum`` ("mz:intensity ..."). GNPS, and matchms after it:
flat fields and ``peaks_json``, a list of pairs or the text of one.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.json_items import json_items
from spectrakit.io.peaklist import EMPTY_LIST, BadPeakLine, note_column, parse_peaks
from spectrakit.io.record import (
    NO_COLUMNS,
    BadSpectrum,
    Columns,
    Field,
    add_extra,
    field_of,
    record_spectrum,
    tidy_peaks,
)
from spectrakit.spectrum import FloatArray, Spectrum

Peaks = tuple[FloatArray, FloatArray, Columns]

_NO_OBJECT = "no object of a spectrum"
_NO_LIST = "no peak list"
_MALFORMED = "malformed peak list"
_SAME_MZ = 5e-4  # how far an annotation may lie from the peak it is for, in m/z
_GNPS_ALSO = {  # keys that stand for a field where it is not given otherwise
    "InChIKey_smiles": "inchikey", "InChIKey_inchi": "inchikey",
    "Formula_smiles": "formula", "Formula_inchi": "formula",
}  # fmt: skip
_COMPOUND = {  # names in a MoNA compound's metaData
    "molecular formula": "formula",
    "total exact mass": "exact_mass",
    "SMILES": "smiles",
    "InChI": "inchi",
    "InChIKey": "inchikey",
}


def read_mona(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of a MoNA JSON file in its order; the native id is the record's.

    Raises:
        InputError: no JSON, cut off, nested too deeply, or an object above 64 MiB.
    """
    return _read(path, stream, account, _mona)


def read_gnps(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of a GNPS JSON file in its order; the native id is the spectrum_id.

    Raises:
        InputError: no JSON, cut off, nested too deeply, or an object above 64 MiB.
    """
    return _read(path, stream, account, _gnps)


def _read(
    path: Path,
    stream: BinaryIO,
    account: InputAccount,
    spectrum_of: Callable[[dict[str, Any], int], Spectrum],
) -> Iterator[Spectrum]:
    drops = Drops(path, account)
    for index, (line, item) in enumerate(json_items(path, stream)):
        try:
            yield spectrum_of(_object(item), index)
        except BadSpectrum as error:
            drops.drop(str(error), f"entry {index + 1}, line {line}")


def _object(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadSpectrum(_NO_OBJECT)
    return cast("dict[str, Any]", item)


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _built(
    fields: list[Field], peaks: Peaks, rest: Mapping[str, Any], index: int, time_unit: str
) -> Spectrum:
    """Build the spectrum; ``rest`` is what holds no fields and is kept as it is."""
    order = ("accession", "spectrum_id", "title", "scans", "feature_id")
    spectrum = record_spectrum(fields, peaks, id_order=order, time_unit=time_unit, index=index)
    if rest:
        extra = dict(spectrum.extra)
        for key, value in rest.items():
            add_extra(extra, key, value)
        spectrum = replace(spectrum, extra=extra)
    return spectrum


def _mona(item: dict[str, Any], index: int) -> Spectrum:
    body = item.get("spectrum")
    if not isinstance(body, str):
        raise BadSpectrum(_NO_LIST)
    try:
        mz, intensity, _ = parse_peaks(_as_lines(body)) if body.strip() else EMPTY_LIST
    except BadPeakLine:
        raise BadSpectrum(_MALFORMED) from None
    fields: list[Field] = []
    if _is_text(item.get("id")):
        fields.append(("accession", "id", str(item["id"])))
    rest: dict[str, Any] = {}
    for name, value, whole in _entries(item.get("metaData")):
        if name is None:
            rest.setdefault("metaData", []).append(whole)
        elif name == "accession" and value == str(item.get("id")):
            continue
        else:
            fields.append(field_of(name, value))
    compounds = _list(item.get("compound"))
    fields += _compound_fields(compounds)
    columns, lost = _annotated(mz, item.get("annotations"))
    for key, value in item.items():
        if key == "splash" and isinstance(value, dict):
            value = cast("dict[str, Any]", value).get("splash", value)
        if key not in ("id", "metaData", "spectrum", "annotations"):
            rest[key] = value
    if lost:
        rest["annotations"] = lost
    return _built(fields, (mz, intensity, columns), rest, index, "min")


def _as_lines(body: str) -> bytes:
    """Return ``100.1:2 200.2:3`` with one peak a line."""
    lines = (word.replace(":", " ", 1) for word in body.split())
    return "\n".join(lines).encode(errors="replace")  # JSON can hold half a surrogate pair


def _entries(entries: Any) -> Iterator[tuple[str | None, str, Any]]:
    """Yield (name, value with unit, the entry); the name is None where it is no plain entry."""
    for entry in _list(entries):
        known = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        name, value = known.get("name"), known.get("value")
        if not isinstance(name, str) or not _is_text(value):
            yield None, "", entry
            continue
        unit = known.get("unit")
        text = str(value)
        if isinstance(unit, str) and unit.strip() and not text.rstrip().endswith(unit.strip()):
            text = f"{text} {unit.strip()}"
        yield name, text, entry


def _compound_fields(compounds: list[Any]) -> list[Field]:
    """Return the identity of the first compound; all compounds are kept whole in ``extra``."""
    known = [cast("dict[str, Any]", one) for one in compounds if isinstance(one, dict)]
    if not known:
        return []
    first = next((one for one in known if one.get("kind") == "biological"), known[0])
    found: dict[str, tuple[str, str]] = {}  # meaning -> key, value
    for entry in _list(first.get("names")):
        name = cast("dict[str, Any]", entry).get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name.strip():
            found.setdefault("name", ("compound name", name.strip()))
    for meaning, key in (("inchikey", "inchiKey"), ("inchi", "inchi")):
        if isinstance(first.get(key), str):
            found[meaning] = (f"compound {key}", first[key])
    for name, value, _ in _entries(first.get("metaData")):
        if name in _COMPOUND:
            found.setdefault(_COMPOUND[name], (f"compound {name}", value))
    return [(meaning, key, value) for meaning, (key, value) in found.items() if value]


def _annotated(mz: FloatArray, annotations: Any) -> tuple[Columns, list[Any]]:
    """Return the notes as a column, and the annotations that name no peak."""
    notes = [""] * len(mz)
    lost: list[Any] = []
    for name, value, entry in _entries(annotations):
        try:
            distance = np.abs(mz - float(value))
        except ValueError:
            distance = np.empty(0)
        at = int(distance.argmin()) if name and len(distance) else -1
        if at < 0 or not distance[at] <= _SAME_MZ:
            lost.append(entry)
        else:
            notes[at] = f"{notes[at]}; {name}" if notes[at] else str(name)
    return ({"annotation": note_column(notes)} if any(notes) else NO_COLUMNS), lost


def _gnps(item: dict[str, Any], index: int) -> Spectrum:
    rest: dict[str, Any] = {}
    inner = item.get("spectruminfo")
    if isinstance(inner, dict):  # a single spectrum, as the GNPS site gives it
        newest = _list(item.get("annotations"))[:1]
        flat = {**cast("dict[str, Any]", inner), **(_object(newest[0]) if newest else {})}
        rest = {key: value for key, value in item.items() if key not in ("spectruminfo",)}
        item = flat
    peaks = _pairs(item.get("peaks_json", item.get("peaks")))
    fields: list[Field] = []
    late: list[Field] = []
    for key, value in item.items():
        if key in ("peaks_json", "peaks"):
            continue
        if not _is_text(value):
            if value is not None:
                rest[key] = value
        elif key in _GNPS_ALSO and str(value).strip():
            late.append((_GNPS_ALSO[key], key, str(value)))
        else:
            fields.append(field_of(key, str(value)))
    return _built([*fields, *late], peaks, rest, index, "s")  # as matchms and GNPS count


def _pairs(value: Any) -> Peaks:
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except (ValueError, RecursionError):
            raise BadSpectrum(_MALFORMED) from None
    if not isinstance(value, list):
        raise BadSpectrum(_NO_LIST)
    try:
        table = np.array(value, dtype=np.float64) if value else np.empty((0, 2))
    except (ValueError, TypeError, OverflowError):
        raise BadSpectrum(_MALFORMED) from None
    if table.ndim != 2 or table.shape[1] != 2:
        raise BadSpectrum(_MALFORMED)
    return tidy_peaks(table[:, 0].copy(), table[:, 1].copy(), NO_COLUMNS)
