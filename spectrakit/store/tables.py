"""Small tables while they are written: samples, instruments, molecules, targets."""

import hashlib
from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Any

import numpy as np

from spectrakit.errors import UsageError
from spectrakit.spectrum import Molecule
from spectrakit.store.emit import Emitter, column_attributes
from spectrakit.store.layout import DTYPES, MOLECULES, TABLES, Column, link_name
from spectrakit.store.spool import Spool
from spectrakit.store.text import encode_texts

FreeValue = str | int | float | bool | None
EXACT_INTEGER = 1 << 53  # float64 holds every integer up to here


class NamedTable:
    """Rows with a unique name (samples, instruments) and columns of the user's own."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._columns = TABLES[table]
        self.index: dict[str, int] = {}
        self._fixed: list[dict[str, str]] = []
        self._free: dict[str, dict[int, FreeValue]] = {}

    def row(self, name: str) -> int:
        """Return the row of a name, added if it is new; -1 for no name."""
        if name == "":
            return -1
        row = self.index.get(name)
        if row is None:
            row = self.index[name] = len(self._fixed)
            self._fixed.append({})
        return row

    def rows(self, names: Sequence[str]) -> list[int]:
        """Return the row of each name, as ``row`` does."""
        known = {name: self.row(name) for name in dict.fromkeys(names)}
        return [known[name] for name in names]

    def add(self, name: str, fixed: Mapping[str, str], free: Mapping[str, FreeValue]) -> int:
        """Add a row, or what a known row does not say yet.

        Raises:
            UsageError: no name, or a value contradicts the one already there.
        """
        if not name:
            raise UsageError(f"an entry of /{self._table} has no name.", hint="Name it.")
        row = self.row(name)
        for column, value in fixed.items():
            self._put(self._fixed[row], column, value, "", name, column)
        for column, value in free.items():
            link_name(column)
            self._put(self._free.setdefault(column, {}), row, value, None, name, column)
        return row

    def _put(
        self, cells: dict[Any, Any], key: Any, value: Any, missing: Any, name: str, column: str
    ) -> None:
        if value is None or value == missing or value != value:
            return
        if isinstance(value, np.generic):
            value = value.item()
        if key in cells and cells[key] != value:
            raise UsageError(
                f"{self._table.removesuffix('s')} '{name}' has {column} '{cells[key]}' "
                f"and '{value}'.",
                hint="One of them is wrong, or two things share one name: rename one.",
            )
        cells[key] = value

    def emit(self, emitter: Emitter) -> None:
        """Write the table, if it has rows."""
        if not self.index:
            return
        root = f"/{self._table}"
        emitter.group(root, {"n": len(self.index)})
        key, *others = self._columns
        emitter.column(f"{root}/{key.name}", key, list(self.index))
        for column in others:
            texts = [row.get(column.name, "") for row in self._fixed]
            emitter.column(f"{root}/{column.name}", column, texts)
        for name, cells in sorted(self._free.items()):
            values = [cells.get(row) for row in range(len(self.index))]
            emit_free(emitter, f"{root}/columns/{link_name(name)}", values)


def emit_free(emitter: Emitter, path: str, values: Sequence[FreeValue]) -> None:
    """Write a column of the user's own: integers, else float64, else text.

    Integers become float64 where some are missing, and text where that would lose digits.
    """
    present = [value for value in values if value is not None]
    if not present:
        return
    numbers = [value for value in present if isinstance(value, int | float)]
    integers = all(isinstance(value, int) for value in numbers)
    whole = integers and len(present) == len(values)
    limit = (1 << 63) - 1 if whole else EXACT_INTEGER
    exact = all(abs(value) <= limit for value in numbers if isinstance(value, int))
    if len(numbers) < len(present) or not exact:
        emitter.texts(path, ["" if value is None else str(value) for value in values])
    elif whole:
        emitter.array(path, np.array(values, "<i8"))
    else:
        emitter.array(path, np.array([nan if v is None else v for v in values], "<f8"))


class MoleculeTable:
    """Molecules, each kept once; texts wait in the spool, so a million of them are no burden."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._rows: dict[bytes, int] = {}
        self._waiting: list[Molecule] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, molecule: Molecule) -> int:
        """Return the row of a molecule; two are one when all fields are equal."""
        fields = (
            molecule.name,
            molecule.inchikey,
            molecule.smiles,
            molecule.inchi,
            molecule.formula,
            float(molecule.exact_mass).hex(),
            molecule.peptide,
        )
        key = hashlib.blake2b(
            repr(fields).encode("utf-8", "surrogatepass"), digest_size=16
        ).digest()
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self._rows)
            self._waiting.append(molecule)
            if len(self._waiting) >= 1024:
                self._flush()
        return row

    def rows(self, molecules: Sequence[Molecule | None]) -> list[int]:
        """Return the row of each molecule, -1 for none; one object is looked up once."""
        known: dict[int, int] = {id(None): -1}
        for molecule in molecules:
            if molecule is not None and id(molecule) not in known:
                known[id(molecule)] = self.add(molecule)
        return [known[id(molecule)] for molecule in molecules]

    def _flush(self) -> None:
        for column in MOLECULES:
            values = [getattr(molecule, column.name) for molecule in self._waiting]
            if column.kind == "text":
                blob, lengths = encode_texts(values)
                self._spool.append(f"molecules/{column.name}/bytes", blob)
                self._spool.append(f"molecules/{column.name}/lengths", lengths)
            else:
                self._spool.append(f"molecules/{column.name}", np.array(values, "<f8"))
        self._waiting.clear()

    def emit(self, emitter: Emitter) -> None:
        """Write the table, if it has rows."""
        if not self._rows:
            return
        self._flush()
        emitter.group("/molecules", {"n": len(self)})
        for column in MOLECULES:
            emit_spooled(emitter, self._spool, "/molecules", "molecules", column, len(self))


def emit_spooled(
    emitter: Emitter, spool: Spool, group: str, prefix: str, column: Column, n: int
) -> None:
    """Write a table column from the spool, with missing values before its first piece.

    A column that was never spooled, and a text column without a single byte, is left out.
    """
    path, key = f"{group}/{column.name}", f"{prefix}/{column.name}"
    if column.kind == "text":
        n_bytes = spool.count(f"{key}/bytes")
        if n_bytes:
            lengths = np.zeros(n, np.int64)
            known = [*spool.pieces(f"{key}/lengths", "<i8")]
            n_known = sum(map(len, known))
            lengths[n - n_known :] = np.concatenate(known)
            blob = spool.pieces(f"{key}/bytes", "|u1")
            emitter.text(path, blob, n_bytes, lengths, column_attributes(column))
        return
    n_known = spool.count(key)
    if n_known:
        values = np.full(n, column.missing, DTYPES[column.kind])
        at = n - n_known
        for piece in spool.pieces(key, DTYPES[column.kind]):
            values[at : at + len(piece)] = piece
            at += len(piece)
        missing = np.isnan(values) if column.kind == "float" else values == column.missing
        if not missing.all():
            emitter.array(path, values, column_attributes(column))


class TargetTable:
    """Reference values: sample by property, with the property's unit and the reference's SD."""

    def __init__(self) -> None:
        self._units: dict[str, str] = {}
        self._properties: dict[str, int] = {}
        self._cells: dict[tuple[int, int], tuple[float, float]] = {}

    def add(self, row: int, sample: str, name: str, value: float, unit: str, sd: float) -> None:
        """Set one value.

        Raises:
            UsageError: the property has another unit, or this sample another value.
        """
        known = self._units.setdefault(name, unit)
        if known != unit:
            raise UsageError(
                f"property '{name}' is in '{known}' and in '{unit}' (sample '{sample}').",
                hint="Convert the values to one unit first.",
            )
        column = self._properties.setdefault(name, len(self._properties))
        cell = (float(value), float(sd))
        old = self._cells.setdefault((row, column), cell)
        if old[0] == cell[0] and (isnan(old[1]) or isnan(cell[1])):  # one knows the error
            cell = self._cells[row, column] = (cell[0], old[1] if isnan(cell[1]) else cell[1])
            return
        if repr(old) != repr(cell):
            raise UsageError(
                f"sample '{sample}' has two values of '{name}': {old[0]:g} and {cell[0]:g}.",
                hint="Average them before, or give the samples different ids.",
            )

    def emit(self, emitter: Emitter, n_samples: int) -> None:
        """Write the table, if it has a property."""
        if not self._properties:
            return
        shape = (n_samples, len(self._properties))
        values, deviations = np.full(shape, nan), np.full(shape, nan)
        for (row, column), (value, deviation) in self._cells.items():
            values[row, column] = value
            deviations[row, column] = deviation
        emitter.group("/targets", {"n": shape[1]})
        emitter.texts("/targets/property", list(self._properties))
        emitter.texts("/targets/unit", list(self._units.values()))
        emitter.array("/targets/value", values)
        emitter.array("/targets/reference_sd", deviations)


class SampleMolecules:
    """Which molecules a sample holds, and how much of each."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, float, str]] = []

    def add(self, sample: int, molecule: int, amount: float, unit: str) -> None:
        """Add one molecule of a sample."""
        self._entries.append((sample, molecule, float(amount), unit))

    def emit(self, emitter: Emitter, n_samples: int) -> None:
        """Write them as compressed rows in sample order, if there are any."""
        if not self._entries:
            return
        entries = sorted(self._entries, key=lambda entry: entry[0])
        counts = np.bincount([entry[0] for entry in entries], minlength=n_samples)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype("<i8")
        emitter.group("/sample_molecules", {"n": len(entries)})
        emitter.array("/sample_molecules/indptr", indptr)
        emitter.array("/sample_molecules/molecule", np.array([e[1] for e in entries], "<i8"))
        emitter.array("/sample_molecules/amount", np.array([e[2] for e in entries], "<f8"))
        emitter.texts("/sample_molecules/unit", [e[3] for e in entries])
