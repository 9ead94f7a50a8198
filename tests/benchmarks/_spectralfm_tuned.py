"""What `adapt` gains by LoRA, adapters and a start from simulated instruments, on real pairs.

Every way learns from N labelled standards (Kennard-Stone) of the target alone, one property at a
time, and predicts the test samples of the splits of ``transfer.py``.
"""

from dataclasses import replace

import numpy as np
import transfer
from _spectralfm_few import LINEAR, add_cells, alone
from _spectralfm_pairs import common_of
from _transfer_data import pair_of, pairs_of, split_of
from spectrakit_spectralfm.fitting import Tuning, fitted
from spectrakit_spectralfm.references import Labelled

from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.ceiling import ceiling
from spectrakit.transfer.standards import DESIGNS

META = 30  # steps of MAML
WAYS = {
    "head": Tuning(),
    "LoRA": Tuning(how="lora"),
    "adapters": Tuning(how="adapters"),
    f"LoRA, {META} steps of MAML first": Tuning(how="lora", meta=META),
}


def errors_of(encoders, name, pair_names, seed, n):
    """Return {method: (m, k) predicted - known} and (k,) ceiling of one split."""
    pair, common = pair_of(name, *pair_names), common_of(name, *pair_names)
    train, test = split_of(name, pair, seed)
    source, known, truth = pair.source[train], pair.known[train], pair.known[test]
    rows = DESIGNS["kennard-stone"](PREPROCESSINGS[1](source), known, n, seed)
    spectra, labels, judge = pair.target[train][rows], known[rows], pair.target[test]
    best = ceiling(pair.target[train], known, judge, 30)
    found = {
        one.name: alone(one(spectra), labels, one(judge)) - truth
        for one in PREPROCESSINGS
        if one.name in LINEAR
    }
    groups = tuple(str(k) for k in range(n))
    for encoder in encoders:
        for way, tuning in WAYS.items():
            values = np.empty_like(truth)
            for column in range(truth.shape[1]):
                data = Labelled(spectra, labels[:, column], common, "", groups)
                one = fitted(encoder.of(seed), data, replace(tuning, seed=seed)).calibration
                values[:, column] = one.each(one, judge).numpy()[:, 0]
            found[f"{encoder.name}, {way}"] = values - truth
    return found, np.sqrt(np.mean((best - truth) ** 2, axis=0))


def tuned_table(asked, encoders):
    """Print one table for each data set and number of standards."""
    for name in asked.data.split(","):
        pairs = pairs_of(name)[: asked.limit or None]
        for n in map(int, asked.standards.split(",")):
            rows, methods = {}, {}
            for seed in range(asked.first, asked.first + asked.seeds):
                for pair_names in pairs:
                    found, top = errors_of(encoders, name, pair_names, seed, n)
                    add_cells(rows, methods, name, pair_names, seed, found, top)
            print(f"\n{name}, {n} standards, {len(pairs)} pairs, {asked.seeds} splits", flush=True)
            transfer.table(rows, methods, asked.base or f"{encoders[0].name}, head")
