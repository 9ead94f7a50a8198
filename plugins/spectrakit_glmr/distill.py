"""`spectrakit distill -m RUN`: the encoders of stage 1 as a bundle that runs without torch."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spectrakit.bundle import Step, write_bundle
from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit.search.molecular_fingerprints import NAME, fingerprints
from spectrakit.train.distillation.distilling import distil
from spectrakit.train.distillation.writing import Card
from spectrakit.train.export import export_graph, quantised, run_graph
from spectrakit_glmr.dual import DualEncoder
from spectrakit_glmr.encoder import Int8Table, SpectrumEncoder
from spectrakit_glmr.lists import LEAST_LISTS, fit_weight, lists_of, reciprocal_rank
from spectrakit_glmr.load import load_dual
from spectrakit_glmr.plugin import DistillOptions, plugin
from spectrakit_glmr.spectra import PRECURSOR, STEPS, Measured, measured
from spectrakit_glmr.teacher import DualTeacher


class SpectrumGraph(nn.Module):
    """What is exported: (n, 1, d), one block of scores."""

    def __init__(self, encoder: SpectrumEncoder) -> None:
        super().__init__()
        self.encoder = encoder

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
    graphs = graphs_of(model, train)
    lists = lists_of(job, model)
    scores = lists.scores(lists.embedded(model))
    weight, metrics = fit_weight(scores)
    if options.int8_loss >= 0 and len(scores) >= LEAST_LISTS:
        before = reciprocal_rank(scores)

        def lost(graph: bytes) -> float:
            answers = lists.run(lambda inputs: run_graph(graph, inputs)[0])
            return before - reciprocal_rank(lists.scores(answers))

        graphs["encode_spectrum"] = smallest(model, train, graphs, lost, options.int8_loss)
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


def smallest(
    model: DualEncoder,
    train: Measured,
    graphs: Mapping[str, bytes],
    lost: Callable[[bytes], float],
    most: float,
) -> bytes:
    """Return the spectrum graph with int8 tables, and int8 matrices, where ranks allow it."""
    small = deepcopy(model.spectrum)
    small.tables = nn.ModuleList(
        Int8Table(table.weight.detach()) for _, table in model.spectrum.kinds()
    )
    tables = spectrum_graph(small, train)
    change = lost(tables)
    say(f"glmr: int8 tables cost {change:.4f} of the mean reciprocal rank, {most:g} is allowed")
    if change > most:
        return graphs["encode_spectrum"]
    smaller = quantised(tables, lost, most=most)
    say(f"glmr: int8 matrices too: {smaller.change:.4f}")
    return smaller.graph


def spectrum_graph(encoder: SpectrumEncoder, train: Measured) -> bytes:
    """Return the ONNX graph of a spectrum encoder, equal to torch at two batch sizes."""

    def spectra(n: int) -> Mapping[str, torch.Tensor]:
        rows = np.arange(n, dtype=np.int64) % len(train)
        batch = train.batch(rows)
        known = [batch.mz, batch.intensity, batch.mask, batch.precursor]
        precursor = known[3].clone()
        precursor[0, 1:] = float("nan")  # a field that is missing must not spoil the answer
        return dict(zip(("mz", "intensity", "mask"), known, strict=False)) | {
            "precursor": precursor
        }

    peaks = ("batch", "peaks")
    return export_graph(
        SpectrumGraph(encoder),
        spectra,
        ["embedding"],
        dynamic={"mz": peaks, "intensity": peaks, "mask": peaks, "precursor": ("batch",)},
    )


def graphs_of(model: DualEncoder, train: Measured) -> dict[str, bytes]:
    """Return the ONNX graphs of both encoders."""

    def molecules(n: int) -> Mapping[str, torch.Tensor]:
        some = [train.smiles[i % len(train.smiles)] for i in range(n)]
        return {"fingerprint": torch.from_numpy(fingerprints(some)[0].toarray())}

    return {
        "encode_spectrum": spectrum_graph(model.spectrum, train),
        "encode_molecule": export_graph(
            model.molecule, molecules, ["embedding"], dynamic={"fingerprint": ("batch",)}
        ),
    }
