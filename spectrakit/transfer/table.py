"""Spectra of one instrument as a matrix: one row for each sample, its replicates averaged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError, MismatchError, did_you_mean
from spectrakit.preprocess.axes import convert_axis
from spectrakit.spectrum import SampleInfo, Spectrum

FloatArray = NDArray[np.float64]
_SAME_AXIS = 1e-6  # of its span: axes nearer than this are one


@dataclass(frozen=True, slots=True)
class SpectraTable:
    """Samples measured on one instrument.

    Attributes:
        axis: (p,) ascending, in ``axis_unit``.
        values: (n, p) float64, replicates averaged.
        samples: n ids, each once, in the order they came.
        groups: n groups (the sample's own id where the data name none).
        splits: n splits, empty where the data name none.
        replicates: (n,) how many spectra went into each row.
        reference: property -> (n,) reference values, NaN where missing.
        units: property -> unit.
        reference_sd: property -> (n,) standard error of the reference method, NaN if not said.
    """

    axis: FloatArray
    axis_unit: str
    value_unit: str
    modality: str
    instrument: str
    values: FloatArray
    samples: tuple[str, ...]
    groups: tuple[str, ...]
    splits: tuple[str, ...]
    replicates: NDArray[np.int64]
    reference: Mapping[str, FloatArray]
    units: Mapping[str, str]
    reference_sd: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> "SpectraTable":
        """Return some samples, in the order of ``rows``."""
        chosen = [int(row) for row in rows]
        return replace(
            self,
            values=self.values[chosen],
            samples=tuple(self.samples[k] for k in chosen),
            groups=tuple(self.groups[k] for k in chosen),
            splits=tuple(self.splits[k] for k in chosen),
            replicates=self.replicates[chosen],
            reference={name: known[chosen] for name, known in self.reference.items()},
            reference_sd={name: sd[chosen] for name, sd in self.reference_sd.items()},
        )

    def in_unit(self, unit: str) -> "SpectraTable":
        """Return the table with its axis in another unit, ascending; values stay as measured.

        Raises:
            MismatchError: no exact map between the units.
        """
        axis = convert_axis(self.axis, self.axis_unit, unit)
        order = np.argsort(axis)
        return replace(self, axis=axis[order], axis_unit=unit, values=self.values[:, order])

    def completed_from(self, other: "SpectraTable") -> "SpectraTable":
        """Return this table with reference values that it lacks and another has for the sample.

        A reference value belongs to the sample, whichever instrument's file holds it.
        """
        place = {name: k for k, name in enumerate(other.samples)}
        rows = np.array([place.get(name, -1) for name in self.samples], np.int64)
        there = rows >= 0
        found, spread = dict(self.reference), dict(self.reference_sd)
        for name, known in other.reference.items():
            own = self.reference.get(name, np.full(len(self), nan))
            lacking = there & ~np.isfinite(own) & np.isfinite(known[rows])
            if lacking.any():
                own_sd = self.reference_sd.get(name, np.full(len(self), nan))
                found[name] = np.where(lacking, known[rows], own)
                sd = other.reference_sd.get(name, np.full(len(other), nan))
                spread[name] = np.where(lacking, sd[rows], own_sd)
        units = {name: self.units.get(name) or other.units.get(name, "") for name in found}
        return replace(self, reference=found, reference_sd=spread, units=units)

    def knows(self, property: str) -> bool:
        """Say whether any sample has a reference value of a property."""
        return property in self.reference and bool(np.isfinite(self.reference[property]).any())

    def values_of(self, property: str) -> FloatArray:
        """Return (n,) reference values of a property.

        Raises:
            MismatchError: the data have no such property.
        """
        if property not in self.reference:
            near = did_you_mean(property, self.reference)
            known = ", ".join(self.reference) or "none"
            raise MismatchError(
                f"the spectra of '{self.instrument or 'the instrument'}' have no reference values "
                f"of '{property}'. {near}".rstrip(),
                hint=f"Known properties: {known}. Join a table with convert --targets.",
            )
        return self.reference[property]


def table_of(spectra: Iterable[Spectrum], place: str, option: str) -> SpectraTable:
    """Return traces of one instrument as a table.

    Args:
        spectra: traces on one axis.
        place: what the person gave (a file), for errors.
        option: the option that selects among them, such as ``--source-where``.

    Raises:
        MismatchError: no spectra, several instruments, axes or units, or peaks.
        InputError: replicates that contradict one another.
    """
    found = list(spectra)
    _check_alike(found, place, option)
    first = found[0]
    axis = np.asarray(first.axis.values, np.float64)
    order = np.argsort(axis, kind="stable")
    rows: dict[str, list[int]] = {}
    for k, one in enumerate(found):
        rows.setdefault(one.sample or one.native_id or str(k), []).append(k)
    matrix = np.stack([np.asarray(one.value, np.float64) for one in found])[:, order]
    infos = [[found[k].sample_info for k in members] for members in rows.values()]
    names = {
        name: value.unit
        for group in infos
        for one in group
        if one
        for name, value in one.targets.items()
    }
    reference: dict[str, FloatArray] = {}
    spread: dict[str, FloatArray] = {}
    for name in names:
        told = [
            next((one.targets[name] for one in group if one and name in one.targets), None)
            for group in infos
        ]
        _check_replicates(list(rows), infos, name, place)
        reference[name] = np.array([nan if one is None else one.value for one in told])
        spread[name] = np.array([nan if one is None else one.sd for one in told])
    said = [next((one for one in group if one), None) for group in infos]
    return SpectraTable(
        axis=axis[order],
        axis_unit=first.axis.unit,
        value_unit=first.value_unit,
        modality=str(first.modality),
        instrument=first.instrument,
        values=np.stack([matrix[members].mean(axis=0) for members in rows.values()]),
        samples=tuple(rows),
        groups=tuple(
            (one.group if one else "") or name for one, name in zip(said, rows, strict=True)
        ),
        splits=tuple(one.split if one else "" for one in said),
        replicates=np.array([len(members) for members in rows.values()]),
        reference=reference,
        units=names,
        reference_sd=spread,
    )


def _check_replicates(
    samples: Sequence[str], infos: Sequence[Sequence[SampleInfo | None]], name: str, place: str
) -> None:
    for sample, group in zip(samples, infos, strict=True):
        told = sorted({one.targets[name].value for one in group if one and name in one.targets})
        if len(told) > 1:
            raise InputError(
                f"{place}: sample '{sample}' has {name} {told[0]:g} with one spectrum and "
                f"{told[-1]:g} with another.",
                hint="Spectra of one sample share its reference value: correct the table, or give "
                "the samples ids of their own.",
            )


def _check_alike(found: Sequence[Spectrum], place: str, option: str) -> None:
    if not found:
        raise MismatchError(
            f"{place}: has no spectra, or none that {option} selects.",
            hint="Look at what it holds with: spectrakit store dump",
        )
    peaks = next((one for one in found if not one.is_trace), None)
    if peaks is not None:
        raise MismatchError(
            f"{place}: spectrum '{peaks.native_id}' is a peak list, not a trace.",
            hint="Calibration transfer needs NIR, IR, Raman or other spectra on an axis.",
        )
    instruments = sorted({one.instrument for one in found})
    if len(instruments) > 1:
        shown = ", ".join(f"'{name}'" for name in instruments[:5])
        raise MismatchError(
            f"{place}: has spectra of {len(instruments)} instruments ({shown}) where one is "
            "expected.",
            hint=f"Did you mean {option} instrument={instruments[0]}?",
        )
    for what, values in (
        ("axis units", {one.axis.unit for one in found}),
        ("value units", {one.value_unit for one in found}),
        ("modalities", {str(one.modality) for one in found}),
    ):
        if len(values) > 1:
            shown = ", ".join(f"'{value}'" for value in sorted(values))
            raise MismatchError(
                f"{place}: has spectra with different {what}: {shown}.",
                hint=f"Select one kind with {option}, or convert them alike first.",
            )
    first = found[0].axis.values
    span = float(np.ptp(first)) if len(first) else 0.0
    for one in found:
        same = len(one.axis) == len(first) and np.allclose(
            one.axis.values, first, rtol=0, atol=_SAME_AXIS * span
        )
        if not same:
            raise MismatchError(
                f"{place}: the spectra '{found[0].native_id}' and '{one.native_id}' are on "
                f"different axes ({len(first)} points {first[0]:g} to {first[-1]:g} and "
                f"{len(one.axis)} points {one.axis.values[0]:g} to {one.axis.values[-1]:g}).",
                hint="Nothing is resampled silently: give --preprocess 'resample(start-stop/step)'"
                f" or select with {option}.",
            )
