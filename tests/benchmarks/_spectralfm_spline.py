"""The spline read-out: does it help, are its curves straight, and what function do they draw.

On one instrument at a time: training samples learn, test samples judge, each property by itself.
"""

import numpy as np
import torch
from _spectralfm_pairs import common_of, of_spectra, scaled
from _transfer_data import pair_of, pairs_of, split_of
from spectrakit_spectralfm.spline import fitted_readout

from spectrakit.transfer.affine import limits
from spectrakit.transfer.ceiling import ridge_average
from spectrakit.transfer.ridge import Ridge

FORMS = {  # of x in -1 to 1, moved where they need positive numbers; beside a level
    "line": lambda x: [x],
    "parabola": lambda x: [x, x**2],
    "exponential": lambda x: [np.exp(x)],
    "logarithm": lambda x: [np.log(x + 1.5)],
    "root": lambda x: [np.sqrt(x + 1.0)],
}


def explained(x, y, form):
    """Return the share of the variance of a curve that a form explains."""
    rows = np.column_stack([np.ones(len(x)), *form(x)])
    wrong = y - rows @ np.linalg.lstsq(rows, y, rcond=None)[0]
    return 1 - wrong.var() / max(y.var(), 1e-300)


def one_fit(train, known, test, truth):
    """Return (RMSEP of the linear head, of the spline, bending, {form: share})."""
    model = Ridge(train, known[:, None])
    choice = model.source_mse.argmin(axis=0)
    slope, offset = model.affine(choice)
    left, answers = model.loo[choice[0], :, 0] + known, (train @ slope + offset)[:, 0]
    low, high = limits(known[:, None])
    linear = (test @ slope + offset)[:, 0]
    made, _, bending = fitted_readout(train, known, left, answers)
    with torch.no_grad():
        told = made(torch.from_numpy(test), torch.from_numpy(linear[:, None])).numpy()[:, 0]
    grid = np.linspace(-1, 1, 101)
    curve = made.curves(torch.from_numpy(np.repeat(grid[:, None], len(made.line), axis=1)))
    shares = {name: explained(grid, curve[:, 0].numpy(), form) for name, form in FORMS.items()}
    errors = (np.sqrt(np.mean((np.clip(v, low, high) - truth) ** 2)) for v in (linear, told))
    return *errors, bending, shares


def spline_table(asked, encoders):
    """Print what the read-out gains on the linear head of the same features."""
    print("RMSEP of the spline over that of the linear head (geometric mean ± error over splits),")
    print("share of fits whose curves bend, and what share of the main curve each form explains")
    for name in asked.data.split(","):
        instruments = list({p[0]: p for p in pairs_of(name)}.values())[: asked.limit or None]
        for encoder in encoders:
            rows = [
                [fit for names in instruments for fit in fits(encoder.of(seed), name, names, seed)]
                for seed in range(asked.first, asked.first + asked.seeds)
            ]
            gain = [np.mean([np.log(f[1] / f[0]) for f in row]) for row in rows]
            top = [np.mean([np.log(f[0] / f[4]) for f in row]) for row in rows]
            error = np.std(gain, ddof=1) / np.sqrt(len(gain))
            bends = np.mean([np.isfinite(f[2]) for row in rows for f in row])
            shares = {
                form: np.mean([f[3][form] for row in rows for f in row if np.isfinite(f[2])])
                for form in FORMS
            }
            told = ", ".join(f"{form} {share:.3f}" for form, share in shares.items())
            print(
                f"{name:8s} {encoder.name:15s} {np.exp(np.mean(gain)):.3f} ± {error:.3f}, "
                f"{bends:.0%} bend: {told}; linear head over plain average "
                f"{np.exp(np.mean(top)):.3f}"
            )


_kept = {}


def fits(model, name, pair_names, seed):
    """Yield the fits of all properties of one instrument and split."""
    pair = pair_of(name, *pair_names)
    key = (id(model), name, pair_names[0])
    if key not in _kept:
        _kept[key] = of_spectra(model, pair.source, common_of(name, *pair_names))
    train, test = split_of(name, pair, seed)
    first, second = scaled(_kept[key][train], _kept[key][test])
    plain = ridge_average(pair.source[train], pair.known[train])[0].predict(pair.source[test])
    for column in range(pair.known.shape[1]):
        known, truth = pair.known[train, column], pair.known[test, column]
        top = np.sqrt(np.mean((plain[:, column] - truth) ** 2))
        yield *one_fit(first, known, second, truth), top
