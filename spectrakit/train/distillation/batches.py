"""Batches of views with what the truth and the teachers say of them.

A batch draws groups, so that molecules with hundreds of spectra count once, and for each group
one of its views, all as a function of seed and position.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.train.distillation.teachers import Answers
from spectrakit.train.distillation.views import Views, peaks_of
from spectrakit.train.order import BatchOrder, Rows


@dataclass(frozen=True, slots=True)
class ViewBatch:
    """Views of one batch, padded, with what the truth and the teachers say of them.

    Attributes:
        mz: (n, p) float64, 0 where there is no peak.
        intensity: (n, p) float32.
        mask: (n, p) bool.
        precursor: (n, 2) float32: m/z (NaN: unknown) and polarity.
        truth: (n, b) float32, bits of the molecule.
        aim: (n, B, d) float32, where the embedding should point.
        feature: (n, D) float32 of the teachers; D may be 0.
        bits: (n, b) float32, probabilities of the teachers; or (n, 0).
        told: (n, B, d) float32, where the teachers' bits point; or (n, 0, 0).
        known: (n,) float32, 1 where the teachers have an answer.
    """

    mz: torch.Tensor
    intensity: torch.Tensor
    mask: torch.Tensor
    precursor: torch.Tensor
    truth: torch.Tensor
    aim: torch.Tensor
    feature: torch.Tensor
    bits: torch.Tensor
    told: torch.Tensor
    known: torch.Tensor

    def __len__(self) -> int:
        return len(self.mz)

    def to(self, device: torch.device | str) -> Self:
        """Return the batch on a device."""
        return type(self)(*(getattr(self, one.name).to(device) for one in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What a student is to learn.

    Attributes:
        truth: (molecules, b) CSR float32 bits.
        aim: (molecules, B, d) float32.
        answers: of the teachers, by view.
    """

    truth: Any
    aim: NDArray[np.float32]
    answers: Answers


class ViewBatches:
    """Batches by position, as the training loop asks for them.

    Args:
        views: of the training set.
        targets: what is to be learned from them.
        batch: groups of one optimiser step, over all processes.
        share_joined: probability that a group shows its joined view.
        seed: of the order and of the views that are drawn.
        rank: number of this process.
        world: number of processes.

    Raises:
        MismatchError: there are no groups.
    """

    def __init__(
        self,
        views: Views,
        targets: Targets,
        *,
        batch: int,
        share_joined: float = 0.5,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not len(views):
            raise MismatchError(
                "no spectrum to learn from has a structure, a polarity and a peak.",
                hint="Distillation needs MS/MS spectra with their SMILES and polarity.",
            )
        self.views, self.targets, self.share_joined = views, targets, share_joined
        counts = np.array([len(views.spectra[row]) for row in views.joined])
        self.order = BatchOrder(counts, batch=batch, seed=seed, rank=rank, world=world)
        self._seed, self._rank = seed, rank

    def rows(self, position: int) -> tuple[Rows, Rows]:
        """Return the groups of a position and the view that each of them shows."""
        group = self.order.rows(position)
        random = np.random.default_rng([self._seed, self._rank, position])
        size = np.diff(self.views.first)[group]
        alone = (random.random(len(group)) >= self.share_joined) & (size > 1)
        which = 1 + np.floor(random.random(len(group)) * np.maximum(size - 1, 1)).astype(np.int64)
        return group, self.views.first[group] + np.where(alone, which, 0)

    def __call__(self, position: int) -> ViewBatch:
        """Return the batch of this process at a position."""
        group, view = self.rows(position)
        molecule, told = self.views.molecule[group], self.targets.answers
        return ViewBatch(
            **peaks_of([self.views.spectra[row] for row in view]),
            truth=torch.from_numpy(self.targets.truth[molecule].toarray()),
            aim=torch.from_numpy(self.targets.aim[molecule]),
            feature=torch.from_numpy(told.feature[view]),
            bits=torch.from_numpy(told.bits[view].astype(np.float32)),
            told=torch.from_numpy(told.aim[view]),
            known=torch.from_numpy(told.known[view]),
        )

    def names(self, position: int) -> list[str]:
        """Return the spectra of a batch as a person calls them (of joined ones, the first)."""
        spectra = [self.views.spectra[row] for row in self.rows(position)[1]]
        return [one.native_id or one.name or "a spectrum without a name" for one in spectra]
