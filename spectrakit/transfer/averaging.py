"""The honest average: every member's configuration and weight decided by errors it did not see.

The score of a configuration is its leave-one-out error on source samples plus its error on
standards left out. N standards say little when N is small, so the second is shrunk to the mean
over all configurations as if ``PRIOR_STANDARDS`` more standards had shown that. Each member takes
its best configuration for each property, and weighs ``score ** -SHARPNESS``.

Source: recipe R (evidence, section 4), whose fixed schedule over N this replaces; its shrinking
is the empirical-Bayes estimate of a variance (Smyth 2004, section 4). Chosen on splits that no
table shows, on four data sets.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.members import LABEL_FREE, UPDATED, Member, Standards, members
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.ridge import PENALTIES

FloatArray = NDArray[np.float64]

PRIOR_STANDARDS = 5.0
SHARPNESS = 2.0
_TINY = 1e-300


def average(found: Iterable[Member], data: Standards) -> Fitted:
    """Return the weighted average of members.

    Args:
        found: members of one family.
        data: the standards that they were fitted to.
    """
    parts = list(found)
    n_standards, k = data.labels.shape
    low, high = limits(data.known)
    usual = np.exp(
        np.mean(
            np.concatenate([np.log(m.honest_mse + _TINY).reshape(-1, k) for m in parts]), axis=0
        )
    )
    kept = n_standards / (n_standards + PRIOR_STANDARDS)
    scores = np.empty((len(parts), k))
    left_out = np.empty((len(parts), n_standards, k))
    picks: list[list[tuple[int, int]]] = []
    for row, member in enumerate(parts):
        score = member.source_mse + kept * member.honest_mse + (1 - kept) * usual
        flat = score.reshape(-1, k)
        best = flat.argmin(axis=0)
        scores[row] = flat[best, np.arange(k)]
        pick = [divmod(int(b), len(PENALTIES)) for b in best]
        for column, (setting, penalty) in enumerate(pick):
            left_out[row, :, column] = member.left_out[setting, penalty, :, column]
        picks.append(pick)
    weights = (scores / scores.min(axis=0)) ** -SHARPNESS
    weights /= weights.sum(axis=0)
    terms = [
        _term(member, pick, weight, low, high)
        for member, pick, weight in zip(parts, picks, weights, strict=True)
    ]
    clipped = np.clip(left_out, low, high)
    return Fitted(
        AffineSum(tuple(terms)),
        np.einsum("mk,mnk->nk", weights, clipped),
        tuple(_heaviest(parts, picks, weights, column) for column in range(k)),
    )


def _term(
    member: Member, pick: list[tuple[int, int]], weight: FloatArray, low: FloatArray,
    high: FloatArray,
) -> Term:  # fmt: skip
    pairs = [member.affine(*where, column) for column, where in enumerate(pick)]
    slope = np.stack([slope for slope, _ in pairs], axis=1)
    offset = np.array([offset for _, offset in pairs])
    return Term(member.preprocessing.basis, slope, offset, weight, low, high)


def _heaviest(
    parts: list[Member], picks: list[list[tuple[int, int]]], weights: FloatArray, column: int
) -> str:
    best = int(weights[:, column].argmax())
    member, (setting, _) = parts[best], picks[best][column]
    text = member.texts[setting]
    told = f"{member.name} on {member.preprocessing.name}" + (f" ({text})" if text else "")
    return f"{len(parts)} members; heaviest: {told}, {weights[best, column]:.0%}"


def fit_average(data: Standards, seed: int) -> Fitted:
    """Fit the average of members that learn from source samples and labelled standards."""
    return average((m for m in members(data, seed) if m.family == UPDATED), data)


def fit_paired_average(data: Standards, seed: int) -> Fitted:
    """Fit the average of members that use the standards' spectra but not their labels."""
    return average((m for m in members(data, seed) if m.family == LABEL_FREE), data)


AVERAGE = Method(
    "average",
    "Honest average of ridge regressions of both instruments over maps and preprocessings.",
    "labels",
    fit_average,
    2,
    False,
)
PAIRED_AVERAGE = Method(
    "paired-average",
    "The same without the standards' reference values: maps of spectra only.",
    "paired spectra",
    fit_paired_average,
    2,
    False,
)
