"""What an exchange format has no field for, as one JSON record that our readers take back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from math import isnan
from typing import Any, cast

from spectrakit.spectrum import (
    Modality,
    Molecule,
    ReferenceValue,
    SampleInfo,
    Spectrum,
)

_ARRAYS = frozenset({"axis", "value", "columns", "molecule", "sample_info", "extra"})
_TEXTS = {f.name: f for f in fields(Spectrum) if f.name not in _ARRAYS}
_LARGEST = 1 << 31  # of an integer that a field may be given
_FALLBACK = Spectrum.__dataclass_fields__


def to_record(spectrum: Spectrum) -> dict[str, Any]:
    """Return every field of a spectrum that is no array and not at its default."""
    record: dict[str, Any] = {"axis_unit": spectrum.axis.unit}
    for name in _TEXTS:
        value = getattr(spectrum, name)
        if isinstance(value, float) and isnan(value):
            continue
        if name in ("modality", "value_unit", "is_trace") or value != _FALLBACK[name].default:
            record[name] = str(value) if name == "modality" else value
    if spectrum.extra:
        record["extra"] = dict(spectrum.extra)
    if spectrum.molecule is not None:
        record["molecule"] = _without_nan(asdict(spectrum.molecule))
    if spectrum.sample_info is not None:
        info = asdict(spectrum.sample_info)
        info["targets"] = {name: _without_nan(known) for name, known in info["targets"].items()}
        record["sample_info"] = info
    return record


def _without_nan(record: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in record.items() if not (isinstance(v, float) and isnan(v))}


def pack(record: Mapping[str, Any]) -> str:
    """Return JSON in printable ASCII without spaces, ``$`` and ``#``, so that lines may be cut."""
    text = json.dumps(record, separators=(",", ":"), default=str)
    return text.replace(" ", "\\u0020").replace("$", "\\u0024").replace("#", "\\u0023")


def unpack(text: str) -> dict[str, Any]:
    """Return the record that ``pack`` made; empty when the text is none."""
    try:
        found: object = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def restored(spectrum: Spectrum, record: Mapping[str, Any]) -> Spectrum:
    """Return a spectrum with the fields that a record of ``to_record`` holds.

    The file is untrusted: what has another type than the field is left out.
    """
    changes: dict[str, Any] = {}
    if record.get("is_trace") is True:  # a title is written all the same
        changes = {name: "" for name in ("name", "native_id") if name not in record}
    for name in _TEXTS:
        if name in record and name not in ("is_trace", "modality"):
            value, now = record[name], getattr(spectrum, name)
            if isinstance(now, float) and isinstance(value, int | float):
                changes[name] = float(value)
            elif isinstance(value, int) and abs(value) > _LARGEST:
                continue
            elif type(value) is type(now) or (now is None and isinstance(value, bool)):
                changes[name] = value
    if record.get("modality") in list(Modality):
        changes["modality"] = Modality(record["modality"])
    if isinstance(record.get("axis_unit"), str):
        changes["axis"] = replace(spectrum.axis, unit=record["axis_unit"])
    if isinstance(record.get("extra", {}), dict):
        changes["extra"] = record.get("extra", {})
    changes["molecule"] = _molecule(record.get("molecule"))
    changes["sample_info"] = _sample_info(record.get("sample_info"))
    return replace(spectrum, **changes)


def _molecule(record: object) -> Molecule | None:
    if not isinstance(record, dict):
        return None
    known = cast("dict[str, Any]", record)
    names = ("name", "inchikey", "smiles", "inchi", "formula", "peptide")
    found = replace(Molecule(), **{name: str(known.get(name, "")) for name in names})
    mass = known.get("exact_mass")
    return replace(found, exact_mass=float(mass)) if isinstance(mass, int | float) else found


def _sample_info(record: object) -> SampleInfo | None:
    if not isinstance(record, dict):
        return None
    known = cast("dict[str, Any]", record)
    targets: dict[str, ReferenceValue] = {}
    for name, cells in _mapping(known.get("targets")).items():
        cell = _mapping(cells)
        if name and isinstance(cell.get("value"), int | float):
            sd = cell.get("sd")
            value = ReferenceValue(float(cell["value"]), str(cell.get("unit", "")))
            targets[name] = replace(value, sd=float(sd)) if isinstance(sd, int | float) else value
    cells = _mapping(known.get("columns")).items()
    columns = {k: v for k, v in cells if k and isinstance(v, str | int | float)}
    columns = {k: float(v) if isinstance(v, int) else v for k, v in columns.items()}
    return SampleInfo(
        group=str(known.get("group", "")),
        split=str(known.get("split", "")),
        columns=columns,
        targets=targets,
    )


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
