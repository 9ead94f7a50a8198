"""Vendor raw data: recognised, and answered with the command that converts them.

Reading them needs the vendors' own libraries, which ProteoWizard's msconvert and
ThermoRawFileParser bring along.
"""

from pathlib import Path

from spectrakit.errors import InputError

_THERMO_MAGIC = b"\x01\xa1F\x00i\x00n\x00n\x00i\x00g\x00a\x00n\x00"
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Sciex .wiff is an OLE compound file
VENDOR_SUFFIXES = {
    ".raw": "Thermo raw file",
    ".wiff": "Sciex wiff file",
    ".wiff2": "Sciex wiff2 file",
    ".lcd": "Shimadzu LCD file",
    ".t2d": "Sciex T2D file",
    ".baf": "Bruker BAF file",
    ".tdf": "Bruker TDF file",
    ".tsf": "Bruker TSF file",
}
_OPEN_SUFFIXES = (
    ".mzml",
    ".mzxml",
    ".mzdata",
    ".imzml",
    ".mzmlb",
    ".mgf",
    ".msp",
    ".h5",
)  # an ordinary folder with an odd name
_FOLDER_MARKS = {  # a file inside -> whose folder it is
    "AcqData": "Agilent .d folder",
    "analysis.baf": "Bruker .d folder",
    "analysis.tdf": "Bruker timsTOF .d folder",
    "analysis.tsf": "Bruker timsTOF .d folder",
    "analysis.yep": "Bruker .d folder",
    "_FUNC001.DAT": "Waters .raw folder",
    "_HEADER.TXT": "Waters .raw folder",
}


def vendor_file(path: Path, head: bytes) -> str:
    """Return what vendor file this is by its first bytes or suffix; empty if none."""
    if head.startswith(_THERMO_MAGIC):
        return "Thermo raw file"
    if head.startswith(_OLE_MAGIC):
        return VENDOR_SUFFIXES.get(path.suffix.lower(), "vendor file (OLE compound)")
    return VENDOR_SUFFIXES.get(path.suffix.lower(), "")


def vendor_folder(folder: Path) -> str:
    """Return whose raw data folder this is; empty if it is an ordinary folder."""
    if folder.suffix.lower() not in (".d", ".raw"):
        return ""
    try:
        names = {entry.name.lower() for entry in folder.iterdir()}
    except OSError:
        return ""
    for mark, kind in _FOLDER_MARKS.items():
        if mark.lower() in names:
            return kind
    if any(name.removesuffix(".gz").endswith(_OPEN_SUFFIXES) for name in names):
        return ""
    return "Waters .raw folder" if folder.suffix.lower() == ".raw" else "vendor .d folder"


def vendor_error(path: Path, kind: str) -> InputError:
    """Return the one-line error with the exact command that makes an mzML of ``path``."""
    quoted = f'"{path}"'
    hint = f'Convert it first: msconvert {quoted} --mzML --zlib --filter "peakPicking vendor"'
    if kind == "Thermo raw file":
        hint += f" (or: ThermoRawFileParser -i {quoted} -f 1)"
    return InputError(f"{path}: is a {kind}, which only the vendor's library reads.", hint=hint)
