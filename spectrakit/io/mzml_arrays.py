"""Binary arrays of mzML: base64, zlib and MS-Numpress, bounded by what the file declares."""

import binascii
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.numpress import decode_linear, decode_pic, decode_slof
from spectrakit.io.packed_numbers import (
    LONGEST,
    OTHER_LENGTH,
    TOO_LONG,
    UNDECODABLE,
    inflate,
    plain_numbers,
)
from spectrakit.io.record import BadSpectrum

_DTYPES = {
    "MS:1000519": "<i4",
    "MS:1000520": "<f2",
    "MS:1000521": "<f4",
    "MS:1000522": "<i8",
    "MS:1000523": "<f8",
    "MS:1001479": "S",  # null-terminated strings
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
ZLIB = "MS:1000574"
PLAIN = "MS:1000576"
MZ_ARRAY = "MS:1000514"
INTENSITY_ARRAY = "MS:1000515"
NAMED_ARRAY = "MS:1000786"  # non-standard data array: its value is its name


@dataclass(slots=True)
class Packed:
    """One array as the file has it."""

    dtype: str = ""
    zlib: bool = False
    numpress: str = ""  # accession
    unknown: str = ""  # a compression that is not undone here
    role: str = ""  # accession of the array's kind
    name: str = ""  # of a column
    length: int = 0  # declared number of values
    text: str | bytes | None = None  # base64


def packing(packed: Packed, accession: str) -> bool:
    """Note one term about how the array is packed; return whether it was such a term."""
    if accession in _DTYPES:
        packed.dtype = _DTYPES[accession]
    elif accession == ZLIB:
        packed.zlib = True
    elif accession in _NUMPRESS:
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
    if not packed.text or packed.text.isspace():
        return np.empty(0, packed.dtype or "<f8")
    if packed.unknown or not (packed.dtype or packed.numpress):
        raise BadSpectrum(UNDECODABLE)
    if packed.length > LONGEST:
        raise BadSpectrum(TOO_LONG)
    try:
        data = binascii.a2b_base64(packed.text)
        if packed.numpress:
            decoder, zipped = _NUMPRESS[packed.numpress]
            if zipped or packed.zlib:
                data = inflate(data, 16 + 5 * packed.length)
            values = decoder(data)
        elif packed.dtype == "S":
            if packed.zlib:
                data = inflate(data, _LONGEST_STRING * packed.length)
            strings = data.removesuffix(b"\x00").split(b"\x00")
            values = np.array([string.decode("latin-1") for string in strings], dtype=np.str_)
        else:
            dtype = packed.dtype.replace("<", ">") if big_endian else packed.dtype
            values = plain_numbers(data, dtype, packed.length, zipped=packed.zlib)
    except (ValueError, zlib.error) as error:  # base64, its letters, MS-Numpress, numpy
        raise BadSpectrum(UNDECODABLE) from error
    if len(values) != packed.length:
        raise BadSpectrum(OTHER_LENGTH)
    return values
