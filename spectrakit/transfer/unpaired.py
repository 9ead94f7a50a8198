"""Transfer without standards: only spectra of other samples, without labels, from the target.

Each member aligns the target's spectra with the source's in one way, in one preprocessing, and
predicts with a source model made robust: the largest penalty whose leave-one-out error stays
within ``BUDGET`` of the least. Members far from the others' median on the unlabelled spectra
weigh less. No alignment wins on every pair of instruments, which is why they are averaged.

All of them bring the mean of the target's spectra to that of the source. Where the samples on the
target have another composition that moves every prediction, which no spectrum can show: the gate
on composition looks for it.

Source: recipe R (evidence, section 4, step 9).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.labelfree import coral_map, gain_map, gaussian_ot_map, mean_map
from spectrakit.transfer.maps import SpectrumMap
from spectrakit.transfer.ridge import Ridge

FloatArray = NDArray[np.float64]

BUDGET = 1.35
COMPONENTS = 3  # of the alignments of second moments
_FLOOR = 0.1  # of the median distance to the consensus
ALIGNMENTS: tuple[tuple[str, Callable[[FloatArray, FloatArray], SpectrumMap]], ...] = (
    ("mean", mean_map),
    ("gain", gain_map),
    ("CORAL", lambda source, pool: coral_map(source, pool, COMPONENTS)),
    ("optimal transport", lambda source, pool: gaussian_ot_map(source, pool, COMPONENTS)),
)


def robust_penalty(model: Ridge) -> NDArray[np.int64]:
    """Return (k,) positions of the largest penalties within the budget of error."""
    mse = model.source_mse
    allowed = mse <= BUDGET * mse.min(axis=0)
    return len(mse) - 1 - allowed[::-1].argmax(axis=0)


def fit_unpaired(source: FloatArray, known: FloatArray, pool: FloatArray) -> AffineSum:
    """Return a calibration of target spectra.

    Args:
        source: (n, p) source spectra.
        known: (n, k) reference values, finite.
        pool: (m, p) unlabelled target spectra on the same axis, at least 2.
    """
    low, high = limits(known)
    parts: list[tuple[str, FloatArray, FloatArray]] = []
    guesses: list[FloatArray] = []
    for one in PREPROCESSINGS:
        spectra, others = one(source), one(pool)
        model = Ridge(spectra, known)
        slope, offset = model.affine(robust_penalty(model))
        for _, align in ALIGNMENTS:
            mapping = align(spectra, others)
            guesses.append(np.clip(mapping(others) @ slope + offset, low, high))
            pulled, offsets = mapping.pull(slope, offset)
            parts.append((one.basis, one.pull(pulled), offsets))
    found = np.stack(guesses)  # (members, m, k)
    distance = np.mean((found - np.median(found, axis=0)) ** 2, axis=1)
    weights = 1.0 / (distance + _FLOOR * np.median(distance, axis=0) + 1e-300)
    weights /= weights.sum(axis=0)
    return AffineSum(
        tuple(
            Term(basis, slope, offset, weight, low, high)
            for (basis, slope, offset), weight in zip(parts, weights, strict=True)
        )
    )
