"""Ridge regression of several properties at once, at every penalty, with its leave-one-out errors.

The penalty is chosen later and for each property by itself, often by a score that the regression
does not know (disagreement on standards), so that everything here is kept for all penalties.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PENALTIES: FloatArray = np.logspace(-6, 1, 22)  # times the mean eigenvalue of the Gram matrix
_LEAST = 1e-12  # of the largest eigenvalue: below it a direction is rounding noise


@dataclass(frozen=True, slots=True)
class Directions:
    """Rows as a sum over r directions; what a ridge regression needs of them.

    Attributes:
        values: (r,) eigenvalues of the Gram matrix of the rows, positive.
        vectors: (n, r) its eigenvectors: columns of length one.
        loadings: (p, r) ``rows.T @ vectors``.
        mean: mean of all n eigenvalues, those of zero included.
    """

    values: FloatArray
    vectors: FloatArray
    loadings: FloatArray
    mean: float


def directions(rows: FloatArray) -> Directions:
    """Return the directions of (n, p) rows, from the smaller of their two Gram matrices."""
    n, p = rows.shape
    wide = n <= p
    values, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    kept = values > values[-1] * _LEAST if len(values) else np.zeros(0, bool)
    kept &= values > 0
    values, vectors = values[kept], vectors[:, kept]
    if not wide:
        vectors = rows @ vectors / np.sqrt(values)
    mean = float((rows**2).sum()) / max(n, 1)
    return Directions(values, vectors, rows.T @ vectors, max(mean, float(np.finfo(float).tiny)))


class Ridge:
    """Weighted ridge regression.

    Minimises ``sum w_i (y_i - b - x_i B)**2 + penalty * |B|**2`` for each penalty.

    Args:
        x: (n, p) spectra.
        y: (n, k) reference values, finite.
        weight: (n,) positive weights of the rows; all 1 when not given.

    Attributes:
        along: (penalties, r, k) coefficients of the directions: ``B = loadings @ along``.
        loo: (penalties, n, k) leave-one-out residuals, predicted minus known.

    Source: Saunders 1998 (dual ridge); Allen 1974, Technometrics 16, 125 (PRESS): a residual
    left out is the residual over one minus its leverage.
    """

    def __init__(self, x: FloatArray, y: FloatArray, weight: FloatArray | None = None) -> None:
        n = len(x)
        w = np.ones(n) if weight is None else weight
        share = w / w.sum()
        self.x_mean: FloatArray = share @ x
        self.y_mean: FloatArray = share @ y
        root = np.sqrt(w)[:, None]
        found = directions((x - self.x_mean) * root)
        self.loadings: FloatArray = found.loadings
        scale = PENALTIES * found.mean
        shrunk = 1.0 / (found.values + scale[:, None])  # (penalties, r)
        target = (y - self.y_mean) * root
        part = found.vectors.T @ target  # (r, k)
        self.along: FloatArray = shrunk[:, :, None] * part
        leverage = (shrunk * found.values) @ (found.vectors**2).T + share  # (penalties, n)
        fitted = found.vectors @ (found.values[:, None] * self.along)
        self.loo: FloatArray = (fitted - target) / root
        self.loo /= np.maximum(1.0 - leverage, 1e-9)[:, :, None]

    def predict(self, x: FloatArray) -> FloatArray:
        """Return (penalties, m, k) predictions of (m, p) spectra."""
        return ((x - self.x_mean) @ self.loadings) @ self.along + self.y_mean

    def affine(self, choice: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return slopes (p, k) and offsets (k,) at one penalty for each property."""
        k = self.along.shape[2]
        slope = self.loadings @ self.along[choice, :, np.arange(k)].T
        return slope, self.y_mean - self.x_mean @ slope

    @cached_property
    def source_mse(self) -> FloatArray:
        """(penalties, k) mean squared leave-one-out errors over all rows."""
        return np.mean(self.loo**2, axis=1)
