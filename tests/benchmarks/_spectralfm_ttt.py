"""Test-time training: alone, with few labels, and both; label-free and on disjoint samples.

Half of the training samples have labels on the source; the other half's spectra on the target are
the pool, without labels; test samples are on the target and belong to neither, as in
``transfer.py`` with 0 standards. Few-shot: N samples of the pool have labels as well.
"""

import json

import numpy as np
import torch
import transfer
from _spectralfm_few import add_cells, updated
from _spectralfm_pairs import common_of
from _transfer_data import pair_of, pairs_of, split_of
from spectrakit_spectralfm.calibration import Calibration
from spectrakit_spectralfm.testtime import Training, judged, trained

from spectrakit.transfer.affine import limits
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.standards import DESIGNS
from spectrakit.transfer.unpaired import fit_unpaired

STANDARDS = 5
LEAST_MOVED = 0.5  # the gate's limit
WAYS = {  # of training; the gate is asked about each
    "centre": Training(steps=0),
    "ttt": Training(),
    "ttt, aligned": Training(alignment=1.0),
}


def calibrated(model, common, spectra, known, level):
    """Return a calibration of several properties, as ``adapt`` fits one."""
    found = Calibration(model, common).eval()
    found.set_scales(found.each(found.numbers, spectra), level=level)
    features = found.each(found.features, spectra)
    ridge = Ridge(features.double().numpy(), known)
    slope, offset = ridge.affine(ridge.source_mse.argmin(axis=0))
    found.slope, found.offset = torch.from_numpy(slope), torch.from_numpy(offset)
    found.set_source(features, known)
    found.limits = torch.from_numpy(np.stack(limits(known)))
    return found


def moved(start, tried, spectra, spread):
    """Return (k,) how far answers move, in standard deviations of the known values."""
    change = (tried.each(tried.answers, spectra) - start.each(start.answers, spectra)).numpy()
    return np.sqrt(np.mean(change**2, axis=0)) / spread


def split_parts(name, pair, seed):
    """Return rows with labels, rows of the pool, and rows of the test."""
    train, test = split_of(name, pair, seed)
    order = np.random.default_rng(seed).permutation(train)
    return order[: len(order) // 2], order[len(order) // 2 :], test


def ttt_of(asked, encoder, name, pair_names, seed, told):
    """Return {method: (m, k) errors}; verdicts of the gate are added to ``told``."""
    pair = pair_of(name, *pair_names)
    half, pool, test = split_parts(name, pair, seed)
    source, known, truth = pair.source[half], pair.known[half], pair.known[test]
    others, judge = pair.target[pool], pair.target[test]
    model, common = encoder.of(seed), common_of(name, *pair_names)
    start = calibrated(model, common, source, known, not asked.no_level)
    found = {f"{encoder.name}, as it is": start.each(start, judge).numpy() - truth}
    free = fit_unpaired(source, known, others).predict(judge) - truth
    picks = DESIGNS["kennard-stone"](others, pair.known[pool], STANDARDS, seed)
    labels = pair.known[pool][picks]
    aside = np.arange(len(others)) % 2 == 1

    def few(one, method):
        parts = [one.each(one.features, part).double().numpy() for part in (others[picks], judge)]
        own = start.each(start.features, source).double().numpy()
        value, _ = updated(own, known, parts[0], labels, parts[1])
        found[method] = value - truth

    few(start, f"{encoder.name}, few-shot")
    for way, how in WAYS.items():
        if way == "ttt, aligned" and not asked.aligned:
            continue
        tuned = trained(start, others, how)
        wrong = tuned.each(tuned, judge).numpy() - truth
        found[f"{encoder.name}, {way}"] = wrong
        if way == "centre":
            continue
        verdict = judged(start, others, how, np.inf, aside=aside)
        few(tuned, f"{encoder.name}, {way} + few-shot")
        found[f"{encoder.name}, {way}, with label-free"] = (wrong + free) / 2
        distances = moved(start, tuned, others, known.std(axis=0))
        if way == "ttt":
            passed = (distances >= LEAST_MOVED) & (not verdict.reason)
            before = found[f"{encoder.name}, as it is"]
            found[f"{encoder.name}, gated"] = np.where(passed, wrong, before)
            found[f"{encoder.name}, gated, else label-free"] = np.where(passed, wrong, free)
        for column in range(known.shape[1]):
            before = found[f"{encoder.name}, as it is"]
            errors = [np.sqrt(np.mean(one[:, column] ** 2)) for one in (before, wrong, free)]
            told.append({
                "data": name, "encoder": encoder.name, "way": way, "seed": seed,
                "before": verdict.before, "after": verdict.after, "moved": distances[column],
                "errors": errors, "nearer": verdict.after < verdict.before,
            })  # fmt: skip
    found["label-free"] = free
    return found


def ttt_table(asked, encoders):
    """Print errors over the ceiling, the gate's verdicts, and what refusing costs or saves."""
    told = []
    for name in asked.data.split(","):
        rows, methods = {}, {}
        pairs = pairs_of(name)[: asked.limit or None]
        for seed in range(asked.first, asked.first + asked.seeds):
            for pair_names in pairs:
                kept = transfer.one(
                    asked.work, name, pair_names, seed, 0, "kennard-stone", "free"
                )["scores"]  # fmt: skip
                top = {column: ceiling for column, _, _, _, ceiling in kept}
                for column, method, r2, rmsep, ceiling in kept:
                    rows[pair_names, seed, column, method] = (r2, rmsep, ceiling)
                    methods[method] = None
                for encoder in encoders:
                    found = ttt_of(asked, encoder, name, pair_names, seed, told)
                    del found["label-free"]  # the same calibration, from the kept table
                    add_cells(rows, methods, name, pair_names, seed, found, top)
        print(f"\n{name}, no labels of the target, {len(pairs)} pairs, {asked.seeds} splits")
        transfer.table(rows, methods, asked.base or "label-free")
    verdicts(told)
    if asked.plot:
        asked.plot.write_text(json.dumps(told, default=float))


LIMITS = (0, 0.5, 1, 2, 3, 10)


def verdicts(told):
    """Print, for limits of how far answers must move, what the gate lets pass and what comes of it.

    A gate is good where what it refuses would have made answers worse. Ratios are geometric means
    of RMSEP over that of the calibration as it is, and over that of the label-free ensemble.
    """
    print("\nencoder, way, data, least moved; share that passes; RMSEP over 'as it is' of what")
    print("passes, is refused, of all gated; of what passes over the label-free ensemble")
    for kind in sorted({(one["encoder"], one["way"], one["data"]) for one in told}):
        mine = [one for one in told if (one["encoder"], one["way"], one["data"]) == kind]
        far = np.array([one["moved"] for one in mine])
        nearer = np.array([one["nearer"] for one in mine])
        was, now, free = np.log([one["errors"] for one in mine]).T
        for limit in LIMITS:
            passed = nearer & (far >= limit)
            cells = [(now - was)[passed], (now - was)[~passed], np.where(passed, now - was, 0.0),
                     (now - free)[passed]]  # fmt: skip
            ratios = " ".join(f"{np.exp(c.mean()):.3f}" if len(c) else "  -  " for c in cells)
            print(f"  {', '.join(kind)}  {limit:4g}  {passed.mean():4.0%}  {ratios}")
