"""Latent directions of sparse vectors: a truncated SVD, and unit vectors in its space.

Peaks that occur together in the spectra of many molecules become one direction, and what occurs
in few molecules drops out as noise. Comparing in this space, with lengths set to 1 again, is
worth more than any choice of kernel (Recall@1 on valid 0.579 -> 0.63) and needs a fraction of
the memory.

Source: latent semantic analysis, Deerwester et al. 1990; the SVD by random projection with power
iterations, Halko et al. 2011 (doi:10.1137/090771806), algorithm 4.4.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

RANK = 192  # 128 to 300 is flat; 64 loses 3 points
MIN_ROWS = 8  # molecules that must show a bin; 2 to 8 is flat and 8 the smallest
_SPARE = 16
_ITERATIONS = 3
_SHORT = 1e-6  # a spectrum without a known feature stays at zero


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Directions of one kind: ``columns`` (c,) bins that count, ``vectors`` (c, r) orthonormal."""

    columns: NDArray[np.int64]
    vectors: Singles


def enough(n_rows: int, wanted: int = MIN_ROWS) -> int:
    """Return the rows that must show a feature; fewer where there are few rows at all."""
    return max(1, min(wanted, n_rows // 100))


def fit_basis(matrix: Any, rank: int = RANK) -> Basis:
    """Return the leading right singular vectors of a CSR matrix, by a fixed random start."""
    shown = np.bincount(matrix.indices[matrix.data > 0], minlength=matrix.shape[1])
    columns = np.flatnonzero(shown >= enough(matrix.shape[0]))
    dense_rank = min(rank, matrix.shape[0], len(columns))
    if not dense_rank:
        return Basis(columns, np.zeros((len(columns), 0), np.float32))
    own = matrix[:, columns]
    width = min(dense_rank + _SPARE, *own.shape)
    start = np.random.default_rng(0).standard_normal((own.shape[0], width))
    left = start.astype(np.float32)
    for _ in range(_ITERATIONS):
        right = np.linalg.qr(own.T @ left)[0]
        left = np.linalg.qr(own @ right)[0]
    vectors = np.linalg.svd(own.T @ left, full_matrices=False)[0]
    return Basis(columns, np.ascontiguousarray(vectors[:, :dense_rank], np.float32))


def project(basis: Basis, matrix: Any) -> Singles:
    """Return (n, r) unit vectors of the rows of a CSR matrix; rows without a known bin are zero."""
    latent = np.asarray(matrix[:, basis.columns] @ basis.vectors, np.float32)
    length = np.linalg.norm(latent, axis=1, keepdims=True)
    return np.where(length > _SHORT, latent / np.maximum(length, _SHORT), np.float32(0))
