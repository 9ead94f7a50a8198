"""Gradient descent on binned peaks; a resumed run gives the numbers of an unbroken one."""

import json
import os
import signal
from pathlib import Path

import numpy as np

from spectrakit.errors import MismatchError
from spectrakit.plugin import Job, Stopped

BINS = 40
UNIT = 1000.0  # m/z: targets near 1


def features(spectra, bin_width, scale):
    """(n, BINS) float64: binned intensities, base peak 1."""
    rows = np.zeros((len(spectra), BINS))
    for row, spectrum in zip(rows, spectra, strict=True):
        where = np.minimum(spectrum.mz // bin_width, BINS - 1).astype(int)
        np.maximum.at(row, where, spectrum.intensity / spectrum.intensity.max())
    return np.sqrt(rows) if scale == "sqrt" else rows


def targets(spectra):
    """(n,) float64 precursor m/z in thousands."""
    return np.array([spectrum.precursor_mz for spectrum in spectra]) / UNIT


def load(model: Path):
    """Return (weights, settings) of the newest checkpoint of a run."""
    checkpoints = sorted((model / "checkpoints").glob("step-*"))
    if not checkpoints:
        raise MismatchError(f"{model}: is no toy run.", hint="Begin from a run of toy.")
    return read(checkpoints[-1])


def read(checkpoint: Path):
    settings = json.loads((checkpoint / "toy.json").read_text())
    return np.load(checkpoint / "weights.npy", allow_pickle=False), settings


def save(job: Job, step: int, weights, settings):
    with job.run.checkpoint(step) as folder:
        np.save(folder / "weights.npy", weights)
        (folder / "toy.json").write_text(json.dumps(settings))


def pretrain(job: Job, options) -> Path:
    settings = {"bin_width": options.bin_width, "scale": options.scale, "centre": [0.0] * BINS}
    weights = np.zeros(BINS + 1)
    if job.parent is not None:
        weights, settings = load(job.parent)
    return descend(job, options, weights, settings, only_offset=False)


def adapt(job: Job, options) -> Path:
    weights, settings = load(job.parent)
    return descend(job, options, weights, settings, only_offset=True)


def descend(job: Job, options, weights, settings, *, only_offset) -> Path:
    x, y = design(job.train, settings), targets(job.train)
    held_x, held_y = design(job.valid, settings), targets(job.valid)
    begin = job.run.resume_step()
    if begin:
        weights, settings = read(job.run.last_checkpoint())
    every, trap = getattr(options, "every", 5), getattr(options, "trap", "")
    rate, batch = getattr(options, "rate", 0.2), getattr(options, "batch", None)
    with job.progress("toy", options.steps, "steps") as advance:
        for step in range(begin + 1, options.steps + 1):
            rows = np.random.default_rng([job.seed, step]).permutation(len(y))[:batch]
            error = x[rows] @ weights - y[rows]
            slope = x[rows].T @ error / len(rows)
            if only_offset:
                slope[:-1] = 0
            weights = weights - rate * slope
            job.run.record(
                step,
                loss=float((error**2).mean()),
                valid=float(((held_x @ weights - held_y) ** 2).mean()) if len(held_y) else np.nan,
            )
            advance(1)
            if trap == f"signal {step}" and not begin:
                os.kill(os.getpid(), signal.SIGTERM)
            if trap == f"raise {step}":
                raise KeyError("trap")
            if trap == f"memory {step}":
                raise MemoryError("trap")
            if step % every == 0 or step == options.steps or job.should_stop():
                save(job, step, weights, settings)
            if job.should_stop():
                raise Stopped
    return job.run.path


def design(spectra, settings):
    """(n, BINS + 1) float64: centred features and a column of ones for the offset."""
    rows = features(spectra, settings["bin_width"], settings["scale"]) - settings["centre"]
    return np.hstack([rows, np.ones((len(rows), 1))])


def ttt(job: Job, options) -> Path:
    """Move the centre of the features towards that of the new spectra: no target is used."""
    weights, settings = load(job.parent)
    now = features(job.train, settings["bin_width"], settings["scale"]).mean(axis=0)
    before = np.array(settings["centre"])
    settings["centre"] = (before + options.share * (now - before)).tolist()
    job.run.record(1, moved=float(np.abs(now - before).mean()))
    save(job, 1, weights, settings)
    return job.run.path
