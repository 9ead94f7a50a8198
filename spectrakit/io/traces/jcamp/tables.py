"""The data tables of a block as numbers: an axis with values, or a list of peaks."""

import logging
import re
from dataclasses import dataclass, field
from math import isnan, nan

import numpy as np

from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.jcamp.asdf import Ordinates, decode_ordinates, decode_tuples
from spectrakit.io.traces.text import number
from spectrakit.spectrum import FloatArray

log = logging.getLogger(__name__)

_EVEN_FORM = re.compile(r"\(\s*\w+\s*\+\+\s*\(?\s*\w+\s*\.\.", re.IGNORECASE)
_GROUP_FORM = re.compile(r"\(\s*([A-Z]\w?[A-Z]?\w?[A-Z]?)\s*\.\.", re.IGNORECASE)
_ASSIGNED = re.compile(r"\(\s*([^()<>]*?)(?:,\s*<([^>]*)>)?\s*\)")
_OFF_PLACE = 0.3  # of a step that an abscissa may be off its place on the axis
_MOST_USED = 0.7  # of the points must be placed for the others to be gaps
_STEP_SHARE = 1.5  # of a step that a line's abscissa may be off before it is said


@dataclass(slots=True)
class Frame:
    """What the labels say of a table before it is read; NaN and -1 where they do not."""

    first: float = nan
    last: float = nan
    delta: float = nan
    count: int = -1
    x_factor: float = 1.0
    y_factor: float = 1.0
    first_y: float = nan


@dataclass(slots=True)
class Table:
    """Positions (n,), values (n,), what is to be said of them, and notes of peaks.

    ``n_read`` numbers stand in the file; where lines are lost that is fewer than n.
    """

    x: FloatArray
    y: FloatArray
    n_read: int
    notices: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


def is_even_form(form: str) -> bool:
    """Say whether a table's form is ``(X++(Y..Y))`` rather than ``(XY..XY)``."""
    return _EVEN_FORM.search(form) is not None


def read_even(lines: list[str], frame: Frame) -> Table:
    """Return an ``(X++(Y..Y))`` table; the axis is what FIRSTX, LASTX and the count say.

    Raises:
        BadSpectrum: no form of numbers, no points, or nothing says where the axis begins.
    """
    found = decode_ordinates(lines)
    n = len(found.values)
    if not n:
        raise BadSpectrum("no points")
    notices: list[str] = []
    if found.failed:
        notices.append(f"{found.failed} check ordinates differ from the values before them")
    if frame.count >= 0 and frame.count != n:
        notices.append(f"NPOINTS says {frame.count}, the data have {n}")
        placed = _placed(found, frame)
        if placed is not None:
            placed.notices[:0] = notices
            return placed
    x = _even_axis(found, n, frame)
    y = np.array(found.values) * frame.y_factor
    notices += _check_lines(found, x, frame) + _check_first(y, frame)
    return Table(x, y, n, notices)


def _even_axis(found: Ordinates, n: int, frame: Frame) -> FloatArray:
    """Lay n points from FIRSTX to LASTX, or by DELTAX, or by what the lines say."""
    first, last = frame.first, frame.last
    if isnan(first):
        first = found.starts[0][1] * frame.x_factor
    step = frame.delta
    if not isnan(last):
        whole = np.linspace(first, last, n)
        if frame.count in (-1, n) or n < 2 or frame.count < 2:
            return whole
        step = (last - first) / (frame.count - 1)
        cut = first + step * np.arange(n)
        return min((whole, cut), key=lambda axis: _misfit(found, axis, frame.x_factor))
    if isnan(step):
        index, position = found.starts[-1]
        if n > 1 and index == 0:
            raise BadSpectrum("nothing says where the axis ends")
        step = (position * frame.x_factor - first) / index if index else 1.0
    return first + step * np.arange(n)


def _placed(found: Ordinates, frame: Frame) -> Table | None:
    """Put each line where its abscissa says; None where the abscissas are no places on the axis.

    A line that is missing or damaged then leaves a gap of NaN rather than shift what follows.
    """
    if frame.count < 2 or isnan(frame.first + frame.last) or frame.count > 2 * len(found.values):
        return None
    step = (frame.last - frame.first) / (frame.count - 1)
    if not step:
        return None
    y = np.full(frame.count, nan)
    stops = [start for start, _ in found.starts[1:]] + [len(found.values)]
    used = left_out = 0
    for (start, x), stop in zip(found.starts, stops, strict=True):
        at = (x * frame.x_factor - frame.first) / step
        place, size = round(at) if abs(at) < 1e9 else -1, stop - start
        if abs(at - place) > _OFF_PLACE or not 0 <= place <= frame.count - size:
            left_out += size
            continue
        y[place : place + size] = found.values[start:stop]
        used += size
    if used < _MOST_USED * frame.count or np.isnan(y).all():
        return None
    x_axis = np.linspace(frame.first, frame.last, frame.count)
    notices = [
        f"{int(np.isnan(y).sum())} points are missing and {left_out} values stand at no place "
        "of the axis"
    ]
    return Table(x_axis, y * frame.y_factor, len(found.values), notices)


def _misfit(found: Ordinates, axis: FloatArray, factor: float) -> float:
    """Return how far (median) the lines' own abscissas are from an axis."""
    index = np.array([start for start, _ in found.starts if start < len(axis)])
    said = np.array([x for start, x in found.starts if start < len(axis)])
    return float(np.median(np.abs(said * factor - axis[index]))) if len(index) else 0.0


def _check_lines(found: Ordinates, axis: FloatArray, frame: Frame) -> list[str]:
    """Say so when the abscissas of lines fit the axis neither as written nor with XFACTOR."""
    if len(axis) < 2:
        return []
    step = abs(float(axis[-1] - axis[0])) / (len(axis) - 1)
    off = min(_misfit(found, axis, frame.x_factor), _misfit(found, axis, 1.0))
    if off > _STEP_SHARE * step + _rounding([x for _, x in found.starts]) * frame.x_factor:
        return [f"the abscissas of its lines are {off:g} off the axis of FIRSTX and LASTX"]
    return []


def _rounding(written: list[float]) -> float:
    """Return half the last digit to which numbers are written."""
    for digits in range(7):
        if all(abs(x - round(x, digits)) < 1e-9 * max(abs(x), 1.0) for x in written):
            return 0.5 * 10.0**-digits
    return 0.0


def _check_first(y: FloatArray, frame: Frame) -> list[str]:
    near = 0.01 * max(abs(frame.first_y), abs(frame.y_factor)) + abs(frame.y_factor)
    if isnan(frame.first_y) or not frame.first_y or abs(y[0] - frame.first_y) <= near:
        return []
    return [f"FIRSTY says {frame.first_y:g}, the data begin with {y[0]:g}"]


def read_groups(form: str, lines: list[str], frame: Frame) -> Table:
    """Return an ``(XY..XY)``, ``(XYW..XYW)`` or ``(XYA)`` table; of wider groups x and y.

    Raises:
        BadSpectrum: other things than numbers stand there, or they are no groups.
    """
    if "A" in form.upper().split(")")[0].replace("..", ""):
        return _assigned(lines, frame)
    match = _GROUP_FORM.search(form)
    width = len(match[1]) if match else 2
    columns = decode_tuples(lines, max(width, 2))
    return _pairs(columns[0], columns[1], frame, [])


def _assigned(lines: list[str], frame: Frame) -> Table:
    """Read ``(41.2, 98, <CH3>)`` groups; without brackets they are plain pairs."""
    groups = _ASSIGNED.findall(" ".join(lines))
    if not groups:
        columns = decode_tuples(lines, 2)
        return _pairs(columns[0], columns[1], frame, [])
    x: list[float] = []
    y: list[float] = []
    notes: list[str] = []
    for numbers, note in groups:
        cells = [number(cell) for cell in numbers.split(",")]
        if not cells or isnan(cells[0]):
            raise BadSpectrum("a peak without a position")
        x.append(cells[0])
        y.append(cells[1] if len(cells) > 1 else nan)
        notes.append(note.strip())
    return _pairs(x, y, frame, notes)


def _pairs(x: list[float], y: list[float], frame: Frame, notes: list[str]) -> Table:
    notices: list[str] = []
    if frame.count >= 0 and frame.count != len(x):
        notices.append(f"NPOINTS says {frame.count}, the data have {len(x)}")
    return Table(
        np.array(x, np.float64) * frame.x_factor,
        np.array(y, np.float64) * frame.y_factor,
        len(x),
        notices,
        notes,
    )
