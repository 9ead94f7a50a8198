"""Where LoRA and adapters begin: a start from which a few steps go far, on simulated instruments.

Each task shows the labelled spectra to a virtual instrument; a few plain gradient steps on half of
the samples are taken, and the start is moved by the gradient of the other half's error after them.

Source: Finn et al. 2017 (MAML), algorithm 2, in its first-order form (section 5.2): second
derivatives are left out.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from spectrakit_spectralfm.calibration import Calibration
from spectrakit_spectralfm.instruments import seen_by_instruments

INNER = 3  # steps of a task
INNER_RATE = 0.1
RATE = 1e-2  # of the start
Loss = Callable[[], torch.Tensor]


def first_order(parameters: Sequence[torch.Tensor], inner: Loss, outer: Loss, rate: float,
                steps: int) -> float:  # fmt: skip
    """Set ``grad`` of the parameters to that of ``outer`` after some steps on ``inner``.

    Parameters stay as they were. Returns the outer loss after the steps.
    """
    start = [p.detach().clone() for p in parameters]
    for _ in range(steps):
        slopes = torch.autograd.grad(inner(), list(parameters))
        with torch.no_grad():
            for p, slope in zip(parameters, slopes, strict=True):
                p -= rate * slope
    loss = outer()
    slopes = torch.autograd.grad(loss, list(parameters))
    with torch.no_grad():
        for p, before, slope in zip(parameters, start, slopes, strict=True):
            p.copy_(before)
            p.grad = slope
    return float(loss.detach())


def shown(spectra: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return raw spectra (n, p) as one virtual instrument would show them."""
    mean, spread = spectra.mean(), max(float(spectra.std()), 1e-12)
    return seen_by_instruments((spectra - mean) / spread, rng, shared=True) * spread + mean


def start_for_instruments(
    calibration: Calibration, parameters: Sequence[torch.Tensor], spectra: np.ndarray,
    known: np.ndarray, *, steps: int, seed: int, rate: float = RATE,
) -> list[float]:  # fmt: skip
    """Move the parameters to a start that instruments are learned from in few steps.

    Args:
        calibration: with a head for the samples.
        parameters: what is added to the encoder.
        spectra: (n, p) raw, at least 4.
        known: (n,) values.
        steps: tasks.
        seed: of instruments and halves.
        rate: of the start.

    Returns:
        (steps,) the outer losses, in variances of the known values.
    """
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(parameters, lr=rate)
    target = torch.from_numpy(known)[:, None]
    variance = target.var(unbiased=False).clamp(min=1e-24)
    losses: list[float] = []
    for _ in range(steps):
        values = torch.from_numpy(shown(spectra, rng))
        order = torch.from_numpy(rng.permutation(len(known)))
        support, query = order[: len(order) // 2], order[len(order) // 2 :]

        def error(rows: torch.Tensor, values: torch.Tensor = values) -> torch.Tensor:
            return (calibration.answers(values[rows]) - target[rows]).square().mean() / variance

        losses.append(
            first_order(
                parameters,
                lambda support=support, error=error: error(support),
                lambda query=query, error=error: error(query),
                INNER_RATE,
                INNER,
            )
        )
        torch.nn.utils.clip_grad_norm_(list(parameters), 1.0)
        optimiser.step()
    return losses
