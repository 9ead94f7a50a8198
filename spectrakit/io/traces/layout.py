"""Binary layouts read with every offset and length checked against the size of the file."""

import mmap
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN

LONGEST_TEXT = 1 << 16  # characters of free text kept of one spectrum
_MOST_IN_MEMORY = 2 << 30  # bytes of a compressed file


class Layout:
    """The bytes of a file, mapped where it lies on a disk; nothing outside them can be read."""

    def __init__(self, path: Path, data: bytes | mmap.mmap) -> None:
        self.path = path
        self._data = data
        self.size = len(data)

    @classmethod
    def of(cls, path: Path, stream: BinaryIO) -> "Layout":
        """Return the layout of an open file; compressed ones are held in memory.

        Raises:
            InputError: a compressed file holds more than 2 GiB.
        """
        try:
            return cls(path, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):  # ValueError: an empty file
            pieces: list[bytes] = []
            left = _MOST_IN_MEMORY
            while piece := stream.read(1 << 20):
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    raise InputError(
                        f"{path}: holds more than {_MOST_IN_MEMORY >> 30} GiB when decompressed.",
                        hint="Decompress it yourself and give that file.",
                    ) from None
            return cls(path, b"".join(pieces))

    def need(self, offset: int, length: int, what: str) -> None:
        """Check that ``length`` bytes lie at ``offset``.

        Raises:
            InputError: they do not; names the file, what was to be read, and the sizes.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise InputError(
                f"{self.path}: {what} needs {length} bytes at byte {offset}, "
                f"but the file has {self.size}.",
                hint=COPY_AGAIN,
            )

    def raw(self, offset: int, length: int, what: str) -> bytes:
        """Return ``length`` bytes from ``offset``."""
        self.need(offset, length, what)
        return self._data[offset : offset + length]

    def unpack(self, form: str, offset: int, what: str) -> tuple[Any, ...]:
        """Return the numbers that ``struct`` finds at ``offset``."""
        return struct.unpack(form, self.raw(offset, struct.calcsize(form), what))

    def number(self, form: str, offset: int, what: str) -> Any:
        """Return the one number that ``struct`` finds at ``offset``."""
        return self.unpack(form, offset, what)[0]

    def array(self, dtype: str, offset: int, count: int, what: str) -> NDArray[Any]:
        """Return a copy of ``count`` numbers of a dtype, in the machine's byte order.

        Returns:
            (count,) of the dtype.
        """
        kind = np.dtype(dtype)
        self.need(offset, count * kind.itemsize, what)
        found = np.frombuffer(self._data, kind, count, offset)
        return found.astype(kind.newbyteorder("="))

    def floats(self, dtype: str, offset: int, count: int, what: str) -> NDArray[np.float64]:
        """Return ``count`` numbers of a dtype as (count,) float64; NaN of any kind stay NaN."""
        with np.errstate(invalid="ignore"):
            return self.array(dtype, offset, count, what).astype(np.float64)

    def text(self, offset: int, length: int, what: str, encoding: str = "latin-1") -> str:
        """Return text up to its first NUL, without blanks around it."""
        return plain(self.raw(offset, length, what), encoding)

    def find(self, mark: bytes, start: int = 0, stop: int | None = None) -> int:
        """Return where ``mark`` is between two offsets, or -1."""
        return self._data.find(mark, start, self.size if stop is None else stop)

    def bad(self, what: str, hint: str = COPY_AGAIN) -> InputError:
        """Return the error of a file whose content contradicts itself."""
        return InputError(f"{self.path}: {what}.", hint=hint)


def plain(raw: bytes, encoding: str = "latin-1") -> str:
    """Return the text of a field that is filled up with NULs or blanks."""
    text = raw.split(b"\0", 1)[0].decode(encoding, "replace").strip()
    return text[:LONGEST_TEXT]


def even_axis(first: float, last: float, count: int) -> NDArray[np.float64]:
    """Return ``count`` values from first to last in equal steps, both of them exact.

    Raises:
        BadSpectrum: a limit is no finite number.
    """
    if not (np.isfinite(first) and np.isfinite(last)):
        raise BadSpectrum("the limits of the axis are no numbers")
    return np.linspace(first, last, count)
