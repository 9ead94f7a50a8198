"""Resolution and range: weights trained at one number of points, applied elsewhere.

A calibration is fitted on half of the corn or tablet samples and judged on the others, on one
instrument. Read: the model reads fewer or more points than it was trained with. Sampled: the new
spectra have every second or fourth channel only, and are resampled as a bundle does. Range: the
model sees a part of the axis.
"""

import numpy as np
from _spectralfm_pairs import RANDOM, at_points, common_of, of_spectra, scaled
from _transfer_data import pair_of, pairs_of, split_of
from spectrakit_spectralfm.spectra import CommonAxis

from spectrakit.transfer.ceiling import ridge_average
from spectrakit.transfer.ridge import Ridge

POINTS = (128, 256, 384, 512, 704, 1024)
STEPS = (1, 2, 4, 8)
RANGES = (0.75, 0.5, 0.25)
LINEAR = "plain average"  # of ridges on raw, SG1 and SNV+SG1: the ceiling of ``transfer.py``


def ridge_errors(train, known, test, truth):
    """Return (k,) root mean square errors of a ridge."""
    model = Ridge(train, known)
    slope, offset = model.affine(model.source_mse.argmin(axis=0))
    return np.sqrt(np.mean((test @ slope + offset - truth) ** 2, axis=0))


def linear_errors(train, known, test, truth):
    """Return (k,) root mean square errors of the plain average of three ridges."""
    answers = ridge_average(train, known)[0].predict(test)
    return np.sqrt(np.mean((answers - truth) ** 2, axis=0))


def coarser(values, axis, step):
    """Return spectra of which every ``step``-th channel was measured, on the axis again."""
    some = axis[::step]
    return np.stack([np.interp(axis, some, row[::step]) for row in values])


def resolution_table(asked, encoders):
    """Print errors over those of the plain average at full resolution and range."""
    for name in asked.data.split(","):
        instruments = list({p[0]: p for p in pairs_of(name)}.values())[: asked.limit or None]
        cells = {}
        for pair_names in instruments:
            pair, common = pair_of(name, *pair_names), common_of(name, *pair_names)
            for kind, changed in changes(pair.source, common):
                for encoder in encoders:
                    measure(cells, asked, name, pair, encoder, kind, changed)
        print(f"\n{name}, {len(instruments)} instruments, {asked.seeds} splits; RMSEP over that of")
        print("the plain average of three ridges on the whole spectrum, same splits")
        for (kind, method), values in cells.items():
            by_seed = np.log(np.array(values)).reshape(len(instruments), asked.seeds).mean(axis=0)
            error = by_seed.std(ddof=1) / np.sqrt(len(by_seed))
            print(f"  {kind:14s} {method:15s} {np.exp(by_seed.mean()):6.3f} ± {error:.3f}")


def changes(values, common):
    """Yield (kind, (spectra to learn, spectra to predict, axis, points read or None))."""
    for points in POINTS:
        yield f"read {points}", (values, values, common, points)
    for step in STEPS[1:]:
        yield f"sampled 1/{step}", (values, coarser(values, common.axis, step), common, None)
    for share in RANGES:
        n = int(share * len(common.axis))
        part = CommonAxis(common.axis[:n], common.unit, common.technique)
        yield f"range {share:.0%}", (values[:, :n], values[:, :n], part, None)


_numbers = {}


def measure(cells, asked, name, pair, encoder, kind, changed):
    """Add the error ratios of one change to the cells of encoder and linear ridge."""
    learn, predict, common, points = changed
    for seed in range(asked.first, asked.first + asked.seeds):
        train, test = split_of(name, pair, seed)
        known, truth = pair.known[train], pair.known[test]
        base = linear_errors(pair.source[train], known, pair.source[test], truth)
        model = (at_points(encoder, points) if points else encoder).of(seed)
        slot = (name, id(pair.source), encoder.name, seed % len(encoder.models), kind)
        if slot not in _numbers:
            same = learn is predict
            first = of_spectra(model, learn, common)
            _numbers[slot] = (first, first if same else of_spectra(model, predict, common))
        x, z = _numbers[slot]
        rows = scaled(x[train], z[test])
        ratio = ridge_errors(rows[0], known, rows[1], truth) / base
        cells.setdefault((kind, encoder.name), []).append(np.exp(np.log(ratio).mean()))
        if encoder.name == RANDOM and not points:
            ratio = linear_errors(learn[train], known, predict[test], truth) / base
            cells.setdefault((kind, LINEAR), []).append(np.exp(np.log(ratio).mean()))
