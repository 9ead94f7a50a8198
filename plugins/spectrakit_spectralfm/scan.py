"""Selective state-space blocks in plain torch: a scan of logarithmic depth that exports to ONNX.

Departures from Gu and Dao 2023 (Mamba): the recurrence runs in both directions, since a
spectrum has no past; no expansion; instead of a fused kernel the scan doubles its reach in each
of log2(T) passes, so that the graph has no loop. On a CPU, where nothing runs side by side, a
plain loop does a fifth of that work and gives the same: it is used in training.
"""

import math

import torch
from torch import nn
from torch.nn import functional

LEAST_STEP, MOST_STEP = 1e-2, 0.5  # of the initial step sizes, log-uniform


def scan(decay: torch.Tensor, drive: torch.Tensor) -> torch.Tensor:
    """Return h (batch, T, ...) with ``h[t] = decay[t] * h[t - 1] + drive[t]``, h[-1] = 0.

    Hillis and Steele's doubling: after k passes each step knows the 2^k steps up to it.

    Args:
        decay: (batch, T, ...) of each step.
        drive: (batch, T, ...) what a step adds.
    """
    length, reach = decay.shape[1], 1
    while reach < length:
        earlier_drive = torch.cat([torch.zeros_like(drive[:, :reach]), drive[:, :-reach]], 1)
        earlier_decay = torch.cat([torch.ones_like(decay[:, :reach]), decay[:, :-reach]], 1)
        drive = drive + decay * earlier_drive
        decay = decay * earlier_decay
        reach *= 2
    return drive


def loop(decay: torch.Tensor, drive: torch.Tensor) -> torch.Tensor:
    """Return what ``scan`` returns, one step after the other."""
    state = torch.zeros_like(drive[:, 0])
    states: list[torch.Tensor] = []
    for keep, add in zip(decay.unbind(1), drive.unbind(1), strict=True):
        state = keep * state + add
        states.append(state)
    return torch.stack(states, 1)


class SelectiveScan(nn.Module):
    """One direction: the input decides what a state keeps (dt), takes (B) and shows (C)."""

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        self.states = states
        self.choose = nn.Linear(width, 2 * states + 1)
        self.step = nn.Linear(1, width)
        self.rates = nn.Parameter(torch.log(torch.arange(1, states + 1).float()).repeat(width, 1))
        self.direct = nn.Parameter(torch.ones(width))
        low, high = math.log(LEAST_STEP), math.log(MOST_STEP)
        start = torch.exp(torch.rand(width) * (high - low) + low)
        with torch.no_grad():
            self.step.bias.copy_(start + torch.log(-torch.expm1(-start)))  # softplus gives start

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, T, width) of the same."""
        told, take, show = self.choose(x).split([1, self.states, self.states], -1)
        step = functional.softplus(self.step(told)).unsqueeze(-1)  # (batch, T, width, 1)
        decay = torch.exp(-step * self.rates.exp())  # (batch, T, width, states)
        drive = step * x.unsqueeze(-1) * take.unsqueeze(-2)
        plain = x.device.type == "cpu" and not torch.compiler.is_exporting()
        state = (loop if plain else scan)(decay, drive)
        return (state * show.unsqueeze(-2)).sum(-1) + self.direct * x


class StateSpaceBlock(nn.Module):
    """Norm, short convolution, scans in both directions, gate; added to its input."""

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inward = nn.Linear(width, 2 * width)
        self.near = nn.Conv1d(width, width, 3, padding=1, groups=width)
        self.forwards = SelectiveScan(width, states)
        self.backwards = SelectiveScan(width, states)
        self.outward = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, T, width) of the same."""
        inner, gate = self.inward(self.norm(x)).chunk(2, -1)
        inner = functional.silu(self.near(inner.transpose(1, 2)).transpose(1, 2))
        seen = self.forwards(inner) + self.backwards(inner.flip(1)).flip(1)
        return x + self.outward(seen * functional.silu(gate))
