"""Students: peaks and precursor in, B score vectors out; small enough for an instrument PC.

``bag``: the vectors of the bins of peaks, losses and pairwise differences, summed by root
intensity and set to length 1, then a feed-forward network. ``transformer``: peaks as tokens with
Fourier features of m/z and loss. ``wide``: both, side by side.

Source: bags of fragment and loss bins, Duehrkop et al. 2015, as a network; Fourier features of
masses, Tancik et al. 2020 (arXiv:2006.10739); pre-norm transformer, Xiong et al. 2020.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spectrakit.train.distillation.bins import N_BINS, Vocabulary, masses, split

_SHORTEST, _LONGEST = 0.05, 2000.0  # Da, wavelengths of the Fourier features
_FREQUENCIES = 32
_SMALL = 1e-6
_FAR = 1000.0  # m/z; precursors are told in this unit


@dataclass(frozen=True, slots=True)
class Config:
    """What a student is built from.

    Attributes:
        student: of ``options.STUDENTS``.
        rows: bins that count, by kind.
        bag_width: of the vectors of bins.
        width: hidden units of the feed-forward network.
        depth: layers of the transformer.
        token_width: of its tokens.
        heads: of its attention.
        dropout: share of hidden units that is dropped.
        blocks: B of the embedding.
        dimension: d of the embedding.
    """

    student: str
    rows: Mapping[str, int]
    bag_width: int
    width: int
    depth: int
    token_width: int
    heads: int
    dropout: float
    blocks: int
    dimension: int

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


class Bag(nn.Module):
    """Vectors of the bins of one kind, summed by weight, at length 1 (or zero)."""

    def __init__(self, kind: str, rows: int, width: int) -> None:
        super().__init__()
        self.kind = kind
        self.table: torch.Tensor
        self.register_buffer("table", torch.zeros(N_BINS, dtype=torch.int32))
        self.vectors = nn.Parameter(torch.zeros(rows + 1, width))

    def start_from(self, vocabulary: Vocabulary) -> None:
        """Take the bins and the vectors that training begins with."""
        self.table.copy_(torch.from_numpy(vocabulary.table))
        with torch.no_grad():
            self.vectors.copy_(torch.from_numpy(vocabulary.vectors))

    def forward(
        self,
        mz: torch.Tensor,
        intensity: torch.Tensor,
        mask: torch.Tensor,
        precursor_mz: torch.Tensor,
    ) -> torch.Tensor:
        """Return (n, width)."""
        bins, weight = split(*masses(self.kind, mz, intensity, mask, precursor_mz))
        rows = self.table[bins].long()
        weight = weight * (rows > 0)
        if torch.compiler.is_exporting():
            total = torch.bmm(weight.unsqueeze(1), self.vectors[rows]).squeeze(1)
        else:
            total = functional.embedding_bag(
                rows, self.vectors, per_sample_weights=weight, mode="sum"
            )
        return total / total.norm(dim=1, keepdim=True).clamp(min=_SMALL)


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.of_all, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return (n, t, width) states; ``mask`` (n, t) is False where there is no token."""
        n, t, width = x.shape
        parts = self.of_all(self.before(x)).view(n, t, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (n, heads, t, ...)
        seen = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :]
        )
        x = x + self.drop(self.out(seen.transpose(1, 2).reshape(n, t, width)))
        return x + self.drop(self.feed(self.after(x)))


class Peaks(nn.Module):
    """A transformer over peaks; the answer is read at a token that carries the precursor."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.token_width
        steps = torch.linspace(0, 1, _FREQUENCIES, dtype=torch.float64)
        self.wavelengths: torch.Tensor
        self.register_buffer("wavelengths", _SHORTEST * (_LONGEST / _SHORTEST) ** steps)
        self.token = nn.Linear(4 * _FREQUENCIES + 2, width)
        self.first = nn.Linear(2 * _FREQUENCIES + 2, width)
        self.layers = nn.ModuleList(
            Layer(width, config.heads, config.dropout) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(width)

    def _fourier(self, mass: torch.Tensor) -> torch.Tensor:
        """Return (..., 2 f) float32; the phase is taken in float64, where 1 mDa still shows."""
        turns = mass.double().unsqueeze(-1) / self.wavelengths
        phase = (2 * torch.pi * (turns - turns.floor())).float()
        return torch.cat([phase.sin(), phase.cos()], -1)

    def forward(
        self,
        mz: torch.Tensor,
        intensity: torch.Tensor,
        mask: torch.Tensor,
        precursor: torch.Tensor,
    ) -> torch.Tensor:
        """Return (n, token width)."""
        of, known = precursor[:, 0], precursor[:, 2:3]
        loss = of.double().unsqueeze(1) - mz
        root = torch.where(mask, intensity, 0.0).sqrt().unsqueeze(-1)
        there = known.unsqueeze(1).expand(-1, mz.shape[1], -1)
        tokens = [self._fourier(mz), self._fourier(loss) * there, root, there]
        first = torch.cat([self._fourier(of) * known, precursor[:, 1:]], 1)
        x = torch.cat([self.first(first).unsqueeze(1), self.token(torch.cat(tokens, -1))], 1)
        mask = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x[:, 0])


class Student(nn.Module):
    """``encode_spectrum`` of a bundle.

    With the polarity every part is seen twice, as it is and times the polarity, so that positive
    and negative spectra may use their own linear maps.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        bag, deep = config.student != "transformer", config.student != "bag"
        self.bags = nn.ModuleDict(
            {k: Bag(k, n, config.bag_width) for k, n in config.rows.items()} if bag else {}
        )
        self.peaks = Peaks(config) if deep else None
        size = len(self.bags) * config.bag_width + deep * config.token_width
        self.enter = nn.Linear(2 * size + 3, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.body = nn.Sequential(
            nn.GELU(), nn.Dropout(config.dropout), nn.Linear(config.width, config.width), nn.GELU(),
            nn.Dropout(config.dropout),
        )  # fmt: skip
        self.out = nn.Linear(config.width, config.blocks * config.dimension)

    def start_from(self, vocabularies: Mapping[str, Vocabulary]) -> None:
        """Take the bins that count and the vectors that training begins with."""
        for kind, bag in self.bags.items():
            assert isinstance(bag, Bag)
            bag.start_from(vocabularies[kind])

    def forward(
        self,
        mz: torch.Tensor,
        intensity: torch.Tensor,
        mask: torch.Tensor,
        precursor: torch.Tensor,
    ) -> torch.Tensor:
        """Return the (n, B, d) float32 embedding.

        Args:
            mz: (n, p) float64.
            intensity: (n, p) float32.
            mask: (n, p) bool.
            precursor: (n, 2) float32, m/z and polarity, NaN where missing.
        """
        told = torch.nan_to_num(precursor, nan=0.0)
        polarity = told[:, 1:2]
        known = (~torch.isnan(precursor[:, :1])).float()
        scale = self.config.bag_width**0.5  # components of unit size, as the other inputs have
        parts = [scale * bag(mz, intensity, mask, precursor[:, 0]) for bag in self.bags.values()]
        if self.peaks is not None:
            about = torch.cat([told[:, :1], polarity, known], 1)
            parts.append(self.peaks(mz, intensity, mask, about))
        x = torch.cat(parts, 1)
        x = torch.cat([x, x * polarity, told[:, :1] / _FAR, polarity, known], 1)
        x = self.norm(self.enter(x))
        x = x + self.body(x)
        return self.out(x).view(-1, self.config.blocks, self.config.dimension)
