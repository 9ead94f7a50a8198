"""Binary arrays of mzML: base64, zlib and MS-Numpress, bounded by what the file declares.

imzML and mzMLb keep them outside the XML; what stands there says where.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.blocks import decode
from spectrakit.io.numpress import decode_linear, decode_pic, decode_slof
from spectrakit.io.packed_numbers import (
    LONGEST,
    OTHER_LENGTH,
    TOO_LONG,
    UNDECODABLE,
    base64_bytes,
    inflate,
    plain_numbers,
)
from spectrakit.io.peaklist import note_column
from spectrakit.io.record import BadSpectrum

_DTYPES = {
    "MS:1000519": "<i4",
    "MS:1000520": "<f2",
    "MS:1000521": "<f4",
    "MS:1000522": "<i8",
    "MS:1000523": "<f8",
    "MS:1001479": "S",  # null-terminated strings
    "IMS:1100000": "<i1",
    "IMS:1100001": "<i2",
    "IMS:1000141": "<i4",
    "IMS:1000142": "<i8",
}
_LONGEST_STRING = 256
_NUMPRESS = {  # accession -> (decoder, followed by zlib)
    "MS:1002312": (decode_linear, False),
    "MS:1002313": (decode_pic, False),
    "MS:1002314": (decode_slof, False),
    "MS:1002746": (decode_linear, True),
    "MS:1002747": (decode_pic, True),
    "MS:1002748": (decode_slof, True),
}
PREDICTIONS = {  # bits were cut off, the values predicted, the differences deflated
    "MS:1003088": "",
    "MS:1003089": "delta",
    "MS:1003090": "linear",
}
ZLIB = "MS:1000574"
PLAIN = "MS:1000576"
MZ_ARRAY = "MS:1000514"
INTENSITY_ARRAY = "MS:1000515"
NAMED_ARRAY = "MS:1000786"  # non-standard data array: its value is its name
EXTERNAL = frozenset(
    {"IMS:1000101", "IMS:1000102", "IMS:1000103", "IMS:1000104"}  # imzML
    | {"MS:1002841", "MS:1002842", "MS:1002843"}  # mzMLb
)


@dataclass(slots=True)
class Packed:
    """One array as the file has it."""

    dtype: str = ""
    zlib: bool = False
    numpress: str = ""  # accession of MS-Numpress or of a prediction
    unknown: str = ""  # a compression that is not undone here
    role: str = ""  # accession of the array's kind
    name: str = ""  # of a column
    length: int = 0  # declared number of values
    text: str | bytes | None = None  # base64
    external: dict[str, str] | None = None  # where it lies outside the XML, by accession
    raw: bytes | None = None  # what base64 would hold, from outside the XML


class Outside(Protocol):
    """Where the arrays are that are not in the XML."""

    def begin(self, content: Mapping[str, str]) -> None:
        """Check what the file says of its content (accession -> value), before any spectrum."""
        ...

    def fill(self, packed: Packed, native_id: str) -> None:
        """Give an array that is ``external`` its bytes and its length."""
        ...


def packing(packed: Packed, accession: str) -> bool:
    """Note one term about how the array is packed; return whether it was such a term."""
    if accession in _DTYPES:
        packed.dtype = _DTYPES[accession]
    elif accession == ZLIB:
        packed.zlib = True
    elif accession in _NUMPRESS:
        packed.numpress = accession
    elif accession in PREDICTIONS:
        packed.zlib = True
        packed.numpress = accession
    elif accession != PLAIN:
        return False
    return True


def unpack(packed: Packed, *, big_endian: bool = False) -> NDArray[Any]:
    """Return the values, (n,) of the declared type; mzML 0.99 wrote numbers ``big_endian``.

    An array that is empty although a length is declared is returned empty.

    Raises:
        BadSpectrum: the base64, the compression or the length is wrong.
    """
    if packed.raw is None:
        if packed.external:
            raise BadSpectrum("array lies outside the file")
        if not packed.text or packed.text.isspace():
            return np.empty(0, packed.dtype or "<f8")
    if packed.unknown or not (packed.dtype or packed.numpress in _NUMPRESS):
        raise BadSpectrum(UNDECODABLE)
    if packed.length > LONGEST:
        raise BadSpectrum(TOO_LONG)
    try:
        data = base64_bytes(packed.text) if packed.raw is None else packed.raw
        if packed.numpress in _NUMPRESS:
            decoder, zipped = _NUMPRESS[packed.numpress]
            if zipped or packed.zlib:
                data = inflate(data, 16 + 5 * packed.length)
            values = decoder(data)
        elif packed.dtype == "S":
            if packed.zlib:
                data = inflate(data, _LONGEST_STRING * packed.length)
            strings = data.removesuffix(b"\x00").split(b"\x00")
            values = note_column([decode(string) for string in strings])
        else:
            dtype = packed.dtype.replace("<", ">") if big_endian else packed.dtype
            values = plain_numbers(data, dtype, packed.length, zipped=packed.zlib)
    except (ValueError, zlib.error) as error:  # base64, its letters, MS-Numpress, numpy
        raise BadSpectrum(UNDECODABLE) from error
    if len(values) != packed.length:
        raise BadSpectrum(OTHER_LENGTH)
    prediction = PREDICTIONS.get(packed.numpress)
    return _undo(values, prediction) if prediction else values


def _undo(values: NDArray[Any], prediction: str) -> NDArray[Any]:
    """Return the values from what was left when each was predicted from those before it.

    Source: Bhamber et al. 2021, J Proteome Res 20:172; the formulas of its implementations.
    """
    if values.dtype.kind != "f":
        raise BadSpectrum(UNDECODABLE)
    out: list[float] = values.tolist()
    if prediction == "delta":
        for i in range(2, len(out)):
            out[i] = out[i] + out[i - 1] - out[0]
    else:
        for i in range(2, len(out)):
            out[i] = out[i] + 2 * out[i - 1] - out[i - 2] - out[1]
    with np.errstate(over="ignore"):  # infinite values are dropped with their spectrum
        return np.array(out, values.dtype)
