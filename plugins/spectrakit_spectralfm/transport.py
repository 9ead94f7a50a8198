"""Optimal transport between the latents that two instruments give the same kind of samples.

Training only. The plan is found without gradients in the log domain; by the envelope theorem the
gradient of the regularised cost is the plan, times the gradient of the costs, so that nothing is
differentiated through the iterations.

Sources: Cuturi 2013, algorithm 1, in the log domain; Feydy et al. 2019 (Sinkhorn divergence),
equation 3: without its last two terms two equal clouds would be pulled together.
"""

import math

import torch

EPSILON = 0.05  # of the mean cost between the clouds
ITERATIONS = 50


@torch.no_grad()
def plan(cost: torch.Tensor, epsilon: float, iterations: int = ITERATIONS) -> torch.Tensor:
    """Return the entropic transport plan between two clouds whose points weigh the same.

    Args:
        cost: (n, m) of bringing a point of one to a point of the other.
        epsilon: regularisation, in the unit of ``cost``.
        iterations: of both potentials.

    Returns:
        (n, m); the columns sum to 1 / m exactly, the rows to 1 / n as nearly as the iterations go.
    """
    n, m = cost.shape
    kernel = -cost / epsilon
    rows, columns = cost.new_zeros(n, 1), cost.new_zeros(1, m)
    for _ in range(iterations):
        rows = -math.log(n) - torch.logsumexp(kernel + columns, 1, keepdim=True)
        columns = -math.log(m) - torch.logsumexp(kernel + rows, 0, keepdim=True)
    return (kernel + rows + columns).exp()


def _cost(one: torch.Tensor, other: torch.Tensor, epsilon: float) -> torch.Tensor:
    cost = torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist").square()
    return (plan(cost.detach(), epsilon) * cost).sum()


def divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the Sinkhorn divergence of two clouds (n, f), (m, f), over their mean distance.

    0 where they are the same, of the order of 1 where they are as far from each other as their
    points are from one another.
    """
    scale = torch.cdist(one.detach(), other.detach()).square().mean().clamp(min=1e-12)
    one, other = one / scale.sqrt(), other / scale.sqrt()
    within = _cost(one, one, EPSILON) + _cost(other, other, EPSILON)
    return _cost(one, other, EPSILON) - 0.5 * within
