"""What a command line names as input, as a list of files.

Globs are expanded here because the shells of Windows do not. A vendor's raw data folder is one
input; reading it gives the error with the command that converts it, so that the other files of
a batch are finished first.
"""

import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from spectrakit.atomic import is_device
from spectrakit.errors import InputError, UsageError
from spectrakit.io.library_formats import SUFFIXES as LIBRARY_SUFFIXES
from spectrakit.io.sniff import is_readable, recognise
from spectrakit.io.streams import STDIN, keep_stdin
from spectrakit.io.vendor import VENDOR_SUFFIXES, vendor_folder

_SPECTRA = (".mzml", ".mgf", ".msp", ".h5", ".mzxml", ".mzdata", ".imzml", ".ms2", ".mzmlb")
_PACKED = (".gz", ".bz2")
_NOT_UNDONE = (".zip", ".xz", ".7z", ".zst", ".lz4")  # reading run.mzML.zst says what to do
_MAYBE = ("", ".txt", ".xml", ".hdf5", *LIBRARY_SUFFIXES)  # looked into
_PART = ".part-"  # a file that is still being written


def expand_inputs(args: Sequence[str]) -> list[Path]:
    """Return the files that the words of a command line mean, each once, in their order.

    Args:
        args: files, folders (searched to the bottom, sorted, known formats only), globs,
            ``@list.txt`` with one of these on each line, or ``-`` for stdin.

    A file that is not there is returned all the same: reading it gives the error, after the
    others were finished.

    Raises:
        InputError: a list or folder cannot be read, or a folder or glob holds no spectra.
        UsageError: there is nothing to read, or stdin is a terminal.
    """
    seen: dict[Path, Path] = {}
    for arg in args:
        for path in _expand(arg, ()) if arg != "-" or STDIN not in seen else ():
            seen.setdefault(path if path == STDIN else path.absolute(), path)
    if not seen:
        raise UsageError("no input is given.", hint="Name files, folders, globs or '-'.")
    return list(seen.values())


def _expand(arg: str, lists: tuple[Path, ...]) -> Iterator[Path]:
    if not arg:
        raise UsageError("an input is empty text.", hint="Name a file, folder, glob or '-'.")
    if arg == "-":
        yield _stdin()
    elif arg.startswith("@") and not os.path.exists(arg):  # noqa: PTH110 - never raises
        yield from _listed(Path(arg[1:]), lists)
    elif os.path.isdir(arg):  # noqa: PTH112 - never raises
        yield from _folder(Path(arg))
    elif not os.path.exists(arg) and glob.has_magic(arg.removeprefix("\\\\?\\")):  # noqa: PTH110 - never raises
        found = sorted(glob.glob(arg, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not found:
            raise InputError(f"{arg}: no file matches.", hint="Check the folder and the pattern.")
        for name in found:
            yield from _expand(name, lists) if Path(name).is_dir() else [Path(name)]
    else:
        yield Path(arg)


def _listed(path: Path, lists: tuple[Path, ...]) -> Iterator[Path]:
    if path.absolute() in lists:
        raise InputError(f"{path}: the list names itself.", hint="Remove that line.")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8.", hint="Save the list as UTF-8.") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{path}: the list of inputs cannot be read: {reason}.",
            hint="Write one file, folder or glob on each line.",
        ) from error
    for line in lines:
        word = line.strip()
        if word and not word.startswith("#"):
            beside = path.parent / word
            use_beside = not os.path.exists(word) and os.path.exists(beside)  # noqa: PTH110 - never raises
            yield from _expand(str(beside) if use_beside else word, (*lists, path.absolute()))


def _folder(folder: Path) -> Iterator[Path]:
    if vendor_folder(folder):
        yield folder
        return
    empty = True

    def stop(error: OSError) -> None:
        raise InputError(
            f"{error.filename}: the folder cannot be read: {error.strerror}.",
            hint="Check its permissions.",
        ) from error

    for root, folders, names in os.walk(folder, onerror=stop):
        here = Path(root)
        vendor = sorted(name for name in folders if vendor_folder(here / name))
        folders[:] = sorted(
            name for name in folders if name not in vendor and not name.startswith(".")
        )
        for name in sorted([*names, *vendor]):
            if name in vendor or _is_spectra(here / name):
                empty = False
                yield here / name
    if empty:
        raise InputError(
            f"{folder}: holds no spectra in a known format.",
            hint="Check the folder; convert --help names the formats that are read.",
        )


def _is_spectra(path: Path) -> bool:
    name = path.name.lower()
    if name.startswith(".") or _PART in name or is_device(path):
        return False
    for packing in (*_PACKED, *_NOT_UNDONE):
        name = name.removesuffix(packing)
    suffix = Path(name).suffix
    if suffix in _SPECTRA or suffix in VENDOR_SUFFIXES:
        return True
    from spectrakit.io.traces.formats import SUFFIXES

    if suffix not in _MAYBE and suffix not in SUFFIXES:
        return False
    try:
        return is_readable(recognise(path))
    except InputError:
        return False


def _stdin() -> Path:
    """Copy stdin to a file, because formats are told apart by looking ahead."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "'-' reads spectra from stdin, but nothing is piped in.",
            hint="Pipe a file into the command: cat run.mgf | spectrakit ... -",
        )
    with tempfile.NamedTemporaryFile(prefix="spectrakit-stdin-", delete=False) as spool:
        keep_stdin(Path(spool.name))
        shutil.copyfileobj(sys.stdin.buffer, spool)
    return STDIN
