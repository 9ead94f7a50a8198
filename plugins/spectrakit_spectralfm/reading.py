"""Raw spectra on one axis into what the model reads: resampled and standardised, in the graph."""

from typing import Any

import numpy as np
import torch
from torch import nn

from spectrakit.preprocess.resampling import interpolation
from spectrakit_spectralfm.model import ModelConfig
from spectrakit_spectralfm.places import places
from spectrakit_spectralfm.spectra import FLAT, CommonAxis, points_of

LEVELS = 2  # numbers that standardising takes away: the mean, and the logarithm of the spread


class Reader(nn.Module):
    """(batch, n) float64 on a known axis -> the model's inputs, and the level of each spectrum.

    Linear interpolation to points even in channels, then mean 0 and deviation 1. A constant
    spectrum gives NaN: nothing is guessed.
    """

    first: torch.Tensor
    second: torch.Tensor
    weight: torch.Tensor
    where: torch.Tensor
    technique: torch.Tensor

    def __init__(self, common: CommonAxis, config: ModelConfig) -> None:
        super().__init__()
        points = points_of(common.axis, 0.0, 1.0, config.points)
        first, second, weight = interpolation(common.axis, points)
        buffers: dict[str, Any] = {
            "first": first.astype(np.int64),
            "second": second.astype(np.int64),
            "weight": weight,
            "where": places(points[None], common.unit, config.tokens),
            "technique": np.array([common.technique]),
        }
        for name, value in buffers.items():  # they follow from the axis: no part of a checkpoint
            self.register_buffer(name, torch.from_numpy(value), persistent=False)

    def forward(self, spectrum: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (batch, p) float32 standardised, and (batch, 2) float32 levels."""
        raw = spectrum.double()
        raw = raw[:, self.first] * (1 - self.weight) + raw[:, self.second] * self.weight
        mean = raw.mean(1, keepdim=True)
        centred = raw - mean
        spread = centred.square().mean(1, keepdim=True).sqrt()
        nothing = spread <= FLAT * raw.abs().amax(1, keepdim=True)
        spread = torch.where(nothing, torch.full_like(spread, float("nan")), spread)
        return (centred / spread).float(), torch.cat([mean, spread.log()], 1).float()

    def placed(self, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return places (batch, T, 3) and techniques (batch,)."""
        return self.where.expand(batch, -1, -1), self.technique.expand(batch)
