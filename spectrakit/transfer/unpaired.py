"""Transfer without standards: only spectra of other samples, without labels, from the target.

Each member aligns the target's spectra with the source's in one way, in one preprocessing, and
predicts with a source model made more or less robust: the largest penalty whose leave-one-out
error stays within one of ``BUDGETS`` times the least. Members far from the others' median on the
unlabelled spectra weigh less. No alignment and no budget wins on every pair of instruments, which
is why they are averaged.

All of them take the mean of the target's spectra to that of the source, less the part that other
samples explain (``instrument_offset``). Against mean-centring that took the error of tablets from
-41 to -51 %, Raman from -49 to -53, corn from -2.1 to -2.8, sugarcane from -16.3 to -15.9 (4 splits
that no table shows). Shrinking second moments in the same way made the average worse. Where the
samples on the target have another composition that moves every prediction, which spectra cannot
always show: the gates of ``composition`` look for it.

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
    gaussian_ot_map,
    instrument_offset,
    mean_map,
)
from spectrakit.transfer.bases import PREPROCESSINGS, Preprocessing
from spectrakit.transfer.labelfree import budgeted, covariance_penalised
from spectrakit.transfer.maps import SpectrumMap
from spectrakit.transfer.ridge import Ridge

FloatArray = NDArray[np.float64]
Member = tuple[Preprocessing, FloatArray, FloatArray]  # slope and offset on preprocessed spectra

BUDGETS = (1.0, 1.15, 1.35)
ROBUST = BUDGETS[-1]
_FLOOR = 0.1  # of the median distance to the consensus
ALIGNMENTS: tuple[Callable[[FloatArray, FloatArray], SpectrumMap], ...] = (
    mean_map,
    gain_map,
    partial(coral_map, k=3),
    partial(coral_map, k=6),
    partial(gaussian_ot_map, k=3),
    partial(gaussian_ot_map, k=6),
)


def fit_unpaired(source: FloatArray, known: FloatArray, pool: FloatArray) -> AffineSum:
    """Return a calibration of target spectra.

    Args:
        source: (n, p) source spectra.
        known: (n, k) reference values, finite.
        pool: (m, p) unlabelled target spectra on the same axis, at least 2.
    """
    low, high = limits(known)
    found = [one for each in PREPROCESSINGS for one in _members(source, known, pool, each)]
    prepared = {each.name: each(pool) for each in PREPROCESSINGS}
    guesses = np.stack(
        [np.clip(prepared[each.name] @ slope + offset, low, high) for each, slope, offset in found]
    )  # (members, m, k)
    distance = np.mean((guesses - np.median(guesses, axis=0)) ** 2, axis=1)
    weights = 1.0 / (distance + _FLOOR * np.median(distance, axis=0) + 1e-300)
    weights /= weights.sum(axis=0)
    return AffineSum(
        tuple(
            Term(each.basis, each.pull(slope), offset, weight, low, high)
            for (each, slope, offset), weight in zip(found, weights, strict=True)
        )
    )


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
    slopes, offsets, mse = covariance_penalised(source, known, pool, each)
    columns = np.arange(known.shape[1])
    for budget in BUDGETS:
        choice = budgeted(mse, budget)
        slope = slopes[choice, :, columns].T
        yield each, slope, offsets[choice, columns] + by_chance @ slope
