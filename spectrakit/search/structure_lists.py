"""Structure lists that users bring: CSV or TSV, SMILES files and SDF, gzip or plain.

Columns ``smiles inchi inchikey|inchikey14 formula exact_mass name id`` in any order and case;
others are ignored. What a list gives is used as given; what is missing is computed: mass from
the formula, keys from the InChI, and only then RDKit. A drawing of several components without
given keys is read as its largest organic component (a drug and its salt are measured as one).
"""

import csv
import gzip
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TextIO, cast

from spectrakit.chemistry import exact_mass
from spectrakit.errors import InputError
from spectrakit.search.inchi_key import inchikey14, main_layer
from spectrakit.search.structures import StructureRow, StructureTable, table_of

_ALIASES = {
    "smiles": "smiles", "canonical_smiles": "smiles", "structure": "smiles",
    "inchi": "inchi", "standard_inchi": "inchi",
    "inchikey": "inchikey", "inchi_key": "inchikey", "standard_inchi_key": "inchikey",
    "inchikey14": "inchikey14", "inchikey1": "inchikey14",
    "formula": "formula", "molecular_formula": "formula", "molecularformula": "formula",
    "exact_mass": "exact_mass", "exactmass": "exact_mass", "monoisotopic_mass": "exact_mass",
    "monoisotopicmass": "exact_mass", "name": "name", "title": "name",
    "compound_name": "name", "id": "source_id", "identifier": "source_id",
    "source_id": "source_id", "accession": "source_id",
}  # fmt: skip
_HINT = "A list needs a header with smiles or inchi; see `spectrakit library add --help`."

Record = dict[str, str]


def _open_text(path: Path) -> TextIO:
    with path.open("rb") as handle:
        zipped = handle.read(2) == b"\x1f\x8b"
    if zipped:
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open("rt", encoding="utf-8-sig", errors="replace", newline="")


def _table_records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    reader = csv.reader(lines, delimiter=delimiter, strict=False)
    header = next(reader, [])
    names = [_ALIASES.get(cell.strip().lower().replace(" ", "_"), "") for cell in header]
    wanted = [(i, name) for i, name in enumerate(names) if name]
    for cells in reader:
        n = len(cells)
        if n:
            yield {name: cells[i].strip() for i, name in wanted if i < n and cells[i]}


def _smiles_records(lines: Iterable[str]) -> Iterator[Record]:
    for line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            smiles, _, rest = text.replace("\t", " ").partition(" ")
            yield {"smiles": smiles, "name": rest.strip()}


def _sdf_records(path: Path) -> Iterator[Record]:
    from rdkit import Chem

    from spectrakit.search.structure_keys import quiet

    quiet()
    zipped = path.suffix.lower() == ".gz"
    with gzip.open(path, "rb") if zipped else path.open("rb") as handle:
        molecules = cast("Iterator[Any]", Chem.ForwardSDMolSupplier(handle))
        for molecule in molecules:
            if molecule is None:
                yield {}
                continue
            record = {
                _ALIASES[key.lower().replace(" ", "_")]: str(value)
                for key, value in molecule.GetPropsAsDict().items()
                if key.lower().replace(" ", "_") in _ALIASES
            }
            title = molecule.GetProp("_Name") if molecule.HasProp("_Name") else ""
            yield {"name": title, **record, "smiles": Chem.MolToSmiles(molecule)}


def _records(path: Path) -> Iterator[Record]:
    with _open_text(path) as handle:
        head = handle.read(65536)
        first = head.lstrip().split("\n", 1)[0].rstrip("\r")
        if "\x00" in head:
            raise InputError(f"{path}: holds binary data, not a structure list.", hint=_HINT)
        if "M  END" in head or "$$$$" in head or "V2000" in head or "V3000" in head:
            yield from _sdf_records(path)
            return
        handle.seek(0)
        for delimiter in ("\t", ",", ";"):
            cells = {cell.strip(' "').lower().replace(" ", "_") for cell in first.split(delimiter)}
            if {_ALIASES.get(cell) for cell in cells} & {"smiles", "inchi"}:
                yield from _table_records(handle, delimiter)
                return
        if path.name.lower().removesuffix(".gz").endswith((".smi", ".smiles", ".ism", ".txt")):
            yield from _smiles_records(handle)
            return
    raise InputError(
        f"{path}: no column 'smiles' or 'inchi' in its first line '{first[:60]}'.", hint=_HINT
    )


@cache
def _formula_mass(formula: str) -> float:
    return exact_mass(formula)


def _complete(record: Record) -> StructureRow:
    """Return a row with mass and key, asking RDKit last.

    Raises:
        ValueError: the structure cannot be read; the message is the reason that is counted.
    """
    smiles, inchi = record.get("smiles", ""), record.get("inchi", "")
    key, key14 = record.get("inchikey", ""), record.get("inchikey14", "")
    formula = record.get("formula", "")
    if not smiles and not inchi:
        raise ValueError("no SMILES and no InChI")
    mass = math.nan
    if record.get("exact_mass"):
        try:
            mass = float(record["exact_mass"])
        except ValueError:
            raise ValueError("exact mass that is no number") from None
    if inchi and not (key14 or key):
        try:
            key14 = inchikey14(main_layer(inchi))
        except ValueError:
            inchi = ""
    if not key14 and len(key) >= 14:
        key14 = key[:14]
    if not mass > 0 and formula and "." not in smiles:
        try:
            mass = _formula_mass(formula)
        except ValueError:
            formula = ""
    charge = 0
    if not smiles or not key14 or not mass > 0 or not formula:
        from spectrakit.search.structure_keys import describe

        computed = describe(smiles, inchi)
        smiles, charge = computed.smiles, computed.charge
        key14, formula = key14 or computed.inchikey14, formula or computed.formula
        mass = mass if mass > 0 else computed.exact_mass
    elif "+" in smiles or "-]" in smiles:
        from spectrakit.search.smiles_graph import net_charge

        charge = net_charge(smiles)
    if not 0 < mass < math.inf:
        raise ValueError("exact mass that is not positive")
    return StructureRow(
        exact_mass=mass,
        smiles=smiles,
        inchikey14=key14,
        formula=formula,
        charge=max(-127, min(127, charge)),
        inchi=inchi,
        inchikey=key,
        name=record.get("name", ""),
        source_id=record.get("source_id", ""),
    )


def read_structure_list(path: Path) -> StructureTable:
    """Read a list into compounds, one row for each first InChIKey block (its first record).

    Raises:
        InputError: unreadable, no structure column, or no usable structure at all.
    """
    dropped: Counter[str] = Counter()
    rows: dict[str, StructureRow] = {}
    try:
        for record in _records(path):
            try:
                row = _complete(record)
            except ValueError as error:
                dropped[str(error)] += 1
                continue
            if row.inchikey14 in rows:
                dropped["another form of a compound kept"] += 1
            else:
                rows[row.inchikey14] = row
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read to its end: {error}.") from error
    except csv.Error as error:
        raise InputError(f"{path}: not a readable table: {error}.", hint=_HINT) from error
    if not rows:
        reasons = "; ".join(f"{n} {reason}" for reason, n in dropped.items())
        raise InputError(f"{path}: no usable structure ({reasons or 'empty'}).", hint=_HINT)
    about = {"name": path.name, "kept": len(rows), "dropped": dict(sorted(dropped.items()))}
    return table_of(list(rows.values()), path.name, about)
