"""Ridge regression of the source's samples and a few more rows, at many settings and penalties.

The source is decomposed once; further rows border its Gram matrix, so that a fit at one setting
and penalty costs the inverse of a matrix of the size of those rows (Schur complement), however
many samples the source has.

Source: leave-one-out of a bordered system: Cawley 2006, IJCNN, 1661.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.ridge import Directions, directions

FloatArray = NDArray[np.float64]
JUDGED = 200  # source samples whose leave-one-out errors are looked at


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


class Bordered:
    """Solutions of ``(K + ridge) a + constant b = y`` with ``constant . a = 0``.

    ``K`` is the kernel of the source's samples and the M further rows.

    Args:
        side: the source.
        rows: (M, p) further rows, the source's centre subtracted where they are spectra.
        kernel: (settings, 1, M, M) the kernel among the further rows.
        known: (M, k + 1) their known values; last, what the constant b is multiplied by: 1 for
            spectra, 0 for differences of spectra.
        penalty: (settings, penalties) of the source's samples.
        ridge: (settings, penalties, M) of the further rows: penalty over weight.

    Attributes:
        offset: (settings, penalties, k) the constant b: prediction at the source's mean.
        of_rows: (settings, penalties, M, k) the part of a that belongs to the further rows.
    """

    def __init__(
        self, side: SourceSide, rows: FloatArray, kernel: FloatArray, known: FloatArray,
        penalty: FloatArray, ridge: FloatArray,
    ) -> None:  # fmt: skip
        self.side = side
        self._penalty = penalty[..., None]
        self._reach: FloatArray = side.rows.loadings.T @ rows.T  # (r, M)
        self._shrunk: FloatArray = 1.0 / (side.rows.values + self._penalty)
        said = (self._reach.T * self._shrunk[..., None, :]) @ self._reach
        self._block: FloatArray = np.subtract(kernel, said, out=said)
        diagonal = np.arange(len(rows))
        self._block[..., diagonal, diagonal] += ridge
        aim = known - self._reach.T @ (self._shrunk[..., None] * side.part)
        self._both: FloatArray = np.linalg.solve(self._block, aim).astype(np.float64)
        self._along: FloatArray = self._shrunk[..., None] * (side.part - self._reach @ self._both)
        ends = side.rest.sum(axis=0) / self._penalty
        ends += np.einsum("m,slmk->slk", known[:, -1], self._both)
        ends += np.einsum("r,slrk->slk", side.rows.vectors.sum(axis=0), self._along)
        self.offset: FloatArray = ends[..., :-1] / ends[..., -1:]
        self._ones: FloatArray = ends[..., -1]
        self.of_rows: FloatArray = _less(self._both, self.offset)

    @cached_property
    def along(self) -> FloatArray:
        """(settings, penalties, r, k) coefficients of the source's directions."""
        return _less(self._along, self.offset)

    def source_mse(self) -> FloatArray:
        """Return (settings, penalties, k) mean squared leave-one-out errors on source samples.

        Of more than ``JUDGED`` samples only so many are looked at, spread evenly.
        """
        return self._source_mse

    @cached_property
    def _source_mse(self) -> FloatArray:
        found = self._measured()
        _ = self.along  # what only these two need is large, and hundreds of fits are kept
        del self._block, self._both, self._along
        return found

    def _measured(self) -> FloatArray:
        rows, n = self.side.rows, len(self.side.known)
        few = np.unique(np.linspace(0, n - 1, min(n, JUDGED)).round().astype(np.int64))
        vectors, rest = rows.vectors[few], self.side.rest[few]
        across = vectors @ (self._shrunk[..., None] * self._reach)  # (s, l, rows, M)
        within = across @ np.linalg.inv(self._block)
        within *= across
        diagonal = self._shrunk @ (vectors**2).T + within.sum(axis=3)
        diagonal += np.maximum(1.0 - (vectors**2).sum(axis=1), 0.0) / self._penalty
        dual = vectors @ self._along + rest / self._penalty[..., None]
        diagonal -= dual[..., -1] ** 2 / self._ones[..., None]
        error = _less(dual, self.offset) / diagonal[..., None]
        return np.mean(error**2, axis=2)


def _less(found: FloatArray, offset: FloatArray) -> FloatArray:
    """Return (..., k) solutions for known values less their offset; that of ones stands last."""
    return found[..., :-1] - offset[..., None, :] * found[..., -1:]
