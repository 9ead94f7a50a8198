"""A whole file in memory, for formats whose parts point at each other."""

from pathlib import Path
from typing import BinaryIO

from spectrakit.errors import InputError

_MOST = 4 << 30


def read_whole(path: Path, stream: BinaryIO, most: int = _MOST) -> bytes:
    """Return what is left of a stream.

    Raises:
        InputError: it is longer than ``most`` bytes.
    """
    data = stream.read(most + 1) if _is_packed(stream) else _read(stream, most)
    if len(data) > most:
        raise InputError(
            f"{path}: is larger than {most >> 20} MiB, more than this format is read to.",
            hint="Split the file, or export its spectra in another format.",
        )
    return data


def _is_packed(stream: BinaryIO) -> bool:
    return not hasattr(stream, "peek")


def _read(stream: BinaryIO, most: int) -> bytes:
    """Read a plain file without asking for more memory than it has bytes."""
    here = stream.tell()
    size = stream.seek(0, 2) - here
    stream.seek(here)
    return stream.read(min(size, most + 1))
