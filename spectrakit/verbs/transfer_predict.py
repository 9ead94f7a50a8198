"""``transfer predict``: spectra of the new instrument in, values with intervals and gates out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.accounting import Summary
from spectrakit.atomic import is_device
from spectrakit.bundle import Bundle
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.select import parse_where
from spectrakit.log import say
from spectrakit.output import open_records
from spectrakit.transfer.gated import PASS, gated_answers
from spectrakit.transfer.record import Entry, append, file_facts
from spectrakit.verbs.outputs import refuse_own_input
from spectrakit.verbs.transfer_folder import open_model
from spectrakit.verbs.transfer_spectra import (
    Measured,
    Reading,
    fail_if_any,
    inputs_read,
    readings,
    stop_if_nothing,
)

COLUMNS = (
    "file", "sample", "property", "value", "unit", "lower", "upper", "gate", "q", "t2",
    "spectrum", "model", "note",
)  # fmt: skip


def predict(
    word: str,
    inputs: Sequence[str],
    out: str | Path,
    *,
    where: Sequence[str] = (),
    force: bool = False,
    average: bool = False,
    record_format: str = "tsv",
    reason: str = "",
    keep_record: bool = True,
    summary: Summary,
) -> None:
    """Predict the properties of every spectrum of the inputs.

    Args:
        word: a transfer folder (its version in use), a bundle, or an installed name.
        inputs: files, folders, globs, ``@list.txt`` or ``-``.
        out: a file, or ``-``.
        where: ``COLUMN=VALUE`` that a spectrum must have.
        force: keep values of spectra beyond a gate.
        average: average the spectra of a sample first.
        record_format: ``tsv`` or ``jsonl``.
        reason: why, for the record.
        keep_record: write a line of the record where ``word`` is a transfer folder.
        summary: filled with accounts, outputs, model and errors.

    Raises:
        InputError: an input could not be read (after the good ones were finished), or a bundle
            was changed.
        MismatchError: nothing in the inputs fits the model.
    """
    paths = expand_inputs(inputs)
    conditions = parse_where(where)
    bundle, folder = open_model(word)
    summary.model = {"name": bundle.label, "digest": bundle.digest}
    if bundle.manifest.gate.get("forced"):
        say(f"{bundle.label}: a gate refused this transfer when it was fitted; --force overrode it")
    refuse_own_input(Path(out), paths)
    if folder is not None:
        folder.refuse_output(out)
    rows = refused = 0
    gone: BrokenPipeError | None = None
    try:
        with open_records(out, record_format, COLUMNS) as write:
            read = readings(bundle, paths, conditions, summary)
            for some in _averaged(read) if average else (one.measured for one in read):
                for record in _records(bundle, some, force):
                    write(record)
                    rows += 1
                    refused += record["gate"] not in (PASS, "")
            stop_if_nothing(bundle, summary)
    except BrokenPipeError as error:  # ``| head``: what it took was answered, so it is recorded
        gone = error
    is_file = str(out) != "-" and not is_device(Path(out))
    if str(out) != "-":
        summary.outputs.append(str(out))
    if refused:
        kept = "their values are kept (--force)" if force else "their values are left empty"
        say(f"{refused} of {rows} answers are beyond a gate: {kept}")
    if folder is not None and keep_record:
        entry = Entry(
            "predict",
            reason=reason,
            parameters={"where": list(where), "force": force, "average": average},
            inputs=inputs_read(summary),
            outputs=[file_facts(Path(out))] if is_file else [],
            result={
                "label": bundle.label,
                "digest": bundle.digest,
                "answers": rows,
                "beyond_a_gate": refused,
            },
        )
        say(f"record: head {append(folder.path, entry)}")
    if gone is not None:
        raise gone
    fail_if_any(summary)


def _averaged(read: Iterator[Reading]) -> Iterator[list[Measured]]:
    """Yield all samples once, each with the mean of its spectra, in the order they came."""
    held: dict[str, Measured] = {}
    for one in read:
        for new in one.measured:
            old = held.get(new.sample)
            if old is not None:
                new = replace(old, name="", row=old.row + new.row, averaged=old.averaged + 1)
            held[new.sample] = new
    yield [replace(one, row=one.row / one.averaged) for one in held.values()]


def _records(bundle: Bundle, some: Sequence[Measured], force: bool) -> Iterator[dict[str, Any]]:
    """Yield one record for each spectrum and property."""
    if not some:
        return
    found = gated_answers(bundle, np.stack([one.row for one in some]))
    for at, one in enumerate(some):
        gate = found.gate[at]
        shown = force or gate in (PASS, "")
        for column, told in enumerate(bundle.manifest.properties):
            value = float(found.value[at, column])
            yield {
                "file": one.file,
                "sample": one.sample,
                "property": told["name"],
                "value": value if shown else None,
                "unit": told.get("unit", ""),
                "lower": float(found.lower[at, column]) if shown else None,
                "upper": float(found.upper[at, column]) if shown else None,
                "gate": gate,
                "q": float(found.q[at]),
                "t2": float(found.t2[at]),
                "spectrum": one.name,
                "model": bundle.label,
                "note": _note(one, value),
            }


def _note(one: Measured, value: float) -> str:
    notes = [f"mean of {one.averaged} spectra"] if one.averaged > 1 else []
    if not np.isfinite(value):
        notes.append("the model gives no number for this spectrum")
    return "; ".join(notes)
