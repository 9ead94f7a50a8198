"""Stage 1: spectra against molecules, by what their fingerprints say and by InfoNCE.

Losses, each with its weight. *Regression*: the squared distance between the embedding of a
spectrum and its molecule's coordinates, which is the squared error of all fingerprint bits.
*Contrast*: the right molecule among those of the batch and others of the same mass, and the right
spectrum among those of the batch and copies of its own with permuted intensities; symmetric
InfoNCE with a learned temperature. *Fingerprint*: cross-entropy of the bits. *Cosine*: between
predicted and true surplus, weighted by how much there is to predict.

Source: Zhang et al., GLMR, stage 1; InfoNCE, van den Oord et al. 2018. Departure: the paper has
no regression; both losses together find more than either (tests/benchmarks/glmr_stages.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from spectrakit.search.known_mass import neutral_mass
from spectrakit.train.data import PeakBatch
from spectrakit.train.distributed import gather_with_grad, own_rows
from spectrakit.train.order import BatchOrder
from spectrakit_glmr.dual import DualEncoder, embed_molecules
from spectrakit_glmr.pool import SameMass
from spectrakit_glmr.spectra import Measured

Singles = NDArray[np.float32]
NEAREST = 31  # molecules of held-out spectra that a validation puts beside the right one


@dataclass(frozen=True, slots=True)
class Pairs:
    """Spectra with their molecules and, for each, others of the same mass (-1: none left).

    Attributes:
        peaks: n spectra.
        molecule: (n,) int64.
        others: (n, k) int64 rows of the pool.
        bits: (n, kept) float32, or (n, 0) where no loss asks for them.
        scaled: (n + n k, kept) sparse: bits as the molecule encoder weighs them; or (0, kept).
    """

    peaks: PeakBatch
    molecule: torch.Tensor
    others: torch.Tensor
    bits: torch.Tensor
    scaled: torch.Tensor

    def to(self, device: torch.device | str) -> "Pairs":
        """Return the batch on a device."""
        names = ("peaks", "molecule", "others", "bits", "scaled")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


class PairBatches:
    """Batches of (molecule, polarity) groups, some of the spectra of each joined."""

    def __init__(
        self, measured: Measured, pool: SameMass, model: DualEncoder, bits: Any, *, batch: int,
        accumulate: int, negatives: int, unfrozen: bool, seed: int, rank: int, world: int,
    ) -> None:  # fmt: skip
        self.measured, self.pool, self.negatives = measured, pool, negatives
        kept = model.molecule.kept.numpy()
        self.bits = bits[:, kept] if model.config.head else bits[:, :0]
        self.scaled = None
        if unfrozen:
            self.scaled = [model.molecule.scaled(bits), model.molecule.scaled(pool.bits)]
        self.width = len(kept)
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
            self._scaled(molecule, others),
        )

    def _scaled(self, molecule: NDArray[np.int64], others: NDArray[np.int64]) -> torch.Tensor:
        if self.scaled is None:
            return torch.zeros(0, self.width)
        import scipy.sparse as sp

        own, pool = self.scaled
        parts = [own[molecule]]
        if pool.shape[0]:
            parts.append(pool[np.maximum(others.ravel(), 0)])
        whole = sp.vstack(parts).tocoo()
        place = torch.from_numpy(np.stack([whole.row, whole.col]).astype(np.int64))
        values = torch.from_numpy(whole.data)
        return torch.sparse_coo_tensor(place, values, whole.shape, check_invariants=False)

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


@dataclass(frozen=True)
class Known:
    """What the loss looks molecules up in: training molecules and those of the pool."""

    target: torch.Tensor  # (m, d)
    size: torch.Tensor  # mean squared length of a target
    vectors: torch.Tensor  # (m, d)
    pooled: torch.Tensor  # (m, w)
    other_vectors: torch.Tensor  # (p, d)
    other_pooled: torch.Tensor  # (p, w)


def loss_of(
    model: DualEncoder,
    measured: Measured,
    bits: Any,
    pool: SameMass,
    weights: Weights,
    device: str,
) -> Callable[[DualEncoder, Pairs], tuple[torch.Tensor, Mapping[str, torch.Tensor]]]:
    """Return the loss of stage 1.

    Args:
        model: as it begins: what is frozen is computed once.
        measured: training spectra.
        bits: (m, N_BITS) CSR of their molecules.
        pool: molecules of the same mass.
        weights: of its parts.
        device: to keep the molecules on.
    """
    encode = model.molecule.encode
    target = torch.from_numpy(model.molecule.coordinates(bits)).to(device)
    known = Known(
        target,
        target.square().sum(1).mean().clamp(min=1e-12),
        torch.from_numpy(encode(bits)).to(device),
        model.pooled(measured.smiles).to(device),
        torch.from_numpy(encode(pool.bits)).to(device),
        model.pooled(pool.smiles).to(device),
    )

    def loss(model: DualEncoder, batch: Pairs) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        answer = model(batch.peaks).float()
        wanted = known.target[batch.molecule]
        error = (answer - wanted).square().sum(1).mean() / known.size
        total, told = weights.regression * error, {"regression": error}
        if weights.cosine:
            agreement = functional.cosine_similarity(answer, wanted, dim=1)
            apart = ((1 - agreement) * wanted.square().sum(1)).mean() / known.size
            total, told["cosine"] = total + weights.cosine * apart, agreement.mean()
        if weights.fingerprint:
            found = functional.binary_cross_entropy_with_logits(model.bits(answer), batch.bits)
            total, told["fingerprint"] = total + weights.fingerprint * found, found
        if weights.contrast:
            found, hit = _contrast(model, batch, answer, known, weights.perturbed)
            total, told["contrast"] = total + weights.contrast * found, found
            told["hit"] = hit
        return total, told

    return loss


def _offered(model: DualEncoder, batch: Pairs, known: Known) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (n, D) of the right molecules and (n, k, D) of others of the same mass."""
    n, k = batch.others.shape
    rows = batch.others.clamp(min=0)
    if not len(known.other_vectors):
        k, rows = 0, rows[:, :0]
    pooled, other_pooled = known.pooled[batch.molecule], known.other_pooled[rows]
    if len(batch.scaled):
        with torch.autocast(batch.scaled.device.type, enabled=False):  # sparse, so not in bf16
            both = torch.sparse.mm(batch.scaled, model.molecule.directions)
        own, near = both[:n], both[n : n + n * k].view(n, k, both.shape[-1])
    else:
        own, near = known.vectors[batch.molecule], known.other_vectors[rows]
    return model.offered(own, pooled), model.offered(near, other_pooled)


def _contrast(
    model: DualEncoder, batch: Pairs, answer: torch.Tensor, known: Known, perturbed: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return symmetric InfoNCE and how often the right molecule is first."""
    asked = model.asked(answer)
    own, near = _offered(model, batch, known)
    spectra, molecules = gather_with_grad(asked), gather_with_grad(own)
    labels = gather_with_grad(batch.molecule)
    place = torch.arange(len(spectra), device=answer.device)[own_rows(len(answer))]
    same = batch.molecule.unsqueeze(1) == labels.unsqueeze(0)
    same[torch.arange(len(answer), device=answer.device), place] = False
    in_batch = (asked @ molecules.T).masked_fill(same, float("-inf"))
    others = torch.einsum("nd,nkd->nk", asked, near)
    others = others.masked_fill(batch.others[:, : near.shape[1]] < 0, float("-inf"))
    logits = torch.cat([in_batch, others], 1)
    forward = functional.cross_entropy(logits, place)
    back = (own @ spectra.T).masked_fill(same, float("-inf"))
    if perturbed:
        copies = model.asked(model(_permuted(batch.peaks)).float())
        back = torch.cat([back, (own * copies).sum(1, keepdim=True)], 1)
    hit = (logits.argmax(1) == place).float().mean()
    return (forward + functional.cross_entropy(back, place)) / 2, hit


def _permuted(peaks: PeakBatch) -> PeakBatch:
    """Return spectra whose intensities changed places among their peaks."""
    noise = torch.rand(peaks.mask.shape, device=peaks.mz.device).masked_fill(~peaks.mask, 2.0)
    order = noise.argsort(1)  # the real peaks first, in random order
    place = (~peaks.mask).to(torch.int8).argsort(dim=1, stable=True)  # real peaks in their order
    intensity = torch.zeros_like(peaks.intensity)
    intensity.scatter_(1, place, peaks.intensity.gather(1, order))
    return replace(peaks, intensity=intensity)


def judge(held_out: Measured, bits: Any) -> Callable[[DualEncoder], dict[str, float]]:
    """Return a validation: how well held-out spectra point at their molecules.

    ``loss``: 1 - mean cosine between prediction and truth. ``recall``: share of held-out
    molecules that are first among the ``NEAREST`` others in mass; all of these are held out, no
    candidate list is seen.

    Args:
        held_out: spectra.
        bits: (m, N_BITS) CSR of their molecules.
    """
    mass = np.array([neutral_mass(text) for text in held_out.smiles])

    def validate(model: DualEncoder) -> dict[str, float]:
        seen, answers = embed_molecules(model, held_out)
        truth = model.molecule.coordinates(bits)[seen]
        norm = np.linalg.norm(answers, axis=1) * np.linalg.norm(truth, axis=1)
        cosine = (answers * truth).sum(1) / np.where(norm > 0, norm, np.inf)
        offered, asked = model.molecules(bits, held_out.smiles)[seen], model.spectra(answers)
        first = 0
        for one in range(len(seen)):
            apart = np.abs(mass[seen] - mass[seen[one]])
            apart[one] = -1.0
            near = np.argsort(apart, kind="stable")[: NEAREST + 1]
            scores = offered[near] @ asked[one]
            first += int((scores >= scores[0]).sum() == 1)
        return {"loss": 1 - float(cosine.mean()), "recall": first / len(seen)}

    return validate
