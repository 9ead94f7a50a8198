"""`spectrakit pretrain -m kernelfp`: fit once, judge on what is held out, keep the model."""

import json
import logging
from pathlib import Path

import numpy as np

from spectrakit.plugin import Job
from spectrakit_kernelfp.data import Sources, Spectra, training_set
from spectrakit_kernelfp.features import merge
from spectrakit_kernelfp.model import Model, fit, save
from spectrakit_kernelfp.plugin import PretrainOptions

MODEL, SOURCES = "model.npz", "sources.json"

log = logging.getLogger(__name__)


def run(job: Job, options: PretrainOptions) -> Path:
    """Fit the model on ``job.train`` and write it as the run's only checkpoint."""
    if job.run.resume_step():
        return job.run.path  # one step is all there is
    with job.progress("kernelfp", 3, "steps") as advance:
        sources: Sources = Sources()
        spectra, smiles, used = training_set(job.train, options.licences, sources)
        advance(1)
        unused = len(job.train) - used
        job.leave_out({"without polarity, SMILES or a licence that was asked for": unused})
        model = fit(spectra, smiles, ridge=options.ridge, leave_out=job.leave_out)
        advance(1)
        log.info("kernelfp: learned %d spectra of %d molecules", used, len(model.keys))
        held_out, structures, _ = training_set(job.valid)
        agreement = surplus_cosine(model, held_out, structures)
        job.run.record(1, loss=1 - agreement, valid_cosine=agreement, molecules=len(model.keys))
        with job.run.checkpoint(1) as folder:
            save(model, folder / MODEL)
            told = [{"who": w, "licence": c, "spectra": n} for (w, c), n in sorted(sources.items())]
            (folder / SOURCES).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        advance(1)
    return job.run.path


def surplus_cosine(model: Model, spectra: Spectra, smiles: dict[str, str]) -> float:
    """Return how well predicted surpluses point at true ones (mean cosine, Morgan bits).

    0 is no better than the prior; NaN when nothing is held out.
    """
    if not smiles:
        return float("nan")
    keys = list(smiles)
    morgan = slice(*model.bounds[:2])
    prior = np.asarray(model.bits[:, morgan].mean(axis=0)).ravel()
    truth = model.candidates([smiles[key] for key in keys])[:, morgan].toarray() - prior
    found: list[float] = []
    for key, true in zip(keys, truth, strict=True):
        parts = {p: merge(spectra.get((key, p), ())) for p in (1, -1)}
        predicted = model.combined({p: m for p, m in parts.items() if m is not None})[morgan]
        scale = float(np.linalg.norm(predicted) * np.linalg.norm(true))
        found.append(float(predicted @ true) / scale if scale > 0 else 0.0)
    return float(np.mean(found))
