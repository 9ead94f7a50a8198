"""Numbers as XML formats pack them: base64, zlib or not, bounded by what the file declares."""

import binascii
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.record import BadSpectrum

UNDECODABLE = "array cannot be decoded"
OTHER_LENGTH = "array is not as long as declared"
TOO_LONG = "array is declared longer than 50 million"
LONGEST = 50_000_000
_EXPANDS = "array expands beyond all reason"
# zlib cannot exceed 1032 to 1; arrays of nothing but zeros reach that, in far fewer bytes.
_MOST_EXPANSION = 400
_FREE_BYTES = 64 << 20
_UNDECLARED_EXPANSION = 64  # zlib on peaks reaches about 10; more needs a declared length


def numbers(
    text: str | bytes | None,
    dtype: str,
    length: int | None,
    *,
    zipped: bool = False,
    native: bool = True,
) -> NDArray[Any]:
    """Return the numbers packed in ``text``, (length,) in the byte order of this machine.

    Args:
        text: base64; empty or None gives no numbers.
        dtype: as the file has them: ``>f4``, ``<f8``, ...
        length: how many are declared; None where the file does not say.
        zipped: the bytes below the base64 are deflated.
        native: False leaves the byte order of the file, for who copies the numbers anyway.

    Raises:
        BadSpectrum: the base64, the compression or the length is wrong.
    """
    try:
        data = base64_bytes(text)
        return plain_numbers(data, dtype, length, zipped=zipped, native=native)
    except (ValueError, zlib.error) as error:  # base64, its letters
        raise BadSpectrum(UNDECODABLE) from error


def base64_bytes(text: str | bytes | None) -> bytes:
    """Return the bytes behind base64, given as text or as it stands in the file.

    Raises:
        ValueError: it is cut off, or has letters outside ASCII.
    """
    if text and not text.isascii():
        raise ValueError("letters outside ASCII")
    return binascii.a2b_base64(text or b"")


def plain_numbers(
    data: bytes, dtype: str, length: int | None, *, zipped: bool = False, native: bool = True
) -> NDArray[Any]:
    """Return the numbers in ``data``, as ``numbers`` does, without base64 around them.

    Raises:
        BadSpectrum: there are more or fewer than ``length``.
        zlib.error: the compression is wrong.
    """
    if length is not None and length > LONGEST:
        raise BadSpectrum(TOO_LONG)
    kind = np.dtype(dtype)
    if zipped and data:
        most = _UNDECLARED_EXPANSION * len(data) if length is None else kind.itemsize * length
        data = inflate(data, most)
    if len(data) % kind.itemsize:
        raise BadSpectrum(OTHER_LENGTH)
    values = np.frombuffer(data, kind)
    if length is not None and len(values) != length:
        raise BadSpectrum(OTHER_LENGTH)
    return values if kind.isnative or not native else values.astype(kind.newbyteorder("="))


def inflate(data: bytes, expected: int) -> bytes:
    """Inflate to at most one byte more than ``expected``: a bomb is found out early.

    Raises:
        BadSpectrum: there is more than ``expected``, or that is more than peaks can come to.
        zlib.error: the data are damaged or cut off.
    """
    if expected > _FREE_BYTES + _MOST_EXPANSION * len(data):
        raise BadSpectrum(_EXPANDS)
    inflater = zlib.decompressobj()
    out = inflater.decompress(data, expected + 1)
    if len(out) > expected:
        raise BadSpectrum(OTHER_LENGTH)
    if not inflater.eof:
        raise zlib.error("incomplete")
    return out
