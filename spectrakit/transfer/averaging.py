"""The honest average: every member's configuration and weight decided by errors it did not see.

The score of a configuration is its leave-one-out error on source samples plus its error on
standards left out. N standards say little when N is small, so the second is shrunk to the mean
over all configurations as if ``PRIOR_STANDARDS`` more standards had shown that. Each member takes
its best configuration for each property, and weighs ``score ** -SHARPNESS``: members that know no
labels, members that learn from source samples and labelled standards, and members that know the
standards alone are held to one measure, so that no schedule over N is needed. Members of the
target alone have no error on source samples; their error on standards counts twice.

Source: recipe R (evidence, section 4), whose families and schedule this replaces; the shrinking
is the empirical-Bayes estimate of a variance (Smyth 2004, section 4). The constants were chosen on
splits that no table shows, on four data sets.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.members import LABEL_FREE, TARGET_ONLY, UPDATED, Member, Standards, members
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.ridge import PENALTIES

FloatArray = NDArray[np.float64]

PRIOR_STANDARDS = 8.0
SHARPNESS = 5.0
_TINY = 1e-300


def average(found: Iterable[Member], data: Standards, *, labelled: bool = True) -> Fitted:
    """Return the weighted average of members.

    Args:
        found: members, of one family or several.
        data: the standards that they were fitted to.
        labelled: whether the labels of the standards may be looked at.
    """
    parts = list(found)
    n_standards, k = data.labels.shape
    low, high = limits(data.known)
    usual = _usual(parts, k)
    kept = n_standards / (n_standards + PRIOR_STANDARDS)
    scores = np.empty((len(parts), k))
    left_out = np.empty((len(parts), n_standards, k))
    picks: list[list[tuple[int, int]]] = []
    columns = np.arange(k)
    for row, member in enumerate(parts):
        known = kept * member.honest_mse + (1 - kept) * usual
        base = known if member.family == TARGET_ONLY else member.source_mse
        best = (base + known).reshape(-1, k).argmin(axis=0)
        setting, penalty = np.divmod(best, len(PENALTIES))
        left_out[row] = member.left_out[setting, penalty, :, columns].T
        honest = member.honest_mse[setting, penalty, columns]
        if labelled and member.family == LABEL_FREE:
            honest = np.mean((left_out[row] - data.labels) ** 2, axis=0)
        known = kept * honest + (1 - kept) * usual
        own = known if member.family == TARGET_ONLY else base[setting, penalty, columns]
        scores[row] = own + known
        picks.append(list(zip(setting.tolist(), penalty.tolist(), strict=True)))
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


def _usual(parts: list[Member], k: int) -> FloatArray:
    """Return (k,) the error on standards left out that a configuration has (geometric mean)."""
    some = [one for one in parts if one.family == UPDATED] or parts
    logs = [np.log(one.honest_mse + _TINY).reshape(-1, k) for one in some]
    return np.exp(np.mean(np.concatenate(logs), axis=0))


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
    """Fit the average of all members, the standards' labels known."""
    return average(members(data, seed), data)


def fit_paired_average(data: Standards, seed: int) -> Fitted:
    """Fit the average of members that use the standards' spectra but not their labels."""
    found = (one for one in members(data, seed) if one.family == LABEL_FREE)
    return average(found, data, labelled=False)


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
