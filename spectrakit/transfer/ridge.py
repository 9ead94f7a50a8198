"""Ridge regression of several properties at once, at every penalty, with its leave-one-out errors.

The penalty is chosen later and for each property by itself, often by a score that the regression
does not know (disagreement on standards), so that everything here is kept for all penalties.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PENALTIES: FloatArray = np.logspace(-6, 1, 22)  # times the mean eigenvalue of the Gram matrix
_LEAST = 1e-12  # of the largest eigenvalue: below it a direction is rounding noise


class Ridge:
    """Weighted ridge regression in its dual form.

    Minimises ``sum w_i (y_i - b - x_i B)**2 + penalty * |B|**2`` for each penalty.

    Args:
        x: (n, p) spectra.
        y: (n, k) reference values, finite.
        weight: (n,) positive weights of the rows; all 1 when not given.

    Attributes:
        dual: (penalties, n, k) dual coefficients: ``B = x_rows.T @ dual``.
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
        self.rows: FloatArray = (x - self.x_mean) * root
        values, vectors = np.linalg.eigh(self.rows @ self.rows.T)
        values = np.maximum(values, values[-1] * _LEAST if n else 0.0)
        scale = PENALTIES * max(float(values.mean()), np.finfo(float).tiny)
        shrunk = 1.0 / (values[None, :] + scale[:, None])  # (penalties, n)
        target = vectors.T @ ((y - self.y_mean) * root)  # (n, k)
        self.dual: FloatArray = vectors @ (shrunk[:, :, None] * target)
        leverage = (shrunk * values) @ (vectors**2).T + share  # (penalties, n)
        # (y - fitted) in weighted rows is penalty * dual
        residual = -scale[:, None, None] * self.dual / root
        self.loo: FloatArray = residual / np.maximum(1.0 - leverage, 1e-9)[:, :, None]

    def predict(self, x: FloatArray) -> FloatArray:
        """Return (penalties, m, k) predictions of (m, p) spectra."""
        return ((x - self.x_mean) @ self.rows.T) @ self.dual + self.y_mean

    def affine(self, choice: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return slopes (p, k) and offsets (k,) at one penalty for each property."""
        k = self.dual.shape[2]
        dual = self.dual[choice, :, np.arange(k)].T  # (n, k)
        slope = self.rows.T @ dual
        return slope, self.y_mean - self.x_mean @ slope

    def loo_mse(self, rows: Any = slice(None)) -> FloatArray:
        """Return (penalties, k) mean squared leave-one-out errors over some rows."""
        return np.mean(self.loo[:, rows] ** 2, axis=1)

    @cached_property
    def source_mse(self) -> FloatArray:
        """(penalties, k) mean squared leave-one-out errors over all rows."""
        return self.loo_mse()
