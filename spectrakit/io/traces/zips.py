"""Zip archives whose members are read: how large one may become is bounded by its packed size."""

import io
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.whole import read_whole

_MOST_DEFLATE = 1032  # deflate cannot exceed it
_MOST_MEMBER = 4 << 30
_FAILURES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError,
             ValueError, OverflowError, KeyError, IndexError, MemoryError)  # fmt: skip


@contextmanager
def open_zip(path: Path, stream: BinaryIO) -> Generator[zipfile.ZipFile]:
    """Yield an archive that can be searched, whatever the stream is.

    Raises:
        InputError: it is no readable archive.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(read_whole(path, stream)))
    except _FAILURES as error:
        raise _damaged(path, "the archive", error) from error
    with archive:
        yield archive


def read_member(
    path: Path, archive: zipfile.ZipFile, one: zipfile.ZipInfo, most: int = _MOST_MEMBER
) -> bytes:
    """Return the bytes of one member.

    Raises:
        InputError: damaged, encrypted, or it would be larger than its packed bytes can mean.
    """
    if one.file_size > min(most, _MOST_DEFLATE * one.compress_size + 1024):
        raise InputError(
            f"{path}: '{one.filename}' declares {one.file_size} bytes, too many.", hint=COPY_AGAIN
        )
    try:
        with archive.open(one) as member:
            return member.read(one.file_size + 1)[: one.file_size]
    except _FAILURES as error:
        raise _damaged(path, f"'{one.filename}'", error) from error


def _damaged(path: Path, what: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return InputError(f"{path}: {what} is cut off or damaged ({reason}).", hint=COPY_AGAIN)
