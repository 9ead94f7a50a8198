"""Unit vectors as whole numbers, so that cosines are exact whatever computes them.

A unit vector is held as int16 of norm at most 2^12. Every partial sum of an inner product of two
such vectors is then a whole number of at most 2^24 (Cauchy-Schwarz), which float32 holds
exactly: a matrix product in float32 gives the same bits for every batch size, blocking and BLAS
library, and no answer depends on the batch it was asked in. The rounding of the entries costs
about 1e-4 of cosine, less than float16 sums would.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Held = NDArray[np.int16]

LARGEST = 1 << 24  # whole numbers up to this are exact in float32
_ROUNDS = 4096  # rows converted at once
_SHORT = 1e-12
_SAMPLE = 50_000  # vectors that directions are computed from
_SLACK = 0.999  # rounded directions may make a vector this much longer


def scale_of(dimension: int) -> int:
    """Return the norm at which vectors are held; with the rounding it stays below 2^12."""
    return int(LARGEST**0.5 - 0.5 * dimension**0.5) - 1


def held(vectors: NDArray[np.floating[Any]], *, unit: bool = True) -> Held:
    """Return (n, d) int16 of float vectors (n, d), set to length 1 unless ``unit`` is false.

    Rows of zeros, and rows with a number that is not finite, become zeros: they are near to
    nothing. With ``unit`` false no row may be longer than 1.
    """
    n, dimension = vectors.shape
    scale = scale_of(dimension)
    found = np.zeros((n, dimension), np.int16)
    for start in range(0, n, _ROUNDS):
        part = np.asarray(vectors[start : start + _ROUNDS], np.float64)
        part = np.where(np.isfinite(part).all(axis=1, keepdims=True), part, 0.0)
        if unit:
            largest = np.abs(part).max(axis=1, initial=0.0, keepdims=True)
            part = part / np.where(largest > 0, largest, 1.0)  # squares neither over- nor underflow
            part = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), _SHORT)
        found[start : start + _ROUNDS] = np.rint(part * scale)
    return found


def products(left: Singles, right: Held) -> Singles:
    """Return the (m, n) inner products of held vectors: ``left`` (m, d) as float32, ``right``.

    Whole numbers, exact; divided by ``scale_of(d) ** 2`` they are cosines.
    """
    return left @ right.astype(np.float32).T


def pair_products(left: Held, right: Held) -> Singles:
    """Return (k,) inner products of the rows of two (k, d) arrays of held vectors."""
    return np.einsum("ij,ij->i", left.astype(np.float32), right.astype(np.float32))


def leading_directions(vectors: Held, n_directions: int, *, seed: int = 0) -> Held:
    """Return (r, d) held directions in which (n, d) held vectors are longest, of a sample."""
    if not n_directions:
        return np.zeros((0, vectors.shape[1]), np.int16)
    rows = np.random.default_rng(seed).permutation(len(vectors))[:_SAMPLE]
    sample = vectors[np.sort(rows)].astype(np.float32)
    _, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    return held(directions[:, ::-1][:, :n_directions].T)


def turned(vectors: Held, directions: Held) -> Held:
    """Return (n, r) held vectors of (n, d) ones: their parts along (r, d) directions."""
    n, dimension = vectors.shape
    scale = _SLACK * scale_of(len(directions)) / scale_of(dimension) ** 2
    found = np.empty((n, len(directions)), np.int16)
    for start in range(0, n, _ROUNDS):
        part = products(vectors[start : start + _ROUNDS].astype(np.float32), directions)
        found[start : start + _ROUNDS] = np.rint(part * np.float32(scale))
    return found
