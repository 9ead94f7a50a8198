"""Traces of files as rows that a transferred model takes; misfits are counted by reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.accounting import InputAccount, Summary
from spectrakit.bundle import Bundle
from spectrakit.bundle.trace_input import on_axis
from spectrakit.errors import InputError, MismatchError
from spectrakit.io import read_spectra
from spectrakit.io.select import Condition, selected
from spectrakit.io.streams import on_disk
from spectrakit.jobs import run_files
from spectrakit.log import say
from spectrakit.spectrum import FloatArray, Modality, Spectrum
from spectrakit.transfer.gated import gated_answers
from spectrakit.verbs.outputs import note_error, stem_of

_SAME_UNIT = {"log(1/R)": "absorbance"}  # the same number under two names
_NOT_SAID = ("", "arbitrary")
_TRACES = (Modality.NIR, Modality.IR, Modality.RAMAN, Modality.REFLECTANCE, Modality.OPTICAL)


@dataclass(frozen=True, slots=True)
class Measured:
    """A spectrum on the bundle's axis: ``row`` (p,) float64, and where it comes from.

    ``name`` is the file's own identifier of it; ``averaged`` says of how many it is the mean.
    """

    file: str
    sample: str
    name: str
    row: FloatArray
    spectrum: Spectrum
    averaged: int = 1


@dataclass(frozen=True, slots=True)
class Reading:
    """One input: what became of its spectra."""

    account: InputAccount
    measured: list[Measured]


def readings(
    bundle: Bundle, paths: Sequence[Path], where: tuple[Condition, ...], summary: Summary
) -> Iterator[Reading]:
    """Yield what each input holds for a bundle; note the errors of those that cannot be read.

    Raises:
        MismatchError: the bundle is broken.
    """
    said: set[str] = set()

    def work(path: Path) -> Reading:
        return _reading(bundle, path, where, said)

    for done in run_files(work, paths):
        if done.result is not None:
            summary.inputs.append(done.result.account)
            yield done.result
        elif isinstance(done.error, InputError):
            summary.open_input(done.path)
            note_error(summary, done.error)
        elif done.error is not None:
            raise done.error


def _reading(bundle: Bundle, path: Path, where: tuple[Condition, ...], said: set[str]) -> Reading:
    account = InputAccount(str(path))
    held: list[Measured] = []
    for one in selected(read_spectra(path, account), where, account):
        reason = misfit(bundle, one)
        if not reason:
            one = _with_unit(bundle, one, path, said)
            try:
                row = on_axis(bundle, one, said)
            except MismatchError:
                reason = _other_axis(bundle, one)
            else:
                gaps = int((~np.isfinite(row)).sum())
                if gaps and not _answers_all_the_same(bundle, row):
                    reason = "NaN or infinite where the model needs a value"
                else:
                    name = one.native_id or one.name
                    held.append(Measured(str(path), one.sample or stem_of(path), name, row, one))
        if reason:
            account.drop(reason)
        else:
            account.keep()
    return Reading(account, held)


def _with_unit(bundle: Bundle, one: Spectrum, path: Path, said: set[str]) -> Spectrum:
    """Return a spectrum whose axis has the bundle's unit, where one of the two states none."""
    wanted = str(bundle.manifest.input["axis_unit"])
    if one.axis.unit == wanted or (one.axis.unit and wanted):
        return one
    text = f"{path}: the axis is read as that of {bundle.label}: " + (
        f"the file states no unit, the model {wanted}."
        if wanted
        else f"the model states no unit, the file {one.axis.unit}."
    )
    if text not in said:
        said.add(text)
        say(text)
    return replace(one, axis=replace(one.axis, unit=wanted))


def misfit(bundle: Bundle, one: Spectrum) -> str:
    """Return why a bundle cannot read a spectrum, by its kind and unit; empty where it can."""
    told = bundle.manifest
    unsaid = Modality.OPTICAL in (one.modality, told.modality)  # as the fit takes it
    if one.modality != told.modality and not (unsaid and one.modality in _TRACES):
        return f"{one.modality}, not {told.modality}"
    if not one.is_trace:
        return "peaks, not a trace"
    wanted = str(told.input.get("value_unit", ""))
    own = _SAME_UNIT.get(one.value_unit, one.value_unit)
    if own in _NOT_SAID or wanted in _NOT_SAID or own == _SAME_UNIT.get(wanted, wanted):
        return ""
    return f"{one.value_unit}, not {wanted}"


def _answers_all_the_same(bundle: Bundle, row: FloatArray) -> bool:
    """Say whether the model answers a spectrum with gaps: its graph may cut them away."""
    found = gated_answers(bundle, row[None])
    return bool(np.isfinite(found.value).all())


def _other_axis(bundle: Bundle, one: Spectrum) -> str:
    told = bundle.manifest.input
    wanted = _span(told["axis"], told["axis_unit"])
    return f"axis {_span(one.axis.values, one.axis.unit)}, not {wanted}"


def _span(axis: Any, unit: str) -> str:
    if not len(axis):
        return "of no points"
    ends = sorted((float(axis[0]), float(axis[-1]))) if isfinite(axis[0]) else (axis[0], axis[-1])
    return f"{ends[0]:g} to {ends[1]:g} {unit}".rstrip() + f" ({len(axis)} points)"


def inputs_read(summary: Summary) -> list[dict[str, Any]]:
    """Return what the record holds of the inputs that were read."""
    found: list[dict[str, Any]] = []
    for account in summary.inputs:
        if account.sha256:
            size = on_disk(Path(account.path)).stat().st_size
            found.append({"path": account.path, "sha256": account.sha256, "bytes": size})
    return found


def stop_if_nothing(bundle: Bundle, summary: Summary) -> None:
    """Refuse to answer with an empty table where no input held anything for the model.

    Raises:
        MismatchError: so it is.
    """
    if summary.errors or any(account.kept for account in summary.inputs):
        return
    told = bundle.manifest
    raise MismatchError(
        f"nothing in the inputs fits bundle {bundle.label}: see the reasons above.",
        hint=f"It reads {told.modality} traces on an axis that covers "
        f"{_span(told.input['axis'], told.input['axis_unit'])}.",
    )


def fail_if_any(summary: Summary) -> None:
    """Say at the end that some inputs could not be read.

    Raises:
        InputError: so it is.
    """
    if summary.errors:
        raise InputError(
            f"{len(summary.errors)} of {len(summary.inputs)} inputs could not be read.",
            hint="The others are finished; the errors are above.",
        )
