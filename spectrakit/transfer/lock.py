"""One writer at a time: a lock that the system takes back when its process dies."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from spectrakit.errors import InputError

PATIENCE = 10.0  # seconds; a writer holds the lock for milliseconds
_AGAIN = 0.02


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold ``path``.lock, an empty file that stays there, while something beside it is changed.

    Raises:
        InputError: another process keeps it, or the folder cannot be written.
    """
    file = path.with_name(f"{path.name}.lock")
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except OSError as error:
        raise InputError(
            f"{file}: cannot be written: {error.strerror or error}.",
            hint="Check the folder's permissions.",
        ) from error
    try:
        _wait(handle, file)
        yield
    finally:
        os.close(handle)  # which unlocks


def _wait(handle: int, file: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not _take(handle):
        if time.monotonic() > end:
            raise InputError(
                f"{file}: another process has held it for {PATIENCE:g} s.",
                hint="Wait for the other spectrakit to end, then run this again.",
            )
        time.sleep(_AGAIN)


def _take(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
