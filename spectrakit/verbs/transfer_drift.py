"""``transfer drift``: a few standards measured again, against what the fit kept of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date as calendar
from math import isfinite, nan
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from spectrakit.accounting import Summary
from spectrakit.atomic import is_device
from spectrakit.bundle import Bundle
from spectrakit.errors import InputError, MismatchError, UsageError
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.select import parse_where
from spectrakit.log import say
from spectrakit.output import open_records
from spectrakit.transfer.control import ControlFacts
from spectrakit.transfer.drift import ACTION, VERDICTS, WARNING, Drift, judge, sd_of
from spectrakit.transfer.gated import gated_answers, limit_of
from spectrakit.transfer.history import HISTORY, Control, add_controls
from spectrakit.transfer.record import Entry, append, file_facts
from spectrakit.transfer.result import ControlLimits, DriftPoint, DriftResult
from spectrakit.transfer.shift import channel_shift
from spectrakit.verbs.outputs import refuse_own_input
from spectrakit.verbs.sheets import TargetTable
from spectrakit.verbs.transfer_folder import TransferFolder
from spectrakit.verbs.transfer_spectra import (
    Measured,
    fail_if_any,
    inputs_read,
    readings,
    stop_if_nothing,
)

COLUMNS = (
    "date", "file", "sample", "property", "predicted", "known", "known_from", "residual", "unit",
    "z", "state", "gate", "q", "t2", "shift", "verdict", "spectrum",
)  # fmt: skip
_DATE = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)")
_GERMAN = re.compile(r"\s*(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\d)")
_DATE_KEYS = ("date", "long date", "longdate", "acquisition date", "datetime")
_FAILS = {"": len(VERDICTS), "watch": 1, "action": 2}

References = Mapping[tuple[str, str], float]


def drift(
    path: Path,
    inputs: Sequence[str],
    out: str | Path,
    *,
    targets: Path | None = None,
    date: str = "",
    where: Sequence[str] = (),
    record_format: str = "tsv",
    report: Path | None = None,
    fail_on: str = "",
    reason: str = "",
    summary: Summary,
) -> Drift:
    """Judge standards measured again on the target; return the verdict on the newest day.

    Args:
        path: the transfer folder; the version in use is judged.
        inputs: files, folders, globs, ``@list.txt`` or ``-``.
        out: a file, or ``-``.
        targets: table of reference values; without it answers are compared with those at the
            fit, and for other samples with the reference values that the files carry.
        date: day of the measurements, where the files do not say.
        where: ``COLUMN=VALUE`` that a spectrum must have.
        record_format: ``tsv`` or ``jsonl``.
        report: HTML with the control charts.
        fail_on: "watch" or "action": end with exit code 4 from this verdict on.
        reason: why, for the record.
        summary: filled with accounts, outputs, model and errors.

    Raises:
        InputError: an input could not be read (after the good ones were finished), or a file of
            the folder was changed.
        MismatchError: nothing fits, the bundle keeps no standards, or ``fail_on`` holds.
        UsageError: no date.
    """
    day = _given(date)
    paths = expand_inputs(inputs)
    conditions = parse_where(where)
    folder = TransferFolder.open(path)
    bundle = folder.bundle()
    facts = ControlFacts.of(bundle)
    units = {str(told["name"]): str(told.get("unit", "")) for told in bundle.manifest.properties}
    references = _references(targets, units)
    summary.model = {"name": bundle.label, "digest": bundle.digest}
    refuse_own_input(Path(out), paths)
    folder.refuse_output(out, report)
    found: list[Control] = []
    instruments: set[str] = set()
    for one in readings(bundle, paths, conditions, summary):
        digest = one.account.sha256
        found += _controls(bundle, facts, one.measured, digest, day, references)
        instruments |= {m.spectrum.instrument for m in one.measured if m.spectrum.instrument}
    stop_if_nothing(bundle, summary)
    if not found:
        fail_if_any(summary)
    history = [one for one in add_controls(path, found) if one.model == bundle.digest]
    newest = max(one.date for one in found)
    verdict = judge(facts, history, newest, units)
    gone: BrokenPipeError | None = None
    try:
        with open_records(out, record_format, COLUMNS) as write:
            for record in _records(facts, found, verdict, units):
                write(record)
    except BrokenPipeError as error:  # ``| head``: the day is judged and recorded all the same
        gone = error
    if str(out) != "-":
        summary.outputs.append(str(out))
    result = _result(bundle, facts, history, verdict, units, sorted(instruments))
    if report is not None:
        from spectrakit.report.drift import write_drift_report

        write_drift_report(result, report, f"Drift of {bundle.label}")
        summary.outputs.append(str(report))
    _say(bundle, newest, verdict)
    _record(path, bundle, verdict, newest, targets, where, Path(out), reason, summary)
    fail_if_any(summary)
    if gone is not None:
        raise gone
    if VERDICTS.index(verdict.verdict) >= _FAILS[fail_on]:
        raise MismatchError(
            f"{path}: the verdict on {bundle.label} on {newest} is '{verdict.verdict}'.",
            hint="The reasons are above; exit 4 was asked for by --fail-on.",
        )
    return verdict


def _given(date: str) -> str:
    if not date:
        return ""
    found = day_of(date)
    if not found:
        raise UsageError(f"--date '{date}' is no date.", hint="Write YYYY-MM-DD.")
    return found


def day_of(text: str) -> str:
    """Return YYYY-MM-DD of a text that begins with a date whose order is clear, else ""."""
    if match := _DATE.match(text):
        year, month, day = match.groups()
    elif match := _GERMAN.match(text):
        day, month, year = match.groups()
    else:
        return ""
    try:
        return calendar(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""


def _measured_on(one: Measured) -> str:
    low = {str(key).lower(): value for key, value in one.spectrum.extra.items()}
    found = (day_of(str(low[key])) for key in _DATE_KEYS if key in low)
    day = next((text for text in found if text), "")
    if not day:
        raise UsageError(
            f"{one.file}: does not say on which day sample '{one.sample}' was measured.",
            hint="Give --date YYYY-MM-DD.",
        )
    return day


def _references(targets: Path | None, units: Mapping[str, str]) -> References | None:
    """Return the reference values of a table, those of other properties left out.

    Raises:
        InputError: a value is in another unit than the model's.
        UsageError: the table has none of the model's properties.
    """
    if targets is None:
        return None
    table = TargetTable.read(targets)
    found: dict[tuple[str, str], float] = {}
    for sample, name, known in table.values:
        if name not in units:
            continue
        if known.unit and units[name] and known.unit != units[name]:
            raise InputError(
                f"{targets}: '{name}' is in {known.unit}; the model answers in {units[name]}.",
                hint="Give the table in the model's unit.",
            )
        found[sample, name] = known.value
    if not found:
        raise UsageError(
            f"{targets}: has no values of {', '.join(units)}.",
            hint="Name the columns as the model names its properties, such as 'fat [%]'.",
        )
    return found


def _controls(
    bundle: Bundle,
    facts: ControlFacts,
    measured: Sequence[Measured],
    digest: str,
    day: str,
    references: References | None,
) -> Iterator[Control]:
    """Yield the answers to the spectra of one file."""
    if not measured:
        return
    rows = np.stack([one.row for one in measured])
    answers = gated_answers(bundle, rows)
    shifts = channel_shift(rows, facts.mean_spectrum)
    for at, one in enumerate(measured):
        date = day or _measured_on(one)
        for column, told in enumerate(bundle.manifest.properties):
            name = str(told["name"])
            known, known_from = _known(facts, one, name, str(told.get("unit", "")), references)
            yield Control(
                date=date,
                model=bundle.digest,
                file=one.file,
                sha256=digest,
                spectrum=one.name,
                number=at,
                sample=one.sample,
                property=name,
                predicted=float(answers.value[at, column]),
                known=known,
                known_from=known_from,
                q=float(answers.q[at]),
                t2=float(answers.t2[at]),
                gate=answers.gate[at],
                shift=float(shifts[at]) - facts.shifts.get(one.sample, nan),
            )


def _known(
    facts: ControlFacts, one: Measured, name: str, unit: str, references: References | None
) -> tuple[float, str]:
    """Return the known value and where it is from; a reference in another unit is none."""
    if references is not None:
        value = references.get((one.sample, name), nan)
        return value, "reference" if isfinite(value) else ""
    stored = facts.samples.get(one.sample, {}).get(name, nan)
    if isfinite(stored):
        return stored, "fit"
    about = one.spectrum.sample_info
    told = about.targets.get(name) if about is not None else None
    if told is None or not isfinite(told.value) or (told.unit and unit and told.unit != unit):
        return nan, ""
    return told.value, "reference"


def _records(
    facts: ControlFacts, found: Sequence[Control], verdict: Drift, units: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for one in found:
        z = one.residual() / sd_of(facts, one) if isfinite(one.residual()) else nan
        states = ("action", abs(z) > ACTION), ("warning", abs(z) > WARNING), ("within", z == z)
        yield {
            "date": one.date,
            "file": one.file,
            "sample": one.sample,
            "property": one.property,
            "predicted": one.predicted,
            "known": one.known,
            "known_from": one.known_from,
            "residual": one.residual(),
            "unit": units[one.property],
            "z": z,
            "state": next((name for name, holds in states if holds), ""),
            "gate": one.gate,
            "q": one.q,
            "t2": one.t2,
            "shift": one.shift,
            "verdict": verdict.verdict,
            "spectrum": one.spectrum,
        }


def _result(
    bundle: Bundle,
    facts: ControlFacts,
    history: Sequence[Control],
    verdict: Drift,
    units: Mapping[str, str],
    instruments: Sequence[str],
) -> DriftResult:
    limits: list[ControlLimits] = []
    for name, unit in units.items():
        known = [one for one in history if one.property == name and isfinite(one.residual())]
        sds = [sd for sd in (sd_of(facts, one) for one in known) if isfinite(sd)]
        sd = median(sds) if sds else nan
        limits.append(ControlLimits(name, unit, 0.0, WARNING * sd, ACTION * sd))
    return DriftResult(
        target=", ".join(instruments) or "the instrument",
        bundle=bundle.label,
        points=tuple(
            DriftPoint(
                when=one.date,
                file=one.file,
                sample=one.sample,
                property=one.property,
                predicted=one.predicted,
                known=one.known,
                residual=one.residual(),
                q=one.q,
                t2=one.t2,
            )
            for one in history
        ),
        limits=tuple(limits),
        q_limit=limit_of(bundle, "q"),
        t2_limit=limit_of(bundle, "t2"),
        verdict=verdict.verdict,
        reasons=verdict.reasons,
        about={
            "bundle digest": bundle.digest,
            "shift in channels": verdict.shift,
            "cusum": {
                one.property: {"up": one.days[-1].high, "down": one.days[-1].low}
                for one in verdict.properties
                if one.days
            },
        },
    )


def _say(bundle: Bundle, day: str, verdict: Drift) -> None:
    for reason in verdict.reasons:
        say(reason)
    say(f"{bundle.label} on {day}: {verdict.verdict}")


def _record(
    path: Path,
    bundle: Bundle,
    verdict: Drift,
    day: str,
    targets: Path | None,
    where: Sequence[str],
    out: Path,
    reason: str,
    summary: Summary,
) -> None:
    inputs = inputs_read(summary) + ([file_facts(targets)] if targets is not None else [])
    is_file = str(out) != "-" and not is_device(out)
    entry = Entry(
        "drift",
        reason=reason,
        parameters={
            "date": day,
            "where": list(where),
            "targets": str(targets) if targets is not None else None,
        },
        inputs=inputs,
        outputs=[
            file_facts(path / HISTORY, HISTORY),
            *([file_facts(out)] if is_file else []),
        ],
        result={
            "label": bundle.label,
            "digest": bundle.digest,
            "date": day,
            "verdict": verdict.verdict,
            "correction": {one.property: one.correction for one in verdict.properties},
            "shift": verdict.shift,
        },
    )
    say(f"record: head {append(path, entry)}")
