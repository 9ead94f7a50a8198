"""Open a file for reading as plain bytes: gzip and bz2 are undone, bounded and named in errors.

The kind of compression is taken from the first bytes, never from the suffix.
"""

import atexit
import bz2
import gzip
import io
import os
import zlib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from spectrakit.atomic import is_device
from spectrakit.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

# Deflate cannot exceed 1032 to 1 and spectra stay far below: zlib on all-zero profile arrays
# inside gzip reached 190 in the fixture files. The free part lets tiny files expand.
_MOST_EXPANSION = 400
_FREE_BYTES = 64 << 20
_PACKED = (b"\xfd7zXZ\x00", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")  # as below
_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_BUFFER = 1 << 17
STDIN = Path("-")
_SPOOL = "SPECTRAKIT_STDIN_SPOOL"  # an environment variable, so that worker processes know
COPY_AGAIN = "Copy it again from its source, or export it again."


def keep_stdin(spool: Path) -> None:
    """Let ``-`` mean the file ``spool`` from now on; it is deleted when this process ends."""
    os.environ[_SPOOL] = str(spool)

    def forget(owner: int = os.getpid()) -> None:
        if os.getpid() == owner:
            with suppress(OSError):
                spool.unlink(missing_ok=True)

    atexit.register(forget)


def on_disk(path: Path) -> Path:
    """Return the file to open for a path: for ``-`` the copy of stdin."""
    return Path(os.environ[_SPOOL]) if path == STDIN and _SPOOL in os.environ else path


class BoundedReader(io.RawIOBase):
    """A decompressed stream that refuses to grow past what its compressed size can mean."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        super().__init__()
        self._path = path
        self._stream = stream
        self._left = _FREE_BYTES + _MOST_EXPANSION * on_disk(path).stat().st_size

    def readable(self) -> bool:
        """Return True: this is a stream to read."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes, or fewer at the end.

        Raises:
            InputError: the compressed data are corrupt or cut off, or expand beyond all reason.
        """
        try:
            data = self._stream.read(size if size >= 0 else self._left + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as error:
            raise InputError(
                f"{self._path}: the compressed data are cut off or corrupt ({error}).",
                hint=COPY_AGAIN,
            ) from error
        self._left -= len(data)
        if self._left < 0:
            raise InputError(
                f"{self._path}: expands to more than {_MOST_EXPANSION} times its size.",
                hint="If you trust the file, decompress it yourself and give that one.",
            )
        return data

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]  # a plain buffer is enough here
        """Fill ``buffer`` and return how many bytes came."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the compressed stream below."""
        self._stream.close()
        super().close()


class _NamedFile(io.FileIO):
    """A file whose errors name it: a drive may go while it is read."""

    def __init__(self, path: Path) -> None:
        super().__init__(on_disk(path), "rb")
        self._path = path

    def readinto(self, buffer: "Buffer", /) -> int | None:
        """Fill ``buffer`` and return how many bytes came.

        Raises:
            InputError: the system cannot read on.
        """
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise _unreadable(self._path, error) from error

    def readall(self) -> bytes:
        """Return all that is left; raises as ``readinto`` does."""
        try:
            return super().readall()
        except OSError as error:
            raise _unreadable(self._path, error) from error


@contextmanager
def open_bytes(path: Path, *, archives: bool = False) -> Generator[BinaryIO]:
    """Yield the decompressed bytes of ``path``.

    Args:
        path: the file.
        archives: yield a zip archive as it is (some formats are one) rather than refuse it.

    Raises:
        InputError: the file is missing, not readable, a folder, or in a packing not undone here.
    """
    try:
        if is_device(on_disk(path)):
            raise InputError(
                f"{path}: is a pipe or a device, not a file.",
                hint="Pipe the spectra into '-', or give a file.",
            )
        raw = io.BufferedReader(_NamedFile(path), _BUFFER)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(path, error) from error
    with raw:
        magic = raw.read(6)
        raw.seek(0)
        if magic.startswith(_GZIP):
            yield BoundedReader(path, gzip.GzipFile(fileobj=raw, mode="rb"))  # type: ignore[arg-type]  # GzipFile is a binary stream
        elif magic.startswith(_BZIP2):
            yield BoundedReader(path, bz2.BZ2File(raw))  # type: ignore[arg-type]  # BZ2File is a binary stream
        elif (is_zip(magic) and not archives) or magic.startswith(_PACKED):
            raise archive_error(path)
        else:
            yield raw


def is_compressed(head: bytes) -> bool:
    """Say by its first bytes whether a file is packed by gzip or bzip2."""
    return head.startswith((_GZIP, _BZIP2))


def is_zip(head: bytes) -> bool:
    """Say by its first bytes whether a file is a zip archive."""
    return head[:4] == b"PK\x03\x04"


def archive_error(path: Path) -> InputError:
    """Return the error for an archive that is no format of its own."""
    return InputError(
        f"{path}: is an archive or packed (zip, tar, xz, 7z, zstd or lz4).",
        hint="Unpack it and give what is inside; .gz and .bz2 are read as they are.",
    )


def _unreadable(path: Path, error: OSError | ValueError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(
            f"{path}: there is no such file.", hint="Check the path and its spelling."
        )
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path}: is a folder, not a file.", hint="Give the files inside it.")
    return InputError(
        f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}.",
        hint="Check the permissions and that the drive is still there.",
    )
