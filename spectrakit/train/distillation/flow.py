"""A conditional normalizing flow: how likely the teacher's feature is, given the student's.

    h = LayerNorm(stop_grad(h_T)) + sigma eps
    L = -(1/D) E[log N(g(h; c); 0, I) + log |det dg/dh|],   c = MLP(h_S)

g is K affine couplings that take turns with the halves, with bounded scales; it and the student
are trained, and it is dropped at export. The noise bounds the loss below (by its entropy), so
that minimising it maximises what the student's feature tells of the teacher's:
-E log p(h_T | h_S) = H(h_T) - I(h_T; h_S) + KL. K = 0 with a learned variance is variational
information distillation, K = 0 with a fixed one is the hint loss.

Source: affine couplings, Dinh et al. 2017 (arXiv:1605.08803), equations 7 and 8; conditional,
Winkler et al. 2019 (arXiv:1912.00042). Departure from the "flow distillation" as published, whose
density is of the student's own projected feature: that is unbounded on a subspace, does not
contain the teacher, and its couplings never take turns.
"""

import math

import torch
from torch import nn

COUPLINGS = 8
SIGMA = 0.1  # of the noise on the teacher's feature, whose components have unit variance
LARGEST_LOG_SCALE = 2.0


class Coupling(nn.Module):
    """One half of a vector, scaled and shifted by what the other half and the condition say.

    Args:
        size: D of the vector.
        condition: size of the condition.
        width: hidden units.
        swapped: whether the second half tells what becomes of the first.
    """

    def __init__(self, size: int, condition: int, width: int, *, swapped: bool) -> None:
        super().__init__()
        self.first, self.swapped = size // 2, swapped
        fixed = size - self.first if swapped else self.first
        self.net = nn.Sequential(
            nn.Linear(fixed + condition, width), nn.GELU(), nn.Linear(width, 2 * (size - fixed))
        )
        last = self.net[-1]
        nn.init.zeros_(last.weight)  # pyright: ignore[reportArgumentType]  # begins as the identity
        nn.init.zeros_(last.bias)  # pyright: ignore[reportArgumentType]

    def _halves(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        one, other = x[:, : self.first], x[:, self.first :]
        return (other, one) if self.swapped else (one, other)

    def _scale_shift(
        self, fixed: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        scale, shift = self.net(torch.cat([fixed, condition], 1)).chunk(2, 1)
        return LARGEST_LOG_SCALE * torch.tanh(scale / LARGEST_LOG_SCALE), shift

    def _whole(self, fixed: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
        return torch.cat([moved, fixed] if self.swapped else [fixed, moved], 1)

    def forward(
        self, x: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (n, D) images and (n,) log determinants."""
        fixed, moved = self._halves(x)
        scale, shift = self._scale_shift(fixed, condition)
        return self._whole(fixed, moved * scale.exp() + shift), scale.sum(1)

    def inverse(self, z: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Return what :meth:`forward` maps to ``z``."""
        fixed, moved = self._halves(z)
        scale, shift = self._scale_shift(fixed, condition)
        return self._whole(fixed, (moved - shift) * (-scale).exp())


class ConditionalFlow(nn.Module):
    """K couplings over D components, each conditioned on the student's feature.

    Args:
        size: D of the teacher's feature, at least 2.
        feature: size of the student's feature.
        width: hidden units of every network.
        couplings: K.
    """

    def __init__(
        self, size: int, feature: int, *, width: int = 256, couplings: int = COUPLINGS
    ) -> None:
        super().__init__()
        self.size = size
        self.condition = nn.Sequential(nn.Linear(feature, width), nn.GELU(), nn.Linear(width, 64))
        self.couplings = nn.ModuleList(
            Coupling(size, 64, width, swapped=bool(number % 2)) for number in range(couplings)
        )

    def forward(self, x: torch.Tensor, feature: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return g(x; c) (n, D) and log |det dg/dx| (n,) for (n, D) vectors."""
        condition = self.condition(feature)
        total = x.new_zeros(len(x))
        for coupling in self.couplings:
            x, added = coupling(x, condition)
            total = total + added
        return x, total

    def inverse(self, z: torch.Tensor, feature: torch.Tensor) -> torch.Tensor:
        """Return the (n, D) vectors that :meth:`forward` maps to ``z``."""
        condition = self.condition(feature)
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)
            z = coupling.inverse(z, condition)
        return z

    def nll(self, x: torch.Tensor, feature: torch.Tensor) -> torch.Tensor:
        """Return the (n,) negative log-likelihood of each vector, over D, in nats."""
        z, log_det = self(x, feature)
        log_normal = -0.5 * (z * z).sum(1) - 0.5 * self.size * math.log(2 * math.pi)
        return -(log_normal + log_det) / self.size
