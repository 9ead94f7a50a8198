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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.honest import WHOLE, Errors, Folds
from spectrakit.transfer.members import LABEL_FREE, TARGET_ONLY, UPDATED, Member, members
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.ridge import PENALTIES
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

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
    low, high = limits(data.known)
    choice = _choose(parts, data, WHOLE, labelled)
    terms = [
        _term(member, pick, weight, low, high)
        for member, pick, weight in zip(parts, choice.picks, choice.weights, strict=True)
    ]
    return Fitted(
        AffineSum(tuple(terms)),
        lambda: _nested(parts, data, labelled),
        tuple(_heaviest(parts, choice, column) for column in range(data.known.shape[1])),
    )


def _nested(parts: list[Member], data: Standards, labelled: bool) -> FloatArray:
    """Return (N, k) predictions of standards: fits, choices and weights without their fold."""
    low, high = limits(data.known)
    columns = np.arange(data.known.shape[1])
    predicted = np.empty_like(data.labels)
    for fold, (_, held) in enumerate(data.folds()):
        choice = _choose(parts, data, frozenset([fold]), labelled)
        values = np.stack(
            [
                member.outside(fold)[setting, penalty, :, columns].T
                for member, (setting, penalty) in zip(parts, choice.picks, strict=True)
            ]
        )  # (members, h, k)
        predicted[held] = np.einsum("mk,mhk->hk", choice.weights, np.clip(values, low, high))
    return predicted


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was chosen of m members.

    Attributes:
        picks: for each member, (k,) configurations and (k,) penalties.
        weights: (m, k), sum 1 over members.
    """

    picks: list[tuple[Rows, Rows]]
    weights: FloatArray


def _choose(parts: list[Member], data: Standards, left: Folds, labelled: bool) -> _Choice:
    """Choose configurations and weights without looking at some folds."""
    errors = [member.errors(left) for member in parts]
    labels = data.labels[errors[0].rows]
    n_standards, k = labels.shape
    usual = _usual(parts, errors)
    kept = n_standards / (n_standards + PRIOR_STANDARDS)
    scores = np.empty((len(parts), k))
    picks: list[tuple[Rows, Rows]] = []
    columns = np.arange(k)
    for row, (member, one) in enumerate(zip(parts, errors, strict=True)):
        known = kept * one.honest_mse + (1 - kept) * usual
        base = known if member.family == TARGET_ONLY else one.source_mse
        best = (base + known).reshape(-1, k).argmin(axis=0)
        setting, penalty = np.divmod(best, len(PENALTIES))
        honest = one.honest_mse[setting, penalty, columns]
        if labelled and member.family == LABEL_FREE:
            left_out = one.left_out[setting, penalty, :, columns].T
            honest = np.mean((left_out - labels) ** 2, axis=0)
        known = kept * honest + (1 - kept) * usual
        own = known if member.family == TARGET_ONLY else base[setting, penalty, columns]
        scores[row] = own + known
        picks.append((setting, penalty))
    weights = (scores / scores.min(axis=0)) ** -SHARPNESS
    return _Choice(picks, weights / weights.sum(axis=0))


def _usual(parts: list[Member], errors: list[Errors]) -> FloatArray:
    """Return (k,) the error on standards left out that a configuration has (geometric mean)."""
    both = zip(parts, errors, strict=True)
    some = [one for member, one in both if member.family == UPDATED] or errors
    k = some[0].honest_mse.shape[2]
    logs = [np.log(one.honest_mse + _TINY).reshape(-1, k) for one in some]
    return np.exp(np.mean(np.concatenate(logs), axis=0))


def _term(
    member: Member, pick: tuple[Rows, Rows], weight: FloatArray, low: FloatArray, high: FloatArray
) -> Term:
    pairs = [
        member.affine(setting, penalty, column)
        for column, (setting, penalty) in enumerate(zip(*(at.tolist() for at in pick), strict=True))
    ]
    slope = np.stack([slope for slope, _ in pairs], axis=1)
    offset = np.array([offset for _, offset in pairs])
    return Term(member.preprocessing.basis, slope, offset, weight, low, high)


def _heaviest(parts: list[Member], choice: _Choice, column: int) -> str:
    best = int(choice.weights[:, column].argmax())
    member, (settings, _) = parts[best], choice.picks[best]
    text = member.texts[int(settings[column])]
    told = f"{member.name} on {member.preprocessing.name}" + (f" ({text})" if text else "")
    return f"{len(parts)} members; heaviest: {told}, {choice.weights[best, column]:.0%}"


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
    nested=True,
)
PAIRED_AVERAGE = Method(
    "paired-average",
    "The same without the standards' reference values: maps of spectra only.",
    "paired spectra",
    fit_paired_average,
    2,
    False,
    nested=True,
)
