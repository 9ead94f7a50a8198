"""Spectra of a store as records: what other programs and people can read.

``tsv`` has one line for each spectrum, ``jsonl`` everything a store says of it. Numbers are
written so that they read back as the same value of the stored type.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from spectrakit.spectrum import Molecule, Spectrum
from spectrakit.store.block import Block
from spectrakit.store.reader import Store

LIKE_FIELD = (
    "name", "ms_level", "polarity", "precursor_mz", "precursor_intensity", "charge", "adduct",
    "isolation_lower", "isolation_upper", "collision_energy", "collision_energy_value",
    "collision_energy_unit", "activation", "rt_seconds", "instrument", "sample", "replicate",
)  # fmt: skip
MOLECULE_FIELDS = ("name", "inchikey", "smiles", "inchi", "formula", "exact_mass")
COLUMNS = (
    "file", "block", "row", "native_id", *LIKE_FIELD,
    *(f"molecule_{name}" for name in MOLECULE_FIELDS),
    "axis_unit", "value_unit", "n_points", "points", "molecule_peptide",
)  # fmt: skip
JSON_COLUMNS = (
    "file", "block", "row", "modality", "native_id", *LIKE_FIELD, "is_trace", "is_profile",
    "molecule", "axis_unit", "axis", "axis_indirect_unit", "axis_indirect", "value_unit", "value",
    "columns", "extra",
)  # fmt: skip
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
    record["molecule_peptide"] = molecule.peptide
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
        record["molecule"] = {
            name: getattr(molecule, name) for name in (*MOLECULE_FIELDS, "peptide")
        }
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
