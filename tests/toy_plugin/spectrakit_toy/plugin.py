"""The manifest; it imports nothing heavy."""

from dataclasses import dataclass

from spectrakit.plugin import Action, Plugin, option

NEEDS = ("ms2", "precursor")


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    bin_width: float = option(50.0, "Width of a bin, in m/z.", low=1.0, high=500.0)
    steps: int = option(20, "Steps of gradient descent.", low=1)
    rate: float = option(0.2, "Learning rate.", low=0.0, high=1.0)
    every: int = option(5, "Steps between checkpoints.", low=1)
    batch: int | None = option(None, "Spectra of a step; none takes all.", low=1)
    scale: str = option("sqrt", "Scale of intensities.", choices=("sqrt", "linear"))
    trap: str = option("", "Misbehave, for the tests.")


@dataclass(frozen=True, slots=True)
class AdaptOptions:
    steps: int = option(20, "Steps of gradient descent on the offset alone.", low=1)


@dataclass(frozen=True, slots=True)
class TttOptions:
    share: float = option(0.5, "How far the centre moves to these spectra.", low=0.0, high=1.0)


@dataclass(frozen=True, slots=True)
class DistillOptions:
    version: str = option("1.0", "Version of the bundle.")
    max_peaks: int = option(64, "Peaks that the student sees.", low=1, high=1024)


plugin = Plugin(
    name="toy",
    summary="Precursor m/z from binned peaks, by a straight line.",
    modalities=frozenset({"msms"}),
    actions={
        "pretrain": Action("spectrakit_toy.training:pretrain", PretrainOptions, needs=NEEDS),
        "adapt": Action("spectrakit_toy.training:adapt", AdaptOptions, needs=NEEDS),
        "ttt": Action("spectrakit_toy.training:ttt", TttOptions),
        "distill": Action("spectrakit_toy.student:distill", DistillOptions, needs=NEEDS),
    },
)
