"""The manifest; it imports nothing heavy."""

from dataclasses import dataclass

from spectrakit.plugin import Action, Plugin, option


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    """What `pretrain` can be told."""

    ridge: float = option(0.2, "Ridge of the regression; 0.1 to 0.6 is flat.", low=1e-4, high=100.0)
    licences: tuple[str, ...] = option(
        (), "Learn only from spectra whose record states one of these licences; empty: all."
    )


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
    },
    doi="10.1073/pnas.1509788112",
)
