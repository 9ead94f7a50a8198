"""Stage 1: spectra against molecules, by what their fingerprints say and by InfoNCE.

Two losses, each with its weight. *Regression*: the squared distance between the embedding of a
spectrum and its molecule's coordinates, which is the squared error of all fingerprint bits.
*Contrast*: the right molecule among those of the batch and others of the same mass, and the right
spectrum among those of the batch and copies of its own with permuted intensities; symmetric
InfoNCE with a learned temperature.

Source: Zhang et al., GLMR, stage 1; InfoNCE, van den Oord et al. 2018. Departure: the regression,
which the paper has not, carries nearly all of the result (see tests/benchmarks/glmr_stages.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from spectrakit.train.data import PeakBatch
from spectrakit.train.distributed import gather_with_grad, own_rows
from spectrakit.train.order import BatchOrder
from spectrakit_glmr.dual import DualEncoder, embed
from spectrakit_glmr.pool import SameMass
from spectrakit_glmr.spectra import Measured

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Spectra with their molecules and, for each, others of the same mass (-1: none left)."""

    peaks: PeakBatch
    molecule: torch.Tensor  # (n,) int64
    others: torch.Tensor  # (n, k) int64 rows of the pool
    bits: torch.Tensor  # (n, kept) float32, or (n, 0) where no loss asks for them

    def to(self, device: torch.device | str) -> "Pairs":
        """Return the batch on a device."""
        return replace(
            self,
            peaks=self.peaks.to(device),
            molecule=self.molecule.to(device),
            others=self.others.to(device),
            bits=self.bits.to(device),
        )


class PairBatches:
    """Batches of (molecule, polarity) groups, some of the spectra of each joined.

    ``bits`` is (m, k) CSR of what the fingerprint head is to predict; no columns: it has none.
    """

    def __init__(
        self, measured: Measured, pool: SameMass, bits: Any, *, batch: int, accumulate: int,
        negatives: int, seed: int, rank: int, world: int,
    ) -> None:  # fmt: skip
        self.measured, self.pool, self.bits, self.negatives = measured, pool, bits, negatives
        self.key = (seed, rank)
        self.order = BatchOrder(
            np.ones(len(measured), np.int64),
            batch=batch, accumulate=accumulate, seed=seed, rank=rank, world=world,
        )  # fmt: skip

    def __call__(self, position: int) -> Pairs:
        """Return the batch of this process at a position."""
        groups = self.order.rows(position)
        random = np.random.default_rng([*self.key, position])
        molecule = self.measured.molecule_of(groups)
        others = self.pool.draw(molecule, self.negatives, random)
        return Pairs(
            self.measured.batch(groups, random),
            torch.from_numpy(molecule),
            torch.from_numpy(others),
            torch.from_numpy(self.bits[molecule].toarray()),
        )

    def names(self, position: int) -> list[str]:
        """Return the molecules of a batch."""
        molecule = self.measured.molecule_of(self.order.rows(position)).tolist()
        return [self.measured.keys[one] for one in molecule]


@dataclass(frozen=True)
class Weights:
    """Of the parts of the loss; 0 leaves one out."""

    regression: float = 1.0
    contrast: float = 0.0
    perturbed: bool = False  # copies with permuted intensities as further negatives
    fingerprint: float = 0.0  # binary cross-entropy of the bits
    cosine: float = 0.0  # between predicted and true surplus


def loss_of(
    coordinates: Singles, molecules: Singles, pool: Singles, weights: Weights, device: str
) -> Callable[[DualEncoder, Pairs], tuple[torch.Tensor, Mapping[str, torch.Tensor]]]:
    """Return the loss of stage 1.

    Args:
        coordinates: (m, d) targets of the regression.
        molecules: (m, d) training molecules as they are scored.
        pool: (p, d) molecules of the same mass as they are scored.
        weights: of its parts.
        device: to keep them on.
    """
    target = torch.from_numpy(coordinates).to(device)
    size = target.square().sum(1).mean()
    # scores at unit spread, so that the temperature begins near its optimum
    spread = float(np.sqrt(np.square(molecules - molecules.mean(0)).mean() * float(size))) or 1.0
    right = torch.from_numpy(molecules / spread).to(device)
    other = torch.from_numpy(pool / spread).to(device)

    def loss(model: DualEncoder, batch: Pairs) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        answer = model(batch.peaks).float()
        wanted = target[batch.molecule]
        error = (answer - wanted).square().sum(1).mean() / size
        total, told = weights.regression * error, {"regression": error}
        if weights.cosine:
            agreement = functional.cosine_similarity(answer, wanted, dim=1)
            apart = ((1 - agreement) * wanted.square().sum(1)).mean() / size
            total, told["cosine"] = total + weights.cosine * apart, agreement.mean()
        if weights.fingerprint:
            guess = model.bits(answer)
            found = functional.binary_cross_entropy_with_logits(guess, batch.bits)
            total, told["fingerprint"] = total + weights.fingerprint * found, found
        if weights.contrast:
            found, hit = _contrast(model, batch, answer, right, other, weights.perturbed)
            total, told["contrast"], told["hit"] = total + weights.contrast * found, found, hit
        return total, told

    return loss


def _contrast(
    model: DualEncoder,
    batch: Pairs,
    answer: torch.Tensor,
    right: torch.Tensor,
    other: torch.Tensor,
    perturbed: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return symmetric InfoNCE and how often the right molecule is first."""
    sharp = model.scale.exp().clamp(max=100.0)
    spectra, labels = gather_with_grad(answer), gather_with_grad(batch.molecule)
    own = right[batch.molecule]
    mine = own_rows(len(answer))
    place = torch.arange(len(spectra), device=answer.device)[mine]
    same = batch.molecule.unsqueeze(1) == labels.unsqueeze(0)
    same[torch.arange(len(answer)), place] = False
    in_batch = (sharp * answer @ right[labels].T).masked_fill(same, float("-inf"))
    near = sharp * torch.einsum("nd,nkd->nk", answer, other[batch.others.clamp(min=0)])
    near = near.masked_fill(batch.others < 0, float("-inf"))
    logits = torch.cat([in_batch, near], 1)
    forward = functional.cross_entropy(logits, place)
    back = (sharp * own @ spectra.T).masked_fill(same, float("-inf"))
    if perturbed:
        copies = model(_permuted(batch.peaks)).float()
        back = torch.cat([back, sharp * (own * copies).sum(1, keepdim=True)], 1)
    hit = (logits.argmax(1) == place).float().mean()
    return (forward + functional.cross_entropy(back, place)) / 2, hit


def _permuted(peaks: PeakBatch) -> PeakBatch:
    """Return spectra whose intensities changed places among their peaks."""
    noise = torch.rand(peaks.mask.shape, device=peaks.mz.device).masked_fill(~peaks.mask, 2.0)
    order = noise.argsort(1)  # the real peaks first, in random order
    place = (~peaks.mask).to(torch.int8).argsort(1, stable=True)  # real peaks in their order
    intensity = torch.zeros_like(peaks.intensity)
    intensity.scatter_(1, place, peaks.intensity.gather(1, order))
    return replace(peaks, intensity=intensity)


def judge(
    held_out: Measured, coordinates: Singles, encoded: Singles, nearest: int = 31
) -> Callable[[DualEncoder], dict[str, float]]:
    """Return a validation: how well held-out spectra point at their molecules.

    ``surplus``: mean cosine between prediction and truth. ``recall``: share of held-out molecules
    that are first among the ``nearest`` ones in mass (all held out: no candidate list is seen).

    Args:
        held_out: spectra.
        coordinates: (m, d) of their molecules.
        encoded: (m, d) of their molecules.
        nearest: candidates of each beside itself.
    """
    from spectrakit_glmr.spectra import neutral_mass

    groups = np.arange(len(held_out), dtype=np.int64)
    molecule = held_out.molecule_of(groups)
    seen = np.unique(molecule)
    mass = np.array([neutral_mass(text) for text in held_out.smiles])
    others = [seen[seen != one] for one in seen]
    near = [
        np.append(one, rest[np.argsort(np.abs(mass[rest] - mass[one]), kind="stable")[:nearest]])
        for one, rest in zip(seen, others, strict=True)
    ]

    def validate(model: DualEncoder) -> dict[str, float]:
        total = np.zeros_like(coordinates)
        np.add.at(total, molecule, embed(model, held_out, groups))
        norm = np.linalg.norm(total, axis=1) * np.linalg.norm(coordinates, axis=1)
        cosine = (total * coordinates).sum(1) / np.where(norm > 0, norm, np.inf)
        first = 0
        for one, listed in zip(seen, near, strict=True):
            scores = encoded[listed] @ total[one]
            first += int((scores >= scores[0]).sum() == 1)
        share = first / len(seen)
        return {"loss": 1 - float(cosine[seen].mean()), "recall": share}

    return validate
