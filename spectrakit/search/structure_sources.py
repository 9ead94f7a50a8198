"""From the name of a structure source to its table: parsed once, then mapped from the cache.

The cache is a convenience, never a need: where the folder cannot be written or a cached file
is damaged, the list is read again.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from spectrakit.config import cache_folder
from spectrakit.errors import InputError, UsageError, did_you_mean
from spectrakit.search.flat_arrays import MAGIC
from spectrakit.search.structures import FORMAT_VERSION, StructureTable

log = logging.getLogger(__name__)

BUILT_IN = ("hmdb",)
READER_VERSION = 1  # raise when a reader gives other rows for the same file


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cached(source: Path, read: Callable[[], StructureTable]) -> StructureTable:
    state = source.stat()
    prefix = f"structures-{_short_hash(str(source.resolve()))}-"
    version = f"{state.st_size} {state.st_mtime_ns} {FORMAT_VERSION} {READER_VERSION}"
    path = cache_folder() / f"{prefix}{_short_hash(version)}.bin"
    if path.is_file():
        try:
            return StructureTable.open(path)
        except InputError as error:
            log.debug("structure cache ignored: %s", error)
    table = read()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write(path)
        for old in path.parent.glob(f"{prefix}*.bin"):
            if old != path:
                old.unlink(missing_ok=True)
    except (OSError, InputError) as error:
        log.debug("structure cache not written: %s", error)
    return table


def load_structures(source: str | Path) -> StructureTable:
    """Return the structures of ``hmdb``, of a list (CSV, TSV, SMILES, SDF) or of a built table.

    ``hmdb`` is the table inside the installed pyopenms. A file is recognised by its content;
    a table that :meth:`StructureTable.write` wrote is mapped as it is.

    Raises:
        UsageError: neither a known name nor a file.
        InputError: the file cannot be read or holds no structure.
        MissingExtraError: ``hmdb`` without pyopenms.
    """
    if str(source) == "hmdb":
        from spectrakit.search.hmdb import hmdb_files, read_hmdb

        structures, mapping = hmdb_files()
        return _cached(structures, lambda: read_hmdb(structures, mapping))
    path = Path(source)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is neither a known structure list nor a file"
        near = "" if path.suffix else did_you_mean(str(source), BUILT_IN)
        raise UsageError(
            f"structures '{source}': {what}.",
            hint=near or "Use 'hmdb', 'none', or the path of a CSV, TSV, SMILES or SDF file.",
        )
    try:
        with path.open("rb") as handle:
            built = handle.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if built:
        return StructureTable.open(path)
    from spectrakit.search.structure_lists import read_structure_list

    return _cached(path, lambda: read_structure_list(path))
