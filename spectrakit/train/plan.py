"""What a plugin hands to the training loop: how to train, batches, a loss."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

# (model, batch) -> the mean loss of the batch, or the loss and numbers to be recorded with it
Loss = Callable[[Any, Any], torch.Tensor | tuple[torch.Tensor, Mapping[str, torch.Tensor]]]
Validate = Callable[[Any], Mapping[str, float]]


class Batches(Protocol):
    """Batches of this process; ``spectrakit.train.data.PeakBatches`` is one."""

    def __call__(self, position: int) -> Any:
        """Return the batch at a position, with a method ``to(device)``: a pure function."""
        ...

    def names(self, position: int) -> list[str]:
        """Return its samples as a person calls them."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train one stage.

    Attributes:
        steps: optimiser steps of this stage.
        rate: highest learning rate.
        accumulate: positions (forward and backward passes) of a step.
        warmup: steps until the full rate.
        floor: share of the rate in the last step.
        decay: AdamW's weight decay, of matrices only.
        clip: largest norm of the gradient; 0: not clipped.
        average: decay of a moving average of the weights, such as 0.999; 0: none.
        precision: ``auto`` (bf16 on CUDA, else fp32), ``bf16`` or ``fp32``.
        record_every: steps between lines of the metrics.
        validate_every: steps between validations.
        checkpoint_every: steps between checkpoints.
        choose: name of the validated number whose lowest value tells the best weights; empty:
            the last ones are kept.
        patience: validations without a better one until the stage ends; 0: it never does.
        unused: whether a step may leave parameters without a gradient; only with several
            processes does it matter.
        stage: name of this part of the run.
        start: step of the run at which it begins: the sum of ``steps`` of the stages before.
    """

    steps: int
    rate: float = 1e-3
    accumulate: int = 1
    warmup: int = 0
    floor: float = 0.0
    decay: float = 0.0
    clip: float = 1.0
    average: float = 0.0
    precision: str = "auto"
    record_every: int = 10
    validate_every: int = 100
    checkpoint_every: int = 500
    choose: str = ""
    patience: int = 0
    unused: bool = False
    stage: str = "train"
    start: int = 0

    @property
    def stop(self) -> int:
        """Step of the run at which the stage is over."""
        return self.start + self.steps


def adamw(model: torch.nn.Module, plan: Plan) -> torch.optim.AdamW:
    """Return AdamW over the parameters that are trained; vectors (biases, norms) do not decay."""
    wanted = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in wanted if p.ndim > 1], "weight_decay": plan.decay},
        {"params": [p for p in wanted if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.rate)


class LossModule(torch.nn.Module):
    """Model and loss as one forward pass: what DDP can wrap whatever the loss calls."""

    def __init__(self, model: torch.nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self._loss = loss

    def forward(self, batch: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Return the loss of a batch and numbers to be recorded with it."""
        answer = self._loss(self.model, batch)
        return answer if isinstance(answer, tuple) else (answer, {})
