"""Few labelled standards: encoders beside the linear methods, on the splits of ``transfer.py``."""

import numpy as np
import transfer
from _spectralfm_pairs import common_of, denoised, numbers, scaled
from _transfer_data import pair_of, pairs_of, split_of

from spectrakit.transfer.affine import limits
from spectrakit.transfer.automatic import SHARPNESS
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.ceiling import ceiling
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.standards import DESIGNS

WEIGHT = 3.0  # of a labelled standard beside a source sample
FOLDS = 5
LINEAR = ("SG1", "SNV+SG1")
SHARE = 1 / 3  # prior of a member beside recipe R


def updated(source, known, standards, labels, test):
    """Return predictions of test samples, and of standards by fits that did not see them.

    Ridge on source samples and standards; its penalty by the error of source samples and of
    standards left out. Arrays (n, f), (n, k), (N, f), (N, k), (m, f).
    """
    folds = np.arange(len(standards)) % FOLDS
    left = np.empty_like(labels)
    for fold in np.unique(folds):
        inside = folds != fold
        left[~inside] = _updated(
            source, known, standards[inside], labels[inside], standards[~inside]
        )
    return _updated(source, known, standards, labels, test), left


def _fit(source, known, standards, labels):
    weight = np.concatenate([np.ones(len(source)), np.full(len(standards), WEIGHT)])
    return Ridge(np.vstack([source, standards]), np.vstack([known, labels]), weight)


def _updated(source, known, standards, labels, test):
    whole = _fit(source, known, standards, labels)
    score = np.mean(whole.loo[:, : len(source)] ** 2, axis=1)
    folds = np.arange(len(standards)) % FOLDS
    honest = np.zeros_like(score)
    for fold in np.unique(folds):
        inside = folds != fold
        model = _fit(source, known, standards[inside], labels[inside])
        wrong = model.predict(standards[~inside]) - labels[~inside]
        honest += np.sum(wrong**2, axis=1) / len(standards)
    slope, offset = whole.affine((score + honest).argmin(axis=0))
    low, high = limits(known)
    return np.clip(test @ slope + offset, low, high)


def alone(standards, labels, test):
    """Return predictions of test samples by a ridge of the standards alone."""
    model = Ridge(standards, labels)
    slope, offset = model.affine(model.source_mse.argmin(axis=0))
    low, high = limits(labels)
    return np.clip(test @ slope + offset, low, high)


def mixed(one, other, share):
    """Return the mixture of two (predictions - known, left-out residuals) by honest errors."""
    error = np.array([np.log(np.mean(left**2, axis=0)).mean() for _, left in (one, other)])
    weight = np.array([1 - share, share]) * np.exp(-SHARPNESS * (error - error.min()))
    weight /= weight.sum()
    return weight[0] * one[0] + weight[1] * other[0]


def errors_of(work, encoders, name, pair_names, seed, n, *, members, heads=False):
    """Return {method: (m, k) predicted - known} and (k,) ceiling of one split.

    Args:
        work: where ``transfer.py`` keeps what the linear methods predicted.
        encoders: pretrained and random ones.
        members: also mix each encoder with recipe R, and use denoised spectra.
        heads: only what ``adapt`` does: a ridge on the standards alone.
    """
    pair = pair_of(name, *pair_names)
    train, test = split_of(name, pair, seed)
    source, known, truth = pair.source[train], pair.known[train], pair.known[test]
    twins = DESIGNS["kennard-stone"](PREPROCESSINGS[1](source), known, n, seed)
    labels, found, left = known[twins], {}, {}

    def add(method, first, second, *, features=False):
        parts = first[train], second[train][twins], second[test]
        base, *rows = scaled(*parts) if features else parts
        if heads:
            found[method] = alone(rows[0], labels, rows[1]) - truth
            return
        value, out = updated(base, known, rows[0], labels, rows[1])
        found[method], left[method] = value - truth, out - labels

    if heads:
        best = ceiling(pair.target[train], known, pair.target[test], 30)
        top = np.sqrt(np.mean((best - truth) ** 2, axis=0))
    else:
        told = transfer.one(work, name, pair_names, seed, n, "kennard-stone", "auto")
        top = np.array(told["ceiling"])
        for method in ("plain-ensemble", "average", "target-only"):
            found[method] = np.array(told["methods"][method][0])
        recipe = found["average"], np.array(told["methods"]["average"][1])
    for one in PREPROCESSINGS:
        if one.name in LINEAR:
            add(one.name, one(pair.source), one(pair.target))
    for encoder in encoders:
        model = encoder.of(seed)
        both = (numbers(model, name, pair_names, side) for side in (0, 1))
        add(encoder.name, *both, features=True)
        if members:
            add(f"{encoder.name}, denoised", *drawn(model, name, pair_names))
    if members:
        rows = [*(encoder.name for encoder in encoders), LINEAR[1]]
        for method in (*rows, *(f"{encoder.name}, denoised" for encoder in encoders)):
            found[f"R + {method}"] = mixed(recipe, (found[method], left[method]), SHARE)
    return found, top


_drawn = {}


def drawn(model, name, pair_names):
    """Return first derivatives of the denoised spectra of both sides."""
    key = (id(model), name, pair_names)
    if key not in _drawn:
        pair, common = pair_of(name, *pair_names), common_of(name, *pair_names)
        both = (denoised(model, values, common) for values in (pair.source, pair.target))
        _drawn[key] = tuple(PREPROCESSINGS[1](values) for values in both)
    return _drawn[key]


def add_cells(rows, methods, name, pair_names, seed, found, top):
    """Add what ``transfer.table`` prints of {method: (m, k) errors} and ceilings by column."""
    pair = pair_of(name, *pair_names)
    spread = pair.known[split_of(name, pair, seed)[1]].var(axis=0)
    for method, wrong in found.items():
        methods[method] = None
        for column, square in enumerate(np.mean(wrong**2, axis=0)):
            cell = (1 - square / spread[column], np.sqrt(square), top[column])
            rows[pair_names, seed, column, method] = cell


def few_table(asked, encoders, *, members, heads=False):
    """Print one table for each data set and number of standards."""
    for name in asked.data.split(","):
        for n in map(int, asked.standards.split(",")):
            rows, methods = {}, {}
            for seed in range(asked.first, asked.first + asked.seeds):
                for pair_names in pairs_of(name):
                    found, top = errors_of(
                        asked.work, encoders, name, pair_names, seed, n,
                        members=members, heads=heads,
                    )  # fmt: skip
                    add_cells(rows, methods, name, pair_names, seed, found, top)
            print(f"\n{name}, {n} standards, {len(pairs_of(name))} pairs, {asked.seeds} splits")
            transfer.table(rows, methods, asked.base or ("SNV+SG1" if heads else "average"))
