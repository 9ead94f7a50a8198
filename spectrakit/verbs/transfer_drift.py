"""``transfer drift``: a few standards measured again, against what the fit kept of them."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, nan
from pathlib import Path
from statistics import median
from typing import Any

from spectrakit.accounting import Summary
from spectrakit.atomic import is_device
from spectrakit.bundle import Bundle
from spectrakit.errors import MismatchError
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.select import parse_where
from spectrakit.log import say
from spectrakit.output import open_records
from spectrakit.transfer.control import ControlFacts
from spectrakit.transfer.drift import ACTION, VERDICTS, WARNING, Drift, judge, sd_of
from spectrakit.transfer.gated import limit_of
from spectrakit.transfer.history import HISTORY, Control, add_controls
from spectrakit.transfer.record import Entry, append, file_facts
from spectrakit.transfer.result import ControlLimits, DriftPoint, DriftResult
from spectrakit.verbs.drift_standards import controls, given_day, references_of
from spectrakit.verbs.outputs import refuse_own_input
from spectrakit.verbs.transfer_folder import TransferFolder
from spectrakit.verbs.transfer_spectra import (
    fail_if_any,
    inputs_read,
    readings,
    stop_if_nothing,
)

COLUMNS = (
    "date", "file", "sample", "property", "predicted", "known", "known_from", "residual", "unit",
    "z", "state", "gate", "q", "t2", "shift", "verdict", "spectrum",
)  # fmt: skip
_FAILS = {"": len(VERDICTS), "watch": 1, "action": 2}


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
    day = given_day(date)
    paths = expand_inputs(inputs)
    conditions = parse_where(where)
    folder = TransferFolder.open(path)
    bundle = folder.bundle()
    facts = ControlFacts.of(bundle)
    units = {str(told["name"]): str(told.get("unit", "")) for told in bundle.manifest.properties}
    references = references_of(targets, units)
    summary.model = {"name": bundle.label, "digest": bundle.digest}
    for output in (out, report):
        if output is not None:
            refuse_own_input(Path(output), [*paths, *([targets] if targets else [])])
    folder.refuse_output(out, report)
    found: list[Control] = []
    instruments: set[str] = set()
    for one in readings(bundle, paths, conditions, summary):
        digest = one.account.sha256
        found += controls(bundle, facts, one.measured, digest, day, references)
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
