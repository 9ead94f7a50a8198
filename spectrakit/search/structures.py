"""Structures to look candidates up in: a table sorted by exact mass, memory-mapped.

A row is a compound, one first InChIKey block. Texts stay bytes on disk until a row is asked
for; the chemistry toolkit is loaded only by :meth:`StructureTable.finish`, for the few rows
that were ranked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.search.flat_arrays import open_arrays, write_arrays
from spectrakit.spectrum import Tolerance

TEXT_COLUMNS = ("smiles", "inchi", "inchikey", "inchikey14", "formula", "name", "source_id")
FORMAT_VERSION = 1
STRUCTURE_INDEX = "structures"  # name of the arrays in a store's /index


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Texts as one UTF-8 blob (n_bytes,) uint8 and ``indptr`` (n + 1,) int64."""

    blob: NDArray[np.uint8]
    indptr: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "TextColumn":
        """Pack texts; a missing one is empty."""
        encoded = [text.encode() for text in texts]
        indptr = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=indptr[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), indptr)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, row: int) -> str:
        return self.blob[self.indptr[row] : self.indptr[row + 1]].tobytes().decode()

    def between(self, start: int, stop: int) -> list[str]:
        """Return the texts of rows ``start:stop`` (one read of the blob)."""
        ends = self.indptr[start : stop + 1].tolist()
        if not ends:
            return []
        base = ends[0]
        whole = self.blob[base : ends[-1]].tobytes()
        return [whole[a - base : b - base].decode() for a, b in pairwise(ends)]

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        """Return the texts of any rows, in the order asked for."""
        return [self[int(row)] for row in rows]


@dataclass(frozen=True, slots=True)
class Structure:
    """One row with its keys complete, ready to be printed."""

    row: int
    exact_mass: float  # Da, neutral; permanent ions as drawn, electrons not subtracted
    charge: int  # permanent charge (quaternary ions), 0 for nearly all
    inchikey: str
    inchikey14: str
    smiles: str  # canonical where the toolkit can read it
    inchi: str
    formula: str
    name: str
    source_id: str


@dataclass(frozen=True, slots=True)
class StructureTable:
    """Compounds in ascending exact mass.

    ``exact_mass`` is (n,) float64 in Da and ``charge`` (n,) int8; ``text`` holds the columns
    of ``TEXT_COLUMNS``. ``about`` says where the table comes from: source, version, licence,
    counts of what was read and dropped.
    """

    source: str
    exact_mass: NDArray[np.float64]
    charge: NDArray[np.int8]
    text: Mapping[str, TextColumn]
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.exact_mass)

    def by_mass(self, mass: float, tolerance: Tolerance) -> slice:
        """Return the rows whose exact mass is within ``tolerance`` of ``mass`` (Da), inclusive."""
        start, stop = self.by_masses(np.array([mass]), tolerance)
        return slice(int(start[0]), int(stop[0]))

    def by_masses(
        self, masses: NDArray[np.float64], tolerance: Tolerance
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (k,) first and (k,) past-the-last rows for (k,) masses; NaN finds nothing."""
        masses = np.asarray(masses, np.float64)
        width = np.abs(np.asarray(tolerance.half_width(masses)))
        start = np.searchsorted(self.exact_mass, masses - width, side="left")
        stop = np.searchsorted(self.exact_mass, masses + width, side="right")
        missing = np.isnan(masses)
        start[missing] = stop[missing] = 0
        return start, stop

    def smiles(self, rows: slice) -> list[str]:
        """Return the SMILES of a range of rows, as the source draws them."""
        return self.text["smiles"].between(rows.start, rows.stop)

    def account(self) -> InputAccount:
        """Return what became of the records of the source file."""
        account = InputAccount(self.source, format="structures")
        account.keep(int(self.about.get("kept", len(self))))
        for reason, n in dict(self.about.get("dropped", {})).items():
            account.drop(str(reason), int(n))
        return account

    def finish(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> list[Structure]:
        """Return rows with full keys and canonical SMILES; RDKit is loaded here.

        A key that the source gives is kept. A full InChIKey comes from the InChI, else from
        the SMILES when its first block agrees; where neither can, it stays empty.
        """
        from spectrakit.search.structure_keys import canonical_smiles, full_inchikey

        found: list[Structure] = []
        for row in (int(row) for row in rows):
            smiles, inchi, key, key14, formula, name, source_id = (
                self.text[column][row] for column in TEXT_COLUMNS
            )
            found.append(
                Structure(
                    row=row,
                    exact_mass=float(self.exact_mass[row]),
                    charge=int(self.charge[row]),
                    inchikey=key or full_inchikey(smiles, inchi, key14),
                    inchikey14=key14,
                    smiles=canonical_smiles(smiles),
                    inchi=inchi,
                    formula=formula,
                    name=name,
                    source_id=source_id,
                )
            )
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array of the table by name, for storing."""
        arrays: dict[str, NDArray[Any]] = {"exact_mass": self.exact_mass, "charge": self.charge}
        for name in TEXT_COLUMNS:
            arrays[f"{name}.blob"] = self.text[name].blob
            arrays[f"{name}.indptr"] = self.text[name].indptr
        return arrays

    def attrs(self) -> dict[str, Any]:
        """Return the small values that go with ``arrays``."""
        about = {"kind": "structures", "version": FORMAT_VERSION, "source": self.source}
        return {**self.about, **about}

    def write(self, path: Path) -> None:
        """Write the table under ``path``, whole or not at all."""
        write_arrays(path, self.arrays(), self.attrs())

    @classmethod
    def open(cls, path: Path) -> "StructureTable":
        """Map a table that :meth:`write` wrote.

        Raises:
            InputError: not such a table, or one of another version.
        """
        return cls.from_arrays(*open_arrays(path), place=str(path))

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any], *, place: str = "table"
    ) -> "StructureTable":
        """Open what ``arrays`` and ``attrs`` gave; ``place`` is named in errors.

        Raises:
            InputError: not such a table, or one of another version.
        """
        if about.get("kind") != "structures" or about.get("version") != FORMAT_VERSION:
            raise InputError(
                f"{place}: holds {about.get('kind')} of version {about.get('version')}, "
                f"not structures of version {FORMAT_VERSION}.",
                hint="Build it again from the list it was made of.",
            )
        try:
            text = {
                name: TextColumn(arrays[f"{name}.blob"], arrays[f"{name}.indptr"])
                for name in TEXT_COLUMNS
            }
            table = cls(str(about["source"]), arrays["exact_mass"], arrays["charge"], text, about)
        except KeyError as error:
            raise InputError(f"{place}: the array {error} is missing.") from error
        sizes = {len(table.charge), len(table), *(len(column) for column in text.values())}
        if len(sizes) != 1 or any(
            len(c.indptr) == 0 or c.indptr[0] != 0 or c.indptr[-1] != len(c.blob)
            for c in text.values()
        ):
            raise InputError(f"{place}: its columns disagree in length.")
        return table


class StructureRow(NamedTuple):
    """What a source says about one compound; texts are empty where it says nothing."""

    exact_mass: float
    smiles: str
    inchikey14: str
    formula: str
    charge: int = 0
    inchi: str = ""
    inchikey: str = ""
    name: str = ""
    source_id: str = ""


def table_of(rows: Sequence[StructureRow], source: str, about: Mapping[str, Any]) -> StructureTable:
    """Sort rows by exact mass (equal masses by key) and pack them into a table."""
    ordered = sorted(rows, key=itemgetter(0, 2, 1))  # mass, first block, SMILES
    return StructureTable(
        source=source,
        exact_mass=np.array([row.exact_mass for row in ordered], np.float64),
        charge=np.array([row.charge for row in ordered], np.int8),
        text={
            name: TextColumn.of(map(itemgetter(StructureRow._fields.index(name)), ordered))
            for name in TEXT_COLUMNS
        },
        about=dict(about),
    )
