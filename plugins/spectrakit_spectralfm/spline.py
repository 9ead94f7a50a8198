"""A Kolmogorov-Arnold read-out: the answer is a sum of curves, each of one number.

One layer of such a network is an additive model: a straight line and a cubic B-spline for each
input, which can be drawn and named. The curves are fitted in closed form; how freely they bend is
chosen by leave-one-out errors, and a choice is not to bend at all. Inputs are the answer of the
linear head, as it is without the sample (else the curve would learn how the head fits its own
samples), and the leading components of the features.

Sources: Liu et al. 2024 (KAN), equation 2.10, without its residual SiLU; Eilers and Marx 1996
(P-splines), equation 8, for the penalty on second differences.
"""

import numpy as np
import torch
from torch import nn

from spectrakit.spectrum import FloatArray

DEGREE = 3
INTERVALS = 6
COMPONENTS = 4
BENDING = (np.inf, 1e3, 1e2, 1e1, 1.0, 1e-1)  # penalties of second differences; inf: straight
SHRINKING = 1e-3  # ridge of every coefficient, for directions that nothing determines


def basis(x: torch.Tensor) -> torch.Tensor:
    """Return (..., INTERVALS + DEGREE) cubic B-splines at x, on even knots over -1 to 1.

    Beyond them x is taken to the nearest end. Source: de Boor 1972, equation 3.
    """
    step = 2.0 / INTERVALS
    knots = torch.arange(-DEGREE, INTERVALS + DEGREE + 1, device=x.device, dtype=x.dtype)
    knots = knots * step - 1.0
    x = x.clamp(-1.0, 1.0 - 1e-9).unsqueeze(-1)
    found = ((x >= knots[:-1]) & (x < knots[1:])).to(x.dtype)
    for degree in range(1, DEGREE + 1):
        up = (x - knots[: -degree - 1]) / (degree * step)
        down = (knots[degree + 1 :] - x) / (degree * step)
        found = up * found[..., :-1] + down * found[..., 1:]
    return found


class SplineReadout(nn.Module):
    """(batch, f) float64 features and (batch, 1) the head's answer -> (batch, 1) the property.

    Buffers: ``turn`` (f, k - 1) gives components, ``middle`` and ``reach`` (k,) bring inputs to
    -1 to 1, ``line`` (k,) and ``bends`` (k, INTERVALS + DEGREE) are the curves, ``level`` (1,).
    """

    turn: torch.Tensor
    middle: torch.Tensor
    reach: torch.Tensor
    line: torch.Tensor
    bends: torch.Tensor
    level: torch.Tensor

    def __init__(self, features: int, inputs: int) -> None:
        super().__init__()
        shapes = {
            "turn": (features, inputs - 1), "middle": (inputs,), "reach": (inputs,),
            "line": (inputs,), "bends": (inputs, INTERVALS + DEGREE), "level": (1,),
        }  # fmt: skip
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))

    def inputs(self, features: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """Return (batch, k) inputs of the curves, about -1 to 1."""
        told = torch.cat([answer, features @ self.turn], 1)
        return (told - self.middle) / self.reach

    def curves(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, k): what each curve adds at inputs (batch, k)."""
        return x * self.line + (basis(x) * self.bends).sum(-1)

    def forward(self, features: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        return self.curves(self.inputs(features, answer)).sum(1, keepdim=True) + self.level


def fitted_readout(
    features: FloatArray, known: FloatArray, left_out: FloatArray, answers: FloatArray
) -> tuple[SplineReadout, FloatArray, float]:
    """Return the read-out, its (n,) leave-one-out residuals, and how freely it bends.

    Args:
        features: (n, f) of the training samples.
        known: (n,) their values.
        left_out: (n,) the head's answers, each without its sample (or group).
        answers: (n,) the head's answers as it is; they set the range of the first curve.
    """
    k = 1 + min(COMPONENTS, max(0, len(known) - 2))
    made = SplineReadout(features.shape[1], k)
    axes = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)[2]
    made.turn.copy_(torch.from_numpy(np.ascontiguousarray(axes[: k - 1].T)))
    told = np.column_stack([left_out, features @ axes[: k - 1].T])
    span = np.vstack([told, np.column_stack([answers, told[:, 1:]])])
    low, high = span.min(axis=0), span.max(axis=0)
    made.middle.copy_(torch.from_numpy((low + high) / 2))
    made.reach.copy_(torch.from_numpy(np.maximum((high - low) / 2, 1e-12)))
    x = (told - made.middle.numpy()) / made.reach.numpy()
    bends = basis(torch.from_numpy(x)).numpy()  # (n, k, b)
    best: tuple[float, FloatArray, FloatArray, float] | None = None
    for bending in BENDING:
        design = x if np.isinf(bending) else np.hstack([x, bends.reshape(len(x), -1)])
        weight, residuals = _penalised(design, known, k, bending)
        error = float(np.mean(residuals**2))
        if best is None or error < best[0]:
            best = error, weight, residuals, bending
    assert best is not None  # BENDING is not empty
    _, weight, residuals, bending = best
    made.line.copy_(torch.from_numpy(weight[1 : k + 1]))
    if len(weight) > k + 1:
        made.bends.copy_(torch.from_numpy(weight[k + 1 :].reshape(k, -1)))
    made.level.fill_(weight[0])
    return made, residuals, bending


def _penalised(
    design: FloatArray, known: FloatArray, k: int, bending: float
) -> tuple[FloatArray, FloatArray]:
    """Return coefficients (the first is the level) and leave-one-out residuals."""
    rows = np.column_stack([np.ones(len(design)), design])
    penalty = SHRINKING * np.eye(rows.shape[1])
    penalty[0, 0] = 0.0
    if rows.shape[1] > k + 1:
        second = np.diff(np.eye(INTERVALS + DEGREE), 2, axis=0)
        for j in range(k):
            at = slice(k + 1 + j * second.shape[1], k + 1 + (j + 1) * second.shape[1])
            penalty[at, at] += bending * second.T @ second
    solved = np.linalg.solve(rows.T @ rows + penalty, rows.T)  # (c, n)
    leverage = np.einsum("nc,cn->n", rows, solved)
    weight = solved @ known
    return weight, (rows @ weight - known) / np.maximum(1 - leverage, 1e-9)
