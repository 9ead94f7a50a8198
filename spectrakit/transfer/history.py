"""Control measurements over the days: ``OUT/drift.jsonl``, one line for each answer.

The same file measured on the same day counts once, however often it is judged.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite, nan
from pathlib import Path
from typing import Any

from spectrakit.atomic import atomic_path
from spectrakit.errors import InputError
from spectrakit.transfer.lock import locked

HISTORY = "drift.jsonl"


@dataclass(frozen=True, slots=True)
class Control:
    """One answer to one spectrum of a control sample; NaN is not known.

    ``known`` is what ``known_from`` says: "fit" (the answer at the fit) or "reference".
    ``shift`` in channels, against that of the same sample at the fit.
    """

    date: str  # YYYY-MM-DD
    model: str  # digest of the bundle
    file: str
    sha256: str
    spectrum: str
    number: int  # place in the file
    sample: str
    property: str
    predicted: float
    known: float
    known_from: str
    q: float
    t2: float
    gate: str
    shift: float

    def residual(self) -> float:
        """Predicted minus known."""
        return self.predicted - self.known

    def key(self) -> tuple[str, ...]:
        """What makes a measurement the same one."""
        return (self.date, self.model, self.sha256, str(self.number), self.property)


def add_controls(folder: Path, new: Iterable[Control]) -> list[Control]:
    """Add measurements to the history and return it all, oldest day first.

    Raises:
        InputError: the history cannot be read or written.
    """
    path = folder / HISTORY
    with locked(path):
        held = {one.key(): one for one in read_controls(folder)}
        held |= {one.key(): one for one in new}
        whole = sorted(held.values(), key=lambda one: one.date)  # stable: as they came
        with atomic_path(path) as part:
            text = "".join(_line(one) for one in whole)
            part.write_text(text, encoding="ascii", newline="\n")
    return whole


def read_controls(folder: Path) -> Sequence[Control]:
    """Return the history; empty where there is none.

    Raises:
        InputError: it cannot be read, or a line is none of its.
    """
    path = folder / HISTORY
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}.", hint=_HINT) from error
    return [_control(path, number, line) for number, line in enumerate(lines, 1) if line]


_HINT = "Take it from a copy, or remove it: the chart then starts anew."


def _line(one: Control) -> str:
    plain = {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in _items(one)}
    return json.dumps(plain, sort_keys=True, allow_nan=False) + "\n"


def _items(one: Control) -> Iterable[tuple[str, Any]]:
    for name, value in asdict(one).items():
        yield (
            name,
            (value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value),
        )


def _control(path: Path, number: int, line: str) -> Control:
    try:
        told: Any = json.loads(line)
        kinds = {one.name: one.type for one in fields(Control)}
        if not isinstance(told, dict) or set(told) != set(kinds):
            raise ValueError("other fields")
        return Control(**{name: _typed(told[name], kind) for name, kind in kinds.items()})
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path}: line {number} is no control measurement: {error}.", hint=_HINT
        ) from error


def _typed(value: Any, kind: Any) -> Any:
    if kind is float:
        return nan if value is None else float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value
