"""The manifest; it imports nothing heavy."""

from dataclasses import dataclass

from spectrakit.plugin import Action, Plugin, option


@dataclass(frozen=True, slots=True)
class TransferOptions:
    ridge: float = option(1e-6, "Penalty of the regression.", low=0.0)
    trap: str = option("", "Misbehave, for the tests.")


plugin = Plugin(
    name="transfertoy",
    summary="Mean difference, then ridge regression; never below zero.",
    modalities=frozenset({"nir"}),
    actions={"transfer": Action("spectrakit_transfertoy.method:make", TransferOptions)},
)
