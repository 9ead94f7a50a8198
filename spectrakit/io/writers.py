"""Write spectra in the format that a file's name asks for; whole files or none."""

import gzip
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from spectrakit.atomic import atomic_path
from spectrakit.errors import UsageError
from spectrakit.io.massbank_writer import write_massbank
from spectrakit.io.mzml_writer import write_mzml
from spectrakit.io.text_writers import write_mgf, write_msp
from spectrakit.io.traces import tidy_writer as tidy
from spectrakit.io.traces.jcamp import writer as jcamp
from spectrakit.log import say
from spectrakit.spectrum import Spectrum

NO_COLUMNS: set[str] = set()
KEPT_COLUMNS = {  # others, mzML and stores, keep all
    ".mgf": {"annotation", "charge"},
    ".msp": {"annotation"},
    ".txt": {"annotation", "relative_intensity"},
    ".jdx": NO_COLUMNS,
    ".dx": NO_COLUMNS,
    ".csv": NO_COLUMNS,
}
WRITERS = {
    ".mzml": write_mzml,
    ".mgf": write_mgf,
    ".msp": write_msp,
    ".txt": write_massbank,
    ".jdx": jcamp.write_jcamp,
    ".dx": jcamp.write_jcamp,
    ".csv": tidy.write_tidy,
}
KINDS = {"massbank": "txt"}  # names of formats that are not their suffix
_REFUSALS = {".jdx": jcamp.why_not, ".dx": jcamp.why_not, ".csv": tidy.why_not}
_TRACE = "a trace, which has no peak list"


def export_suffix(path: Path) -> str:
    """Return the suffix of a name that says its format (``.mzml``, or ``.jdx`` before ``.gz``).

    Raises:
        UsageError: another suffix.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in WRITERS:
        raise UsageError(
            f"{path}: '{suffix or path.name}' says no format to write.",
            hint="End --out in .h5 (a store), .mzML, .mgf, .msp, .txt (MassBank), .jdx or .csv "
            "(also with .gz), or give a folder with a / at its end.",
        )
    return suffix


def why_not(spectrum: Spectrum, kind: str) -> str:
    """Return why a format (``mgf``, ``jdx``, ...) cannot hold a spectrum; empty when it can."""
    kind = KINDS.get(kind, kind)
    if f".{kind}" in _REFUSALS:
        return _REFUSALS[f".{kind}"](spectrum)
    return _TRACE if spectrum.is_trace else ""


def write_spectra(path: Path, spectra: Iterable[Spectrum], kind: str = "") -> int:
    """Write spectra to ``path`` and return how many; nothing appears before all are written.

    Equal spectra give equal bytes, compressed or not.

    Args:
        path: ends in a suffix of ``WRITERS``, with or without ``.gz``.
        spectra: those for which ``why_not`` is empty.
        kind: the suffix without its dot, where the name does not say it.

    Raises:
        UsageError: another suffix, or spectra that do not go into one file of this format.
        InputError: the file cannot be written.
    """
    suffix = f".{KINDS.get(kind, kind)}" if kind else export_suffix(path)
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
