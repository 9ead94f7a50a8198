"""Batches for pretraining: crops, simulated instruments and hidden tokens by position alone."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch

from spectrakit.spectrum import FloatArray
from spectrakit.train.order import BatchOrder
from spectrakit_spectralfm.instruments import seen_by_instruments
from spectrakit_spectralfm.model import ModelConfig
from spectrakit_spectralfm.places import places
from spectrakit_spectralfm.spectra import Trace, Traces, points_of, standardised

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
        zero: (b,) float32, what a raw value of 0 is among the standardised ones.
        absorbing: (b,) bool, spectra of raw absorbance without a negative value.
        mate: (b, p) float32, ``clean`` of another spectrum on the same axis; 0 where ``mated``
            (b,) is False, since there is none, or mixtures were not asked for.
        share: (b,) float32, of the first in a mixture of both.
    """

    seen: torch.Tensor
    clean: torch.Tensor
    where: torch.Tensor
    technique: torch.Tensor
    mask: torch.Tensor
    zero: torch.Tensor
    absorbing: torch.Tensor
    mate: torch.Tensor
    mated: torch.Tensor
    share: torch.Tensor

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
        shared: one simulated instrument shows a whole view, not one each row.
        mixtures: find each spectrum of absorbance another on its axis.
    """

    least: float = 0.35
    masked: float = 0.4
    strength: float = 1.0
    views: int = 2
    shared: bool = False
    mixtures: bool = False


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
    raw = np.array(
        [np.interp(p, one.axis, one.values) for p, one in zip(points, chosen, strict=True)]
    )
    clean = standardised(raw)
    where: FloatArray = np.empty((len(chosen), config.tokens, 3), np.float32)
    units = np.array([one.unit for one in chosen])
    for unit in np.unique(units):
        mine = units == unit
        where[mine] = places(points[mine], str(unit), config.tokens)
    seen = [
        standardised(seen_by_instruments(clean, rng, how.strength, shared=how.shared))
        for _ in range(how.views)
    ]
    mask = [hidden_tokens(rng, len(chosen), config.tokens, how.masked) for _ in range(how.views)]
    return Views(
        torch.from_numpy(np.array(seen, np.float32)),
        torch.from_numpy(clean.astype(np.float32)),
        torch.from_numpy(where),
        torch.tensor([one.technique for one in chosen]),
        torch.from_numpy(np.array(mask)),
        *_told(chosen, raw, traces, points, how, rng),
    )


def _told(
    chosen: list[Trace],
    raw: FloatArray,
    traces: Traces,
    points: FloatArray,
    how: Augmentation,
    rng: np.random.Generator,
) -> Iterator[torch.Tensor]:
    """Yield what physics is asked of: zero, absorbing, mate, mated, share."""
    spread = np.maximum(raw.std(axis=1), 1e-12)
    yield torch.from_numpy((-raw.mean(axis=1) / spread).astype(np.float32))
    absorbing = np.array([one.absorbance for one in chosen]) & (raw >= 0).all(axis=1)
    yield torch.from_numpy(absorbing)
    mate, mated = np.zeros_like(raw), np.zeros(len(chosen), bool)
    share = np.full(len(chosen), 0.5)
    if how.mixtures:
        share = rng.uniform(0.1, 0.9, len(chosen))
        for row, one in enumerate(chosen):
            others = traces.mates(one)
            if len(others) > 1:
                other = traces.traces[int(rng.choice(others))]
                mate[row] = np.interp(points[row], other.axis, other.values)
                mated[row] = True
        mate = standardised(mate)
        mated &= (mate != 0).any(axis=1) & (raw.std(axis=1) > 0)
    yield torch.from_numpy(mate.astype(np.float32))
    yield torch.from_numpy(mated)
    yield torch.from_numpy(share.astype(np.float32))


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
