"""Compounds recognised without a library: one vector for each, shipped inside a model.

For each molecule and polarity a bundle may hold the mean unit vector of its spectra, as int8,
with structure and mass. A query finds those of its precursor mass over the usual adducts and is
compared by the cosine; the fragmenter is asked beside it. No spectrum is kept, so a hit has
neither matched library peaks nor a level above 3.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from spectrakit.bundle import Bundle, write_bundle
from spectrakit.chemistry import exact_mass
from spectrakit.errors import InputError
from spectrakit.search.learned import LearnedScorer, Singles, unit_vectors
from spectrakit.search.structures import StructureTable, TextColumn
from spectrakit.spectrum import FloatArray, Spectrum

FILE = "references.npz"
FORMAT = 1
TEXTS = ("inchikey14", "smiles", "formula", "name")
_LEVELS = 127  # of int8


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Compounds of a model, in ascending exact mass.

    Attributes:
        table: one row for each compound.
        first: (n + 1,) where the vectors of each compound begin.
        polarity: (v,) of each vector.
        vectors: (v, D) int8.
        scale: (v,) what they are to be multiplied by to have length 1.
    """

    table: StructureTable
    first: NDArray[np.int64]
    polarity: NDArray[np.int8]
    vectors: NDArray[np.int8]
    scale: NDArray[np.float32]

    def cosines(self, query: Singles, polarity: int, rows: Sequence[int]) -> FloatArray:
        """Return (k,) cosines of a query with compounds, NaN without a vector of its polarity.

        Args:
            query: (D,) unit vector.
            polarity: +1, -1, or 0 for any.
            rows: (k,) of the table.
        """
        found = np.full(len(rows), np.nan)
        for at, row in enumerate(rows):
            own = np.arange(int(self.first[row]), int(self.first[row + 1]))
            if polarity:
                own = own[self.polarity[own] == polarity]
            if len(own):
                products = self.vectors[own].astype(np.float32) @ query * self.scale[own]
                found[at] = float(products.max())
        return found


def build_references(spectra: Iterable[Spectrum], scorer: LearnedScorer) -> bytes:
    """Return the references of identified spectra as the bytes of the file in a bundle.

    Spectra without a polarity, an InChIKey, a SMILES or a formula that can be weighed are left
    out.
    """
    groups: dict[str, dict[int, list[Spectrum]]] = {}
    told: dict[str, tuple[str, str, str, str]] = {}
    mass: dict[str, float] = {}
    for one in spectra:
        molecule = one.molecule
        if molecule is None or not one.polarity or not molecule.smiles or not molecule.inchikey:
            continue
        key = molecule.inchikey[:14]
        if key not in mass:
            mass[key] = _mass(molecule.formula)
            told[key] = (key, molecule.smiles, molecule.formula, molecule.name or one.name)
        if np.isfinite(mass[key]):
            groups.setdefault(key, {}).setdefault(one.polarity, []).append(one)
    keys = sorted(groups, key=lambda key: (mass[key], key))
    first, polarity, means = [0], [], []
    for key in keys:
        for sign in sorted(groups[key]):
            vectors = unit_vectors(scorer.spectra(groups[key][sign]))
            means.append(vectors.mean(axis=0))
            polarity.append(sign)
        first.append(len(means))
    unit = unit_vectors(np.stack(means)[:, None, :])
    largest = np.maximum(np.abs(unit).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    whole = np.round(unit / largest * _LEVELS).astype(np.int8)
    length = np.linalg.norm(whole.astype(np.float32), axis=1)
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "exact_mass": np.array([mass[key] for key in keys]),
        "first": np.array(first, np.int64),
        "polarity": np.array(polarity, np.int8),
        "vectors": whole,
        "scale": (1 / np.maximum(length, 1.0)).astype(np.float32),
    }
    for number, name in enumerate(TEXTS):
        column = TextColumn.of(told[key][number] for key in keys)
        arrays[f"{name}.blob"], arrays[f"{name}.indptr"] = column.blob, column.indptr
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _mass(formula: str) -> float:
    try:
        return exact_mass(formula) if formula else float("nan")
    except ValueError:
        return float("nan")


def open_references(bundle: Bundle) -> References | None:
    """Return the references of a bundle; None where it has none.

    Raises:
        InputError: the file was changed, or is of a later format.
    """
    if FILE not in bundle.files:
        return None
    place = bundle.path / FILE
    try:
        with np.load(BytesIO(bundle.read(FILE)), allow_pickle=False) as held:
            arrays: Mapping[str, Any] = {name: held[name] for name in held.files}
        if int(arrays["format"]) > FORMAT:
            raise InputError(f"{place}: is of a later format.", hint="Update spectrakit.")
        texts = {
            name: TextColumn(arrays[f"{name}.blob"], arrays[f"{name}.indptr"]) for name in TEXTS
        }
        return _references(bundle.label, arrays, texts)
    except (KeyError, ValueError, BadZipFile) as error:
        raise InputError(
            f"{place}: holds no references ({error}).", hint="Copy the bundle again."
        ) from error


def _references(
    label: str, arrays: Mapping[str, Any], texts: Mapping[str, TextColumn]
) -> References:
    n = len(arrays["exact_mass"])
    empty = TextColumn(np.zeros(0, np.uint8), np.zeros(n + 1, np.int64))
    about = {"source": label, "kept": n}
    others = dict.fromkeys(("inchi", "inchikey", "source_id"), empty)
    table = StructureTable(
        label, arrays["exact_mass"], np.zeros(n, np.int8), {**texts, **others}, about
    )
    return References(
        table, arrays["first"], arrays["polarity"], arrays["vectors"], arrays["scale"]
    )


def with_references(bundle: Bundle, path: Path, references: bytes, **fields: Any) -> Path:
    """Write a bundle again with references beside its graphs; return the new folder.

    Args:
        bundle: whose graphs and manifest are taken over.
        path: the new folder, ``NAME@VERSION``.
        references: as ``build_references`` gives them.
        fields: of the manifest that change.

    Raises:
        InputError: a file of the bundle was changed, or the new one cannot be written.
    """
    told = bundle.manifest
    own = {role: graph.file for role, graph in told.graphs.items()}
    kept = {name: bundle.read(name) for name in bundle.files if name not in own.values()}
    same = ("task", "modality", "input", "summary", "plugin", "preprocessing", "calibration",
            "gate", "data", "metrics", "licence", "attributions")  # fmt: skip
    return write_bundle(
        path,
        graphs={role: bundle.read(file) for role, file in own.items()},
        files={**kept, FILE: references},
        replace_old=True,
        **{**{name: getattr(told, name) for name in same}, **fields},
    )
