"""The spectrum encoder: wide (bins as embeddings, a product of two projections) and deep.

Wide: each kind of bin gives a unit vector; the encoder answers with a linear map of the three
plus a low-rank quadratic one, (A y) * (B y), because pairs of peaks say more than their sum
(the quadratic kernel of kernelfp in learned form). Deep: peaks as tokens with Fourier features
of m/z and of loss, CLS carrying precursor, polarity, charge and energy, as in the paper; off by
default, since it costs more than it gives on 5,900 molecules.

Departures from Zhang et al. (GLMR): binned embeddings stand beside the Fourier features; the
answer is not pooled over peaks alone.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spectrakit_glmr.features import KINDS, BinFeatures


@dataclass(frozen=True)
class EncoderConfig:
    """What a spectrum encoder is built from; ``n_rows`` of each kind's table come from the data.

    ``adapter`` and ``lora`` are ranks of what ``adapt`` adds; 0: nothing.
    """

    n_rows: tuple[int, ...]
    latent: int = 192
    hidden: int = 1024
    members: int = 1
    dimension: int = 512
    layers: int = 0
    width: int = 128
    heads: int = 4
    peak_dropout: float = 0.1
    dropout: float = 0.1
    adapter: int = 0
    lora: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "n_rows": list(self.n_rows)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "EncoderConfig":
        """Build it again from ``as_json``."""
        return cls(**{**values, "n_rows": tuple(values["n_rows"])})


class SpectrumEncoder(nn.Module):
    """Peaks and precursor -> (n, d) embedding."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.bins = nn.ModuleList(BinFeatures(k, n) for k, n in enumerate(config.n_rows))
        self.tables = nn.ModuleList(
            nn.EmbeddingBag(n, config.latent, mode="sum") for n in config.n_rows
        )
        inner = config.latent * len(KINDS)
        self.polarity = nn.Parameter(torch.zeros(2, inner))
        self.members = nn.ModuleList(Product(config, inner) for _ in range(config.members))
        self.deep = PeakTransformer(config) if config.layers else None
        if config.adapter:
            self.adapt_in = Adapter(inner, config.adapter)
            self.adapt_out = Adapter(config.dimension, config.adapter)
        for _, table in self.kinds():
            nn.init.normal_(table.weight, std=config.latent**-0.5)

    def kinds(self) -> list[tuple[BinFeatures, nn.EmbeddingBag]]:
        """Return bins and table of each kind."""
        return list(zip(self.bins, self.tables, strict=True))  # type: ignore[arg-type]  # by torch

    def wide(
        self,
        mz: torch.Tensor,
        intensity: torch.Tensor,
        mask: torch.Tensor,
        precursor: torch.Tensor,
    ) -> torch.Tensor:
        """Return (n, 3 latent): a unit vector (or zero) for each kind of bin, side by side."""
        drop = self.config.peak_dropout if self.training else 0.0
        parts: list[torch.Tensor] = []
        for bins, table in self.kinds():
            rows, weight = bins(mz, intensity, mask, precursor[:, 0], drop)
            if isinstance(table, Int8Table):
                total = (table(rows) * weight.unsqueeze(-1)).sum(1)
            elif torch.compiler.is_exporting():  # ONNX has no bag
                total = (table.weight[rows] * weight.unsqueeze(-1)).sum(1)
            else:
                total = table(rows, per_sample_weights=weight.to(table.weight.dtype))
            parts.append(functional.normalize(total, dim=1, eps=1e-3))
        return torch.cat(parts, 1)

    def forward(
        self,
        mz: torch.Tensor,
        intensity: torch.Tensor,
        mask: torch.Tensor,
        precursor: torch.Tensor,
    ) -> torch.Tensor:
        """Return (n, d) float32.

        Args:
            mz: (n, p) float64.
            intensity: (n, p) float32, sum 1.
            mask: (n, p) bool.
            precursor: (n, 4) float32: m/z, polarity, charge, energy; NaN where missing.
        """
        spectrum = self.wide(mz, intensity, mask, precursor) * math.sqrt(self.config.latent)
        if self.config.adapter:
            spectrum = self.adapt_in(spectrum)
        positive = (precursor[:, 1] > 0).to(spectrum.dtype).unsqueeze(1)  # NaN counts as negative
        sign = positive * self.polarity[0] + (1 - positive) * self.polarity[1]
        answer = torch.stack([one(spectrum, sign) for one in self.members]).mean(0)
        if self.deep is not None:
            answer = answer + self.deep(mz, intensity, mask, precursor)[1]
        return self.adapt_out(answer) if self.config.adapter else answer


class Int8Table(nn.Module):
    """A table for export: whole numbers from -127 to 127, and for each row what one is worth."""

    values: torch.Tensor
    unit: torch.Tensor

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        unit = (weight.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
        self.register_buffer("unit", unit)
        self.register_buffer("values", (weight / unit).round().to(torch.int8))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, q) -> (n, q, width)."""
        return self.values[rows].to(torch.float32) * self.unit[rows]


class Adapter(nn.Module):
    """z + W_up relu(W_down z), W_up zero at the start (Houlsby et al. 2019)."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, rank), nn.Linear(rank, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """(n, width) -> (n, width)."""
        return state + self.up(functional.relu(self.down(state)))


class LowRank(nn.Module):
    """What is added to a linear map: B A x, B zero at the start (Hu et al. 2021)."""

    def __init__(self, inner: int, outer: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(inner, rank, bias=False)
        self.up = nn.Linear(rank, outer, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """(n, inner) -> (n, outer)."""
        return self.up(self.down(state))


class Product(nn.Module):
    """A linear map plus a low-rank quadratic one; both begin at zero."""

    def __init__(self, config: EncoderConfig, inner: int) -> None:
        super().__init__()
        self.rank = config.lora
        self.line = nn.Linear(inner, config.dimension)
        self.left = nn.Linear(inner, config.hidden)
        self.right = nn.Linear(inner, config.hidden)
        self.out = nn.Linear(config.hidden, config.dimension, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        sizes = {
            "line": (inner, config.dimension),
            "left": (inner, config.hidden),
            "right": (inner, config.hidden),
            "out": (config.hidden, config.dimension),
        }
        self.low_rank = nn.ModuleDict(
            {name: LowRank(*size, config.lora) for name, size in sizes.items() if config.lora}
        )
        for layer in (self.line, self.out):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.line.bias)

    def forward(self, spectrum: torch.Tensor, sign: torch.Tensor) -> torch.Tensor:
        """(n, inner) -> (n, d)."""
        pair = self._map("left", spectrum) * self._map("right", spectrum + sign)
        return self._map("line", spectrum) + self._map("out", self.dropout(pair))

    def _map(self, name: str, state: torch.Tensor) -> torch.Tensor:
        whole = getattr(self, name)(state)
        return whole + self.low_rank[name](state) if self.rank else whole


class PeakTransformer(nn.Module):
    """Peaks as tokens: the encoder of the paper."""

    period: torch.Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.width
        self.register_buffer("period", torch.logspace(-2, 3.2, 32, dtype=torch.float64))
        self.token = nn.Linear(4 * 32 + 1, width)
        self.cls = nn.Linear(2 * 32 + 6, width)
        layer = nn.TransformerEncoderLayer(
            width, config.heads, 4 * width, config.dropout, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.out = nn.Linear(width, config.dimension)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def fourier(self, mass: torch.Tensor) -> torch.Tensor:
        """Return sines and cosines (..., 64) float32 of masses in Da, periods 0.01 to 1,600 Da."""
        turns = mass.to(torch.float64).unsqueeze(-1) / self.period
        angle = ((turns - turns.floor()) * (2 * math.pi)).to(torch.float32)
        return torch.cat([angle.sin(), angle.cos()], -1)

    def forward(
        self,
        mz: torch.Tensor,
        intensity: torch.Tensor,
        mask: torch.Tensor,
        precursor: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (n, 1 + p, width) states, CLS first, and the (n, d) answer of CLS."""
        known = precursor == precursor
        filled = torch.where(known, precursor, torch.zeros_like(precursor))
        loss = filled[:, :1].to(mz.dtype) - mz
        size = intensity.clamp(min=0).sqrt().unsqueeze(-1)
        tokens = self.token(torch.cat([self.fourier(mz), self.fourier(loss), size], -1))
        about = torch.cat(
            [
                self.fourier(filled[:, 0]),
                filled[:, 1:3],
                torch.log1p(filled[:, 3:].clamp(min=0)),
                known[:, :1].to(size.dtype),
                known[:, 3:].to(size.dtype),
                filled[:, :1] / 1000.0,
            ],
            -1,
        )
        tokens = torch.cat([self.cls(about).unsqueeze(1), tokens], 1)  # (n, 1 + p, width)
        hidden = torch.cat([torch.zeros_like(mask[:, :1]), ~mask], 1)
        states = self.layers(tokens, src_key_padding_mask=hidden)
        return states, self.out(states[:, 0])
