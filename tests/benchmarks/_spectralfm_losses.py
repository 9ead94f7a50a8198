"""What each model makes of spectra that pretraining held out: every term of the loss, unweighted.

The same crops, simulated instruments and hidden tokens for all models. Violations of physics are
measured whether a model was asked to avoid them or not.
"""

from collections import Counter

import numpy as np
import torch
from spectrakit_spectralfm.batches import Augmentation
from spectrakit_spectralfm.losses import Weights
from spectrakit_spectralfm.plugin import plugin
from spectrakit_spectralfm.pretrain import judge
from spectrakit_spectralfm.spectra import Traces, traces_of

from spectrakit.store import Store
from spectrakit.store.split import split_stores

TERMS = ("masked", "denoise", "invariance", "bottleneck", "transport", "linearity", "smoothness",
         "curvature", "negativity")  # fmt: skip


def losses_table(asked, encoders):
    """Print the terms of each model, averaged over held-out spectra, seeds for the views."""
    found = split_stores([Store(asked.corpus)], modalities=plugin.modalities)
    valid = traces_of(found.valid, Counter().update)
    every = Weights(**dict.fromkeys(TERMS, 1.0))
    how = Augmentation(mixtures=True, shared=True)
    print(f"{len(valid)} held-out spectra; {asked.seeds} draws of 256 of them")
    print(f"{'':16s}" + "".join(f"{term:>16s}" for term in TERMS))
    for encoder in encoders:
        rows = []
        for seed in range(asked.first, asked.first + asked.seeds):
            order = np.random.default_rng(seed).permutation(len(valid))
            some = Traces(tuple(valid.traces[k] for k in order[:256]))
            model = encoder.of(seed)
            with torch.no_grad():
                told = judge(some, model.config, how, every, "cpu")(model)
            rows.append([told[term] for term in TERMS])
        mean = np.mean(rows, axis=0)
        error = np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows))
        cells = (f"{m:8.4f} ± {e:5.4f}" for m, e in zip(mean, error, strict=True))
        print(f"{encoder.name:16s}" + "".join(f"{cell:>16s}" for cell in cells))
