"""VIAVI MicroNIR ``.sam``: one spectrum and the raw counts of the detector, binary.

The layout is not published; it was worked out from files of instrument software 3.1: texts with
their length before them, channels and pixels as 32-bit integers, first and last wavelength and
all values as little-endian doubles. The file does not name the unit of its values; they behave
as absorbance (they rise where the counts fall), which is not claimed here.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.text import trace
from spectrakit.spectrum import Modality, Spectrum

_MAGIC = b"\x04MNIR"
_LARGEST = 1 << 22


def says_viavi(head: bytes, path: Path) -> bool:
    """Say whether a file opens as MicroNIR."""
    return head.startswith(_MAGIC)


class _Cursor:
    """Reads one value after the other; past the end is an error."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data, self.at = path, data, 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            there, needed = len(self.data), self.at + size
            raise InputError(
                f"{self.path}: is cut off: {there} bytes, {needed} are needed.", hint=COPY_AGAIN
            )
        piece = self.data[self.at : self.at + size]
        self.at += size
        return piece

    def text(self) -> str:
        return self.take(self.take(1)[0]).decode("utf-8", errors="replace")

    def integer(self) -> int:
        return struct.unpack("<i", self.take(4))[0]

    def double(self) -> float:
        return struct.unpack("<d", self.take(8))[0]


def read_viavi(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectrum of a MicroNIR file.

    Raises:
        InputError: it is cut off, or its counts of channels make no sense.
    """
    cursor = _Cursor(path, stream.read(_LARGEST))
    cursor.text()
    software = cursor.text()
    _, channels, pixels, _, model = (cursor.integer() for _ in range(5))
    sample, comment, serial = cursor.text(), cursor.text(), cursor.text()
    temperature, first, last = cursor.double(), cursor.double(), cursor.double()
    cursor.take(8)  # a moment in ticks
    (integration,) = struct.unpack("<f", cursor.take(4))
    operator = cursor.text()
    if not 1 < channels <= 1 << 16 or not 0 <= pixels <= 1 << 16:
        raise InputError(
            f"{path}: says it has {channels} channels of {pixels} pixels.", hint=COPY_AGAIN
        )
    values = np.frombuffer(cursor.take(8 * channels), "<f8").astype(np.float64)
    raw = np.frombuffer(cursor.take(8 * pixels), "<f8").astype(np.float64)
    extra = {
        "software": software,
        "model": model,
        "comment": comment,
        "temperature": temperature if np.isfinite(temperature) else None,
        "integration_ms": integration if np.isfinite(integration) else None,
        "operator": operator,
        "raw_counts": raw.tolist() if np.isfinite(raw).all() else None,
    }
    try:
        if not np.isfinite([first, last]).all():
            raise BadSpectrum("the axis is not finite")
        yield trace(
            np.linspace(first, last, channels),
            values,
            unit="nm",
            values="",
            modality=Modality.NIR,
            name=sample,
            sample=sample,
            instrument=f"MicroNIR {serial}".strip(),
            extra=extra,
        )
    except BadSpectrum as error:
        Drops(path, account).drop(str(error), "the spectrum")
