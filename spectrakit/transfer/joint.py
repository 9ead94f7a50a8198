"""One ridge regression of both instruments: source samples and labelled standards together.

The coefficients of the target are those of the source plus a difference of its own, penalised
``1 / freedom`` as strongly. Freedom 0 is updating (one model for all rows), a large freedom is
nearly a model of the standards alone, and what lies between is decided by honest errors.

The source is decomposed once; standards border its Gram matrix, so that a fit at one setting and
penalty costs the inverse of a matrix of the size of the standards (Schur complement), however
many samples the source has.

Source: Daume 2007, Frustratingly Easy Domain Adaptation (as a kernel: section 3.2); updating:
Kalivas 2009, J. Chemom. 23, 85; leave-one-out of a bordered system: Cawley 2006, IJCNN, 1661.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.ridge import PENALTIES, Directions, directions

FloatArray = NDArray[np.float64]
JUDGED = 200  # source samples whose leave-one-out errors are looked at


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


class SourceSide:
    """Source samples, decomposed: (n, p) spectra and (n, k) reference values.

    Attributes:
        centre: (p,) mean of the spectra.
        rows: directions of the centred spectra.
        known: (n, k + 1) reference values, and ones.
        part: (r, k + 1) the known along the directions.
        rest: (n, k + 1) what of the known no direction reaches.
    """

    def __init__(self, spectra: FloatArray, known: FloatArray) -> None:
        self.centre: FloatArray = spectra.mean(axis=0)
        self.rows: Directions = directions(spectra - self.centre)
        self.known: FloatArray = np.column_stack([known, np.ones(len(known))])
        self.part: FloatArray = self.rows.vectors.T @ self.known
        self.rest: FloatArray = self.known - self.rows.vectors @ self.part


class Joint:
    """Fits of the source's samples and (N, q) labelled standards at all settings and penalties.

    With ``K`` the kernel of all rows, ``w`` their weights: ``(K + penalty / w) a + b = y`` and
    ``sum(a) = 0``.

    Args:
        side: the source.
        standards: (N, p) spectra in the source's space.
        labels: (N, k).
        settings: weights and freedoms.

    Attributes:
        offset: (settings, penalties, k) prediction at the source's mean.
    """

    def __init__(
        self, side: SourceSide, standards: FloatArray, labels: FloatArray,
        settings: tuple[Setting, ...] = SETTINGS,
    ) -> None:  # fmt: skip
        self.side = side
        self._freedom = np.array([one.freedom for one in settings])[:, None, None, None]
        self._weight = np.array([one.weight for one in settings])[:, None]
        self._standards: FloatArray = standards - side.centre
        self._reach: FloatArray = side.rows.loadings.T @ self._standards.T  # (r, N)
        self._penalty = PENALTIES * self._mean_eigenvalue()  # (settings, penalties)
        self._shrunk: FloatArray = 1.0 / (side.rows.values + self._penalty[..., None])
        known = np.column_stack([labels, np.ones(len(labels))])
        aim = known - self._reach.T @ (self._shrunk[..., None] * side.part)
        both = np.linalg.solve(self._bordering(), aim).astype(np.float64)  # (..., N, k + 1)
        ends = side.rest.sum(axis=0) / self._penalty[..., None] + both.sum(axis=2)
        along = self._along(both, self._shrunk)
        ends += np.einsum("r,slrk->slk", side.rows.vectors.sum(axis=0), along)
        self.offset: FloatArray = ends[..., :-1] / ends[..., -1:]
        self._both = both
        self._ones: FloatArray = ends[..., -1]
        self._of_standards: FloatArray = _less(both, self.offset)

    def predict(self, spectra: FloatArray) -> FloatArray:
        """Return (settings, penalties, m, k) predictions of target spectra in the space."""
        centred = spectra - self.side.centre
        along = _less(self._along(self._both, self._shrunk), self.offset)
        own = (centred @ self._standards.T) * (1.0 + self._freedom)
        found = (centred @ self.side.rows.loadings) @ along + own @ self._of_standards
        return found + self.offset[:, :, None]

    def source_mse(self) -> FloatArray:
        """Return (settings, penalties, k) mean squared leave-one-out errors on source samples.

        Of more than ``JUDGED`` samples only so many are looked at, spread evenly.
        """
        rows, n = self.side.rows, len(self.side.known)
        few = np.unique(np.linspace(0, n - 1, min(n, JUDGED)).round().astype(np.int64))
        vectors, rest = rows.vectors[few], self.side.rest[few]
        penalty = self._penalty[..., None]
        across = vectors @ (self._shrunk[..., None] * self._reach)  # (s, l, rows, N)
        inverse = np.linalg.inv(self._bordering())
        diagonal = self._shrunk @ (vectors**2).T + ((across @ inverse) * across).sum(axis=3)
        diagonal += np.maximum(1.0 - (vectors**2).sum(axis=1), 0.0) / penalty
        dual = vectors @ self._along(self._both, self._shrunk) + rest / penalty[..., None]
        ones = dual[..., -1]
        diagonal -= ones**2 / self._ones[..., None]
        error = _less(dual, self.offset) / diagonal[..., None]
        return np.mean(error**2, axis=2)

    def affine(self, setting: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return the slope (p,) of one property on spectra of the space, and the offset."""
        at = (setting, penalty)
        along = self._along(self._both[at], self._shrunk[at])
        slope = self.side.rows.loadings @ _less(along, self.offset[at])[:, column]
        own = self._standards.T @ self._of_standards[at][:, column]
        slope = slope + (1.0 + self._freedom[setting].item()) * own
        return slope, float(self.offset[at][column]) - float(self.side.centre @ slope)

    def _mean_eigenvalue(self) -> FloatArray:
        """Return (settings, 1) the mean eigenvalue of the centred, weighted kernel."""
        n, size = len(self.side.known), len(self._standards)
        freedom, weight = self._freedom[:, 0, 0], self._weight
        total = n + weight * size
        mean = self._standards.sum(axis=0) * weight / total  # the source's own mean is zero
        lengths = float((self._standards**2).sum()) * weight * (1.0 + freedom)
        lengths = lengths + self.side.rows.mean * n
        centre = (mean**2).sum(axis=1, keepdims=True) * (1.0 + freedom)
        least = float(np.finfo(float).tiny)
        return np.maximum((lengths - total * centre) / (n + size), least)

    def _bordering(self) -> FloatArray:
        """Return (settings, penalties, N, N): the standards' block less what the source says."""
        own = self._standards @ self._standards.T * (1.0 + self._freedom)
        said = (self._reach.T * self._shrunk[..., None, :]) @ self._reach
        ridge = (self._penalty / self._weight)[..., None, None]
        return own - said + ridge * np.eye(len(self._standards))

    def _along(self, both: FloatArray, shrunk: FloatArray) -> FloatArray:
        """Return (..., r, k + 1) coefficients of the source's directions."""
        return shrunk[..., None] * (self.side.part - self._reach @ both)


def _less(found: FloatArray, offset: FloatArray) -> FloatArray:
    """Return (..., k) solutions for known values less their offset; that of ones stands last."""
    return found[..., :-1] - offset[..., None, :] * found[..., -1:]
