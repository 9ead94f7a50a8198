"""What `distill` can be told wherever the student is one of these: a base for plugins' options.

It loads no torch and no numpy: manifests of plugins import it.
"""

from dataclasses import dataclass

from spectrakit.plugin import option

STUDENTS = ("bag", "transformer", "wide")
KINDS = ("peak", "loss", "difference")  # of masses in bags


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the losses; 0 switches one off.

    Attributes:
        task: of the truth: bits (cross-entropy over the prior's) and direction (cosine).
        match: 1 - cosine of the embedding with the direction of the teachers' surplus: the scores
            of molecules that the teachers would give, up to a factor.
        hint: mean squared error of the teachers' features.
        vid: variational information distillation of them.
        kl: Kullback-Leibler divergence of the teachers' bits.
        flow: conditional normalizing flow of the teachers' features.
        temperature: T of ``kl``.
    """

    task: float = 1.0
    match: float = 0.0
    hint: float = 0.0
    vid: float = 0.0
    kl: float = 0.0
    flow: float = 0.0
    temperature: float = 2.0

    @property
    def of_features(self) -> bool:
        """Whether features of teachers are used."""
        return bool(self.hint or self.vid or self.flow)

    @property
    def of_bits(self) -> bool:
        """Whether bits of teachers are used."""
        return bool(self.kl or self.match)


@dataclass(frozen=True, slots=True)
class StudentOptions:
    """A student, its training and its losses."""

    student: str = option("bag", "Architecture of the student.", choices=STUDENTS)
    kinds: tuple[str, ...] = option(KINDS, "Kinds of masses in its bags.", choices=KINDS)
    bag_width: int = option(192, "Width of the vectors of bins.", low=2)
    train_bags: bool = option(
        False, "Train the vectors of bins; else they stay the singular vectors they begin as."
    )
    width: int = option(1024, "Hidden units.", low=4)
    depth: int = option(2, "Layers of the transformer.", low=1)
    token_width: int = option(128, "Width of the transformer's tokens.", low=8)
    heads: int = option(4, "Heads of its attention.", low=1)
    dropout: float = option(0.1, "Share of hidden units that is dropped.", low=0.0, high=0.9)
    dimension: int = option(256, "Directions of each fingerprint block.", low=2)
    max_peaks: int = option(128, "Strongest peaks of a spectrum that are read.", low=8, high=4096)
    bits: int = option(4096, "Bits that are learned: those that vary most.", low=8)
    task: float = option(0.3, "Weight of the true fingerprints.", low=0.0)
    match: float = option(1.0, "Weight of the direction of the teachers' bits.", low=0.0)
    hint: float = option(0.0, "Weight of the squared error of features.", low=0.0)
    vid: float = option(0.0, "Weight of variational information distillation.", low=0.0)
    kl: float = option(0.0, "Weight of the divergence from the teachers' bits.", low=0.0)
    flow: float = option(0.0, "Weight of the conditional flow of features.", low=0.0)
    temperature: float = option(2.0, "Temperature of that divergence.", low=0.1, high=100.0)
    drop_peaks: float = option(0.05, "Share of peaks that training hides.", low=0.0, high=0.9)
    alone: int = option(4, "Spectra of a molecule that are also shown alone.", low=0)
    steps: int = option(2000, "Optimiser steps.", low=1)
    batch: int = option(128, "Molecules (and polarities) of a step.", low=1)
    rate: float = option(2e-3, "Learning rate.", low=0.0)
    decay: float = option(0.01, "Weight decay.", low=0.0)
    average: float = option(0.99, "Decay of the moving average of the weights.", low=0.0, high=1.0)
    every: int = option(200, "Steps between validations and checkpoints.", low=1)
    int8_loss: float = option(
        0.002, "Loss of mean reciprocal rank on valid that int8 may cost; -1: no int8.", low=-1.0
    )

    teachers: tuple[str, ...] = option((), "Bundles that teach, beside what the model teaches.")

    @property
    def weights(self) -> Weights:
        """Weights of the losses."""
        return Weights(
            self.task, self.match, self.hint, self.vid, self.kl, self.flow, self.temperature
        )
