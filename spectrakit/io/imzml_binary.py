"""The binary half of an imzML: the .ibd beside it, checked to be the right and the whole one."""

import hashlib
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np

from spectrakit.errors import InputError
from spectrakit.io.mzml_arrays import Packed
from spectrakit.io.packed_numbers import LONGEST, OTHER_LENGTH, TOO_LONG
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN, STDIN

_OFFSET, _LENGTH, _ENCODED = "IMS:1000102", "IMS:1000103", "IMS:1000104"
_UUID = "IMS:1000080"
_CHECKSUMS = {"IMS:1000090": "md5", "IMS:1000091": "sha1", "IMS:1000092": "sha256"}
_UUID_BYTES = 16
_PACKINGS = (".gz", ".bz2")


class Ibd:
    """The arrays of an imzML, for ``read_mzml``.

    Args:
        path: of the imzML.

    Raises:
        InputError: the .ibd is missing or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ibd = _beside(path)
        try:
            self._file = self.ibd.open("rb")
            self._size = self.ibd.stat().st_size
        except OSError as error:
            raise InputError(
                f"{self.ibd}: cannot be read: {error.strerror or error}.",
                hint="Check its permissions and that the drive is still there.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def begin(self, content: Mapping[str, str]) -> None:
        """Compare the .ibd with the identifier and the checksum in the imzML.

        Raises:
            InputError: it belongs to another imzML, or its bytes are not those that were written.
        """
        wanted = content.get(_UUID, "")
        with suppress(ValueError):
            wanted = uuid.UUID(wanted.strip()).hex
        found = self._read(0, _UUID_BYTES, "the identifier").hex()
        if wanted and wanted != found:
            raise InputError(
                f"{self.ibd}: belongs to another imzML: it begins with {found}, and "
                f"{self.path.name} wants {wanted}.",
                hint="Put the two files of one export beside each other.",
            )
        for accession, algorithm in _CHECKSUMS.items():
            if stated := content.get(accession, "").strip().lower():
                self._file.seek(0)
                digest = hashlib.file_digest(self._file, algorithm).hexdigest()
                if digest != stated:
                    raise InputError(
                        f"{self.ibd}: its {algorithm.upper()} is {digest}, and {self.path.name} "
                        f"says {stated}: the data changed since they were written.",
                        hint="Copy both files again from their source.",
                    )

    def fill(self, packed: Packed, native_id: str) -> None:
        """Read the bytes of an array that lies in the .ibd.

        Raises:
            BadSpectrum: its place is not said, or its lengths disagree.
            InputError: the .ibd ends before it.
        """
        place = packed.external
        if not place:
            return
        offset, length = _count(place.get(_OFFSET)), _count(place.get(_LENGTH))
        if offset is None or length is None or not packed.dtype:
            raise BadSpectrum("array has no place in the .ibd")
        if length > LONGEST:
            raise BadSpectrum(TOO_LONG)
        size = length * np.dtype(packed.dtype).itemsize
        encoded = _count(place.get(_ENCODED))
        encoded = size if encoded is None else encoded
        if encoded != size and not packed.zlib:
            raise BadSpectrum(OTHER_LENGTH)
        packed.length = length
        packed.raw = self._read(offset, encoded, f"spectrum '{native_id}'")

    def _read(self, offset: int, size: int, whose: str) -> bytes:
        if offset + size > self._size:
            raise InputError(
                f"{self.ibd}: ends at byte {self._size}, and {whose} needs byte {offset + size}.",
                hint=COPY_AGAIN,
            )
        self._file.seek(offset)
        return self._file.read(size)


def _beside(path: Path) -> Path:
    """Return the .ibd of an imzML, however its suffix is written."""
    if path == STDIN:
        raise InputError(
            "an imzML from stdin has no .ibd beside it.", hint="Give the file by its name."
        )
    plain = path
    while plain.suffix.lower() in _PACKINGS:
        plain = plain.with_suffix("")
    name = plain.with_suffix(".ibd").name
    with suppress(OSError):
        for other in sorted(path.parent.iterdir()):
            if other.name.lower() == name.lower() and other.is_file():
                return other
    packed = next((name + end for end in _PACKINGS if (path.parent / (name + end)).exists()), "")
    hint = "Copy it into the same folder: the two files belong together."
    raise InputError(
        f"{path}: its binary half {name} is not beside it.",
        hint=f"Decompress {packed} first." if packed else hint,
    )


def _count(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
