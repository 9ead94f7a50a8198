"""A mixture of experts, dense: every expert answers, the two best are weighed.

At these sizes computing all experts costs less than sorting tokens, and it exports. The balance
loss keeps the router from using one expert only.

Source: Fedus et al. 2021 (Switch Transformer), equation 4, with two experts for each token as in
Shazeer et al. 2017.
"""

import torch
from torch import nn
from torch.nn import functional

CHOSEN = 2


class Experts(nn.Module):
    """Feed-forward of ``experts`` networks, or of one; added to its input."""

    def __init__(self, width: int, hidden: int, experts: int) -> None:
        super().__init__()
        self.experts = experts
        self.norm = nn.LayerNorm(width)
        self.router = nn.Linear(width, experts) if experts > 1 else None
        self.inward = nn.Parameter(torch.randn(experts, width, hidden) * width**-0.5)
        self.shift = nn.Parameter(torch.zeros(experts, 1, hidden))
        self.outward = nn.Parameter(torch.randn(experts, hidden, width) * hidden**-0.5)
        self.offset = nn.Parameter(torch.zeros(experts, 1, width))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (batch, T, width) of the same, and the balance loss (1 where it is balanced)."""
        batch, tokens, width = x.shape
        flat = self.norm(x).reshape(1, batch * tokens, width)
        answers = functional.gelu(flat @ self.inward + self.shift) @ self.outward + self.offset
        if self.router is None:
            return x + answers[0].reshape(batch, tokens, width), x.new_ones(())
        chance = self.router(flat[0]).softmax(-1)  # (n, experts)
        limit = chance.topk(CHOSEN, dim=-1).values[:, CHOSEN - 1 :]
        kept = (chance >= limit).to(chance.dtype)
        weight = chance * kept
        weight = weight / weight.sum(-1, keepdim=True)
        mixed = (answers * weight.t().unsqueeze(-1)).sum(0)  # (n, width)
        balance = self.experts * (kept.mean(0) / CHOSEN * chance.mean(0)).sum()
        return x + mixed.reshape(batch, tokens, width), balance
