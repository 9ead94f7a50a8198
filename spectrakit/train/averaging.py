"""A moving average of a model's weights, and lending weights to a model for a while."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch


def update_average(
    average: Mapping[str, torch.Tensor], model: torch.nn.Module, decay: float
) -> None:
    """Move an average towards the model in place: a ← decay · a + (1 - decay) · w.

    Whole numbers (counters of normalisation layers) are copied. An empty average stays empty.
    """
    if not average:
        return
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value.detach(), 1.0 - decay)
        else:
            average[name].copy_(value)


@contextmanager
def lent(model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> Generator[None]:
    """Give a model other weights (none: its own) and evaluation mode; afterwards take them back."""
    own = {name: value.detach().clone() for name, value in model.state_dict().items()}
    if weights:
        model.load_state_dict(weights)
    model.eval()
    try:
        yield
    finally:
        model.load_state_dict(own)
        model.train()
