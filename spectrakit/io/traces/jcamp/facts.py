"""What the labels of a JCAMP-DX block say beside the numbers."""

import re
from math import isnan, nan
from typing import Any

from spectrakit.io.fields import seconds
from spectrakit.io.traces.jcamp.labels import Block
from spectrakit.io.traces.kept import unpack
from spectrakit.io.traces.text import number
from spectrakit.io.traces.units import known_axis_unit
from spectrakit.spectrum import Molecule

# Labels that the axis, the values and the fields of a spectrum already hold.
_HELD = frozenset(
    ["TITLE", "END", "ENDNTUPLES", "XUNITS", "YUNITS", "XFACTOR", "YFACTOR", "FIRSTX", "LASTX",
     "FIRSTY", "LASTY", "MINX", "MAXX", "MINY", "MAXY", "NPOINTS", "DELTAX", "PAGE", "BLOCKID",
     "VARNAME", "SYMBOL", "VARTYPE", "VARFORM", "VARDIM", "UNITS", "FIRST", "LAST", "MIN", "MAX",
     "FACTOR", "NTUPLES", "SPECTROMETER/DATASYSTEM", "SPECTROMETERDATASYSTEM", "JCAMPDX",
     "$SPECTRAKIT"]
)  # fmt: skip
_IONISATION = re.compile(r"([A-Z]{2,5})\s*([+-])?", re.IGNORECASE)


def about(block: Block) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of a spectrum that a block fills, and everything else it says."""
    title = " ".join(block.get("TITLE").split())
    facts: dict[str, Any] = {
        "name": title,
        "sample": title,
        "instrument": " ".join(block.get("SPECTROMETERDATASYSTEM").split()),
        "molecule": molecule_of(block, title),
    }
    if "MASS" in block.get("DATATYPE").upper():
        facts |= _ionisation(block)
    extra: dict[str, Any] = {}
    for record in block.records:
        if record.is_data or record.label in _HELD or not record.value:
            continue
        extra.setdefault(record.written, record.value)
    if block.comments:
        extra["comments"] = "\n".join(block.comments)[:4000]
    return facts, extra


def private_record(block: Block) -> dict[str, Any]:
    """Return what our own writer kept beside the labels; empty in files of others."""
    lines = next((record.lines for record in block.records if record.label == "$SPECTRAKIT"), [])
    return unpack("".join(lines))


def molecule_of(block: Block, title: str) -> Molecule | None:
    """Return the compound that a block claims by formula, InChI, SMILES or registry number."""
    formula = re.sub(r"[\s*]", "", block.get("MOLFORM"))
    inchi = block.get("INCHI") or block.get("$INCHI") or block.get(".INCHI")
    key = block.get("INCHIKEY") or block.get("$INCHIKEY")
    smiles = block.get("SMILES") or block.get("$SMILES")
    registered = block.get("CASREGISTRYNO")
    names = (block.get("NAMES") or block.get("CASNAME")).split("\n")[0].strip()
    if not any((formula, inchi, key, smiles, registered)):
        return None
    if inchi and not inchi.startswith("InChI="):
        inchi = f"InChI={inchi}"
    return Molecule(names or title, key.strip(), smiles.strip(), inchi.strip(), formula)


def _ionisation(block: Block) -> dict[str, Any]:
    facts: dict[str, Any] = {"ms_level": 1}
    match = _IONISATION.match(block.get(".IONIZATIONMODE").strip())
    if match:
        facts["activation"] = match[1].upper()
        facts["polarity"] = {"+": 1, "-": -1}.get(match[2] or "", 0)
    energy = number(block.get(".IONIZATIONENERGY"))
    if not isnan(energy):
        facts |= {
            "collision_energy": block.get(".IONIZATIONENERGY").strip(),
            "collision_energy_value": energy,
            "collision_energy_unit": "eV",
        }
    return facts


def moment_of(page: dict[str, str], x_unit: str, block: Block) -> float:
    """Return the retention time of a page of a chromatogram in seconds, else NaN."""
    text = page.get("T", "")
    if not text or known_axis_unit(x_unit) != "m/z":
        return nan
    cells = [cell.strip().upper() for cell in block.get("SYMBOL").split(",")]
    units = [cell.strip() for cell in block.get("UNITS").split(",")]
    at = cells.index("T") if "T" in cells else -1
    unit = known_axis_unit(units[at]) if 0 <= at < len(units) else ""
    return seconds(text, "min" if unit == "min" else "s")
