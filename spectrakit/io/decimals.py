"""Plain decimal numbers in text, thousands at a time.

A run of up to eight digits is one 64-bit word: eight bytes are loaded at once and become a number
in three multiplications (Lemire 2021, "Number parsing at a gigabyte per second", section 7).
A number of up to 15 digits is then a whole number divided by a power of ten, both exact in
float64, so the quotient is the nearest float64 there is: what ``float`` gives.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_PAD = 16  # bytes before the text, so that a word can be loaded at its first digit
_DOT, _BLANK, _LINE_END = 1, 2, 3
_KIND = np.zeros(256, np.uint8)
_KIND[ord(".")] = _DOT
_KIND[[ord(" "), ord("\t")]] = _BLANK
_KIND[ord("\n")] = _LINE_END
_ALL = (1 << 64) - 1
_LAST_BYTES = np.array([_ALL ^ (_ALL >> 8 * n) for n in range(9)], np.uint64)  # of n digits
_ZEROS = np.uint64(0x3030303030303030)
_PAIRS = np.uint64(0x000000FF000000FF)
_HIGH = np.uint64(100 + (1_000_000 << 32))
_LOW = np.uint64(1 + (10_000 << 32))
_TEN, _8, _16, _32 = (np.uint64(n) for n in (10, 8, 16, 32))
_POWERS = 10 ** np.arange(17, dtype=np.uint64)
_DIVISORS = 10.0 ** np.arange(17)
_EXACT_DIGITS = 15  # every whole number of so many digits is a float64
_LONGEST_RUN = 16


class Decimals(NamedTuple):
    """Numbers of a text in its order."""

    value: NDArray[np.float64]  # (n,)
    ends_line: NDArray[np.bool_]  # (n,) whether a line end follows the number


def parse_decimals(text: bytes) -> Decimals | None:
    """Return the numbers of a text, or None unless it is plain.

    Plain is: digits, at most one point in a number (``5.`` and ``.5`` are numbers), exactly one
    space, tab or line end between two numbers, no more than 16 digits in a row, and no line end
    after the last.
    """
    padded = b"0" * _PAD + text + b"\n"
    codes = np.frombuffer(padded, np.uint8)
    if codes.max() > ord("9"):
        return None
    stops = np.flatnonzero(codes < ord("0"))  # what follows each run of digits
    kinds = _KIND.take(codes[stops])
    lengths = np.diff(stops, prepend=_PAD - 1) - 1
    if not kinds.all() or lengths.max() > _LONGEST_RUN:
        return None
    words = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))  # one at every byte
    runs = _eight_digits(words[stops - 8], np.minimum(lengths, 8))
    long = np.flatnonzero(lengths > 8)
    if len(long):
        upper = _eight_digits(words[stops[long] - 16], lengths[long] - 8)
        runs[long] += upper * _POWERS[8]
    is_dot = kinds == _DOT
    last = np.flatnonzero(~is_dot)  # each number's last run
    has_dot = is_dot[last - 1]
    has_dot[0] = last[0] == 1
    first = last - has_dot
    if len(last) + np.count_nonzero(has_dot) != len(stops):
        return None  # a number of two points
    decimals = np.where(has_dot, lengths[last], 0)
    digits = lengths[first] + decimals
    if not digits.all():
        return None
    whole = runs[first] * _POWERS.take(np.minimum(decimals, _EXACT_DIGITS))
    whole += np.where(has_dot, runs[last], np.uint64(0))
    value = whole.astype(np.float64) / _DIVISORS.take(decimals)
    for i in np.flatnonzero(digits > _EXACT_DIGITS).tolist():
        end = int(stops[last[i]])
        value[i] = float(padded[end - int(digits[i]) - int(has_dot[i]) : end])
    return Decimals(value, kinds[last] == _LINE_END)


def _eight_digits(words: NDArray[np.uint64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the numbers in the last ``lengths`` digits of eight characters, first one lowest."""
    words ^= _ZEROS
    words &= _LAST_BYTES.take(lengths)
    shifted = words >> _8
    words *= _TEN
    words += shifted  # pairs of digits
    shifted = words >> _16
    words &= _PAIRS
    shifted &= _PAIRS
    words *= _HIGH
    shifted *= _LOW
    words += shifted
    words >>= _32
    return words
