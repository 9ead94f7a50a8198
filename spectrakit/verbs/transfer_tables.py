"""Inputs of ``transfer``: files and stores read into one table for each instrument."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import Summary
from spectrakit.errors import InputError, MismatchError
from spectrakit.io import read_spectra
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.select import Condition, parse_where, selected
from spectrakit.log import say
from spectrakit.preprocess.axes import convertible
from spectrakit.preprocess.trace_chain import parse_chain
from spectrakit.preprocess.trace_steps import TraceStep, apply_trace_steps, fit_steps
from spectrakit.spectrum import Spectrum
from spectrakit.transfer.table import SpectraTable, table_of
from spectrakit.verbs.outputs import stem_of
from spectrakit.verbs.transfer_seen import Seen

_LARGEST = 1e30  # beyond it squares are no numbers
_FLAT = 5  # channels in a row at the very top: a saturated detector
_SCALE_KEPT = ("absorbance", "cut", "resample", "smooth")  # steps after which values keep sense
_FEW = 5  # samples below which it cannot be told how much they differ
_NEGATIVE = -0.1  # absorbance that no sample has


@dataclass(frozen=True, slots=True)
class InstrumentSpectra:
    """Spectra of one instrument.

    Attributes:
        raw: as measured.
        table: preprocessed by ``steps``.
        steps: the chain, with what it learned.
        test_ids: samples that are only measured on.
        texts: column of the samples that is no number -> sample and cell of the first such.
    """

    raw: SpectraTable
    table: SpectraTable
    steps: tuple[TraceStep, ...]
    test_ids: frozenset[str]
    texts: Mapping[str, tuple[str, str]]

    def values_of(self, property: str) -> NDArray[Any]:
        """Return (n,) reference values that a calibration can be made of.

        Raises:
            MismatchError: there are none, or they are all the same.
            InputError: they are text, or no numbers that can be computed with.
        """
        for name, (sample, cell) in self.texts.items():
            if property not in self.table.reference and name.partition("[")[0].strip() == property:
                raise InputError(
                    f"'{property}' of sample '{sample}' is '{cell}', which is no number.",
                    hint="Correct the table, or leave the cell empty where the value is not known.",
                )
        values = self.table.values_of(property)
        size = np.abs(values)
        for k in np.flatnonzero(size > _LARGEST)[:1]:
            raise InputError(
                f"'{property}' of sample '{self.table.samples[k]}' is {values[k]:g}.",
                hint="Correct the table, or leave the cell empty where the value is not known.",
            )
        if np.isfinite(values).any() and np.nanmin(values) == np.nanmax(values):
            raise MismatchError(
                f"'{property}' is {np.nanmin(values):g} for every sample: there is nothing to "
                "calibrate.",
                hint="Give samples of different values.",
            )
        return values


def read_instrument(
    words: Sequence[str],
    where: Sequence[str],
    option: str,
    chain: str,
    summary: Summary,
    test_where: Sequence[str] = (),
    beside: InstrumentSpectra | None = None,
) -> InstrumentSpectra:
    """Return the spectra of one instrument.

    Args:
        words: files, folders, globs, ``@list.txt`` or stores.
        where: ``COLUMN=VALUE`` that a spectrum must have.
        option: which option ``where`` is, for errors.
        chain: preprocessing before everything else, as text; may be empty.
        summary: filled with an account for each input.
        test_where: ``COLUMN=VALUE`` of the spectra that are test samples.
        beside: the other instrument, in whose unit the axis is wanted.

    Raises:
        InputError: an input cannot be read, or spectra with gaps.
        MismatchError: nothing is selected, or spectra that do not belong together.
        UsageError: an unknown column or step.
    """
    conditions = parse_where(where)
    place = words[0] if len(words) == 1 else f"{words[0]} and {len(words) - 1} more"
    seen = Seen(conditions)
    spectra = list(_read(words, conditions, summary, seen))
    if not spectra:
        seen.refuse(place, option)
    raw = table_of(spectra, place, option)
    raw = raw if beside is None else _in_unit_of(beside.raw, raw, place)
    tests = parse_where(test_where)
    held = {
        one.sample for one in spectra if tests and all(condition.holds(one) for condition in tests)
    }
    if tests and not held:
        list((seen := Seen(tests)).through(spectra))
        seen.refuse(place, "--test-where")
    steps: tuple[TraceStep, ...] = ()
    table = raw
    if chain:
        kept = [k for k, name in enumerate(raw.samples) if name not in held]
        steps = fit_steps(parse_chain(chain), raw.values[kept], raw.axis)
        values, axis = apply_trace_steps(raw.values, raw.axis, steps)
        unit = "absorbance" if any(s.step == "absorbance" for s in steps) else raw.value_unit
        table = replace(raw, values=values, axis=axis, value_unit=unit)
    _check(table, place, all(one.step in _SCALE_KEPT for one in steps))
    _say_replicates(raw, spectra, place)
    return InstrumentSpectra(raw, table, steps, frozenset(held), _texts(spectra))


def _in_unit_of(source: SpectraTable, target: SpectraTable, place: str) -> SpectraTable:
    """Return the target with the source's unit of the axis, if both then share a range.

    A Raman shift is no absolute wavenumber, and where nothing is shared a unit may be wrong.
    """
    one, other = source.axis_unit, target.axis_unit
    if one == other or not convertible(other, one) or "raman" in (source.modality, target.modality):
        return target
    try:
        brought = target.in_unit(one)
    except MismatchError:
        return target
    if min(brought.axis[-1], source.axis[-1]) <= max(brought.axis[0], source.axis[0]):
        return target
    say(f"{place}: the axis is brought from {other} to the {one} of the source, as of vacuum.")
    return brought


def _read(
    words: Sequence[str], conditions: tuple[Condition, ...], summary: Summary, seen: Seen
) -> Iterator[Spectrum]:
    for path in expand_inputs(words):
        account = summary.open_input(path)
        for spectrum in selected(seen.through(read_spectra(path, account)), conditions, account):
            account.keep()
            yield spectrum if spectrum.sample else replace(spectrum, sample=stem_of(path))


def _texts(spectra: Sequence[Spectrum]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for one in spectra:
        columns = one.sample_info.columns if one.sample_info else {}
        for name, cell in columns.items():
            if name not in found and not _is_number(str(cell)):
                found[name] = (one.sample, str(cell))
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell.strip()
    return True


def _check(table: SpectraTable, place: str, scale_kept: bool) -> None:
    """Refuse spectra that no calibration can use, and say what looks odd.

    Raises:
        InputError: gaps, constant spectra, or a single channel.
        MismatchError: mostly negative absorbance, or saturated spectra.
    """
    values = table.values
    if values.shape[1] < 8:
        raise InputError(
            f"{place}: spectra of {values.shape[1]} channels are no spectra to calibrate on.",
            hint="Check --preprocess and how the file was converted.",
        )
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        where = table.axis[~np.isfinite(values[bad[0]])][0]
        raise InputError(
            f"{place}: the spectrum of sample '{table.samples[bad[0]]}' has no value at "
            + f"{where:g} {table.axis_unit}".rstrip()
            + f" ({len(bad)} of {len(values)} samples have such gaps).",
            hint="Cut the region with --preprocess 'cut(...)', or leave the samples out.",
        )
    huge = np.flatnonzero(np.abs(values).max(axis=1) > _LARGEST)
    if len(huge):
        raise InputError(
            f"{place}: the spectrum of sample '{table.samples[huge[0]]}' reaches "
            f"{np.abs(values[huge[0]]).max():g}.",
            hint="No spectrometer gives such values: export it again, or leave it out.",
        )
    flat = np.flatnonzero(np.ptp(values, axis=1) == 0)
    if len(flat):
        raise InputError(
            f"{place}: the spectrum of sample '{table.samples[flat[0]]}' is constant "
            f"({values[flat[0], 0]:g} at every channel).",
            hint="Leave it out with --source-where or --target-where.",
        )
    if len(values) > 1 and float(np.ptp(values, axis=0).max()) < 1 / _LARGEST:
        raise InputError(
            f"{place}: all {len(values)} spectra are the same: there is nothing to calibrate.",
            hint="Check how the file was exported.",
        )
    dead = int((np.ptp(values, axis=0) == 0).sum()) if len(values) > 1 else 0
    if dead:
        say(f"{place}: {dead} of {values.shape[1]} channels have the same value in every spectrum")
    if scale_kept and table.value_unit == "absorbance" and np.median(values) < _NEGATIVE:
        raise MismatchError(
            f"{place}: half of the absorbance values are below {_NEGATIVE:g} (median "
            f"{np.median(values):.3g}).",
            hint="Check the reference measurement, and whether these are absorbances.",
        )
    saturated = [k for k in range(len(values)) if _flat_top(values[k]) >= _FLAT]
    if len(saturated) > 0.1 * len(values):
        raise MismatchError(
            f"{place}: {len(saturated)} of {len(values)} spectra stay at their largest value over "
            f"{_FLAT} channels or more (first: '{table.samples[saturated[0]]}'): saturated.",
            hint="Measure with less light or a thinner sample, or cut the region with "
            "--preprocess 'cut(...)'.",
        )
    if saturated:
        say(
            f"{place}: {len(saturated)} spectra look saturated, "
            f"first '{table.samples[saturated[0]]}'"
        )


def _say_replicates(table: SpectraTable, spectra: Sequence[Spectrum], place: str) -> None:
    """Say that spectra of one sample were averaged, and name one whose spectra hardly agree.

    Two samples under one id look like replicates; nothing but their difference tells.
    """
    if len(spectra) == len(table):
        return
    say(f"{place}: {len(spectra)} spectra of {len(table)} samples: those of a sample are averaged")
    if len(table) < _FEW:
        return
    rows = {name: k for k, name in enumerate(table.samples)}
    order = np.argsort(spectra[0].axis.values, kind="stable")
    off = np.zeros(len(table))
    for one in spectra:
        k = rows.get(one.sample)
        if k is not None and table.replicates[k] > 1:
            away = np.asarray(one.value, np.float64)[order] - table.values[k]
            off[k] = max(off[k], float(np.sqrt(np.mean(away**2))))
    n = np.maximum(table.replicates, 2)
    off *= np.sqrt(n / (n - 1))  # the mean holds a part of each
    mean = table.values.mean(axis=0)
    usual = float(np.median(np.sqrt(np.mean((table.values - mean) ** 2, axis=1))))
    odd = np.flatnonzero(off > usual)
    if len(odd):
        worst = int(off.argmax())
        say(
            f"{place}: spectra of sample '{table.samples[worst]}' differ as much as samples do "
            f"({len(odd)} such): is one id given to different samples?"
        )


def _flat_top(row: NDArray[Any]) -> int:
    """Return how many channels in a row are at the very maximum."""
    top = np.flatnonzero(row == row.max())
    runs = np.split(top, np.flatnonzero(np.diff(top) != 1) + 1)
    return max(len(run) for run in runs)
