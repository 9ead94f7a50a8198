"""The manifest; it imports nothing heavy."""

from dataclasses import dataclass

from spectrakit.plugin import Action, Plugin, option
from spectrakit.train.distillation.options import StudentOptions

NEEDS = ("ms2", "structure")


@dataclass(frozen=True, slots=True)
class Options(StudentOptions):
    name: str = option("distiltoy", "Name of the bundle.")


plugin = Plugin(
    name="distiltoy",
    summary="A small student of the core.",
    modalities=frozenset({"msms"}),
    actions={
        "pretrain": Action("spectrakit_distiltoy.training:pretrain", Options, needs=NEEDS),
        "distill": Action("spectrakit_distiltoy.training:distill", Options, needs=NEEDS),
    },
    requires=("train",),
)
