"""Where tokens lie on the axis, in one coordinate for every unit, and how the model reads it.

Wavelengths and wavenumbers become the logarithm of the wavenumber, so that one band has one
place in nm, um and cm-1. A Raman shift stays a shift. An axis without a known unit is told by
its relative position alone, and a flag says so.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spectrakit.preprocess.axes import convert_axis, convertible
from spectrakit.spectrum import FloatArray

KINDS = 3  # of numbers that place a token: coordinate, log10 of its width, whether known
LEAST_WAVENUMBER = 1.0  # cm-1: a Raman axis may begin at or below zero
NARROWEST = 1e-4  # of a coordinate's decade: narrower tokens are told apart no more
FREQUENCIES = 10


def coordinate(axis: FloatArray, unit: str) -> tuple[FloatArray, bool]:
    """Return (..., p) log10 of the wavenumber in cm-1, and True; or relative positions, and False.

    Args:
        axis: (..., p) float64 in ``unit``, all rising or all falling.
        unit: of the axis; ``cm-1`` of a Raman shift is taken as it is.
    """
    if convertible(unit, "cm-1") and axis.size and (unit == "cm-1" or (axis > 0).all()):
        wavenumber = convert_axis(axis, unit, "cm-1")
        return np.log10(np.maximum(wavenumber, LEAST_WAVENUMBER)), True
    low, high = axis.min(axis=-1, keepdims=True), axis.max(axis=-1, keepdims=True)
    return (axis - low) / np.maximum(high - low, 1e-30), False


def places(axis: FloatArray, unit: str, tokens: int) -> NDArray[np.float32]:
    """Return (..., tokens, 3) float32: centre, log10 of the width, and 1 where the unit is known.

    Args:
        axis: (..., p) float64; p is a multiple of ``tokens``.
        unit: of the axis.
        tokens: how many tokens share the points equally.
    """
    where, known = coordinate(axis, unit)
    parts = where.reshape(*where.shape[:-1], tokens, -1)  # (..., tokens, points of a token)
    width = np.maximum(np.abs(parts[..., -1] - parts[..., 0]), NARROWEST)
    told = [parts.mean(axis=-1), np.log10(width), np.full(width.shape, float(known))]
    return np.stack(told, axis=-1).astype(np.float32)


class FourierPlaces(nn.Module):
    """Places -> (..., width): sines and cosines of the coordinate and of the token's width."""

    frequencies: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        steps = 2.0 ** torch.arange(FREQUENCIES) * (math.pi / 2)  # a period of 4 decades, 2, 1 ...
        self.register_buffer("frequencies", steps, persistent=False)
        self.linear = nn.Linear(4 * FREQUENCIES + 2, width)

    def forward(self, where: torch.Tensor) -> torch.Tensor:
        """Return (batch, tokens, width) of places (batch, tokens, 3)."""
        angle = where[..., :2].unsqueeze(-1) * self.frequencies  # (batch, tokens, 2, f)
        waves = torch.cat([angle.sin(), angle.cos()], -1).flatten(-2)  # (batch, tokens, 4 f)
        return self.linear(torch.cat([waves, where[..., 1:]], -1))
