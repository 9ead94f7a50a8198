"""Bias, and slope and bias: the predictions of the old calibration corrected by a line."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.calibrations import Calibration, Instruments, predictions
from spectrakit.transfer.nested import Several, Train

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass
class Corrected:
    """``gain * prediction + shift`` at every number of latent variables.

    Attributes:
        pair: both instruments after one preprocessing.
        model: calibration of the source.
        gain: (lv, k).
        shift: (lv, k).
    """

    pair: Instruments
    model: Calibration
    gain: FloatArray
    shift: FloatArray

    @property
    def texts(self) -> Sequence[str]:
        """Preprocessing and latent variables."""
        return [f"{self.pair.preprocessing.name}, {text}" for text in self.model.texts]

    def source_mse(self) -> FloatArray:
        """Return (lv, k) the calibration's error."""
        return self.model.mse

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (lv, m, k) predictions."""
        return self._of(self.pair.preprocessing(values))

    def errors(self, held: Rows) -> FloatArray | None:
        """Return (lv, h, k) predictions minus labels."""
        return self._of(self.pair.target[held]) - self.pair.data.labels[held]

    def affine(self, configuration: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset on target spectra as measured."""
        gain = self.gain[configuration, column]
        slope = gain * self.model.slopes[configuration][:, [column]]
        offset = gain * self.model.offsets[configuration, column]
        offset += self.shift[configuration, column]
        return self.pair.preprocessing.pull(slope)[:, 0], float(offset)

    def _of(self, target: FloatArray) -> FloatArray:
        return predictions(self.model, target) * self.gain[:, None] + self.shift[:, None]


def corrected(pairs: Sequence[Instruments], *, slope: bool) -> Train:
    """Return how bias (and slope) correction learns from labelled standards.

    The slope is that of ordinary least squares of labels on predictions; with fewer than 3
    standards only the bias is corrected.

    Source: Osborne and Fearn 1983, J. Food Technol. 18, 453; ISO 12099:2017, 6.
    """

    def train(rows: Rows) -> Several:
        return Several([_one(pair, rows, slope) for pair in pairs])

    return train


def _one(pair: Instruments, rows: Rows, slope: bool) -> Corrected:
    model = pair.calibration(rows)
    found = predictions(model, pair.target[rows])  # (lv, N, k)
    labels = pair.data.labels[rows]
    mean, known = found.mean(axis=1), labels.mean(axis=0)
    gain = np.ones_like(mean)
    if slope and len(rows) >= 3:
        around = found - mean[:, None]
        spread = (around**2).sum(axis=1)
        with_label = (around * (labels - known)).sum(axis=1)
        gain = np.where(spread > 0, with_label / np.where(spread > 0, spread, 1.0), 1.0)
    return Corrected(pair, model, gain, known - gain * mean)
