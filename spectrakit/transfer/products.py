"""Products of rows with one another, which PLS in the dual form multiplies vectors by.

Where rows are shorter than they are many, the (n, n) matrix is never formed: with 5,000 samples it
would take 200 MB, for each preprocessing and correction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

_SHORT = 2  # times as many rows as channels: then two products are cheaper than one


@dataclass(frozen=True, slots=True)
class Products:
    """Products of (n, p) rows with one another.

    Attributes:
        rows: (n, p), or (n, n) where ``whole``: then the products themselves.
        whole: whether the products were formed.
    """

    rows: FloatArray
    whole: bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def diagonal(self) -> FloatArray:
        """(n,) squared lengths of the rows."""
        return np.diagonal(self.rows) if self.whole else np.einsum("np,np->n", self.rows, self.rows)

    def times(self, vectors: FloatArray) -> FloatArray:
        """Return (m, n): (m, n) vectors times the products."""
        return vectors @ self.rows if self.whole else (vectors @ self.rows) @ self.rows.T

    def of(self, chosen: NDArray[np.bool_], dual: FloatArray) -> FloatArray:
        """Return (lv, rows, k): products of some rows with all, times (lv, n, k)."""
        if self.whole:
            return self.rows[chosen] @ dual
        return self.rows[chosen] @ (self.rows.T @ dual)


def products(rows: FloatArray) -> Products:
    """Return the products of (n, p) rows, formed where there are not so many of them."""
    whole = len(rows) <= _SHORT * rows.shape[1]
    return Products(rows @ rows.T if whole else rows, whole)
