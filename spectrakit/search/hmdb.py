"""The HMDB structures that come inside the installed pyopenms, read without any toolkit.

``HMDB2StructMapping.tsv`` holds id, name, SMILES and InChI; mass and keys come from the InChI:

* a compound is one InChI main layer, so stereo-isomers, labelled forms and protonation states
  are one row; it keeps the lowest HMDB number with that row's name and drawing;
* mass and permanent charge as :func:`spectrakit.search.inchi_key.main_layer_mass` reads them;
* records without a standard InChI are dropped and counted.
"""

import importlib.util
from collections import Counter
from pathlib import Path

from spectrakit.errors import MissingExtraError
from spectrakit.search.inchi_key import inchikey14, main_layer, main_layer_mass
from spectrakit.search.structures import StructureRow, StructureTable, table_of

LICENSE = "HMDB: free for non-commercial use; cite the Human Metabolome Database"


def hmdb_files() -> tuple[Path, Path]:
    """Return the structure table and the mapping file of the installed pyopenms.

    Raises:
        MissingExtraError: pyopenms is not installed, or came without its tables.
    """
    spec = importlib.util.find_spec("pyopenms")  # finds the package without running it
    hint = "Install it with: pip install pyopenms; or name another list with --structures."
    if spec is None or spec.origin is None:
        raise MissingExtraError("hmdb: the package pyopenms is not installed.", hint=hint)
    folder = Path(spec.origin).parent / "share" / "OpenMS" / "CHEMISTRY"
    structures, mapping = folder / "HMDB2StructMapping.tsv", folder / "HMDBMappingFile.tsv"
    if not structures.is_file():
        raise MissingExtraError(f"hmdb: {structures} is missing from pyopenms.", hint=hint)
    return structures, mapping


def _version(mapping: Path) -> str:
    try:
        with mapping.open(encoding="utf-8", errors="replace") as handle:
            for line in (next(handle, "") for _ in range(5)):
                if line.startswith("database_version\t"):
                    return line.split("\t")[1].strip()
    except OSError:
        return ""
    return ""


def _compound(line: list[str], main: str) -> StructureRow:
    identifier, name, smiles, inchi = line[:4]
    mass, charge = main_layer_mass(inchi)
    return StructureRow(
        exact_mass=mass,
        smiles=smiles,
        inchikey14=inchikey14(main),
        formula=main.split("/", 1)[0],
        charge=max(-127, min(127, charge)),
        inchi=inchi,
        name=name,
        source_id=identifier.removeprefix("HMDB:"),
    )


def read_hmdb(structures: Path, mapping: Path) -> StructureTable:
    """Parse the tables into compounds; about 1.5 CPU seconds for 114,107 records."""
    dropped: Counter[str] = Counter()
    best: dict[str, list[str]] = {}
    with structures.open(encoding="utf-8", errors="replace", newline="\n") as handle:
        for text in handle:
            line = text.rstrip("\r\n").split("\t")
            if len(line) < 4:
                dropped["line without four columns"] += 1
                continue
            try:
                main = main_layer(line[3])
            except ValueError:
                dropped["no standard InChI"] += 1
                continue
            known = best.get(main)
            if known is None:
                best[main] = line
                continue
            dropped["stereo-isomer or other form of a compound kept"] += 1
            if line[0] < known[0]:
                best[main] = line
    rows: list[StructureRow] = []
    for main, line in best.items():
        try:
            rows.append(_compound(line, main))
        except ValueError:
            dropped["formula or charge that cannot be read"] += 1
    about = {
        "name": "hmdb",
        "release": _version(mapping),
        "license": LICENSE,
        "kept": len(rows),
        "dropped": dict(sorted(dropped.items())),
    }
    return table_of(rows, "hmdb", about)
