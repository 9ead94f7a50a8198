"""Write spectra in the format that a file's name asks for; whole files or none."""

import gzip
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from spectrakit.atomic import atomic_path
from spectrakit.errors import UsageError
from spectrakit.io.mzml_writer import write_mzml
from spectrakit.io.text_writers import write_mgf, write_msp
from spectrakit.log import say
from spectrakit.spectrum import Spectrum

KEPT_COLUMNS = {".mgf": {"annotation", "charge"}, ".msp": {"annotation"}}  # others: mzML, stores
WRITERS = {".mzml": write_mzml, ".mgf": write_mgf, ".msp": write_msp}


def export_suffix(path: Path) -> str:
    """Return ``.mzml``, ``.mgf`` or ``.msp`` for a name that ends so (or so and ``.gz``).

    Raises:
        UsageError: another suffix.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in WRITERS:
        raise UsageError(
            f"{path}: '{suffix or path.name}' says no format to write.",
            hint="End --out in .h5 (a store), .mzML, .mgf or .msp (also with .gz), or give a "
            "folder with a / at its end.",
        )
    return suffix


def write_spectra(path: Path, spectra: Iterable[Spectrum], kind: str = "") -> int:
    """Write mass spectra to ``path`` and return how many; nothing appears before all are written.

    Equal spectra give equal bytes, compressed or not.

    Args:
        path: ends in ``.mzML``, ``.mgf`` or ``.msp``, with or without ``.gz``.
        spectra: peaks, not traces.
        kind: ``mzml``, ``mgf`` or ``msp`` where the name does not say it.

    Raises:
        UsageError: another suffix.
        InputError: the file cannot be written.
    """
    suffix = f".{kind}" if kind else export_suffix(path)
    write = WRITERS[suffix]
    if suffix in KEPT_COLUMNS:
        spectra = _naming_lost_columns(spectra, path, KEPT_COLUMNS[suffix])
    with atomic_path(path) as part:
        if not path.name.lower().endswith(".gz"):
            with part.open("wb") as handle:
                return write(handle, spectra)
        with tempfile.TemporaryFile(dir=path.parent) as plain:  # mzML needs to go back once
            spool: BinaryIO = plain  # type: ignore[assignment]  # a binary file by another name
            n = write(spool, spectra)
            plain.seek(0)
            with (
                part.open("wb") as raw,
                gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
            ):
                shutil.copyfileobj(plain, packed)
        return n


def _naming_lost_columns(
    spectra: Iterable[Spectrum], path: Path, kept: set[str]
) -> Iterator[Spectrum]:
    """Pass spectra on; at the end say which per-peak columns a text format cannot hold."""
    lost: set[str] = set()
    for spectrum in spectra:
        lost.update(set(spectrum.columns) - kept)
        yield spectrum
    if lost:
        say(f"{path}: not written, this format has no place for it: {', '.join(sorted(lost))}")
