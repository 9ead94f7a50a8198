"""MS-Numpress decoding: linear (m/z, retention time), positive integer and short logged float.

The variable-length integers are found in one pass over the half-bytes and put together with
numpy; no compiled helper is needed.

Source: Teleman et al. 2014, Mol Cell Proteomics 13:1537; layout after MSNumpress.cpp.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class NumpressError(ValueError):
    """The bytes are no MS-Numpress data."""


def decode_linear(data: bytes) -> NDArray[np.float64]:
    """Return (n,) float64 from bytes packed by linear prediction in fixed point."""
    fixed_point = _fixed_point(data)
    if len(data) == 8:
        return np.empty(0)
    if len(data) < 12:
        raise NumpressError("linear data end early")
    start = np.frombuffer(data, "<u4", count=min(2, (len(data) - 8) // 4), offset=8)
    if len(data) < 16:
        with np.errstate(over="ignore"):  # infinite values are dropped with their spectrum
            return start[:1] / fixed_point
    residuals = _integers(np.frombuffer(data, np.uint8, offset=16))
    values = np.empty(2 + len(residuals), np.int64)
    values[0] = start[0]
    values[1] = int(start[1]) - int(start[0])  # first difference
    values[2:] = residuals  # x[i] = 2 x[i-1] - x[i-2] + residual: second differences
    values[1:] = np.cumsum(values[1:])
    with np.errstate(over="ignore"):
        return np.cumsum(values) / fixed_point


def decode_pic(data: bytes) -> NDArray[np.float64]:
    """Return (n,) float64 from bytes packed as rounded positive integers."""
    return _integers(np.frombuffer(data, np.uint8)).view(np.uint32).astype(np.float64)


def decode_slof(data: bytes) -> NDArray[np.float64]:
    """Return (n,) float64 from bytes packed as logarithms in 16 bits."""
    fixed_point = _fixed_point(data)
    if len(data) % 2:
        raise NumpressError("slof data end within a number")
    with np.errstate(over="ignore"):
        return np.expm1(np.frombuffer(data, "<u2", offset=8) / fixed_point)


def _fixed_point(data: bytes) -> float:
    if len(data) < 8:
        raise NumpressError("the fixed point is missing")
    value = float(np.frombuffer(data, ">f8", count=1)[0])
    if not 0 < value < float("inf"):
        raise NumpressError("the fixed point is no positive number")
    return value


def _integers(data: Bytes) -> NDArray[np.int32]:
    """Decode half-byte integers: a head says how many leading zero or F half-bytes were cut."""
    if len(data) == 0:
        return np.empty(0, np.int32)
    nibbles = np.empty(2 * len(data), np.uint8)
    nibbles[::2] = data >> 4
    nibbles[1::2] = data & 0xF
    n_digits = np.where(nibbles <= 8, 8 - nibbles.astype(np.int64), 16 - nibbles.astype(np.int64))
    following = (np.arange(len(nibbles)) + 1 + n_digits).tolist()
    heads: list[int] = []
    at, end = 0, len(nibbles)
    while at < end:
        if at == end - 1 and nibbles[at] == 0:  # padding to a whole byte
            break
        heads.append(at)
        at = following[at]
    if at > end:
        raise NumpressError("an integer is cut off")
    head = np.array(heads, dtype=np.int64)
    digits = n_digits[head]
    values = np.zeros(len(head), np.uint32)
    for place in range(8):
        has = digits > place
        values[has] |= nibbles[head[has] + 1 + place].astype(np.uint32) << np.uint32(4 * place)
    negative = nibbles[head] > 8
    cut = (4 * digits[negative]).astype(np.uint32)
    values[negative] |= np.where(cut < 32, np.uint32(0xFFFFFFFF) << np.minimum(cut, 31), 0).astype(
        np.uint32
    )
    return values.view(np.int32)
