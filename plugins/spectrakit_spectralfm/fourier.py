"""A Fourier operator over tokens: mixes their lowest waves, at any number of tokens.

Cosines and sines are explicit matrices, made from the number of tokens in the graph: a complex
transform does not export. Weights belong to waves, not to tokens, so that one set serves every
resolution.

Source: Li et al. 2021 (Fourier neural operator), equations 4 and 5, with cosines of a half period
(a discrete cosine transform) since a spectrum does not join its end to its beginning.
"""

import math

import torch
from torch import nn
from torch.nn import functional


def cosines(tokens: int, waves: int, like: torch.Tensor) -> torch.Tensor:
    """Return (waves, tokens): orthonormal rows of the discrete cosine transform, type 2."""
    place = (torch.arange(tokens, device=like.device, dtype=like.dtype) + 0.5) * (math.pi / tokens)
    order = torch.arange(waves, device=like.device, dtype=like.dtype)
    first = torch.where(order == 0, math.sqrt(0.5), 1.0).unsqueeze(1)
    return math.sqrt(2 / tokens) * first * torch.cos(order.unsqueeze(1) * place)


class FourierOperator(nn.Module):
    """(batch, T, width) -> the same: lowest waves mixed among channels, added to its input."""

    def __init__(self, width: int, waves: int) -> None:
        super().__init__()
        self.waves = waves
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Parameter(torch.randn(waves, width, width) * 0.1 * width**-0.5)
        self.local = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mixed tokens; of fewer tokens than waves the highest waves are left out."""
        tokens = x.shape[1]
        waves = min(self.waves, tokens)
        basis = cosines(tokens, waves, x)  # (waves, T)
        inner = self.norm(x)
        seen = torch.einsum("kt,btw->kbw", basis, inner)
        mixed = torch.bmm(seen, self.mix[:waves])  # (waves, batch, width)
        drawn = torch.einsum("kt,kbw->btw", basis, mixed)
        return x + functional.gelu(drawn + self.local(inner))
