"""The manifest; it imports nothing heavy."""

from dataclasses import dataclass

from spectrakit.plugin import Action, Plugin, option
from spectrakit.train.distillation.options import STUDENTS, StudentOptions


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    """What `pretrain` can be told."""

    ridge: float = option(0.2, "Ridge of the regression; 0.1 to 0.6 is flat.", low=1e-4, high=100.0)
    licences: tuple[str, ...] = option(
        (), "Learn only from spectra whose record states one of these licences; empty: all."
    )


@dataclass(frozen=True, slots=True)
class DistillOptions(StudentOptions):
    """What `distill` can be told: of the closed-form student first, then of networks."""

    student: str = option(
        "kernel",
        "The model itself made small, or a network that it teaches (needs torch).",
        choices=("kernel", *STUDENTS),
    )
    rank: int = option(96, "Latent directions of peaks, losses and differences each.", low=1)
    min_molecules: int = option(16, "Bins that fewer molecules show are left out.", low=1)
    output_rank: int = option(128, "Length of a vector: directions of each fingerprint.", low=1)
    int8: bool = option(True, "Write int8 tables, unless that costs ranks of held-out molecules.")
    most: float = option(
        0.02, "Recall@1 or MRR that int8 may cost; of 600 molecules 0.01 are 6.", low=0.0, high=1.0
    )
    name: str = option("kernelfp", "Name of the bundle.")
    version: str = option("1", "Version of the bundle; it begins with a digit.")
    licence: str = option("", "Licence of the bundle; empty: those of the spectra it learned from.")
    attributions: str = option(
        "", "CSV of whom to name, with columns contributor, authors, copyright and license."
    )


@dataclass(frozen=True, slots=True)
class IdentifyOptions:
    """What `identify -m RUN` can be told."""

    structures: str = option("hmdb", "Structure list: built-in, installed, or a file.")
    tolerance: str = option("10ppm", "Precursor tolerance, in ppm or Da.")
    top: int = option(5, "Candidates given for each spectrum.", low=1)


plugin = Plugin(
    name="kernelfp",
    summary="Molecular fingerprints from MS/MS by kernel ridge regression, fitted in seconds.",
    modalities=frozenset({"msms"}),
    actions={
        "pretrain": Action(
            "spectrakit_kernelfp.pretrain:run",
            PretrainOptions,
            needs=("ms2", "molecule", "structure"),
        ),
        "distill": Action(
            "spectrakit_kernelfp.distill:run",
            DistillOptions,
            needs=("molecule", "structure"),
        ),
        "identify": Action(
            "spectrakit_kernelfp.identify:run", IdentifyOptions, needs=("ms2", "precursor")
        ),
    },
    doi="10.1073/pnas.1509788112",
)
