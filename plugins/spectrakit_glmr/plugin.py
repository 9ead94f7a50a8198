"""The manifest; it imports nothing heavy."""

from dataclasses import dataclass

from spectrakit.plugin import Action, Plugin, option
from spectrakit.train.distillation.options import STUDENTS, StudentOptions


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    """What `pretrain` can be told."""

    stage: str = option(
        "contrastive",
        "Part of the road: molecules (SMILES alone), contrastive, or generator (-m RUN of it).",
        choices=("molecules", "contrastive", "generator"),
    )
    steps: int = option(0, "Optimiser steps; 0: as many as epochs say.", low=0)
    epochs: float = option(10.0, "Passes over the molecules.", low=0.01)
    batch: int = option(128, "Molecules of a step.", low=2)
    accumulate: int = option(1, "Parts of a step.", low=1)
    rate: float = option(2e-3, "Highest learning rate.", low=0.0)
    decay: float = option(0.0, "Weight decay.", low=0.0)
    average: float = option(0.99, "Decay of the moving average of the weights.", low=0.0, high=1.0)
    dropout: float = option(0.3, "Share of hidden units that is dropped.", low=0.0, high=0.9)
    licences: tuple[str, ...] = option(
        (), "Learn only from spectra whose record states one of these licences; empty: all."
    )
    # contrastive
    dimension: int = option(512, "Width of the embedding.", low=2)
    latent: int = option(256, "Width of each table of peaks, losses and differences.", low=2)
    hidden: int = option(2048, "Pairs of projections that are multiplied.", low=1)
    members: int = option(1, "Heads that are averaged.", low=1)
    initial: str = option("directions", "How the tables begin.", choices=("directions", "random"))
    embeddings: str = option(
        "frozen", "Whether the tables are trained.", choices=("frozen", "learned")
    )
    layers: int = option(0, "Transformer layers over peaks as tokens; 0: none.", low=0)
    width: int = option(128, "Width of transformers.", low=8)
    heads: int = option(4, "Attention heads.", low=1)
    peak_dropout: float = option(0.1, "Share of peaks that is hidden.", low=0.0, high=0.9)
    molecule: str = option(
        "fingerprint",
        "What stands for a molecule; smiles and both need -m RUN of stage molecules.",
        choices=("fingerprint", "smiles", "both"),
    )
    molecule_encoder: str = option(
        "frozen", "Whether the molecule encoder is trained.", choices=("frozen", "unfrozen")
    )
    regression: float = option(1.0, "Weight of the squared error of all bits.", low=0.0)
    contrast: float = option(0.3, "Weight of InfoNCE.", low=0.0)
    negatives: int = option(8, "Molecules of the same mass in InfoNCE.", low=0)
    perturbed: bool = option(False, "Copies with permuted intensities as negatives, too.")
    fingerprint: float = option(0.0, "Weight of the bits' binary cross-entropy.", low=0.0)
    cosine: float = option(0.0, "Weight of the fingerprint's cosine.", low=0.0)
    # molecules and generator
    depth: int = option(3, "Layers of the SMILES encoder and of the decoder.", low=1)
    masked: float = option(0.15, "Share of SMILES tokens hidden.", low=0.0, high=0.9)
    candidates: int = option(16, "Candidates that the generator reads.", low=1)


@dataclass(frozen=True, slots=True)
class AdaptOptions:
    """What `adapt` can be told."""

    how: str = option(
        "adapters", "Small modules added, low-rank changes, or every weight.",
        choices=("adapters", "lora", "full"),
    )  # fmt: skip
    rank: int = option(0, "Width of what is added; 0: 64 for adapters, 8 for lora.", low=0)
    steps: int = option(0, "Optimiser steps; 0: as many as epochs say.", low=0)
    epochs: float = option(20.0, "Passes over the molecules.", low=0.01)
    batch: int = option(64, "Molecules of a step.", low=2)
    rate: float = option(1e-3, "Highest learning rate; take a tenth for full.", low=0.0)
    decay: float = option(0.0, "Weight decay.", low=0.0)
    average: float = option(0.99, "Decay of the moving average of the weights.", low=0.0, high=1.0)
    contrast: float = option(0.3, "Weight of InfoNCE.", low=0.0)
    licences: tuple[str, ...] = option(
        (), "Learn only from spectra whose record states one of these licences; empty: all."
    )


@dataclass(frozen=True, slots=True)
class IdentifyOptions:
    """What `identify` can be told."""

    structures: str = option("hmdb", "Candidate structures: a name or the path of a list.")
    precursor_tolerance: str = option("10ppm", "Of the candidates' masses.")
    top: int = option(10, "Hits of each spectrum.", low=1)
    fragments: bool = option(True, "Add the fragmenter's evidence.")
    written: float = option(
        0.0, "Weight of likeness to what a generator writes; measured: it does not help.", low=0.0
    )
    beams: int = option(4, "Texts a generator writes for a spectrum.", low=1)


@dataclass(frozen=True, slots=True)
class DistillOptions(StudentOptions):
    """What `distill` can be told; options of a student and its training are for smaller ones."""

    student: str = option(
        "same", "The encoders themselves, or a smaller network that they teach.",
        choices=("same", *STUDENTS),
    )  # fmt: skip
    name: str = option("glmr", "Name of the bundle.")
    version: str = option("1.0", "Version of the bundle.")
    licence: str = option("", "Licence of the bundle: that of the data allows it or not.")


plugin = Plugin(
    name="glmr",
    summary="Retrieval of molecules from MS/MS: contrastive encoders, then a generator.",
    modalities=frozenset({"msms"}),
    actions={
        "pretrain": Action("spectrakit_glmr.pretrain:run", PretrainOptions, needs=("structure",)),
        "adapt": Action("spectrakit_glmr.adapt:run", AdaptOptions, needs=("structure",)),
        "identify": Action("spectrakit_glmr.identify:run", IdentifyOptions),
        "distill": Action("spectrakit_glmr.distill:run", DistillOptions, needs=("structure",)),
    },
    requires=("train",),
)
