"""The manifest; it imports nothing heavy."""

from dataclasses import dataclass

from spectrakit.plugin import Action, Plugin, option

NEEDS = ("ms2", "precursor")


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    width: int = option(16, "Width of the embedding.", low=2)
    dropout: float = option(0.1, "Share of hidden units that is dropped.", low=0.0, high=0.9)
    steps: int = option(40, "Optimiser steps of each of the two stages.", low=1)
    batch: int = option(8, "Spectra of a step.", low=1)
    accumulate: int = option(1, "Parts of a step.", low=1)
    rate: float = option(0.01, "Learning rate.", low=0.0)
    average: float = option(0.0, "Decay of the moving average.", low=0.0, high=1.0)
    every: int = option(10, "Steps between checkpoints and validations.", low=1)
    choose: str = option("", "Validated number that chooses the weights.")
    patience: int = option(0, "Validations without a better one until a stage ends.", low=0)
    stages: int = option(2, "Stages.", low=1, high=2)
    precision: str = option("auto", "Of the forward pass.", choices=("auto", "bf16", "fp32"))
    trap: str = option("", "Misbehave in a step, for the tests: nan@7, memory@7, stop@7.")


@dataclass(frozen=True, slots=True)
class DistillOptions:
    width: int = option(8, "Width of the student.", low=2)
    steps: int = option(40, "Optimiser steps.", low=1)
    broken: bool = option(False, "Export a graph with a fixed batch, for the tests.")


plugin = Plugin(
    name="torchtoy",
    summary="Precursor m/z from peaks, by a small torch network.",
    modalities=frozenset({"msms"}),
    actions={
        "pretrain": Action("spectrakit_torchtoy.training:pretrain", PretrainOptions, needs=NEEDS),
        "distill": Action("spectrakit_torchtoy.student:distill", DistillOptions, needs=NEEDS),
    },
    requires=("train",),
)
