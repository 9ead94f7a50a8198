"""Transformer blocks, with room for LoRA and for adapters that start as nothing.

Source: Hu et al. 2021 (LoRA), equation 3; Houlsby et al. 2019 (adapters), after each block.
"""

import torch
from torch import nn
from torch.nn import functional


class LoraLinear(nn.Module):
    """A linear map plus a change of low rank that is zero at first; rank 0: none."""

    def __init__(self, width: int, out: int, rank: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, out)
        self.rank = rank
        if rank:
            self.lora_down = nn.Parameter(torch.randn(rank, width) * width**-0.5)
            self.lora_up = nn.Parameter(torch.zeros(out, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (..., out) of (..., width)."""
        answer = self.linear(x)
        if self.rank:
            answer = answer + (x @ self.lora_down.t()) @ self.lora_up.t()
        return answer


class Adapter(nn.Module):
    """A narrow network added to its input, zero at first."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank)
        self.up = nn.Linear(rank, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (..., width) of the same."""
        return x + self.up(functional.gelu(self.down(x)))


class AttentionBlock(nn.Module):
    """Attention over all tokens, then a feed-forward; each added to its input."""

    def __init__(self, width: int, heads: int, hidden: int, lora: int, adapter: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = LoraLinear(width, 3 * width, lora)
        self.out = LoraLinear(width, width, lora)
        self.after = nn.LayerNorm(width)
        self.inward = nn.Linear(width, hidden)
        self.outward = nn.Linear(hidden, width)
        self.adapter = Adapter(width, adapter) if adapter else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, T, width) of the same."""
        parts = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1))  # (batch, T, 3, h, d)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (batch, h, T, d)
        weight = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
        x = x + self.out((weight @ value).transpose(1, 2).flatten(2))
        x = x + self.outward(functional.gelu(self.inward(self.after(x))))
        return x if self.adapter is None else self.adapter(x)
