"""Standards: source samples, some of which the target instrument has measured too."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)  # equal only to itself: members are kept by it
class Standards:
    """Source samples, and the standards among them measured on the target too.

    Attributes:
        source: (n, p) source spectra.
        known: (n, k) their reference values.
        target: (N, q) standards on the target instrument.
        twins: (N,) rows of ``source`` that are the same samples.
        labels: (N, k) reference values of the standards.
        groups: (N,) numbers; standards of one group stay in one fold.
        same_axis: the two instruments share the axis (p = q).
    """

    source: FloatArray
    known: FloatArray
    target: FloatArray
    twins: Rows
    labels: FloatArray
    groups: Rows
    same_axis: bool

    def folds(self) -> list[tuple[Rows, Rows]]:
        """Return (rows to learn from, rows left out) of each fold; groups are never split."""
        found, where = np.unique(self.groups, return_inverse=True)
        n = min(FOLDS, len(found))
        rows = np.arange(len(self.groups))
        return [(rows[where % n != k], rows[where % n == k]) for k in range(n)]

    def without(self, left: Collection[int]) -> Rows:
        """Return the rows of the standards that are in none of some folds, ascending."""
        held = [rows for fold, (_, rows) in enumerate(self.folds()) if fold in left]
        return np.setdiff1d(np.arange(len(self.target)), np.concatenate([*held, []]))
