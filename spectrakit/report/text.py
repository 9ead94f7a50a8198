"""Numbers and names as a report prints them: hostile names made harmless, None shown as –."""

import unicodedata
from collections.abc import Iterable
from math import floor, isfinite, log10

DASH = "–"
MINUS = "−"
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LONGEST = 2000  # characters of one name or sentence; more is somebody's mistake


def plain(text: object, most: int = _LONGEST) -> str:
    """Return text on one line that shows as it is: no control, surrogate or bidi characters.

    What cannot be shown becomes U+FFFD; text longer than ``most`` ends in an ellipsis.
    """
    if not isinstance(text, str):
        text = str(text)
    if len(text) <= most and text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    for character in text[: most + 1]:
        if character in "\t\n\r\v\f\x85\u2028\u2029":
            shown.append(" ")
        elif character in _BIDI or unicodedata.category(character) in {"Cc", "Cs", "Cn"}:
            shown.append("\ufffd")
        else:
            shown.append(character)
    line = "".join(shown)
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def sentence(text: object) -> str:
    """Return text that begins and ends as a sentence does, and "" for none."""
    line = plain(text).strip()
    line = line[:1].upper() + line[1:]
    return line if not line or line[-1] in ".!?…" else f"{line}."


def known(value: float | None) -> bool:
    """Say whether there is a finite number to show."""
    return value is not None and isfinite(value)


def places(values: Iterable[float | None], digits: int = 3) -> int:
    """Return the decimals that show the smallest of some sizes with ``digits`` digits (0 to 8)."""
    sizes = [abs(value) for value in values if value is not None and isfinite(value) and value]
    if not sizes:
        return digits
    return min(8, max(0, digits - 1 - floor(log10(min(sizes)))))


def number(value: float | None, decimals: int | None = None, *, digits: int = 3) -> str:
    """Return a number with a true minus sign; – for None and NaN, ∞ for infinity.

    ``decimals`` fixes the places, else ``digits`` significant digits are shown. Numbers too
    large or too small for that are written with a power of ten.
    """
    if value is None or value != value:
        return DASH
    if not isfinite(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    if size and not 1e-6 <= size < 1e7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        power = str(int(exponent)).translate(_RAISED)
        return f"{mantissa}·10{power}".replace("-", MINUS)
    if decimals is None:
        decimals = places([value], digits)
    written = f"{value:.{decimals}f}"
    if float(written) == 0:
        written = written.lstrip("-")
    return written.replace("-", MINUS)


_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def spread(low: float | None, high: float | None, decimals: int | None = None) -> str:
    """Return "low to high", or "" where an end is missing."""
    if not (known(low) and known(high)):
        return ""
    return f"{number(low, decimals)} to {number(high, decimals)}"


def with_unit(value: str, unit: str) -> str:
    """Return a number with its unit behind a no-break space."""
    return f"{value}\u00a0{plain(unit, 40)}" if unit and value != DASH else value


def percent(share: float | None) -> str:
    """Return a share as whole percent, one decimal where it is not whole."""
    if share is None or not isfinite(share):
        return DASH
    return f"{100 * share:.1f}".removesuffix(".0") + "\u00a0%"


def count(n: int, one: str, many: str = "") -> str:
    """Return "1 sample", "3 samples"."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def listing(words: Iterable[str], most: int = 8) -> str:
    """Return "a, b and c", and how many more there are."""
    items = list(words)
    if len(items) > most:
        return ", ".join(items[:most]) + f" and {len(items) - most} more"
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
