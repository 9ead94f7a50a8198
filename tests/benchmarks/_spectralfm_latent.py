"""Disentanglement: what z_chem tells of the instrument, z_inst of the sample, and the swap test."""

import numpy as np
import torch
from _spectralfm_pairs import common_of
from _transfer_data import pair_of, pairs_of
from spectrakit_spectralfm.calibration import Calibration

from spectrakit.transfer.ridge import Ridge

FOLDS = 5


@torch.no_grad()
def codes(model, common, values):
    """Return z_chem (n, T, c), z_inst (n, i), the standardised spectra and the model's batch."""
    calibration = Calibration(model, common).eval()
    chem, inst, read = [], [], []
    for part in torch.from_numpy(values).split(64):
        seen, _ = calibration.reader(part)
        encoded = model.encode(seen, *calibration.reader.placed(len(part)))
        chem.append(encoded.chem)
        inst.append(encoded.inst)
        read.append(seen)
    return torch.cat(chem), torch.cat(inst), torch.cat(read), calibration.reader


def left_out(x, y, folds):
    """Return (n, k) predictions of rows by ridges that did not see their fold."""
    found = np.empty_like(y)
    for fold in np.unique(folds):
        inside = folds != fold
        model = Ridge(x[inside], y[inside])
        slope, offset = model.affine(model.source_mse.argmin(axis=0))
        found[~inside] = x[~inside] @ slope + offset
    return found


def unit(x):
    return (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)


def instrument_accuracy(one, other, folds):
    """Return how often a linear probe tells two instruments apart; a sample is in one fold."""
    x = unit(np.vstack([one, other]))
    y = np.concatenate([-np.ones(len(one)), np.ones(len(other))])[:, None]
    told = left_out(x, y, np.concatenate([folds, folds]))
    return float(np.mean(np.sign(told) == y))


def r2(x, known, folds):
    """Return (k,) R2 of left-out predictions, no less than 0."""
    wrong = left_out(unit(x), known, folds) - known
    return np.maximum(0.0, 1 - np.mean(wrong**2, axis=0) / known.var(axis=0))


def swap(model, one, other):
    """Return how far giving A's z_chem B's z_inst moves what is drawn from A towards B, 0 to 1."""
    chem, inst = one[0], one[1]
    with torch.no_grad():

        def draw(z):
            spread = z.unsqueeze(1).expand(-1, chem.shape[1], -1)
            return model.masked(torch.cat([chem, spread], -1))

        own, swapped = draw(inst), draw(other[1])
    before = (own - other[2]).square().mean().sqrt()
    after = (swapped - other[2]).square().mean().sqrt()
    return float(1 - after / before)


def latent_table(asked, encoders):
    """Print probes and swaps, over pairs and divisions into folds, with standard errors."""
    print(
        "accuracy of a linear probe for the instrument (chance 0.500), from z_chem of all tokens,"
    )
    print("its mean over tokens, and z_inst; R2 of the samples' properties from z_chem and z_inst;")
    print("swap: share of the way from A to B that B's z_inst brings what is drawn from A")
    for name in asked.data.split(","):
        pairs = [p for p in pairs_of(name) if p[0] < p[1]][: asked.limit or None]
        for encoder in encoders:
            rows = []
            for seed in range(asked.first, asked.first + asked.seeds):
                cells = [probes(encoder.of(seed), name, p, seed) for p in pairs]
                rows.append(np.mean(cells, axis=0))
            mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows))
            parts = ("z_chem", "pooled", "z_inst", "R2 chem", "R2 inst", "swap")
            told = "  ".join(
                f"{part} {m:.3f} ± {e:.3f}" for part, m, e in zip(parts, mean, error, strict=True)
            )
            print(f"{name:8s} {encoder.name:15s} {told}")
    if asked.plot:
        plot(asked, encoders[0])


_kept = {}


def probes(model, name, pair_names, seed):
    """Return the numbers of one pair and one division into folds."""
    pair = pair_of(name, *pair_names)
    key = (id(model), name, pair_names)
    if key not in _kept:
        common = common_of(name, *pair_names)
        _kept[key] = [codes(model, common, values) for values in (pair.source, pair.target)]
    one, other = _kept[key]
    folds = np.random.default_rng(seed).permutation(len(pair.known)) % FOLDS
    flat = [side[0].flatten(1).double().numpy() for side in (one, other)]
    pooled = [side[0].mean(1).double().numpy() for side in (one, other)]
    inst = [side[1].double().numpy() for side in (one, other)]
    return [
        *(instrument_accuracy(*side, folds) for side in (flat, pooled, inst)),
        r2(flat[0], pair.known, folds).mean(),
        r2(inst[0], pair.known, folds).mean(),
        swap(model, one, other),
    ]


def plot(asked, encoder):
    """Draw both latents of the first pair: two leading components, by instrument and property."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    name = asked.data.split(",")[0]
    pair_names = pairs_of(name)[0]
    pair, common = pair_of(name, *pair_names), common_of(name, *pair_names)
    both = [codes(encoder.of(0), common, values) for values in (pair.source, pair.target)]
    figure, axes = plt.subplots(2, 2, figsize=(9, 8))
    for row, (part, what) in enumerate(((0, "z_chem"), (1, "z_inst"))):
        x = np.vstack([side[part].flatten(1).double().numpy() for side in both])
        x = x - x.mean(axis=0)
        left, size, _ = np.linalg.svd(x, full_matrices=False)
        score, n = left[:, :2] * size[:2], len(pair.known)
        for k, label in enumerate(pair_names):
            axes[row, 0].scatter(*score[k * n : (k + 1) * n].T, s=14, label=label)
        shown = axes[row, 1].scatter(*score.T, s=14, c=np.tile(pair.known[:, 0], 2))
        figure.colorbar(shown, ax=axes[row, 1], label=pair.names[0])
        axes[row, 0].legend()
        for column in (0, 1):
            axes[row, column].set(title=what, xlabel="component 1", ylabel="component 2")
    figure.suptitle(f"{name}, {encoder.name}")
    figure.tight_layout()
    figure.savefig(asked.plot, dpi=110)
    print(f"drawn: {asked.plot.name}")
