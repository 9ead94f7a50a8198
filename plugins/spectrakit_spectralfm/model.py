"""The model: tokens -> state space -> experts -> attention -> z_chem, z_inst -> heads.

Notable choices: a spectrum is standardised (SNV) before it comes in; hidden tokens are taken out
of the points before the wavelet sees them, so that nothing leaks through overlapping filters; the
masked head reads both latents and gives the spectrum as its instrument showed it, the denoising
head reads z_chem alone and gives it as it was before the simulated instrument.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from spectrakit_spectralfm.attention import AttentionBlock
from spectrakit_spectralfm.experts import Experts
from spectrakit_spectralfm.fourier import FourierOperator
from spectrakit_spectralfm.latent import SplitLatent
from spectrakit_spectralfm.places import FourierPlaces
from spectrakit_spectralfm.scan import StateSpaceBlock
from spectrakit_spectralfm.wavelet import PatchTokens, WaveletTokens

TECHNIQUES = ("nir", "ir", "raman", "reflectance", "optical")


@dataclass(frozen=True)
class ModelConfig:
    """What a model is built from; ``lora`` and ``adapter`` are ranks of what ``adapt`` adds."""

    points: int = 512
    levels: int = 4
    wavelet: str = "db4"  # empty: plain patches
    width: int = 96
    state_blocks: int = 1
    states: int = 4
    experts: int = 4
    attention_blocks: int = 2
    heads: int = 4
    chem: int = 32
    inst: int = 8
    variational: bool = True
    waves: int = 0  # of the Fourier operator in the denoising head; 0: none
    lora: int = 0
    adapter: int = 0

    @property
    def patch(self) -> int:
        """Points of one token."""
        return 2**self.levels

    @property
    def tokens(self) -> int:
        """Tokens of a spectrum of ``points`` points."""
        return self.points // self.patch

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """Build it again from ``as_json``."""
        return cls(**values)


class Encoded(NamedTuple):
    """What the encoder makes of spectra, and what its parts cost."""

    chem: torch.Tensor  # (batch, T, chem)
    inst: torch.Tensor  # (batch, inst)
    price: torch.Tensor  # of the bottleneck
    balance: torch.Tensor  # of the experts


class SpectralModel(nn.Module):
    """Encoder and heads. Any number of points works that is a multiple of a token's."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, hidden = config.width, 2 * config.width
        if config.wavelet:
            self.tokens: nn.Module = WaveletTokens(config.wavelet, config.levels, width)
        else:
            self.tokens = PatchTokens(config.patch, width)
        self.places = FourierPlaces(width)
        self.technique = nn.Parameter(torch.randn(len(TECHNIQUES), width))
        self.hidden = nn.Parameter(torch.zeros(width))
        self.state = nn.ModuleList(
            StateSpaceBlock(width, config.states) for _ in range(config.state_blocks)
        )
        self.experts = Experts(width, hidden, config.experts) if config.experts else None
        self.attention = nn.ModuleList(
            AttentionBlock(width, config.heads, hidden, config.lora, config.adapter)
            for _ in range(config.attention_blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.latent = SplitLatent(width, config.chem, config.inst, variational=config.variational)
        self.masked = Decoder(config.chem + config.inst, width, config.patch)
        self.clean = Decoder(config.chem, width, config.patch, config.waves)
        self.predictor = nn.Sequential(
            nn.Linear(config.chem, width), nn.GELU(), nn.Linear(width, config.chem)
        )

    def encode(
        self,
        values: torch.Tensor,
        where: torch.Tensor,
        technique: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> Encoded:
        """Return the latents of spectra.

        Args:
            values: (batch, p) float32, each of mean 0 and standard deviation 1.
            where: (batch, T, 3) float32, of ``places``.
            technique: (batch,) int64, rows of ``TECHNIQUES``.
            mask: (batch, T) bool, True for tokens that are hidden.
        """
        if mask is not None:
            values = values * (~mask).repeat_interleave(self.config.patch, 1)
        x = self.tokens(values)  # (batch, T, width)
        if mask is not None:
            x = torch.where(mask.unsqueeze(-1), self.hidden, x)
        x = x + self.places(where)
        x = torch.cat([self.technique[technique].unsqueeze(1), x], 1)  # (batch, 1 + T, width)
        for block in self.state:
            x = block(x)
        balance = x.new_ones(())
        if self.experts is not None:
            x, balance = self.experts(x)
        for block in self.attention:
            x = block(x)
        chem, inst, price = self.latent(self.norm(x)[:, 1:])
        return Encoded(chem, inst, price, balance)

    def reconstruct(self, encoded: Encoded) -> torch.Tensor:
        """Return (batch, p): spectra as their instruments show them."""
        chem, inst = encoded.chem, encoded.inst
        spread = inst.unsqueeze(1).expand(-1, chem.shape[1], -1)
        return self.masked(torch.cat([chem, spread], -1))

    def denoise(self, encoded: Encoded) -> torch.Tensor:
        """Return (batch, p): spectra as no particular instrument shows them."""
        return self.clean(encoded.chem)


class Decoder(nn.Module):
    """(batch, T, size) -> (batch, p); a token draws its points, seeing one token to each side.

    With ``waves`` a Fourier operator lets it see the whole spectrum.
    """

    def __init__(self, size: int, width: int, patch: int, waves: int = 0) -> None:
        super().__init__()
        self.inward = nn.Conv1d(size, width, 3, padding=1)
        self.operator = FourierOperator(width, waves) if waves else None
        self.outward = nn.Linear(width, patch)

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        """Return the points."""
        x = nn.functional.gelu(self.inward(code.transpose(1, 2)).transpose(1, 2))
        if self.operator is not None:
            x = self.operator(x)
        return self.outward(x).flatten(1)
