"""`spectrakit adapt -m RUN`: a calibration from N labelled samples, as a bundle that predicts.

With ``label`` the samples have names instead of numbers: see ``adapt_classes``.
"""

from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.calibrate import conformal_quantile
from spectrakit.errors import MismatchError, UsageError
from spectrakit.log import say
from spectrakit.plugin import Job, Stopped
from spectrakit_spectralfm.adapt_classes import run_classes
from spectrakit_spectralfm.fitting import Fitted, Tuning, fitted, total_steps
from spectrakit_spectralfm.load import load_pretrained
from spectrakit_spectralfm.model import TECHNIQUES
from spectrakit_spectralfm.places import coordinate
from spectrakit_spectralfm.plugin import AdaptOptions
from spectrakit_spectralfm.references import Labelled, chosen_property, labelled
from spectrakit_spectralfm.spectra import CommonAxis
from spectrakit_spectralfm.switches import check_adapt, check_bundle
from spectrakit_spectralfm.writing import save_calibration, write_calibration

LEAST_SAMPLES = 3
OUTSIDE = 0.02  # decades of the wavenumber by which a range may exceed what was pretrained


def run(job: Job, options: AdaptOptions) -> Path:
    """Fit a calibration and return its bundle.

    Raises:
        MismatchError: an adapted model, too few samples, values that are all the same or in two
            units, or a rate at which nothing finite is learned.
        UsageError: a property or blocks that are not there.
    """
    check_adapt(options)
    check_bundle(job, "adapt", options)
    model, told = load_pretrained(job.parent)
    if options.label:
        return run_classes(job, options, model, told)
    if options.how != "head" and not model.config.attention_blocks:
        raise UsageError(
            f"how={options.how} changes transformer blocks, and {job.parent} has none.",
            hint="Say how=head, or pretrain with attention_blocks=2.",
        )
    if options.how == "head" and options.meta:
        raise UsageError(
            "meta= is where lora and adapters begin, and how=head has neither.",
            hint="Say how=lora or how=adapters.",
        )
    if options.how != "head" and options.readout != "linear":
        raise UsageError(
            f"readout={options.readout} goes with how=head only.",
            hint="Leave out one of the two.",
        )
    name = chosen_property(job.train, options.property)
    data = labelled(job.train, name, job.leave_out)
    if data is None or len(data) < LEAST_SAMPLES:
        n = len(data) if data else 0
        raise MismatchError(
            f"{n} sample{'s' * (n != 1)} with '{name}' to learn from; {LEAST_SAMPLES} are the "
            "least.",
            hint="Measure more; 10 to 30 are a usual number.",
        )
    if np.ptp(data.known) <= 1e-9 * np.abs(data.known).max():
        raise MismatchError(
            f"all {len(data)} samples have '{name}' {data.known[0]:g}: nothing can be learned.",
            hint="Choose samples that span the range.",
        )
    held = (
        labelled(job.valid, name, job.leave_out, data.common, data.unit) if len(job.valid) else None
    )
    say_unseen(data.common, told.get("seen", {}))
    tuning = Tuning(
        how=options.how, rank=options.rank, steps=options.steps, rate=options.rate,
        level=options.level, seed=job.seed, meta=options.meta, readout=options.readout,
    )  # fmt: skip
    found = _fit(job, model, data, tuning)
    left = "samples" if data.n_groups == len(data) else f"whole groups (of {data.n_groups})"
    say(f"spectralfm: {len(data)} samples, error of {left} left out {found.error:.4g} "
        f"{data.unit}".rstrip() + _beside(found, tuning))  # fmt: skip
    curves = found.calibration.readout
    before = [*told.get("lineage", ["pretrain"]), f"adapt {tuning.how} to {name}, n={len(data)}"]
    about = {
        "model": found.calibration.model.config.as_json(),
        "lineage": before,
        "calibration": {
            "axis": data.common.axis.tolist(), "axis_unit": data.common.unit,
            "technique": data.common.technique, "property": name, "unit": data.unit,
            "curves": len(curves.line) if curves else 0,
        },
    }  # fmt: skip
    half = conformal_quantile(found.residuals, options.coverage)
    if half is None:
        say(f"spectralfm: {len(data)} samples are too few for an interval of {options.coverage:g}")
    path = write_calibration(
        job, found.calibration, data.spectra, about, label=(options.name, options.version),
        half_width=half, coverage=options.coverage,
        metrics=_metrics(found, data, held), licence=options.licence,
    )  # fmt: skip
    # last: a run that was killed before has no checkpoint, and begins again
    save_calibration(job, found.calibration, about, max(1, total_steps(data.n_groups, tuning)))
    return path


def _fit(job: Job, model: Any, data: Labelled, tuning: Tuning) -> Fitted:
    """Fit; a run that was stopped begins again, which takes seconds and gives the same."""
    job.run.resume_step()
    total = total_steps(data.n_groups, tuning)
    with job.progress(f"adapt {tuning.how}", total or 1, "steps") as advance:

        def tell(step: int, loss: float) -> None:
            job.run.record(step, loss=loss)
            advance(1)
            if job.should_stop():
                raise Stopped

        found = fitted(model, data, tuning, tell)
        job.run.record(max(1, total), rmsecv=found.error, rmsecv_head=found.head_error)
    return found


def _beside(found: Fitted, tuning: Tuning) -> str:
    if tuning.readout == "spline":
        shape = "are straight" if np.isinf(found.bending) else f"bend at {found.bending:g}"
        return f" (linear: {found.head_error:.4g}; the curves {shape})"
    return "" if tuning.how == "head" else f" (the head alone: {found.head_error:.4g})"


def _metrics(found: Fitted, data: Labelled, held: Labelled | None) -> list[dict[str, Any]]:
    rows = [
        {"name": "rmsecv", "value": found.error, "split": "train", "n": len(data)},
        {"name": "rmsecv_head", "value": found.head_error, "split": "train", "n": len(data)},
    ]
    if held is not None:
        answers = found.calibration.each(found.calibration, held.spectra).numpy()[:, 0]
        error = float(np.sqrt(np.mean((answers - held.known) ** 2)))
        rows.append({"name": "rmsep", "value": error, "split": "valid", "n": len(held)})
    return rows


def say_unseen(common: CommonAxis, seen: Any) -> None:
    """Say where spectra lie outside what the model was pretrained on."""
    technique = TECHNIQUES[common.technique]
    where, known = coordinate(common.axis, common.unit)
    if technique not in seen:
        say(f"spectralfm: no {technique} spectra were pretrained on; expect less of it")
    elif known and seen[technique]:
        low, high = seen[technique]
        if where.min() < low - OUTSIDE or where.max() > high + OUTSIDE:
            say(
                f"spectralfm: the axis, {10 ** where.min():.0f} to {10 ** where.max():.0f} cm-1, "
                f"goes beyond the {10**low:.0f} to {10**high:.0f} cm-1 of the {technique} spectra "
                "that were pretrained on"
            )
