"""One ridge regression of both instruments: source samples and labelled standards together.

The coefficients of the target are those of the source plus a difference of its own, penalised
``1 / freedom`` as strongly. Freedom 0 is updating (one model for all rows), a large freedom is
nearly a model of the standards alone, and what lies between is decided by honest errors.

Source: Daume 2007, Frustratingly Easy Domain Adaptation (as a kernel: section 3.2); updating:
Kalivas 2009, J. Chemom. 23, 85.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bordered import Bordered, SourceSide
from spectrakit.transfer.ridge import PENALTIES

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setting:
    """Weight of a standard against a source sample, and freedom of the target's coefficients."""

    weight: float
    freedom: float


SETTINGS = (
    Setting(1, 0), Setting(3, 0), Setting(10, 0),
    Setting(1, 0.1), Setting(5, 0.5), Setting(1, 2), Setting(5, 2), Setting(5, 20),
)  # fmt: skip
SHARED, OWN = slice(0, 3), slice(3, 8)  # one model for both; coefficients of the target's own


class Joint:
    """Fits of the source's samples and (N, q) labelled standards at all settings and penalties.

    Args:
        side: the source.
        standards: (N, p) spectra in the source's space.
        labels: (N, k).
        settings: weights and freedoms.
    """

    def __init__(
        self, side: SourceSide, standards: FloatArray, labels: FloatArray,
        settings: tuple[Setting, ...] = SETTINGS,
    ) -> None:  # fmt: skip
        self._side = side
        self._freedom = np.array([one.freedom for one in settings])[:, None, None, None]
        self._weight = np.array([one.weight for one in settings])[:, None]
        self._standards: FloatArray = standards - side.centre
        penalty = PENALTIES * self._mean_eigenvalue()  # (settings, penalties)
        ridge = np.repeat((penalty / self._weight)[..., None], len(standards), axis=2)
        kernel = self._standards @ self._standards.T * (1.0 + self._freedom)
        known = np.column_stack([labels, np.ones(len(labels))])
        self._solved = Bordered(side, self._standards, kernel, known, penalty, ridge)
        self.source_mse = self._solved.source_mse

    def predict(self, spectra: FloatArray) -> FloatArray:
        """Return (settings, penalties, m, k) predictions of target spectra in the space."""
        centred = spectra - self._side.centre
        own = (centred @ self._standards.T) * (1.0 + self._freedom)
        found = (centred @ self._side.rows.loadings) @ self._solved.along
        return found + own @ self._solved.of_rows + self._solved.offset[:, :, None]

    def affine(self, setting: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return the slope (p,) of one property on spectra of the space, and the offset."""
        at = (setting, penalty)
        slope = self._side.rows.loadings @ self._solved.along[at][:, column]
        own = self._standards.T @ self._solved.of_rows[at][:, column]
        slope = slope + (1.0 + self._freedom[setting].item()) * own
        return slope, float(self._solved.offset[at][column]) - float(self._side.centre @ slope)

    def _mean_eigenvalue(self) -> FloatArray:
        """Return (settings, 1) the mean eigenvalue of the centred, weighted kernel."""
        n, size = len(self._side.known), len(self._standards)
        freedom, weight = self._freedom[:, 0, 0], self._weight
        total = n + weight * size
        mean = self._standards.sum(axis=0) * weight / total  # the source's own mean is zero
        lengths = float((self._standards**2).sum()) * weight * (1.0 + freedom)
        lengths = lengths + self._side.rows.mean * n
        centre = (mean**2).sum(axis=1, keepdims=True) * (1.0 + freedom)
        least = float(np.finfo(float).tiny)
        return np.maximum((lengths - total * centre) / (n + size), least)
