"""Pairs of instruments as encoders see them: what a network says of every sample, once."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from _transfer_data import by_two, cane, pair_of, read
from spectrakit_spectralfm.calibration import LEVEL_SHARE, Calibration
from spectrakit_spectralfm.load import load_pretrained
from spectrakit_spectralfm.model import TECHNIQUES, SpectralModel
from spectrakit_spectralfm.reading import LEVELS
from spectrakit_spectralfm.spectra import CommonAxis

from spectrakit.transfer.common_axis import common_axis

NETWORKS = 3  # random ones; a split takes the one of its seed, modulo this
RANDOM = "random network"


@dataclass(frozen=True)
class Encoder:
    """Networks that play one role: one that was pretrained, or several that were not."""

    name: str
    models: tuple

    def of(self, seed):
        return self.models[seed % len(self.models)]


def pretrained(told):
    """Return the encoder of ``NAME=RUN`` or ``RUN``."""
    name, _, run = told.rpartition("=")
    model, _ = load_pretrained(Path(run))
    return Encoder(name or Path(run).name, (model,))


def random_like(encoder):
    """Return untrained networks of the same shape."""
    models = []
    for seed in range(NETWORKS):
        torch.manual_seed(seed)
        models.append(SpectralModel(encoder.models[0].config).eval())
    return Encoder(RANDOM, tuple(models))


def at_points(encoder, points):
    """Return the same weights reading another number of points."""
    found = []
    for model in encoder.models:
        other = SpectralModel(replace(model.config, points=points)).eval()
        other.load_state_dict(model.state_dict())
        found.append(other)
    return Encoder(encoder.name, tuple(found))


@cache
def common_of(name, one, other):
    """Return the axis that the arrays of ``pair_of`` have."""
    if name.startswith("cane"):
        found = cane()[0]
        return CommonAxis(common_axis(found[one][0], found[other][0], "nm").axis, "nm", 0)
    if name == "raman":
        return CommonAxis(np.arange(404, 1992.1, 4), "cm-1", TECHNIQUES.index("raman"))
    if name == "corn":
        _, axis, values = read("corn.csv.gz")
    else:
        _, axis, values = read("tablets_idrc2002.csv.gz")
        keep = (axis >= 600) & (axis <= 1638)
        axis, values = axis[keep], values[:, keep]
    return CommonAxis(by_two(values[:1], axis)[1], "nm", 0)


_kept = {}


def numbers(model, name, pair_names, side):
    """Return (n, f) what a network says of all samples on one side of a pair."""
    key = (id(model), name, pair_names, side)
    if key not in _kept:
        pair = pair_of(name, *pair_names)
        values = pair.source if side == 0 else pair.target
        _kept[key] = of_spectra(model, values, common_of(name, *pair_names))
    return _kept[key]


def of_spectra(model, values, common):
    """Return (n, f) what a network says of (n, p) spectra."""
    calibration = Calibration(model, common).eval()
    return calibration.each(calibration.numbers, values).double().numpy()


def scaled(source, *others):
    """Return source numbers and others as a calibration scales them: as ``set_scales`` does."""
    centre = source.mean(axis=0)
    spread = (source - centre).std(axis=0)
    chem = np.sqrt(np.mean(spread[:-LEVELS] ** 2))
    level = np.sqrt(LEVEL_SHARE * (source.shape[1] - LEVELS)) / np.maximum(spread[-LEVELS:], 1e-12)
    scale = np.concatenate([np.full(source.shape[1] - LEVELS, 1 / max(chem, 1e-12)), level])
    return tuple((one - centre) * scale for one in (source, *others))


@torch.no_grad()
def denoised(model, values, common):
    """Return (n, points) spectra as the model denoises them."""
    calibration = Calibration(model, common).eval()
    parts = []
    for part in torch.from_numpy(values).split(64):
        read_values, _ = calibration.reader(part)
        encoded = model.encode(read_values, *calibration.reader.placed(len(part)))
        parts.append(model.denoise(encoded))
    return torch.cat(parts).double().numpy()
