"""The numbers of JCAMP-DX data lines: AFFN, and the compressed ASDF forms of PAC, SQZ, DIF, DUP.

Source: McDonald and Wilks, Appl. Spectrosc. 42 (1988) 151, section 5 (ASDF forms).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, nan

from spectrakit.io.record import BadSpectrum


def _digits(plus: str, minus: str) -> dict[str, str]:
    """Return {letter: signed digit} for the letters of 0 to 9 and of -1 to -9."""
    return {c: str(i) for i, c in enumerate(plus)} | {c: f"-{i}" for i, c in enumerate(minus, 1)}


_SQUEEZED = _digits("@ABCDEFGHI", "abcdefghi")
_DIFFERENCE = _digits("%JKLMNOPQR", "jklmnopqr")
_REPEATS = {c: str(i) for i, c in enumerate("STUVWXYZs", 1)}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]\d{1,3})?"
_TOKEN = re.compile(rf"({_NUMBER})|([@A-Ia-i%J-Zj-s])(\d*\.?\d*)|(\?)|[\s,;]+")
_PLAIN = frozenset("0123456789+-.eE \t,;")
_MOST_REPEATED = 1 << 22  # points that repetition may add to one table

MALFORMED = "a data line is no number form of JCAMP-DX"
TOO_MANY = "repeats more points than a spectrum has"


@dataclass(slots=True)
class Ordinates:
    """What the lines of an ``(X++(Y..Y))`` table say.

    Attributes:
        values: the ordinates as written, before the factor; NaN where ``?`` stands.
        starts: for each line (index of its first ordinate, its abscissa as written).
        failed: lines whose check ordinate is not the last of the line before.
    """

    values: list[float] = field(default_factory=list[float])
    starts: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    failed: int = 0


def plain_numbers(line: str) -> list[float] | None:
    """Return the numbers of a line in free format, or None when it has any other form."""
    if not _PLAIN.issuperset(line):
        return None
    try:
        values = list(map(float, line.replace(",", " ").replace(";", " ").split()))
    except ValueError:
        return None
    return values if all(map(isfinite, values)) else None


def decode_ordinates(lines: Sequence[str]) -> Ordinates:
    """Return the ordinates of the lines of an ``(X++(Y..Y))`` table.

    A line that ends in a difference is followed by one whose first ordinate repeats its last;
    that one is checked and left out.

    Raises:
        BadSpectrum: a line has no number form, or repetition exceeds four million points.
    """
    found = Ordinates()
    check = False  # whether the next line begins with a check ordinate
    for line in lines:
        numbers = plain_numbers(line)
        if numbers is not None and len(numbers) != 1:
            if not numbers:
                continue
            first, row, ends_in_difference = numbers[0], numbers[1:], False
        else:
            first, row, ends_in_difference = _packed(line, found)
        if check and row:
            found.failed += row[0] != found.values[-1]
            found.starts.append((len(found.values) - 1, first))
            del row[0]
        else:
            found.starts.append((len(found.values), first))
        found.values.extend(row)
        check = ends_in_difference
    return found


def _packed(line: str, found: Ordinates) -> tuple[float, list[float], bool]:
    """Return abscissa and ordinates of a line in ASDF form, and whether it ends in a difference."""
    first = nan
    row: list[float] = []
    step = 0.0  # the last difference, for repetition
    difference = False
    at = 0
    while at < len(line):
        match = _TOKEN.match(line, at)
        if match is None:
            raise BadSpectrum(MALFORMED)
        at = match.end()
        number, code, digits, missing = match.groups()
        if number is not None:
            if first != first:
                first = float(number)
            else:
                row.append(float(number))
                difference = False
        elif missing:
            row.append(nan)
            difference = False
        elif code is not None:
            if code in _REPEATS:
                _repeat(row, _count(code, digits), step if difference else 0.0, found)
            elif code in _DIFFERENCE:
                if not row:
                    raise BadSpectrum(MALFORMED)
                step = float(_DIFFERENCE[code] + digits)
                row.append(row[-1] + step)
                difference = True
            else:
                row.append(float(_SQUEEZED[code] + digits))
                difference = False
    if first != first:
        raise BadSpectrum(MALFORMED)
    return first, row, difference


def _count(code: str, digits: str) -> int:
    if "." in digits or len(digits) > 7:
        raise BadSpectrum(TOO_MANY)
    return int(_REPEATS[code] + digits)


def _repeat(row: list[float], count: int, step: float, found: Ordinates) -> None:
    """Add an item until it stands there ``count`` times; a difference goes on."""
    if not row:
        raise BadSpectrum(MALFORMED)
    if len(found.values) + len(row) + count > _MOST_REPEATED:
        raise BadSpectrum(TOO_MANY)
    for _ in range(count - 1):
        row.append(row[-1] + step)


def decode_tuples(lines: Sequence[str], width: int) -> list[list[float]]:
    """Return the columns of an ``(XY..XY)`` table (``width`` 2) or one of wider groups.

    Raises:
        BadSpectrum: a line has other things than numbers, or the groups do not come out even.
    """
    flat: list[float] = []
    for line in lines:
        numbers = plain_numbers(line)
        if numbers is None:
            numbers = _loose(line)
        flat.extend(numbers)
    if len(flat) % width:
        raise BadSpectrum("the numbers do not come out as pairs")
    return [flat[i::width] for i in range(width)]


def _loose(line: str) -> list[float]:
    """Read ``(41,98)(51,109)`` and numbers that only a sign divides."""
    row: list[float] = []
    at = 0
    text = line.replace("(", " ").replace(")", " ").replace("<", " ").replace(">", " ")
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match[2] is not None:
            raise BadSpectrum(MALFORMED)
        at = match.end()
        if match[1] is not None:
            row.append(float(match[1]))
        elif match[4]:
            row.append(nan)
    return row
