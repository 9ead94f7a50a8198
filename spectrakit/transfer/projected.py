"""External parameter orthogonalisation: what differs between the instruments is projected out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.calibrations import Instruments, PlsCalibration, predictions
from spectrakit.transfer.nested import Several, Train
from spectrakit.transfer.products import Products, products

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

COMPONENTS = (1, 2, 3, 4, 6)
_NOISE = 1e-10  # of the largest singular value


@dataclass
class Projected:
    """Calibrations on source spectra without the first directions of the difference.

    Attributes:
        pair: both instruments after one preprocessing.
        models: one for each number of components; slopes lie in what is left.
    """

    pair: Instruments
    models: Sequence[PlsCalibration]

    @property
    def texts(self) -> Sequence[str]:
        """Preprocessing, components and latent variables."""
        name = self.pair.preprocessing.name
        return [
            f"{name}, {count} component{'s' if count > 1 else ''}, {text}"
            for count in COMPONENTS
            for text in self.models[0].texts
        ]

    def source_mse(self) -> FloatArray:
        """Return (c, k) error of each calibration on projected source spectra."""
        return np.concatenate([model.mse for model in self.models])

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (c, m, k) predictions."""
        return self._of(self.pair.preprocessing(values))

    def errors(self, held: Rows) -> FloatArray | None:
        """Return (c, h, k) prediction of the standard minus that of its twin."""
        return self._of(self.pair.target[held]) - self._of(self.pair.twins[held])

    def affine(self, configuration: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset on target spectra as measured."""
        which, lv = divmod(configuration, len(self.models[0].texts))
        model = self.models[which]
        slope = self.pair.preprocessing.pull(model.slopes[lv][:, [column]])
        return slope[:, 0], float(model.offsets[lv, column])

    def _of(self, values: FloatArray) -> FloatArray:
        return np.concatenate([predictions(model, values) for model in self.models])


def projected(pairs: Sequence[Instruments]) -> Train:
    """Return how external parameter orthogonalisation learns from standards.

    Directions are those of the differences between the two spectra of each standard, not centred,
    so that the mean difference goes first. The calibration is made again without them, and takes
    spectra of either instrument.

    Source: Roger 2003, Chemom. Intell. Lab. Syst. 66, 191.
    """

    def train(rows: Rows) -> Several:
        return Several([_one(pair, rows) for pair in pairs])

    return train


def _one(pair: Instruments, rows: Rows) -> Projected:
    _, size, loadings = np.linalg.svd(pair.target[rows] - pair.twins[rows], full_matrices=False)
    rank = int((size > _NOISE * max(size[0], np.finfo(float).tiny)).sum())
    spectra = pair.rows
    weight = pair.weight(rows)
    models: list[PlsCalibration] = []
    for count in COMPONENTS:
        used = loadings[: min(count, rank)]
        scores = spectra @ used.T
        rest = spectra - scores @ used
        known = pair.gram
        gram = Products(known.rows - scores @ scores.T, True) if known.whole else products(rest)
        model = PlsCalibration(
            rest,
            gram,
            pair.centre - (pair.centre @ used.T) @ used,
            pair.data.known,
            weight,
            pair.groups,
        )
        models.append(models[-1] if models and count > rank else model)
    return Projected(pair, models)
