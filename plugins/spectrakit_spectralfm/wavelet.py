"""Spectra into tokens: a wavelet transform, or plain patches.

The transform is a strided convolution with PyWavelets' filter taps, which exports; ends are
continued as constants (``mode="constant"``). A token owns the coefficients above its points:
its approximation takes one path, its details of all levels another, and the two are added.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spectrakit.errors import MissingExtraError

FINE = 30.0  # details of a smooth spectrum are a hundredth of it: asinh(30 d) shows them too


def pywavelets() -> Any:
    """Return the package of filter taps.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pywt
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "wavelet tokens need PyWavelets, not installed here.",
            hint="pip install 'spectrakit[train]'",
        ) from error
    return pywt


class WaveletTransform(nn.Module):
    """(batch, p) -> approximation (batch, p / 2^levels) and details, coarsest first."""

    taps: torch.Tensor

    def __init__(self, wavelet: str, levels: int) -> None:
        super().__init__()
        found = pywavelets().Wavelet(wavelet)
        low, high = found.dec_lo[::-1], found.dec_hi[::-1]  # conv1d does not flip
        # the taps come from the architecture, not from the checkpoint
        self.register_buffer("taps", torch.tensor([low, high])[:, None], persistent=False)
        self.levels = levels
        n = len(low)
        self.skip = (n - 2) // 4  # coefficients that lie before the first point
        self.before = n - 2 - 2 * self.skip

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return approximation and details, halving p at each level."""
        details: list[torch.Tensor] = []
        for _ in range(self.levels):
            half = values.shape[-1] // 2
            after = self.taps.shape[-1] - 2 - self.before
            padded = functional.pad(values[:, None], (self.before, after), mode="replicate")
            both = functional.conv1d(padded, self.taps, stride=2)[..., :half]  # (batch, 2, half)
            values = both[:, 0]
            details.insert(0, both[:, 1])
        return values, details


class WaveletTokens(nn.Module):
    """(batch, p) -> (batch, p / 2^levels, width) through a wavelet transform."""

    def __init__(self, wavelet: str, levels: int, width: int) -> None:
        super().__init__()
        self.transform = WaveletTransform(wavelet, levels)
        self.levels = levels
        n = 2**levels - 1
        self.approximation = nn.Linear(1, width)
        self.details = nn.Sequential(nn.Linear(2 * n, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return tokens of spectra."""
        coarse, levels = self.transform(values)
        coarse = coarse.unsqueeze(-1) * 2.0 ** (-self.levels / 2)  # the mean, not a sum
        tokens = coarse.shape[1]
        fine = torch.cat([d.unflatten(1, (tokens, -1)) for d in levels], -1)  # (batch, T, 2^l - 1)
        fine = torch.cat([fine, torch.asinh(FINE * fine)], -1)
        return self.approximation(coarse) + self.details(fine)


class PatchTokens(nn.Module):
    """(batch, p) -> (batch, p / patch, width) from points and their first differences."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.patch = patch
        self.linear = nn.Linear(2 * patch, width)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return tokens of spectra."""
        steps = functional.pad(values[:, 1:] - values[:, :-1], (1, 0))
        parts = [one.unflatten(1, (-1, self.patch)) for one in (values, FINE / 3 * steps)]
        return self.linear(torch.cat(parts, -1))  # (batch, T, width)
