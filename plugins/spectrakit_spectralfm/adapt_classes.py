"""`spectrakit adapt -s label=COLUMN`: named samples into a bundle that names materials."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectrakit.bundle import write_bundle
from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit.train.checkpoint import MODEL, Checkpoint, Maker, plain_tensors, write_checkpoint
from spectrakit_spectralfm.classes import (
    UNKNOWN,
    FittedClasses,
    Named,
    check_classes,
    fitted_classes,
    named,
)
from spectrakit_spectralfm.model import TECHNIQUES, SpectralModel
from spectrakit_spectralfm.plugin import AdaptOptions, plugin
from spectrakit_spectralfm.writing import export, input_of


def run_classes(job: Job, options: AdaptOptions, model: SpectralModel, told: Any) -> Path:
    """Fit a calibration of classes and return its bundle.

    Raises:
        MismatchError: nothing to learn from.
        UsageError: an unknown column.
    """
    data = named(job.train, options.label, job.leave_out)
    if data is None:
        raise MismatchError(
            f"no sample has a name in '{options.label}'.", hint="Fill in the column."
        )
    check_classes(data, options.label)
    held = named(job.valid, options.label, job.leave_out, data.common) if len(job.valid) else None
    job.run.resume_step()
    found = fitted_classes(model, data, level=options.level, coverage=options.coverage)
    left = f"accuracy {found.accuracy:.1%}, {found.named:.1%} named"
    say(f"spectralfm: {len(data)} samples of {len(data.classes)} classes; left out: {left}")
    lineage = [*told.get("lineage", ["pretrain"]), f"adapt classes of {options.label}, "
               f"n={len(data)}"]  # fmt: skip
    about = {"model": model.config.as_json(), "lineage": lineage,
             "calibration": {"classes": list(data.classes)}}  # fmt: skip
    path = _bundle(job, options, data, held, found, lineage)
    tensors = {MODEL: plain_tensors(found.calibration.state_dict())}
    with job.run.checkpoint(1) as folder:
        write_checkpoint(
            folder, Checkpoint(Maker(plugin.name, plugin.version, about), "classes", 0, 1, tensors)
        )
    return path


def _bundle(
    job: Job,
    options: AdaptOptions,
    data: Named,
    held: Named | None,
    found: FittedClasses,
    lineage: list[str],
) -> Path:
    technique = TECHNIQUES[data.common.technique]
    first = [int(np.flatnonzero(data.own == k)[0]) for k in range(len(data.classes))]
    metrics = [
        {"name": "accuracy", "value": found.accuracy, "split": "train", "n": len(data)},
        {"name": "named", "value": found.named, "split": "train", "n": len(data)},
        {"name": "log_loss", "value": found.loss, "split": "train", "n": len(data)},
    ]
    if held is not None:
        metrics += _held_out(found, data, held)
    return write_bundle(
        job.run.student(options.name, options.version),
        graphs={"predict": export(found.calibration, data.spectra[first], ["probability"])},
        units={"predict": {"probability": "1"}},
        replace_old=True,  # of this very run, which was begun again
        task="classify",
        modality=technique,
        input=input_of(data.common),
        properties=({"name": options.label, "unit": ""},),
        classes=(*data.classes, UNKNOWN),
        metrics=tuple(metrics),
        plugin={"name": plugin.name, "version": plugin.version},
        data=job.run.data(),
        summary=f"{options.label} from {technique} spectra by {plugin.name} "
        f"({' -> '.join(lineage)}).",
        licence=options.licence,
    )


def _held_out(found: FittedClasses, data: Named, held: Named) -> list[dict[str, Any]]:
    """Return figures on held-out samples; a class that was not learned should be unknown."""
    with torch.no_grad():
        chance = found.calibration(torch.from_numpy(held.spectra)).numpy()
    told = [(*data.classes, UNKNOWN)[k] for k in chance.argmax(axis=1).tolist()]
    known = [held.classes[k] for k in held.own.tolist()]
    learned = [name in data.classes for name in known]
    right = [a == b for a, b, c in zip(told, known, learned, strict=True) if c]
    rows = []
    if right:
        rows.append({"name": "accuracy", "value": float(np.mean(right)), "split": "valid",
                     "n": len(right)})  # fmt: skip
    if not all(learned):
        other = [a == UNKNOWN for a, c in zip(told, learned, strict=True) if not c]
        rows.append({"name": "unlearned_unknown", "value": float(np.mean(other)),
                     "split": "valid", "n": len(other)})  # fmt: skip
    return rows
