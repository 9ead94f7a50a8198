"""Peak lists in text: two numbers a line at full speed, every other dialect line by line."""

import re
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.blocks import decode
from spectrakit.io.record import NO_COLUMNS, BadSpectrum, tidy_peaks
from spectrakit.spectrum import FloatArray

EMPTY_LIST = (np.empty(0), np.empty(0), list[str]())  # m/z, intensity, notes
_MALFORMED = "malformed peak line"
_LONG_NOTES = "notes of peaks too long"
_MOST_LETTERS = 1 << 26  # 256 MB
_PIECE = re.compile(r'(?:[^";]|"[^"]*"?)+')  # between semicolons, which a quoted note may hold
_PEAK = re.compile(r"\s*(\S+)\s+([^\s\"]+)\s*(.*?)\s*")
_COMMA = re.compile(r"\d+,\d+")  # decimals as half of Europe writes them
_COLON_PEAK = re.compile(r"([^\s:]+):([^\s:]+)")


class _Numbers(dict[bytes, float]):
    """Numbers by their text: relative intensities are the same few hundred over and over."""

    def __missing__(self, text: bytes) -> float:
        value = float(text)
        if len(self) < _NUMBERS_KEPT and len(text) <= _SHORT:
            self[text] = value
        return value


_NUMBERS_KEPT = 1 << 16
_SHORT = 8  # longer texts hardly repeat
_intensity_of = _Numbers().__getitem__


class BadPeakLine(BadSpectrum):
    """A line of the peak list that is no peak; ``line`` counts from 0 within the list."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(_MALFORMED)
        self.line = line
        self.text = text


def parse_peaks(
    body: bytes, declared: int | None = None, comments: bytes = b""
) -> tuple[FloatArray, FloatArray, list[str]]:
    """Return m/z, intensity (n,) float64 ascending in m/z, and a note for each peak.

    Peaks of equal m/z keep the order of the file.

    Args:
        body: the lines of the list; line ends are ``\\n``.
        declared: how many peaks the record announces; it decides whether ``100 5 101 7`` is
            two peaks or one with a note.
        comments: first characters of lines to skip.

    Returns:
        The notes (annotations, charges) are empty when no peak has one.

    Raises:
        BadPeakLine: a line does not begin with two numbers.
        BadSpectrum: a peak is NaN or infinite, or an m/z is negative.
    """
    words = body.split()
    if len(words) == 2 * (body.count(b"\n") + 1) and b"_" not in body:
        try:
            mz = list(map(float, words[::2]))
            intensity = list(map(_intensity_of, words[1::2]))
        except ValueError:
            pass
        else:
            # Plain lists are faster than numpy for the usual few dozen peaks. A line of one
            # number and one of three would show as m/z that jump back: those go line by line.
            if mz[0] >= 0 and mz == sorted(mz) and isfinite(sum(mz) + sum(intensity)):
                return np.array(mz), np.array(intensity), []
    *peaks, notes = _line_by_line(body, declared, comments)
    columns = {"note": note_column(notes)} if notes else NO_COLUMNS
    tidy_mz, tidy_intensity, columns = tidy_peaks(peaks[0], peaks[1], columns)
    return tidy_mz, tidy_intensity, columns["note"].tolist() if notes else []


def _line_by_line(
    body: bytes, declared: int | None, comments: bytes
) -> tuple[FloatArray, FloatArray, list[str]]:
    lines = decode(body).split("\n")
    skipped = tuple(comments.decode())
    peaks: list[tuple[float, float, str]] = []
    found: list[tuple[int, str]] = []
    for i, line in enumerate(lines):
        if line and not line.isspace() and not (skipped and line.lstrip().startswith(skipped)):
            found.append((i, line))
    n_lines = len(found)
    commas = declared is None or declared == n_lines  # else "41,10 43,20" may be two peaks
    for i, line in found:
        peaks.extend(_peaks_of_line(i, line, commas=commas))
    if declared is not None and n_lines < declared and any(note for *_, note in peaks):
        pairs = _whitespace_pairs(body, declared)
        if pairs is not None:
            return pairs[::2].copy(), pairs[1::2].copy(), []
    notes = [note for *_, note in peaks]
    return (
        np.array([mz for mz, *_ in peaks], dtype=np.float64),
        np.array([intensity for _, intensity, _ in peaks], dtype=np.float64),
        notes if any(notes) else [],
    )


def _peaks_of_line(number: int, line: str, *, commas: bool) -> list[tuple[float, float, str]]:
    """Read ``28 69; 29 250;``, ``70:10 76:35``, ``(28,69)(29,250)``, ``28 69 "note"``.

    Where ``commas`` says that they can be nothing else, commas are decimal signs: ``59,01 10``.
    """
    text = line
    if text.lstrip().startswith("("):
        text = text.replace("(", " ").replace(")", ";").replace(",", " ")
    elif ":" in text and '"' not in text:
        words = text.replace(";", " ").split()
        matches = [_COLON_PEAK.fullmatch(word) for word in words]
        if all(matches):
            text = ";".join(f"{m[1]} {m[2]}" for m in matches if m)
    peaks: list[tuple[float, float, str]] = []
    for piece in _PIECE.findall(text) if ";" in text else [text]:
        if not piece or piece.isspace():
            continue
        match = _PEAK.fullmatch(piece)
        if match is None or "_" in match[1] + match[2]:
            raise BadPeakLine(number, line)
        words = match[1], match[2]
        if commas and _COMMA.fullmatch(match[1]) and "." not in match[2]:
            words = match[1].replace(",", "."), match[2].replace(",", ".")
        try:
            mz, intensity = map(float, words)
        except ValueError:
            raise BadPeakLine(number, line) from None
        peaks.append((mz, intensity, match[3].strip('"')))
    return peaks


def _whitespace_pairs(body: bytes, declared: int) -> FloatArray | None:
    words = body.split()
    if len(words) != 2 * declared:
        return None
    try:
        return np.array(list(map(float, words)))
    except ValueError:
        return None


def note_column(notes: list[str]) -> NDArray[np.str_]:
    """Return the notes as a column, (n,) text.

    Raises:
        BadSpectrum: every note takes the room of the longest, which would not fit the memory.
    """
    if len(notes) * max(map(len, notes)) > _MOST_LETTERS:
        raise BadSpectrum(_LONG_NOTES)
    return np.array(notes, dtype=np.str_)
