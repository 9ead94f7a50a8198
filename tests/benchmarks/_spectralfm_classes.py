"""Classes of materials: encoders, untrained networks and preprocessed spectra behind one head.

Polymers by their infrared spectra (``ftir_polymers_primpke`` of the pretraining data, whose labels
pretraining never saw). Classes with 4 samples or more; two thirds of each learn, the others judge.
New classes: each class is left out in turn; its spectra should be called unknown.
"""

import numpy as np
from _spectralfm_pairs import of_spectra
from _transfer_data import FOLDER
from spectrakit_spectralfm.classes import (
    LEAST_OF_CLASS,
    _softmax,
    temperature_and_limit,
)
from spectrakit_spectralfm.model import TECHNIQUES
from spectrakit_spectralfm.spectra import CommonAxis

from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.ridge import Ridge

SOURCE = "ftir_polymers_primpke"
LEAST = 4
COVERAGE = 0.9


def polymers():
    """Return spectra (n, p), class names (n,) and the axis."""
    with np.load(FOLDER.parent / "pretrain" / "misc_ir_raman_nir.npz") as held:
        rows = np.flatnonzero(held["source"] == SOURCE)
        at, on = held["offsets"], held["axis_offsets"]
        values = np.stack([held["values"][at[row] : at[row + 1]] for row in rows])
        number = held["axis_id"][rows[0]]
        axis = held["axis_values"][on[number] : on[number + 1]].astype(np.float64)
        names = held["label"][rows].astype(str)
    if axis[0] > axis[-1]:
        axis, values = axis[::-1], values[:, ::-1]
    kept = np.array([np.sum(names == name) >= LEAST for name in names])
    common = CommonAxis(np.ascontiguousarray(axis), "cm-1", TECHNIQUES.index("ir"))
    return np.ascontiguousarray(values[kept], np.float64), names[kept], common


def judged(x, own, learn, judge, classes):
    """Return accuracy, mean log loss, share named and accuracy of those, of test rows."""
    target = np.eye(classes)[own[learn]]
    model = Ridge(x[learn], target)
    best = int(model.source_mse.mean(axis=1).argmin())
    slope, offset = model.affine(np.full(classes, best))
    temperature, limit, _ = temperature_and_limit(model.loo[best] + target, own[learn], COVERAGE)
    chance = _softmax(temperature * (x[judge] @ slope + offset))
    right, sure = chance.argmax(axis=1) == own[judge], chance.max(axis=1) >= limit
    loss = -np.log(chance[np.arange(len(judge)), own[judge]] + 1e-12) if classes else np.nan
    named = right[sure].mean() if sure.any() else np.nan
    return right.mean(), loss.mean(), sure.mean(), named


def classes_table(asked, encoders):
    """Print figures over splits, and how often a class that was left out is called unknown."""
    values, names, common = polymers()
    found, own = np.unique(names, return_inverse=True)
    print(f"{len(names)} spectra of {len(found)} classes; {asked.seeds} splits; the commonest has "
          f"{np.bincount(own).max() / len(own):.0%}")  # fmt: skip
    rows = {one.name: (lambda seed, one=one: of_spectra(one.of(seed), values, common))
            for one in encoders}  # fmt: skip
    linear = next(one for one in PREPROCESSINGS if one.name == "SNV+SG1")(values)
    rows["SNV+SG1"] = lambda seed: linear
    for method, features in rows.items():
        kept, cells, strange = {}, [], []
        for seed in range(asked.first, asked.first + asked.seeds):
            key = seed % 3
            if key not in kept:
                x = features(seed)
                kept[key] = (x - x.mean(axis=0)) / np.sqrt(np.mean(x.var(axis=0)))
            x = kept[key]
            order = np.random.default_rng(seed).permutation(len(own))
            rank = np.array([np.sum(own[order[:k]] == own[row]) for k, row in enumerate(order)])
            learn = order[rank < np.maximum(LEAST_OF_CLASS, 2 * np.bincount(own)[own[order]] // 3)]
            judge = np.setdiff1d(order, learn)
            cells.append(judged(x, own, learn, judge, len(found)))
            out = seed % len(found)  # a class that is not learned
            inside = learn[own[learn] != out]
            numbers = np.unique(own[inside], return_inverse=True)[1]
            renamed = np.zeros(len(own), np.int64)
            renamed[inside] = numbers
            told = judged(x, renamed, inside, np.flatnonzero(own == out), len(found) - 1)
            strange.append(1 - told[2])
        mean = np.nanmean(cells, axis=0)
        error = np.nanstd(cells, axis=0, ddof=1) / np.sqrt(len(cells))
        parts = ("accuracy", "log loss", "named", "right of named")
        told = "  ".join(f"{p} {m:.3f} ± {e:.3f}" for p, m, e in
                         zip(parts, mean, error, strict=True))  # fmt: skip
        print(f"{method:15s} {told}  new class unknown {np.mean(strange):.2f}")
