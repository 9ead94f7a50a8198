"""Labelled samples for ``adapt``: the mean spectrum of each sample and its reference value."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit_spectralfm.leftout import numbered
from spectrakit_spectralfm.spectra import (
    CommonAxis,
    Trace,
    Traces,
    on_common_axis,
    trace_of,
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


def labelled(data: Any, name: str, common: CommonAxis | None = None) -> Labelled | None:
    """Return the samples that have the property; None where there is none.

    Replicates of one sample are averaged: they are one measurement of one value, and leaving one
    of them out would leave nothing out.

    Raises:
        MismatchError: spectra on several axes or of several techniques.
    """
    samples: dict[tuple[str, str], list[tuple[Trace, float]]] = {}
    groups: dict[tuple[str, str], str] = {}
    files = [str(part.store.path) for part in data.parts for _ in part.rows]
    unit = ""
    for row, (spectrum, file) in enumerate(zip(data, files, strict=True)):
        found = trace_of(spectrum, file)
        told = spectrum.sample_info.targets.get(name) if spectrum.sample_info else None
        if isinstance(found, str) or told is None or not np.isfinite(told.value):
            continue
        unit = told.unit or unit
        key = (file, spectrum.sample or str(row))
        samples.setdefault(key, []).append((found, told.value))
        groups[key] = spectrum.sample_info.group or "/".join(key)
    if not samples:
        return None
    rows, known = [], []
    for pairs in samples.values():
        values, common = on_common_axis(Traces(tuple(one for one, _ in pairs)), common)
        rows.append(values.mean(axis=0))
        known.append(pairs[0][1])
    assert common is not None  # there was a group
    return Labelled(
        np.array(rows), np.array(known, np.float64), common, unit, tuple(groups.values())
    )
