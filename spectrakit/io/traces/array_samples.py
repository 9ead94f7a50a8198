"""What the arrays beside a matrix of spectra say of its samples, row by row."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.traces.array_rule import FEW, Sheet, distance
from spectrakit.io.traces.arrays import Arrays, Variable
from spectrakit.log import say
from spectrakit.spectrum import ReferenceValue, SampleInfo

_SAMPLE = re.compile(r"(?:sample|obs|object|row|spectr(?:um|a))?_?(?:ids?|names?|labels?)|samples?")
_ROLES = {"split": "split", "set": "split", "group": "group", "groups": "group"}
_CONDITION = re.compile(
    r"temp(?:erature)?|.*time|times?|date|order|batch|run|rt|fold|scans?|index|row|exposure|"
    r"pressure|replicates?|reps?|humidity|seed|position|laser.*|(?:sample_?)?no"
)  # numbers that are no reference values
_MOST = 200  # arrays that are joined to samples
_TEXT = 1000


@dataclass(slots=True)
class Samples:
    """What is known of each spectrum of one matrix.

    ``ids`` are empty where the file names no samples.
    """

    ids: list[str]
    infos: list[SampleInfo]
    instrument: list[str]
    replicate: list[int]
    extra: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(frozen=True, slots=True)
class PropertyTable:
    """Reference values for each row of the spectra: (n, p) numbers and p names."""

    values: NDArray[Any]
    names: Sequence[str]
    units: Sequence[str]


def _beside(arrays: Arrays, sheet: Sheet, taken: Sequence[Variable]) -> list[Variable]:
    """Return the arrays with a value (or a few) for each spectrum of a matrix.

    Of two with one name, the one in the nearer group counts; one in a group that has spectra of
    its own is theirs.
    """
    n, here = len(sheet.rows), sheet.variable
    with_spectra = {one.group for one in taken if one.is_matrix}
    nearest: dict[str, tuple[int, Variable]] = {}
    for one in arrays.variables:
        long = (one.is_vector and one.n == n) or (
            one.kind == "number" and one.is_matrix and one.shape[0] == n and one.shape[1] < FEW
        )
        away = distance(here, one)
        if n < 2 or one.kind == "other" or one in taken or not long:
            continue
        if away == 2 and one.group in with_spectra:
            continue
        if one.leaf not in nearest or away < nearest[one.leaf][0]:
            nearest[one.leaf] = (away, one)
    return [one for _, one in nearest.values()][:_MOST]


def samples_of(
    arrays: Arrays,
    sheet: Sheet,
    taken: Sequence[Variable],
    given: Sequence[PropertyTable] = (),
    names: Sequence[str] = (),
) -> Samples:
    """Join what the other arrays of a container say to the spectra of one matrix.

    Args:
        arrays: everything in the container.
        sheet: the spectra.
        taken: arrays that are spectra or axes themselves.
        given: property tables that are known to be of these rows.
        names: of the rows, where the container itself names them.
    What differs between the spectra of one sample belongs to the spectra: ``extra``.
    """
    n = len(sheet.rows)
    beside = _beside(arrays, sheet, taken)
    texts = [one for one in beside if one.kind == "text"]
    named = next((one for one in texts if _SAMPLE.fullmatch(one.leaf.lower())), None)
    ids = list(names) if len(names) == n else [""] * n
    if named is not None:
        ids = [clip(text) for text in named.vector]
    columns: dict[str, list[str | float]] = {}
    roles: dict[str, list[str]] = {}
    for one in texts:
        role = _ROLES.get(one.leaf.lower(), "")
        if one is named:
            continue
        if role or one.leaf.lower().startswith("instrument"):
            roles[role or "instrument"] = [clip(text) for text in one.vector]
        else:
            columns[one.leaf] = [clip(text) for text in one.vector]
    tables = list(given)
    numeric = [one for one in beside if one.kind == "number"]
    if named is None and not names:
        numeric, ids = _numbered(numeric, ids)
    for one in numeric:
        if np.isinf(one.values).any():
            continue  # a constraint or a mask; no reference value is infinite
        flag = one.is_vector and bool(np.isin(one.vector, (0, 1)).all())
        if flag or _CONDITION.fullmatch(one.leaf.lower()):
            columns[one.leaf] = one.vector.tolist()[:n]
        else:
            tables.append(_as_table(one, n))
    replicate = _replicates(columns, n)
    return _assemble(arrays.path, ids, roles, columns, tables, replicate)


def _numbered(numeric: list[Variable], ids: list[str]) -> tuple[list[Variable], list[str]]:
    """Take whole numbers in an array named like ids as the ids."""
    for one in numeric:
        whole = one.is_vector and bool((np.mod(one.vector, 1) == 0).all())
        if whole and re.fullmatch(r"(?:sample_?)?ids?|samples?", one.leaf.lower()):
            return [v for v in numeric if v is not one], [str(int(v)) for v in one.vector]
    return numeric, ids


def _as_table(one: Variable, n: int) -> PropertyTable:
    values = one.values.reshape(n, -1)
    p = values.shape[1]
    names = [one.leaf] if p == 1 else [f"{one.leaf}_{k + 1}" for k in range(p)]
    unit = {"percent": "%"}.get(one.unit.strip().lower(), one.unit.strip())
    return PropertyTable(values, names, [unit] * p)


def _replicates(columns: dict[str, list[str | float]], n: int) -> list[int]:
    for name in ("replicate", "replicates", "rep", "reps"):
        values = columns.get(name, [])
        if values and all(isinstance(v, float) and v == v and abs(v) < 1 << 31 for v in values):
            del columns[name]
            return [int(v) for v in values]
    return [0] * n


def _assemble(
    path: Path,
    ids: list[str],
    roles: dict[str, list[str]],
    columns: Mapping[str, list[str | float]],
    tables: Sequence[PropertyTable],
    replicate: list[int],
) -> Samples:
    n = len(ids)
    constant = {name for name, values in columns.items() if not _disputed(ids, values)}
    for role in ("split", "group"):
        if role in roles and _disputed(ids, roles[role]):
            columns = {**columns, role: list[str | float](roles.pop(role))}
    unsure = _unsure(path, ids, tables)
    infos: list[SampleInfo] = []
    extra: list[dict[str, Any]] = []
    for row in range(n):
        targets: dict[str, ReferenceValue] = {}
        apart: dict[str, Any] = {}
        for table in tables:
            for k, name in enumerate(table.names):
                value = float(table.values[row, k])
                if isfinite(value) and ids[row] in unsure.get(name, ()):
                    apart[name] = value
                elif isfinite(value):
                    targets[name] = ReferenceValue(value, table.units[k])
        cells = {name: values[row] for name, values in columns.items() if _said(values[row])}
        infos.append(
            SampleInfo(
                group=roles["group"][row] if "group" in roles else "",
                split=roles["split"][row] if "split" in roles else "",
                columns={k: v for k, v in cells.items() if k in constant},
                targets=targets,
            )
        )
        extra.append(apart | {k: v for k, v in cells.items() if k not in constant})
    return Samples(ids, infos, roles.get("instrument", [""] * n), replicate, extra)


def _said(cell: str | float) -> bool:
    return cell != "" and not (isinstance(cell, float) and not isfinite(cell))


def _disputed(ids: Sequence[str], values: Sequence[Any]) -> set[str]:
    """Return the samples of which a column says more than one thing."""
    known: dict[str, Any] = {}
    return {
        name
        for name, value in zip(ids, values, strict=True)
        if name and _said(value) and known.setdefault(name, value) != value
    }


def _unsure(path: Path, ids: Sequence[str], tables: Sequence[PropertyTable]) -> dict[str, set[str]]:
    """Return, for each property, the samples with two values of it; it is said once."""
    found: dict[str, set[str]] = {}
    for table in tables:
        for k, name in enumerate(table.names):
            if disputed := _disputed(ids, [float(v) for v in table.values[:, k]]):
                found[name] = disputed
                say(
                    f"{path}: '{name}' differs between spectra of {len(disputed)} samples: it is "
                    "kept with each spectrum there"
                )
    return found


def clip(text: Any) -> str:
    """Return a text of the file without the space around it, bounded."""
    return str(text)[:_TEXT].strip().strip("\x00").strip()
