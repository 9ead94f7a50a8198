"""Switches that would do nothing beside others are refused: nobody should wait for their effect."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from spectrakit.bundle.manifest import split_label
from spectrakit.errors import UsageError
from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit_spectralfm.plugin import AdaptOptions, DistillOptions, PretrainOptions, TttOptions

OPERATOR = ("tasks", "labelled")
BOTH = ("stage", "steps", "rate", "average")
TUNING = ("rank", "steps", "rate")


def changed(options: Any, names: Iterable[str]) -> str:
    """Return those of the names that are not at their default, as they are written."""
    defaults = type(options)()
    found = [one for one in names if getattr(options, one) != getattr(defaults, one)]
    return ", ".join(f"{one}=" for one in found)


def check_pretrain(options: PretrainOptions, parent: Path | None) -> None:
    """Check that every switch of ``pretrain`` has an effect.

    Raises:
        UsageError: a model to begin from, or a switch of the other stage.
    """
    if parent is not None:
        raise UsageError(
            f"{parent}: pretraining of spectralfm begins anew, not from a run.",
            hint="Say -m spectralfm; --resume goes on with a run that was stopped.",
        )
    other = "operator" if options.stage == "model" else "model"
    names = OPERATOR
    if options.stage == "operator":
        every = [one.name for one in fields(options)]
        names = tuple(one for one in every if one not in (*OPERATOR, *BOTH))
    if told := changed(options, names):
        raise UsageError(
            f"{told} {_are(told)} of stage={other}.", hint=f"Leave out, or say stage={other}."
        )


def check_adapt(options: AdaptOptions) -> None:
    """Check that every switch of ``adapt`` has an effect.

    Raises:
        UsageError: ``label`` with what is of numbers, or a head with what is of gradient steps.
    """
    if options.label:
        told = changed(options, ("property", "how", "readout", "meta", *TUNING))
        if told:
            raise UsageError(
                f"label= names materials with a linear head; {told} {_are(told)} of numbers.",
                hint="Leave out one of the two.",
            )
    elif options.how == "head" and (told := changed(options, TUNING)):
        raise UsageError(
            f"{told} {_are(told)} of how=lora and how=adapters, not of how=head.",
            hint="Leave out, or say how=lora.",
        )


def check_bundle(job: Job, verb: str, options: AdaptOptions | DistillOptions | TttOptions) -> None:
    """Check, before anything is fitted, that the bundle can be named so and is made in one process.

    Raises:
        UsageError: a name or version that no bundle has, or several processes.
    """
    split_label(f"{options.name}@{options.version}")
    if job.world > 1:
        raise UsageError(
            f"--devices {job.world}: {verb} of spectralfm works in one process.",
            hint="Leave out --devices; it takes seconds.",
        )
    if job.device != "cpu":
        say(f"spectralfm: {verb} computes on the cpu, not on {job.device}; it takes seconds")


def _are(told: str) -> str:
    return "are" if "," in told else "is"
