"""A calibration: reader, encoder, and a linear head on z_chem of every token.

Pooled features destroy quantitative information (measured), so that the head sees all tokens. The
spectrum's level, which standardising takes away, stands beside them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from spectrakit.errors import MismatchError
from spectrakit_spectralfm.model import ModelConfig, SpectralModel
from spectrakit_spectralfm.reading import LEVELS, Reader
from spectrakit_spectralfm.spectra import CommonAxis
from spectrakit_spectralfm.spline import SplineReadout

BEYOND = 0.25  # of the range of the reference values: answers are clipped there
LEVEL_SHARE = 0.05  # of the features' variance that each number of the level has
AT_ONCE = 64  # spectra that are encoded together


def common_of(told: Mapping[str, Any]) -> CommonAxis:
    """Return the axis of a calibration from what its checkpoint says."""
    own = told["calibration"]
    return CommonAxis(
        np.asarray(own["axis"], np.float64), str(own["axis_unit"]), int(own["technique"])
    )


class Calibration(nn.Module):
    """(batch, n) raw spectra on one axis -> (batch, 1) property.

    Buffers: ``centre`` (f,) and ``scale`` (f,) make features of the encoder's numbers, ``shift``
    (f,) moves those of a new instrument, ``slope`` (f, 1) and ``offset`` (1,) are the head,
    ``limits`` (2,) clip; ``source_mean``, ``source_spread`` (f,) and ``known_spread`` () are what
    test-time training compares with. With ``curves``, a spline read-out of so many inputs follows.
    """

    centre: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor
    slope: torch.Tensor
    offset: torch.Tensor
    limits: torch.Tensor
    source_mean: torch.Tensor
    source_spread: torch.Tensor
    known_spread: torch.Tensor
    readout: SplineReadout | None

    def __init__(self, model: SpectralModel, common: CommonAxis, curves: int = 0) -> None:
        super().__init__()
        self.model = model
        self.reader = Reader(common, model.config)
        n = model.config.tokens * model.config.chem + LEVELS
        for name in ("centre", "shift", "source_mean"):
            self.register_buffer(name, torch.zeros(n))
        for name in ("scale", "source_spread"):
            self.register_buffer(name, torch.ones(n))
        # float64: a thousand products of a sample that differs little from the next
        self.register_buffer("slope", torch.zeros(n, 1, dtype=torch.float64))
        self.register_buffer("offset", torch.zeros(1, dtype=torch.float64))
        self.register_buffer("limits", torch.tensor([-np.inf, np.inf], dtype=torch.float64))
        self.register_buffer("known_spread", torch.ones(()))
        self.readout = SplineReadout(n, curves) if curves else None

    @classmethod
    def built(cls, told: Mapping[str, Any]) -> "Calibration":
        """Build it from what a checkpoint says."""
        curves = int(told["calibration"].get("curves", 0))
        return cls(SpectralModel(ModelConfig.from_json(told["model"])), common_of(told), curves)

    def numbers(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Return (batch, f) what the encoder says of spectra: z_chem of all tokens, the level."""
        values, level = self.reader(spectrum)
        encoded = self.model.encode(values, *self.reader.placed(values.shape[0]))
        return torch.cat([encoded.chem.flatten(1), level], 1)

    def features(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Return (batch, f) centred and scaled numbers, moved to where the source's lie."""
        return (self.numbers(spectrum) - self.centre) * self.scale + self.shift

    def answers(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1) float64 the property, not clipped."""
        features = self.features(spectrum).double()
        linear = features @ self.slope + self.offset
        return linear if self.readout is None else self.readout(features, linear)

    def forward(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1) float64 the property."""
        value = self.answers(spectrum)
        return torch.minimum(torch.maximum(value, self.limits[0]), self.limits[1])

    @torch.no_grad()
    def each(self, what: Any, spectra: np.ndarray) -> torch.Tensor:
        """Return ``what`` (``numbers``, ``features`` or the calibration) of (n, p) spectra."""
        parts = torch.from_numpy(np.asarray(spectra, np.float64)).split(AT_ONCE)
        return torch.cat([what(part) for part in parts])

    def set_scales(self, numbers: torch.Tensor, *, level: bool) -> None:
        """Learn centre and scale from (n, f) numbers: one scale for z_chem, one for each level."""
        self.centre.copy_(numbers.mean(0))
        spread = (numbers - self.centre).square().mean(0).sqrt()
        chem = spread[:-LEVELS].square().mean().sqrt().clamp(min=1e-12)
        self.scale[:-LEVELS] = 1 / chem
        weight = float(np.sqrt(LEVEL_SHARE * (len(numbers[0]) - LEVELS))) if level else 0.0
        self.scale[-LEVELS:] = weight / spread[-LEVELS:].clamp(min=1e-12)

    def set_source(self, features: torch.Tensor, known: np.ndarray) -> None:
        """Keep what test-time training compares with, and where answers are clipped."""
        self.source_mean.copy_(features.mean(0))
        self.source_spread.copy_(features.std(0, unbiased=False))
        low, high = float(known.min()), float(known.max())
        slack = BEYOND * (high - low)
        self.limits.copy_(torch.tensor([low - slack, high + slack]))
        self.known_spread.fill_(float(known.std()))


def check_finite(step: int, value: float, what: str = "the loss") -> None:
    """Raise MismatchError where steps of a calibration ended at no number."""
    if not np.isfinite(value):
        raise MismatchError(
            f"step {step}: {what} is not finite.", hint="Start again with a lower rate=."
        )
