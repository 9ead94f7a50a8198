"""Spectra of a store as records: what other programs and people can read.

``tsv`` has one line for each spectrum, ``jsonl`` everything a store says of it, ``mgf`` the mass
spectra. Numbers are written so that they read back as the same float64.
"""

import re
from collections.abc import Iterator, Sequence
from math import isnan
from typing import Any

import numpy as np

from spectrakit.spectrum import Modality, Molecule, Spectrum
from spectrakit.store.block import Block
from spectrakit.store.reader import Store

FORMATS = ("tsv", "mgf", "jsonl")
LIKE_FIELD = (
    "name", "ms_level", "polarity", "precursor_mz", "precursor_intensity", "charge", "adduct",
    "isolation_lower", "isolation_upper", "collision_energy", "collision_energy_value",
    "collision_energy_unit", "activation", "rt_seconds", "instrument", "sample", "replicate",
)  # fmt: skip
MOLECULE_FIELDS = ("name", "inchikey", "smiles", "inchi", "formula", "exact_mass")
COLUMNS = (
    "file", "block", "row", "native_id", *LIKE_FIELD,
    *(f"molecule_{name}" for name in MOLECULE_FIELDS),
    "axis_unit", "value_unit", "n_points", "points",
)  # fmt: skip
JSON_COLUMNS = (
    "file", "block", "row", "modality", "native_id", *LIKE_FIELD, "is_trace", "is_profile",
    "molecule", "axis_unit", "axis", "axis_indirect_unit", "axis_indirect", "value_unit", "value",
    "columns", "extra",
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_ZERO_IS_MISSING = frozenset({"ms_level", "polarity", "charge"})


def placed(store: Store) -> Iterator[tuple[Block, int, Spectrum]]:
    """Yield (block, row, spectrum) of a whole store, in stored order."""
    for block in store.blocks.values():
        for batch in block.batches():
            for k, spectrum in enumerate(batch):
                yield block, batch.start + k, spectrum


def table_record(store: Store, block: Block, row: int, spectrum: Spectrum) -> dict[str, Any]:
    """Return a spectrum as one flat record with ``COLUMNS``; points are ``x:y x:y``."""
    record: dict[str, Any] = {"file": str(store.path), "block": block.name, "row": row}
    record["native_id"] = spectrum.native_id
    for name in LIKE_FIELD:
        value = getattr(spectrum, name)
        record[name] = None if name in _ZERO_IS_MISSING and not value else value
    molecule = spectrum.molecule or Molecule()
    record |= {f"molecule_{name}": getattr(molecule, name) for name in MOLECULE_FIELDS}
    record["axis_unit"], record["value_unit"] = spectrum.axis.unit, spectrum.value_unit
    record["n_points"] = len(spectrum)
    if np.ndim(spectrum.value) <= 2 and block.encoding != "grid2d":
        record["points"] = _points(spectrum)
    return record


def _points(spectrum: Spectrum) -> str:
    axis, value = spectrum.axis.values.tolist(), _numbers(spectrum.value)
    if value and isinstance(value[0], list):  # complex: x:real:imaginary
        return " ".join(
            ":".join(map(_short, (x, *parts))) for x, parts in zip(axis, value, strict=True)
        )
    return " ".join(f"{_short(x)}:{_short(y)}" for x, y in zip(axis, value, strict=True))


def _numbers(value: Any) -> list[Any]:
    """Return values as Python numbers; a float32 by its own shortest decimal."""
    if value.dtype == np.float32:
        return [
            [float(str(part)) for part in row] if row.ndim else float(str(row)) for row in value
        ]
    return value.tolist()


def _short(number: float) -> str:
    return repr(number).removesuffix(".0")


def json_record(store: Store, block: Block, row: int, spectrum: Spectrum) -> dict[str, Any]:
    """Return everything a store says of a spectrum, as JSON; missing numbers are None."""
    record: dict[str, Any] = {
        "file": str(store.path),
        "block": block.name,
        "row": row,
        "modality": str(spectrum.modality),
        "native_id": spectrum.native_id,
        **{name: getattr(spectrum, name) for name in LIKE_FIELD},
        "is_trace": spectrum.is_trace,
        "is_profile": spectrum.is_profile,
        "molecule": None,
        "axis_unit": spectrum.axis.unit,
        "axis": spectrum.axis.values,
        "value_unit": spectrum.value_unit,
        "value": spectrum.value,
        "columns": {name: values.tolist() for name, values in spectrum.columns.items()},
        "extra": dict(spectrum.extra),
    }
    if spectrum.molecule is not None:
        molecule = spectrum.molecule
        record["molecule"] = {name: getattr(molecule, name) for name in MOLECULE_FIELDS}
    if (indirect := block.axis_indirect) is not None:
        record["axis_indirect"], record["axis_indirect_unit"] = indirect.values, indirect.unit
    return {key: _json_value(value) for key, value in record.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _json_value(value.tolist())
    if isinstance(value, dict):
        return {key: _json_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def is_for_mgf(spectrum: Spectrum) -> bool:
    """Tell whether a spectrum can stand in an MGF file: mass spectral peaks."""
    return spectrum.modality == Modality.MSMS and not spectrum.is_trace


def mgf_record(spectrum: Spectrum) -> str:
    """Return one MGF record, with the annotation where there is one."""
    return "\n".join(_mgf_lines(spectrum)) + "\n"


def _mgf_lines(spectrum: Spectrum) -> Iterator[str]:
    yield "BEGIN IONS"
    yield f"TITLE={_plain(spectrum.native_id or spectrum.name)}"
    if not isnan(spectrum.precursor_mz):
        intensity = spectrum.precursor_intensity
        tail = "" if isnan(intensity) else f" {_short(float(intensity))}"
        yield f"PEPMASS={_short(float(spectrum.precursor_mz))}{tail}"
    if spectrum.charge:
        sign = "-" if spectrum.charge < 0 or spectrum.polarity < 0 else "+"
        yield f"CHARGE={abs(spectrum.charge)}{sign}"
    if not isnan(spectrum.rt_seconds):
        yield f"RTINSECONDS={_short(float(spectrum.rt_seconds))}"
    for key, value in _mgf_fields(spectrum):
        if value:
            yield f"{key}={_plain(value)}"
    for mz, intensity in zip(spectrum.mz.tolist(), _numbers(spectrum.value), strict=True):
        yield f"{_short(mz)} {_short(intensity)}"
    yield "END IONS"
    yield ""


def _mgf_fields(spectrum: Spectrum) -> Sequence[tuple[str, str]]:
    molecule = spectrum.molecule or Molecule()
    return (
        ("NAME", molecule.name or spectrum.name),
        ("MSLEVEL", str(spectrum.ms_level) if spectrum.ms_level else ""),
        ("IONMODE", {1: "positive", -1: "negative"}.get(spectrum.polarity, "")),
        ("ADDUCT", spectrum.adduct),
        ("COLLISION_ENERGY", spectrum.collision_energy),
        ("INSTRUMENT", spectrum.instrument),
        ("SMILES", molecule.smiles),
        ("INCHI", molecule.inchi),
        ("INCHIKEY", molecule.inchikey),
        ("FORMULA", molecule.formula),
    )


def _plain(text: str) -> str:
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode("utf-8")
