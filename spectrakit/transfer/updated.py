"""Updating: one calibration of source samples and labelled standards; and of standards alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.calibrations import LV_TEXTS, Instruments
from spectrakit.transfer.mapped import unchanged
from spectrakit.transfer.maps import SpectrumMap
from spectrakit.transfer.nested import Several, Train
from spectrakit.transfer.pls import Pls, fit_pls, residuals_left_out
from spectrakit.transfer.products import Products, products

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
FitMap = Callable[[Rows], SpectrumMap]

WEIGHT = 3.0  # of a standard against a source sample
WEIGHTS = (1.0, 3.0, 10.0)


@dataclass
class Updated:
    """PLS on source samples and mapped standards together.

    Attributes:
        pair: both instruments after one preprocessing.
        mapping: of target spectra, before they join the source's.
        rows: standards that are learned from.
        of_standards: weight of each.
        name: how the standards were mapped, for the report.
    """

    pair: Instruments
    mapping: SpectrumMap
    rows: Rows
    of_standards: float
    name: str = ""

    @property
    def texts(self) -> Sequence[str]:
        """Preprocessing, map, weight and latent variables."""
        first = ", ".join(part for part in (self.pair.preprocessing.name, self.name) if part)
        return [f"{first}, weight {self.of_standards:g}, {text}" for text in LV_TEXTS]

    def source_mse(self) -> FloatArray:
        """Return (lv, k) errors in cross-validation of samples left out on both instruments."""
        groups = np.r_[self.pair.groups, self.pair.groups[self.pair.data.twins[self.rows]]]
        residual = residuals_left_out(self._gram, self._known, self._weight, groups)
        used = np.flatnonzero(self.pair.weight(self.rows) > 0)
        return np.mean(residual[:, used] ** 2, axis=1)

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (lv, m, k) predictions."""
        return self._of(self.pair.preprocessing(values))

    def errors(self, held: Rows) -> FloatArray | None:
        """Return (lv, h, k) predictions minus labels."""
        return self._of(self.pair.target[held]) - self.pair.data.labels[held]

    def affine(self, configuration: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset on target spectra as measured."""
        slope = self._slopes[configuration][:, [column]]
        offset = self._fit.offset[0, configuration, [column]] - self.pair.centre @ slope
        pulled, offsets = self.mapping.pull(slope, offset)
        return self.pair.preprocessing.pull(pulled)[:, 0], float(offsets[0])

    @cached_property
    def _spectra(self) -> FloatArray:
        standards = self.mapping(self.pair.target[self.rows]) - self.pair.centre
        return np.vstack([self.pair.rows, standards])

    @cached_property
    def _gram(self) -> Products:
        n = len(self.pair.source)
        if not self.pair.gram.whole:
            return Products(self._spectra, False)
        standards = self._spectra[n:]
        gram = np.empty((len(self._spectra), len(self._spectra)))
        gram[:n, :n] = self.pair.gram.rows
        gram[n:] = standards @ self._spectra.T
        gram[:n, n:] = gram[n:, :n].T
        return Products(gram, True)

    @cached_property
    def _known(self) -> FloatArray:
        return np.vstack([self.pair.data.known, self.pair.data.labels[self.rows]])

    @cached_property
    def _weight(self) -> FloatArray:
        return np.r_[self.pair.weight(self.rows), np.full(len(self.rows), self.of_standards)]

    @cached_property
    def _fit(self) -> Pls:
        return fit_pls(self._gram, self._known, self._weight[None])

    @cached_property
    def _slopes(self) -> FloatArray:
        return self._fit.slopes(self._spectra)[0]

    def _of(self, target: FloatArray) -> FloatArray:
        cross = (self.mapping(target) - self.pair.centre) @ self._spectra.T
        return self._fit.predict(cross)[0]


def updated(
    spaces: Sequence[tuple[Instruments, FitMap, str]], weights: Sequence[float] = (WEIGHT,)
) -> Train:
    """Return how updating learns from labelled standards.

    Args:
        spaces: the instruments after a preprocessing, the map of target spectra learned from
            some rows of the standards, and what it is called; any of these may be chosen.
        weights: of a standard against a source sample; any of these may be chosen.

    Source: Kalivas 2009, Appl. Spectrosc. 63, 800 (calibration maintenance, weights).
    """

    def train(rows: Rows) -> Several:
        parts: list[Updated] = []
        for pair, fit, name in spaces:
            mapping = fit(rows)
            parts += [Updated(pair, mapping, rows, weight, name) for weight in weights]
        return Several(parts)

    return train


@dataclass
class Alone:
    """PLS on the labelled standards alone; latent variables by leave-one-out.

    Attributes:
        pair: both instruments after one preprocessing.
        rows: standards that are learned from.
    """

    pair: Instruments
    rows: Rows

    @property
    def texts(self) -> Sequence[str]:
        """Preprocessing and latent variables."""
        return [f"{self.pair.preprocessing.name}, {text}" for text in LV_TEXTS]

    def source_mse(self) -> FloatArray:
        """Return (lv, k) mean squared error of standards left out, one group at a time."""
        groups = self.pair.data.groups[self.rows]
        ones = np.ones(len(self.rows))
        residual = residuals_left_out(products(self._spectra), self._known, ones, groups)
        return np.mean(residual**2, axis=1)

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (lv, m, k) predictions."""
        cross = (self.pair.preprocessing(values) - self._centre) @ self._spectra.T
        return self._fit.predict(cross)[0]

    def errors(self, held: Rows) -> FloatArray | None:
        """Return None: leave-one-out says it already."""
        return None

    def affine(self, configuration: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset on target spectra as measured."""
        slope = self._spectra.T @ self._fit.dual[0, configuration][:, [column]]
        offset = float(self._fit.offset[0, configuration, column])
        offset -= float(self._centre @ slope[:, 0])
        return self.pair.preprocessing.pull(slope)[:, 0], offset

    @cached_property
    def _centre(self) -> FloatArray:
        return self.pair.target[self.rows].mean(axis=0)

    @cached_property
    def _spectra(self) -> FloatArray:
        return self.pair.target[self.rows] - self._centre

    @cached_property
    def _known(self) -> FloatArray:
        return self.pair.data.labels[self.rows]

    @cached_property
    def _fit(self) -> Pls:
        return fit_pls(products(self._spectra), self._known, np.ones((1, len(self.rows))))


def alone(pairs: Sequence[Instruments]) -> Train:
    """Return how a calibration of the target alone learns from labelled standards."""

    def train(rows: Rows) -> Several:
        return Several([Alone(pair, rows) for pair in pairs])

    return train


def same_space(pair: Instruments) -> FitMap:
    """Return the map for updating without one: target spectra stay as they are."""
    return lambda rows: unchanged(pair.target, pair.twins)[0]
