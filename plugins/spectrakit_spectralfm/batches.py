"""Batches for pretraining: crops, simulated instruments and hidden tokens by position alone."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch

from spectrakit.spectrum import FloatArray
from spectrakit.train.order import BatchOrder
from spectrakit_spectralfm.instruments import seen_by_instruments
from spectrakit_spectralfm.model import ModelConfig
from spectrakit_spectralfm.places import places
from spectrakit_spectralfm.spectra import Traces, points_of, standardised

RUN = 2  # tokens that are hidden side by side: one alone is told by its neighbours


@dataclass(frozen=True, slots=True)
class Views:
    """What a batch of pretraining holds; v views of each of b spectra.

    Attributes:
        seen: (v, b, p) float32, each view by a simulated instrument of its own.
        clean: (b, p) float32, without one.
        where: (b, T, 3) float32.
        technique: (b,) int64.
        mask: (v, b, T) bool, True for hidden tokens.
    """

    seen: torch.Tensor
    clean: torch.Tensor
    where: torch.Tensor
    technique: torch.Tensor
    mask: torch.Tensor

    def __len__(self) -> int:
        return len(self.clean)

    def to(self, device: torch.device | str) -> Self:
        """Return the batch on a device."""
        moved = (getattr(self, one.name).to(device) for one in fields(self))
        return type(self)(*moved)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How spectra are varied.

    Attributes:
        least: of the range that a crop keeps; 1: the whole range.
        masked: share of tokens that is hidden.
        strength: of simulated instruments; 0: none.
        views: of each spectrum, 1 or 2.
    """

    least: float = 0.35
    masked: float = 0.4
    strength: float = 1.0
    views: int = 2


def hidden_tokens(rng: np.random.Generator, rows: int, tokens: int, share: float) -> np.ndarray:
    """Return (rows, tokens) bool, runs of ``RUN`` hidden tokens; at least one run, never all."""
    runs = max(1, tokens // RUN)
    count = min(max(1, round(share * runs)), max(1, runs - 1)) if share > 0 else 0
    order = rng.random((rows, runs)).argsort(axis=1)
    chosen = np.repeat(order < count, RUN, axis=1)[:, :tokens]
    return np.pad(chosen, ((0, 0), (0, tokens - chosen.shape[1])))


def views_of(
    traces: Traces,
    rows: np.ndarray,
    config: ModelConfig,
    how: Augmentation,
    rng: np.random.Generator,
) -> Views:
    """Return rows of the spectra as one batch."""
    chosen = [traces.traces[row] for row in rows.tolist()]
    kept = rng.uniform(how.least, 1.0, len(chosen)) if how.least < 1 else np.ones(len(chosen))
    start = rng.random(len(chosen)) * (1 - kept)
    points = np.array([
        points_of(one.axis, low, low + share, config.points)
        for one, low, share in zip(chosen, start, kept, strict=True)
    ])  # fmt: skip
    raw = [np.interp(p, one.axis, one.values) for p, one in zip(points, chosen, strict=True)]
    clean = standardised(np.array(raw))
    where: FloatArray = np.empty((len(chosen), config.tokens, 3), np.float32)
    units = np.array([one.unit for one in chosen])
    for unit in np.unique(units):
        mine = units == unit
        where[mine] = places(points[mine], str(unit), config.tokens)
    seen = [standardised(seen_by_instruments(clean, rng, how.strength)) for _ in range(how.views)]
    mask = [hidden_tokens(rng, len(chosen), config.tokens, how.masked) for _ in range(how.views)]
    return Views(
        torch.from_numpy(np.array(seen, np.float32)),
        torch.from_numpy(clean.astype(np.float32)),
        torch.from_numpy(where),
        torch.tensor([one.technique for one in chosen]),
        torch.from_numpy(np.array(mask)),
    )


class ViewBatches:
    """Batches by position, as the training loop asks for them: a pure function of the seed."""

    def __init__(
        self,
        traces: Traces,
        config: ModelConfig,
        how: Augmentation,
        *,
        batch: int,
        accumulate: int = 1,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.traces, self.config, self.how = traces, config, how
        self._seed, self._rank = seed, rank
        self.order = BatchOrder(
            np.ones(len(traces), np.int64),
            batch=batch,
            accumulate=accumulate,
            seed=seed,
            rank=rank,
            world=world,
        )

    def __call__(self, position: int) -> Views:
        """Return the batch of this process at a position."""
        rng = np.random.default_rng([self._seed, self._rank, position])
        return views_of(self.traces, self.order.rows(position), self.config, self.how, rng)

    def names(self, position: int) -> list[str]:
        """Return the spectra of a batch as a person calls them."""
        return [self.traces.traces[row].name for row in self.order.rows(position).tolist()]
