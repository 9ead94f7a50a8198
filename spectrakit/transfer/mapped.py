"""Methods that map target spectra to the source instrument and leave its calibration as it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.calibrations import Calibration, Instruments, predictions
from spectrakit.transfer.maps import Scaled, SpectrumMap
from spectrakit.transfer.nested import Several, Train

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
MapFits = Callable[[FloatArray, FloatArray], Sequence[SpectrumMap]]


@dataclass
class Mapped:
    """The calibration of the source behind each of several maps of target spectra.

    Attributes:
        pair: both instruments after one preprocessing.
        model: calibration of the source.
        maps: fitted to standards, one for each text.
        map_texts: what each map is, "" for nothing.
        scored: whether standards left out are compared with their twins.
    """

    pair: Instruments
    model: Calibration
    maps: Sequence[SpectrumMap]
    map_texts: Sequence[str]
    scored: bool = True

    @property
    def texts(self) -> Sequence[str]:
        """Preprocessing, map and latent variables."""
        name = self.pair.preprocessing.name
        return [
            ", ".join(part for part in (name, text, lv) if part)
            for text in self.map_texts
            for lv in self.model.texts
        ]

    def source_mse(self) -> FloatArray:
        """Return (c, k) the calibration's error, the same for every map."""
        return np.tile(self.model.mse, (len(self.maps), 1))

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (c, m, k) predictions."""
        return self._of(self.pair.preprocessing(values))

    def errors(self, held: Rows) -> FloatArray | None:
        """Return (c, h, k) prediction of the mapped standard minus that of its twin."""
        if not self.scored:
            return None
        own = predictions(self.model, self.pair.twins[held])
        return self._of(self.pair.target[held]) - np.tile(own, (len(self.maps), 1, 1))

    def affine(self, configuration: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset on target spectra as measured."""
        which, lv = divmod(configuration, len(self.model.texts))
        slope, offset = self.maps[which].pull(
            self.model.slopes[lv][:, [column]], self.model.offsets[lv][[column]]
        )
        return self.pair.preprocessing.pull(slope)[:, 0], float(offset[0])

    def _of(self, target: FloatArray) -> FloatArray:
        return np.concatenate([predictions(self.model, one(target)) for one in self.maps])


def mapped(
    pairs: Sequence[Instruments], fits: MapFits, texts: Sequence[str], *, scored: bool = True
) -> Train:
    """Return how a way by maps learns from standards.

    Args:
        pairs: the instruments after each preprocessing that may be chosen.
        fits: ((N, q) target, (N, p) source) to one map for each text.
        texts: of the maps.
        scored: whether standards left out are compared with their twins.
    """

    def train(rows: Rows) -> Several:
        return Several(
            [
                Mapped(
                    pair,
                    pair.calibration(rows),
                    fits(pair.target[rows], pair.twins[rows]),
                    texts,
                    scored,
                )
                for pair in pairs
            ]
        )

    return train


def unchanged(target: FloatArray, source: FloatArray) -> Sequence[SpectrumMap]:
    """Return the map that changes nothing."""
    zero = np.zeros(target.shape[1])
    return [Scaled(zero, zero, 1.0)]
