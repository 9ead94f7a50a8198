"""How the learning rate changes: linear warm-up, then half a cosine down to a floor."""

import math


def learning_rate_factor(step: int, *, steps: int, warmup: int, floor: float = 0.0) -> float:
    """Return what the base learning rate is multiplied with in a step.

    Args:
        step: from 0.
        steps: of the whole training.
        warmup: steps until the full rate is reached; the first step has 1 / warmup of it.
        floor: factor of the last step.

    Source: Loshchilov & Hutter 2017, SGDR, equation 5, one period without restarts.
    """
    if step < warmup:
        return (step + 1) / warmup
    after = max(1, steps - 1 - warmup)
    done = min(1.0, (step - warmup) / after)
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * done))
