"""What can go wrong in a step, in words that say what to do."""

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

import torch

from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit.train.plan import Batches, Plan

NAMED = 8  # samples in a message


class DivergedError(MismatchError):
    """A loss or gradient is not finite (exit 4); the last good checkpoint is kept."""


class DeviceMemoryError(MismatchError):
    """Model and batch do not fit into the memory of the device (exit 4)."""


def diverged(
    step: int, position: int, losses: Sequence[float], norm: float, batches: Batches
) -> DivergedError:
    """Return the error for a step: it names the batch whose loss is not finite, else all.

    Args:
        step: of the run.
        position: of the step's first batch.
        losses: of each part of the step, in this process.
        norm: of the gradient.
        batches: to ask for the samples.
    """
    bad = [part for part, loss in enumerate(losses) if not math.isfinite(loss)]
    what = f"the loss is {losses[bad[0]]}" if bad else f"the gradient's norm is {norm}"
    names = [name for part in bad or range(len(losses)) for name in batches.names(position + part)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return DivergedError(
        f"step {step}: {what} in the batch of {', '.join(names[:NAMED])}{more}.",
        hint="The last good checkpoint is kept. Look at these spectra, or start again with a "
        "lower rate or a longer warm-up.",
    )


def named_number(found: Mapping[str, float], name: str) -> float:
    """Return the validated number that chooses the weights.

    Raises:
        UsageError: validation gives no such number.
    """
    if name not in found:
        raise UsageError(
            f"'{name}' is none of the validated numbers. {did_you_mean(name, found)}".rstrip(),
            hint=f"There are: {', '.join(found)}.",
        )
    return found[name]


@contextmanager
def memory_told(device: str, plan: Plan) -> Generator[None]:
    """Turn whatever says that memory is short into one error with the way out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        words = str(error).lower()
        short = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not short and "allocate memory" not in words and "out of memory" not in words:
            raise
        parts = f"{plan.accumulate} part{'s' if plan.accumulate > 1 else ''}"
        raise DeviceMemoryError(
            f"{device}: its memory is too small for a step in {parts}.",
            hint=f"Divide the batch into more parts (such as -s accumulate={plan.accumulate * 2}), "
            "or make it smaller (-s batch=N).",
        ) from error
