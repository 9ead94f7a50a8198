"""Transfer without standards: only spectra of other samples, without labels, from the target.

Each member aligns the target's spectra with the source's in one way, in one preprocessing, and
predicts with a source model made more or less robust: the largest penalty whose leave-one-out
error stays within one of ``BUDGETS`` times the least. No alignment and no budget wins on every
pair of instruments, which is why they are averaged. A member weighs less the farther it is from
the others' median on the unlabelled spectra, and where its predictions of them spread wider than
the reference values, or narrower than most members'. Second derivatives count threefold.

All of them take the mean of the target's spectra to that of the source, less the part that other
samples explain (``instrument_offset``). Shrinking second moments in the same way made the average
worse, and optimal transport ruined it where the samples on the target vary less than the source's.
Where they have another composition that moves every prediction, which spectra cannot always show:
the gates of ``composition`` look for it.

Source: recipe R (evidence, section 4, step 9).
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.alignments import (
    coral_map,
    gain_map,
    instrument_offset,
    mean_map,
)
from spectrakit.transfer.bases import Preprocessing, of_averages
from spectrakit.transfer.labelfree import budgeted, covariance_penalised
from spectrakit.transfer.maps import SpectrumMap
from spectrakit.transfer.ridge import Ridge

FloatArray = NDArray[np.float64]
Member = tuple[Preprocessing, FloatArray, FloatArray]  # slope and offset on preprocessed spectra

BUDGETS = (1.0, 1.15, 1.35)
ROBUST = BUDGETS[-1]
ISOTROPIC = (0.1, 0.3, 1.0)  # shares of an ordinary ridge in the di-PLS type penalty
_FLOOR = 0.1  # of the median distance to the consensus
_SPREAD = 2.0  # power of a variance that is too large or too small
_NARROW = 0.7  # log variance: what is narrower still is not held against a member further
_SECOND_DERIVATIVE = 3.0  # weight
ALIGNMENTS: tuple[Callable[[FloatArray, FloatArray], SpectrumMap], ...] = (
    mean_map,
    gain_map,
    partial(coral_map, k=3),
    partial(coral_map, k=6),
)


def fit_unpaired(source: FloatArray, known: FloatArray, pool: FloatArray) -> AffineSum:
    """Return a calibration of target spectra.

    Args:
        source: (n, p) source spectra.
        known: (n, k) reference values, finite.
        pool: (m, p) unlabelled target spectra on the same axis, at least 2.
    """
    low, high = limits(known)
    several = of_averages(len(source))
    found = [one for each in several for one in _members(source, known, pool, each)]
    prepared = {each.name: each(pool) for each in several}
    guesses = np.stack(
        [np.clip(prepared[each.name] @ slope + offset, low, high) for each, slope, offset in found]
    )  # (members, m, k)
    second = np.array([each.derivative == 2 for each, _, _ in found])
    weights = _consensus(guesses) * _plausible(guesses, known)
    weights *= np.where(second, _SECOND_DERIVATIVE, 1.0)[:, None]
    weights /= weights.sum(axis=0)
    return AffineSum(
        tuple(
            Term(each.basis, each.pull(slope), offset, weight, low, high)
            for (each, slope, offset), weight in zip(found, weights, strict=True)
        )
    )


def _consensus(guesses: FloatArray) -> FloatArray:
    """Return (members, k) weights of (members, m, k) predictions by distance to their median."""
    distance = np.mean((guesses - np.median(guesses, axis=0)) ** 2, axis=1)
    return 1.0 / (distance + _FLOOR * np.median(distance, axis=0) + 1e-300)


def _plausible(guesses: FloatArray, known: FloatArray) -> FloatArray:
    """Return (members, k) weights by how the predictions spread.

    Samples like the source's have predictions that spread as the reference values do, or less
    where a property is predicted badly. The pool may be of more uniform samples, so that too
    narrow is only what is narrower than the median member's, and weighs less within bounds.
    """
    tiny = float(np.finfo(float).tiny)
    wide = np.log((guesses.var(axis=1) + tiny) / (known.var(axis=0) + tiny))
    usual = np.minimum(np.median(wide, axis=0), 0.0)
    return np.exp(-_SPREAD * (np.maximum(wide, 0.0) + np.clip(usual - wide, 0.0, _NARROW)))


def _members(
    source: FloatArray, known: FloatArray, pool: FloatArray, each: Preprocessing
) -> Iterator[Member]:
    spectra, others = each(source), each(pool)
    model = Ridge(spectra, known)
    maps = [align(spectra, others) for align in ALIGNMENTS]
    by_chance = others.mean(axis=0) - spectra.mean(axis=0) - instrument_offset(spectra, others)
    for budget in BUDGETS:
        slope, offset = model.affine(budgeted(model.source_mse, budget))
        for mapping in maps:
            pulled, moved = mapping.pull(slope, offset)
            yield each, pulled, moved + by_chance @ pulled
    columns = np.arange(known.shape[1])
    for slopes, offsets, mse in covariance_penalised(source, known, pool, each, ISOTROPIC):
        for budget in BUDGETS:
            choice = budgeted(mse, budget)
            slope = slopes[choice, :, columns].T
            yield each, slope, offsets[choice, columns] + by_chance @ slope
