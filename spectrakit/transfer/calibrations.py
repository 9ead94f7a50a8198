"""Calibrations of the source instrument, and what a method needs of them inside its folds."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import PREPROCESSINGS, Preprocessing
from spectrakit.transfer.pls import LATENT_VARIABLES, cv_groups, fit_pls, residuals_left_out
from spectrakit.transfer.products import Products, products
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

RAW, SG1, SG2 = PREPROCESSINGS[:3]
LINEAR = (RAW, SG1, SG2)  # on the spectra as measured: one affine function whichever is chosen


class Calibration(Protocol):
    """Linear models of preprocessed source spectra, at every number of latent variables."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What each model is."""
        ...

    @property
    def slopes(self) -> FloatArray:
        """(lv, p, k) slopes on preprocessed source spectra."""
        ...

    @property
    def offsets(self) -> FloatArray:
        """(lv, k) predictions of the zero spectrum."""
        ...

    @property
    def mse(self) -> FloatArray:
        """(lv, k) mean squared errors of cross-validation on source samples."""
        ...


def predictions(model: Calibration, values: FloatArray) -> FloatArray:
    """Return (lv, m, k) predictions of (m, p) preprocessed spectra."""
    lv, p, k = model.slopes.shape
    flat = values @ model.slopes.transpose(1, 0, 2).reshape(p, -1)
    return flat.reshape(-1, lv, k).transpose(1, 0, 2) + model.offsets[:, None]


@dataclass
class PlsCalibration:
    """PLS on the source samples, some of them left out.

    Attributes:
        rows: (n, p) centred preprocessed spectra.
        gram: their products.
        centre: (p,) what they were centred on.
        known: (n, k) reference values.
        weight: (n,) 1, or 0 where left out.
        groups: (n,) of cross-validation.
    """

    rows: FloatArray
    gram: Products
    centre: FloatArray
    known: FloatArray
    weight: FloatArray
    groups: Rows

    @property
    def slopes(self) -> FloatArray:
        """(lv, p, k) slopes."""
        return self._fit[0]

    @property
    def offsets(self) -> FloatArray:
        """(lv, k) offsets."""
        return self._fit[1]

    @property
    def texts(self) -> tuple[str, ...]:
        """Numbers of latent variables."""
        return LV_TEXTS

    @property
    def mse(self) -> FloatArray:
        """(lv, k) mean squared errors of 10-fold cross-validation."""
        return self._mse

    @cached_property
    def _mse(self) -> FloatArray:
        residual = residuals_left_out(self.gram, self.known, self.weight, self.groups)
        return np.mean(residual[:, self.weight > 0] ** 2, axis=1)

    @cached_property
    def _fit(self) -> tuple[FloatArray, FloatArray]:
        fits = fit_pls(self.gram, self.known, self.weight[None])
        slopes = fits.slopes(self.rows)[0]
        return slopes, fits.offset[0] - np.einsum("p,lpk->lk", self.centre, slopes)


LV_TEXTS = tuple(f"{count} LV" for count in range(1, LATENT_VARIABLES + 1))


@dataclass
class Instruments:
    """Both instruments' spectra after one preprocessing, and the source's calibrations.

    Attributes:
        data: the standards, as measured.
        preprocessing: linear in the spectrum as measured.
        seed: of the cross-validation groups.
    """

    data: Standards
    preprocessing: Preprocessing
    seed: int
    _models: dict[bytes, Calibration] = field(default_factory=dict[bytes, Calibration])

    @cached_property
    def source(self) -> FloatArray:
        """(n, p) source spectra."""
        return self.preprocessing(self.data.source)

    @cached_property
    def target(self) -> FloatArray:
        """(N, q) standards on the target instrument."""
        return self.preprocessing(self.data.target)

    @cached_property
    def twins(self) -> FloatArray:
        """(N, p) standards on the source instrument."""
        return self.source[self.data.twins]

    @cached_property
    def centre(self) -> FloatArray:
        """(p,) mean of the source spectra."""
        return self.source.mean(axis=0)

    @cached_property
    def rows(self) -> FloatArray:
        """(n, p) centred source spectra."""
        return self.source - self.centre

    @cached_property
    def gram(self) -> Products:
        """Products of the centred source spectra."""
        return products(self.rows)

    @cached_property
    def groups(self) -> Rows:
        """(n,) cross-validation groups of the source samples."""
        return cv_groups(len(self.source), self.seed)

    def weight(self, rows: Rows) -> FloatArray:
        """Return (n,) weights of source samples: 0 for twins of standards not in ``rows``.

        A standard left out must not be known to the calibration either. Where hardly any sample
        would remain, all stay.
        """
        left = np.setdiff1d(np.arange(len(self.data.target)), rows)
        weight = np.ones(len(self.source))
        weight[self.data.twins[left]] = 0.0
        return weight if weight.sum() >= 3 else np.ones(len(self.source))

    def calibration(self, rows: Rows) -> Calibration:
        """Return the source's calibration without the standards that are not in ``rows``."""
        weight = self.weight(rows)
        key = weight.tobytes()
        if key not in self._models:
            self._models[key] = PlsCalibration(
                self.rows,
                self.gram,
                self.centre,
                self.data.known,
                weight,
                self.groups,
            )
        return self._models[key]
