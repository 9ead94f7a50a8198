"""The plain linear ensemble: twelve calibrations, averaged with equal weights."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import mixture
from spectrakit.transfer.calibrations import LINEAR, Instruments
from spectrakit.transfer.mapped import Mapped, mapped
from spectrakit.transfer.maps import SpectrumMap, mean_difference
from spectrakit.transfer.methods import Fitted
from spectrakit.transfer.nested import Search, Several, search
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standardisers import PDS_TEXTS, piecewise_ranks
from spectrakit.transfer.updated import same_space, updated

Rows = NDArray[np.int64]


def fit_plain_ensemble(data: Standards, seed: int) -> Fitted:
    """Fit the plain average of METHODS.

    PDS (LV*), updating after PDS, updating after mean difference, and updating, with weight 3,
    over raw spectra and their first and second derivative. Nothing is weighted or left out.
    """
    found: list[Fitted] = []
    for preprocessing in LINEAR:
        pair = Instruments(data, preprocessing, seed)
        windows = search(data, mapped([pair], piecewise_ranks, PDS_TEXTS))
        found.append(windows.fitted())
        best = _Best(windows, pair)
        found += [
            search(data, updated([(pair, fit, name)])).fitted()
            for fit, name in (
                (best, "PDS"),
                (_MeanDifference(pair), "mean difference"),
                (same_space(pair), ""),
            )
        ]
    weights = np.full((len(found), data.known.shape[1]), 1.0 / len(found))
    texts = tuple(
        "; ".join(one.chosen[column] for one in found) for column in range(data.known.shape[1])
    )
    return Fitted(
        mixture([one.calibration for one in found], weights),
        lambda: np.mean([one.left_out for one in found], axis=0),
        texts,
    )


@dataclass
class _Best:
    """The map with the least LV* score over all properties, chosen without the standards left."""

    windows: Search
    pair: Instruments

    def __call__(self, rows: Rows) -> SpectrumMap:
        left = self.windows.left_of(rows)
        part = _only(self.windows, left)
        score = self.windows.score(left).reshape(len(part.maps), len(part.model.texts), -1)
        variance = self.pair.data.known[self.pair.weight(rows) > 0].var(axis=0)
        least = score.min(axis=1) / np.maximum(variance, np.finfo(float).tiny)
        return part.maps[int(least.mean(axis=1).argmin())]


def _only(windows: Search, left: frozenset[int]) -> Mapped:
    trained = windows.without(left)
    assert isinstance(trained, Several)
    part = trained.parts[0]
    assert isinstance(part, Mapped)
    return part


@dataclass
class _MeanDifference:
    pair: Instruments

    def __call__(self, rows: Rows) -> SpectrumMap:
        return mean_difference(self.pair.target[rows], self.pair.twins[rows])
