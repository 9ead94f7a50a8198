"""Labelled samples for ``adapt``: the mean spectrum of each sample and its reference value."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit.plugin import LeaveOut
from spectrakit.spectrum import FloatArray
from spectrakit_spectralfm.leftout import numbered
from spectrakit_spectralfm.spectra import (
    CommonAxis,
    Trace,
    Traces,
    on_common_axis,
    trace_of,
    without_gaps,
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Samples with a known value. ``spectra`` (n, p) float64, ``known`` (n,) float64.

    ``groups``: n names; samples of one group (a batch, a donor) are left out together.
    """

    spectra: np.ndarray
    known: np.ndarray
    common: CommonAxis
    unit: str
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.known)

    @property
    def n_groups(self) -> int:
        """Number of groups of samples that are left out together."""
        return int(numbered(self.groups).max()) + 1


def chosen_property(data: Any, wanted: str) -> str:
    """Return the property to learn: the one that was named, or the only one there is.

    Raises:
        UsageError: it is not among those that the samples have, or there are several.
        MismatchError: the samples have none.
    """
    names = {
        str(name): None for part in data.parts for name in part.store.targets.get("property", ())
    }
    if not names:
        raise MismatchError(
            "the samples have no reference values.",
            hint="Join a table: spectrakit convert FILES --targets TABLE -o STORE.h5",
        )
    if wanted and wanted not in names:
        raise UsageError(
            f"the samples have no property '{wanted}'. {did_you_mean(wanted, names)}".rstrip(),
            hint=f"Properties: {', '.join(names)}.",
        )
    if not wanted and len(names) > 1:
        raise UsageError(
            f"the samples have {len(names)} properties.",
            hint=f"Say -s property=NAME: {', '.join(names)}.",
        )
    return wanted or next(iter(names))


@dataclass(frozen=True, slots=True)
class _Row:
    """A spectrum with its value; ``key``: file and sample."""

    trace: Trace
    known: float
    key: tuple[str, str]
    group: str


def labelled(
    data: Any, name: str, leave_out: LeaveOut, common: CommonAxis | None = None, unit: str = ""
) -> Labelled | None:
    """Return the samples that have the property; None where there is none.

    Replicates of one sample are averaged: they are one measurement of one value, and leaving one
    of them out would leave nothing out. A sample that several files name is one group of theirs.

    Args:
        data: the spectra.
        name: of the property.
        leave_out: is told of spectra that are not used.
        common: the axis; None: that of the first spectrum.
        unit: of the values; empty: that of the first that has one.

    Raises:
        MismatchError: spectra on several axes or of several techniques, values in two units.
    """
    found: list[_Row] = []
    dropped: Counter[str] = Counter()
    files = [str(part.store.path) for part in data.parts for _ in part.rows]
    for row, (spectrum, file) in enumerate(zip(data, files, strict=True)):
        trace = trace_of(spectrum, file)
        told = spectrum.sample_info.targets.get(name) if spectrum.sample_info else None
        if isinstance(trace, str):
            dropped[trace] += 1
        elif told is None or np.isnan(told.value):
            dropped[f"without '{name}'"] += 1
        elif np.isinf(told.value):
            dropped[f"with an infinite '{name}'"] += 1
        else:
            unit = unit or told.unit
            if told.unit and told.unit != unit:
                raise MismatchError(
                    f"'{name}' is in '{unit}' and in '{told.unit}' (sample '{spectrum.sample}' of "
                    f"{Path(file).name}).",
                    hint="Bring the values to one unit: spectrakit convert FILES --targets TABLE.",
                )
            sample = spectrum.sample or str(row)
            group = spectrum.sample_info.group or spectrum.sample or f"{file}/{row}"
            found.append(_Row(trace, told.value, (file, sample), group))
    kept = without_gaps([one.trace for one in found], dropped)
    leave_out(dropped)
    samples: dict[tuple[str, str], list[_Row]] = {}
    for k in kept:
        samples.setdefault(found[k].key, []).append(found[k])
    if not samples:
        return None
    rows: list[FloatArray] = []
    for of in samples.values():
        values, common = on_common_axis(Traces(tuple(one.trace for one in of)), common)
        rows.append(values.mean(axis=0))
    assert common is not None  # there was a sample
    first = [of[0] for of in samples.values()]
    known = np.array([one.known for one in first], np.float64)
    return Labelled(np.array(rows), known, common, unit, tuple(one.group for one in first))
