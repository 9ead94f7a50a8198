"""The latent of a spectrum in two parts: what the sample is, and what the instrument did.

z_chem has a few numbers for each token, since pooled features destroy quantitative information
(measured); z_inst is one short vector for the whole spectrum, so that it has no room for bands.
Both pass a variational bottleneck: noise in training, and a price for what they tell.

Source: Alemi et al. 2017 (deep variational information bottleneck), equation 17.
"""

import torch
from torch import nn

LEAST_LOG_VARIANCE = -8.0
START_LOG_VARIANCE = -4.0


class Bottleneck(nn.Module):
    """(..., width) -> (..., size), with noise in training; also returns its price."""

    def __init__(self, width: int, size: int, *, variational: bool) -> None:
        super().__init__()
        self.mean = nn.Linear(width, size)
        self.log_variance = nn.Linear(width, size) if variational else None
        if self.log_variance is not None:
            nn.init.zeros_(self.log_variance.weight)
            nn.init.constant_(self.log_variance.bias, START_LOG_VARIANCE)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the code, and the mean divergence from a standard normal for each number."""
        mean = self.mean(x)
        if self.log_variance is None:
            return mean, x.new_zeros(())
        log_variance = self.log_variance(x).clamp(LEAST_LOG_VARIANCE, 4.0)
        price = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()
        if self.training:
            mean = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return mean, price


class SplitLatent(nn.Module):
    """(batch, T, width) -> z_chem (batch, T, chem) and z_inst (batch, inst)."""

    def __init__(self, width: int, chem: int, inst: int, *, variational: bool) -> None:
        super().__init__()
        self.chem = Bottleneck(width, chem, variational=variational)
        self.inst = Bottleneck(width, inst, variational=variational)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return z_chem, z_inst and the price of both."""
        chem, price_chem = self.chem(x)
        inst, price_inst = self.inst(x.mean(1))
        return chem, inst, price_chem + price_inst
