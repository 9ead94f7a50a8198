"""Held-out molecules among others of the same mass: what weight and int8 are judged by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.plugin import Job
from spectrakit.search.learned import standardise
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit_glmr.dual import BATCH, DualEncoder, embed
from spectrakit_glmr.plugin import PretrainOptions
from spectrakit_glmr.pool import same_mass
from spectrakit_glmr.spectra import Measured
from spectrakit_glmr.stages import held_out, known_molecules

Singles = NDArray[np.float32]
DEFAULT_WEIGHT = 1.3  # log-odds per standard deviation, where too little is held out to fit it
LEAST_LISTS = 30


@dataclass(frozen=True, eq=False)
class Lists:
    """Candidates of held-out molecules.

    Attributes:
        spectra: held out.
        molecule: (n_groups,) list of each group of spectra, -1: none.
        candidates: (k, d) of each list, the truth first.
    """

    spectra: Measured | None
    molecule: NDArray[np.int64]
    candidates: Sequence[Singles]

    def scores(self, answers: Singles) -> list[NDArray[np.float64]]:
        """Return the standardised scores of every list for (n_groups, d) embeddings."""
        total = np.zeros((len(self.candidates), answers.shape[1]), np.float32)
        used = self.molecule >= 0
        np.add.at(total, self.molecule[used], answers[used])
        return [standardise(c @ t) for c, t in zip(self.candidates, total, strict=True)]

    def embedded(self, model: DualEncoder) -> Singles:
        """Return the (n_groups, d) embeddings that the model gives."""
        if self.spectra is None:
            return np.zeros((0, model.config.encoder.dimension), np.float32)
        return embed(model, self.spectra, np.arange(len(self.spectra), dtype=np.int64))

    def run(self, encode: Callable[[Mapping[str, Any]], Any]) -> Singles:
        """Return the (n_groups, d) embeddings that a graph gives."""
        parts: list[Any] = []
        if self.spectra is not None:
            for start in range(0, len(self.spectra), BATCH):
                groups = np.arange(start, min(start + BATCH, len(self.spectra)), dtype=np.int64)
                batch = self.spectra.batch(groups)
                names = ("mz", "intensity", "mask", "precursor")
                parts.append(encode({name: getattr(batch, name).numpy() for name in names})[:, 0])
        return np.concatenate(parts)


def lists_of(job: Job, model: DualEncoder) -> Lists:
    """Return the held-out molecules among all molecules at hand that weigh the same."""
    known = held_out(job, PretrainOptions())
    if known is None:
        return Lists(None, np.empty(0, np.int64), [])
    bits = fingerprints(known.smiles)[0]
    others = (molecule for data in (job.train, job.valid) for molecule in known_molecules(data))
    pool = same_mass(known, bits, others, job.seed)
    own, encoded = model.molecule.encode(bits), model.molecule.encode(pool.bits)
    owner = known.molecule_of(np.arange(len(known), dtype=np.int64))
    place = np.full(len(known.smiles), -1, np.int64)
    candidates: list[Singles] = []
    for one in np.unique(owner).tolist():
        start, stop = int(pool.start[one]), int(pool.start[one + 1])
        if stop > start:
            place[one] = len(candidates)
            candidates.append(np.vstack([own[one], encoded[pool.rows[start:stop]]]))
    return Lists(known, place[owner], candidates)


def reciprocal_rank(scores: Sequence[NDArray[np.float64]]) -> float:
    """Return the mean reciprocal rank of the first of each list; ties stand before it."""
    return float(np.mean([1 / int((one >= one[0]).sum()) for one in scores])) if scores else 0.0


def fit_weight(
    scores: Sequence[NDArray[np.float64]],
) -> tuple[float, tuple[Mapping[str, Any], ...]]:
    """Return log-odds per standard deviation of the score, and what was found with it.

    Args:
        scores: standardised, of each list, the truth first.

    Source: conditional logit (McFadden 1974) with one coefficient, by Newton's method.
    """
    n = len(scores)
    if not n:
        return DEFAULT_WEIGHT, ()
    first = float(np.mean([(one >= one[0]).sum() == 1 for one in scores]))
    metrics = ({"name": "recall_at_1", "value": first, "split": "valid", "n": n},)
    if n < LEAST_LISTS:
        return DEFAULT_WEIGHT, metrics
    weight = DEFAULT_WEIGHT
    for _ in range(20):
        slope, bend = 0.0, 1e-6
        for one in scores:
            share = np.exp(weight * (one - one.max()))
            share /= share.sum()
            mean = share @ one
            slope += one[0] - mean
            bend += share @ np.square(one - mean)
        weight = float(np.clip(weight + slope / bend, 0.05, 20.0))
    return weight, metrics
