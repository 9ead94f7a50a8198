"""Which of the files that a person names are lists of structures, and which hold spectra."""

from pathlib import Path

from spectrakit.errors import InputError
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.sniff import is_readable, recognise

STRUCTURE_SUFFIXES = {".csv", ".tsv", ".smi", ".smiles", ".sdf", ".sd"}
_TABLES = (".csv", ".tsv")  # which may hold spectra


def is_structure_list(path: Path) -> bool:
    """Say whether a file is a list of structures: by its name, and a table by its content.

    Args:
        path: a file, or a pattern, of which the first file counts.
    """
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".bz2")]
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in _TABLES:
        return suffix in STRUCTURE_SUFFIXES
    try:
        return not is_readable(recognise(expand_inputs([str(path)])[0]))
    except InputError:  # its reader says what is wrong
        return True
