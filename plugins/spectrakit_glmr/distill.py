"""`spectrakit distill -m RUN`: the encoders of stage 1 as a bundle that runs without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spectrakit.bundle import Step, write_bundle
from spectrakit.errors import MismatchError
from spectrakit.plugin import Job
from spectrakit.search.molecular_fingerprints import NAME, fingerprints
from spectrakit.train.distillation.distilling import distil
from spectrakit.train.distillation.writing import Card
from spectrakit.train.export import export_graph
from spectrakit_glmr.basis import standardised
from spectrakit_glmr.dual import DualEncoder, embed_molecules
from spectrakit_glmr.load import load_dual
from spectrakit_glmr.plugin import DistillOptions, PretrainOptions, plugin
from spectrakit_glmr.pool import same_mass
from spectrakit_glmr.spectra import PRECURSOR, STEPS, Measured, measured
from spectrakit_glmr.stages import held_out as known_spectra
from spectrakit_glmr.stages import known_molecules
from spectrakit_glmr.teacher import DualTeacher

DEFAULT_WEIGHT = 1.3  # log-odds per standard deviation, where too little is held out to fit it
LEAST_LISTS = 30


class SpectrumGraph(nn.Module):
    """What is exported: (n, 1, d), one block of scores."""

    def __init__(self, model: DualEncoder) -> None:
        super().__init__()
        self.encoder = model.spectrum

    def forward(
        self,
        mz: torch.Tensor,
        intensity: torch.Tensor,
        mask: torch.Tensor,
        precursor: torch.Tensor,
    ) -> torch.Tensor:
        """Return the embedding of spectra."""
        return self.encoder(mz, intensity, mask, precursor).unsqueeze(1)


def run(job: Job, options: DistillOptions) -> Path:
    """Export the model of the parent run, or teach a smaller one, and return the bundle."""
    if job.parent is None:
        raise MismatchError("distill needs a trained model.", hint="Give -m the run of pretrain.")
    torch.manual_seed(job.seed)
    model = load_dual(job.parent)
    if options.student != "same":
        card = Card(
            options.name, options.version, plugin.name, plugin.version,
            f"A {options.student} network taught by glmr.", options.licence,
        )  # fmt: skip
        return distil(job, [DualTeacher(model)], options, card=card)
    if model.config.molecule == "smiles":
        raise MismatchError(
            f"{job.parent}: its molecules are SMILES, and bundles encode fingerprints.",
            hint="Pretrain with molecule=fingerprint or both, or use `identify -m RUN`.",
        )
    train = measured(job.train)
    return write(job, model, train, options)


def write(job: Job, model: DualEncoder, train: Measured, options: DistillOptions) -> Path:
    """Write both graphs, checked against torch, with the weight of their score."""
    with torch.no_grad():
        graphs = graphs_of(model, train)
        weight, metrics = fit_weight(job, model, train)
    spectra = {"embedding": "1"}
    return write_bundle(
        job.run.student(options.name, options.version),
        graphs=graphs,
        units={"encode_spectrum": spectra, "encode_molecule": spectra},
        task="embed",
        modality="msms",
        input={"kind": "peaks", "precursor": list(PRECURSOR), "fingerprint": NAME},
        preprocessing=tuple(Step(*step) for step in STEPS),
        calibration={"block_weights": [weight]},
        metrics=metrics,
        plugin={"name": plugin.name, "version": plugin.version},
        data=job.run.data(),
        summary=plugin.summary,
        licence=options.licence,
    )


def graphs_of(model: DualEncoder, train: Measured) -> dict[str, bytes]:
    """Return the ONNX graphs of both encoders, each equal to torch at two batch sizes."""

    def spectra(n: int) -> Mapping[str, torch.Tensor]:
        rows = np.arange(n, dtype=np.int64) % len(train)
        batch = train.batch(rows)
        known = [batch.mz, batch.intensity, batch.mask, batch.precursor]
        precursor = known[3].clone()
        precursor[0, 1:] = float("nan")  # a field that is missing must not spoil the answer
        return dict(zip(("mz", "intensity", "mask"), known, strict=False)) | {
            "precursor": precursor
        }

    def molecules(n: int) -> Mapping[str, torch.Tensor]:
        some = [train.smiles[i % len(train.smiles)] for i in range(n)]
        return {"fingerprint": torch.from_numpy(fingerprints(some)[0].toarray())}

    peaks = ("batch", "peaks")
    return {
        "encode_spectrum": export_graph(
            SpectrumGraph(model),
            spectra,
            ["embedding"],
            dynamic={"mz": peaks, "intensity": peaks, "mask": peaks, "precursor": ("batch",)},
        ),
        "encode_molecule": export_graph(
            model.molecule, molecules, ["embedding"], dynamic={"fingerprint": ("batch",)}
        ),
    }


@dataclass(frozen=True, eq=False)
class Lists:
    """Held-out molecules with others of the same mass.

    Attributes:
        query: (q,) int64 molecule of each list.
        scores: of each list, the truth first.
    """

    query: Any
    scores: Sequence[Any]


def held_out_lists(job: Job, model: DualEncoder, train: Measured) -> Lists:
    """Return the scores of held-out molecules among all molecules at hand of the same mass."""
    held_out = known_spectra(job, PretrainOptions())
    if held_out is None:
        return Lists(np.empty(0, np.int64), [])
    bits = fingerprints(held_out.smiles)[0]
    others = (molecule for data in (job.train, job.valid) for molecule in known_molecules(data))
    pool = same_mass(held_out, bits, others, job.seed)
    encoded, own = model.molecule.encode(pool.bits), model.molecule.encode(bits)
    seen, answers = embed_molecules(model, held_out)
    asked = [(one, row) for row, one in enumerate(seen.tolist())
             if pool.start[one + 1] > pool.start[one]]  # fmt: skip
    scores = [
        standardised(
            np.vstack([own[one], encoded[pool.rows[pool.start[one] : pool.start[one + 1]]]])
            @ answers[row]
        )
        for one, row in asked
    ]
    return Lists(np.array([one for one, _ in asked], np.int64), scores)


def fit_weight(
    job: Job, model: DualEncoder, train: Measured
) -> tuple[float, tuple[Mapping[str, Any], ...]]:
    """Return log-odds per standard deviation of the score, and what was found with it.

    Source: conditional logit (McFadden 1974) with one coefficient, by Newton's method.
    """
    lists = held_out_lists(job, model, train)
    n = len(lists.scores)
    if not n:
        return DEFAULT_WEIGHT, ()
    first = float(np.mean([(one >= one[0]).sum() == 1 for one in lists.scores]))
    metrics = ({"name": "recall_at_1", "value": first, "split": "valid", "n": n},)
    if n < LEAST_LISTS:
        return DEFAULT_WEIGHT, metrics
    weight = DEFAULT_WEIGHT
    for _ in range(20):
        slope, bend = 0.0, 1e-6
        for one in lists.scores:
            share = np.exp(weight * (one - one.max()))
            share /= share.sum()
            mean = share @ one
            slope += one[0] - mean
            bend += share @ np.square(one - mean)
        weight = float(np.clip(weight + slope / bend, 0.05, 20.0))
    return weight, metrics
