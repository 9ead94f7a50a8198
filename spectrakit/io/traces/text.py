"""Text of instruments: its encoding, its lines, its numbers, and the trace made of them."""

import codecs
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import isfinite, isnan, nan
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.errors import InputError
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.units import modality_of
from spectrakit.log import say
from spectrakit.spectrum import Axis, FloatArray, Spectrum

_LONGEST_LINE = 64 << 20
_LONGEST_FILE = 1 << 30
_EXTRA_ITEMS = 500  # facts kept of one file
_EXTRA_LENGTH = 4000  # characters of one fact
ABSENT = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "#n/a", "n.a.", "missing"})
_BINARY = bytes(set(range(32)) - set(b"\t\n\r\f\x1a"))
_TEXT_SHARE = 0.98  # some programs leave control codes in the header of a text
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d{1,4})?")
NO_NUMBER = "a value is no number"
NO_VALUES = "no values"
INFINITE = "an infinite value"


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("spectrakit-latin-1", _as_latin_1)  # bytes that are no UTF-8


def encoding_of(head: bytes) -> str:
    """Return the encoding that the first bytes of a text say: UTF-8 unless they mark UTF-16."""
    return "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def decode_head(head: bytes) -> str:
    """Return the first 64 KiB of a file as text with ``\\n`` lines; empty for binary data."""
    encoding = encoding_of(head)
    if encoding == "utf-8-sig" and len(head.translate(None, _BINARY)) < _TEXT_SHARE * len(head):
        return ""
    text = head.decode(encoding, errors="spectrakit-latin-1" if encoding != "utf-16" else "ignore")
    return text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def lines_of(path: Path, stream: BinaryIO) -> Iterator[str]:
    """Yield the lines of a text, each with its ``\\n`` (the last may have none).

    Raises:
        InputError: a line is longer than 64 MiB.
    """
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[arg-type]  # a raw stream
    encoding = encoding_of(buffered.peek(2)[:2])
    errors = "replace" if encoding == "utf-16" else "spectrakit-latin-1"
    text = io.TextIOWrapper(buffered, encoding=encoding, errors=errors, newline=None)
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise InputError(
                f"{path}: a line is longer than {_LONGEST_LINE >> 20} MiB.",
                hint="This is hardly a spectrum; check how the file was made.",
            )
        yield line


def all_lines(path: Path, stream: BinaryIO) -> list[str]:
    """Return the lines of a text without their ends.

    Raises:
        InputError: the text is longer than 1 GiB.
    """
    lines: list[str] = []
    size = 0
    line = "\n"
    for line in lines_of(path, stream):
        size += len(line)
        if size > _LONGEST_FILE:
            raise InputError(
                f"{path}: holds more than {_LONGEST_FILE >> 30} GiB of text.",
                hint="Export fewer spectra into one file.",
            )
        lines.append(line.rstrip("\n").replace("\x00", ""))
    say_open_end(path, line)
    return lines


@lru_cache(maxsize=65536)
def number(text: str) -> float:
    """Return the number that a text is, with a decimal point or comma; NaN when it is none."""
    plain = text.strip()
    if not _DECIMAL.fullmatch(plain):
        plain = plain.replace(",", ".")
        if not _DECIMAL.fullmatch(plain):
            return nan
    value = float(plain.replace("d", "e").replace("D", "e"))
    return value if isfinite(value) else nan


def numbers(cells: Sequence[str], *, comma: bool = False) -> FloatArray:
    """Return (n,) float64 of texts; an empty cell or NA is NaN.

    Raises:
        BadSpectrum: a cell is neither a number nor a word for a missing one.
    """
    if comma:
        cells = [cell.replace(",", ".") for cell in cells]
    try:
        values = np.array(list(map(float, cells)))
    except ValueError:
        values = np.array([_one(cell) for cell in cells])
    if np.isinf(values).any():
        raise BadSpectrum(INFINITE)
    return values


def _one(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        if cell.strip().lower() in ABSENT:
            return nan
        raise BadSpectrum(NO_NUMBER) from None


def first_no_number(cells: Sequence[str]) -> int | None:
    """Return which cell is neither a number nor a word for a missing one; None when all are."""
    for at, cell in enumerate(cells):
        if isnan(number(cell)) and cell.strip().lower() not in ABSENT:
            return at
    return None


def say_open_end(path: Path, last: str) -> None:
    """Tell the person that the last line of a text is a row of numbers without an end.

    Programs end their lines; a text without it may be cut inside its last number.
    """
    text = last.strip()
    if not last.endswith(("\n", "\r")) and re.fullmatch(r".*\d[.,]?\d*", text[-40:]):
        say(
            f"{path}: its last line has no end ('{text[-40:]}'); if the file was copied, check "
            "that it is whole"
        )


def bounded(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a file that are said, short enough for a store."""
    kept: dict[str, Any] = {}
    for key, value in extra.items():
        if len(kept) >= _EXTRA_ITEMS:
            break
        name = " ".join(str(key).split())[:200]
        if not name or value is None or value == "":
            continue
        kept[name] = value[:_EXTRA_LENGTH] if isinstance(value, str) else value
    return kept


def trace(
    axis: FloatArray,
    value: FloatArray,
    *,
    unit: str,
    values: str,
    said: str = "",
    **facts: Any,
) -> Spectrum:
    """Return a trace, its modality decided by what the file says and by the axis.

    Args:
        axis: (n,) float64 positions, in the direction of the file.
        value: (n,) or (n, 2).
        unit: canonical unit of the axis, empty when not said.
        values: canonical unit of the values.
        said: what the file calls the technique.
        facts: other fields of the spectrum.

    Raises:
        BadSpectrum: no points, an axis that is not finite, or no finite value at all.
    """
    if not len(axis):
        raise BadSpectrum("no points")
    if not np.isfinite(axis).all():
        raise BadSpectrum("the axis has a gap")
    if np.isinf(value).any():
        raise BadSpectrum(INFINITE)
    if np.isnan(value).all():
        raise BadSpectrum(NO_VALUES)
    facts["extra"] = bounded(facts.get("extra", {}))
    modality = facts.pop("modality", None) or modality_of(said, axis=axis, unit=unit, values=values)
    return Spectrum(
        modality=modality,
        axis=Axis(np.asarray(axis, np.float64), unit),
        value=value,
        value_unit=values,
        is_trace=True,
        **facts,
    )
