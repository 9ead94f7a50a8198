"""Unit vectors as whole numbers, so that cosines are exact whatever computes them.

A unit vector is held as int16 of a norm that is at most a power of two. Every partial sum of an
inner product of two such vectors is then a whole number below the product of the norms
(Cauchy-Schwarz): 2^24 for ``COARSE`` ones, which float32 holds exactly, and 2^30 for ``FINE``
ones, which int32 and float64 do. A matrix product gives the same bits for every batch size,
blocking and BLAS library, and no answer depends on the batch it was asked in. Coarse cosines err
by 1e-4, which is enough to search with; fine ones by 1e-5, which is enough to rank.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Held = NDArray[np.int16]

COARSE = 1 << 12  # norm; products are exact in float32
FINE = 1 << 15  # norm; products are exact in float64
_ROUNDS = 4096  # rows converted at once
_LISTS = 64  # lists compared at once: they stay in the cache
_SHORT = 1e-12
_SAMPLE = 50_000  # vectors that directions are computed from
_SLACK = 0.999  # rounded directions may make a vector this much longer


def scale_of(dimension: int, norm: int = COARSE) -> int:
    """Return the length at which vectors are held; with the rounding it stays below ``norm``."""
    return int(norm - 0.5 * dimension**0.5) - 1


def held(vectors: NDArray[np.floating[Any]], norm: int = COARSE, *, unit: bool = True) -> Held:
    """Return (n, d) int16 of float vectors (n, d), set to length 1 unless ``unit`` is false.

    Rows of zeros, and rows with a number that is not finite, become zeros: they are near to
    nothing. With ``unit`` false no row may be longer than 1.
    """
    n, dimension = vectors.shape
    scale = scale_of(dimension, norm)
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


def products(left: NDArray[np.floating[Any]], right: Held) -> NDArray[Any]:
    """Return the (m, n) inner products of held vectors: (m, d), as floats, and (n, d).

    Whole numbers, exact where ``left`` is float32 and both are coarse, or float64; divided by the
    lengths at which they are held they are cosines.
    """
    return left @ right.astype(left.dtype).T


def pair_products(left: Held, right: Held) -> NDArray[np.int32]:
    """Return (k,) inner products of the rows of two (k, d) arrays of held vectors."""
    return np.einsum("ij,ij->i", left.astype(np.int32), right.astype(np.int32))


def listed_products(left: Held, right: Held, place: NDArray[Any]) -> NDArray[np.int32]:
    """Return the (m, k) inner products of (m, d) held vectors, each with those at its (m, k)."""
    found = np.empty(place.shape, np.int32)
    for start in range(0, len(left), _LISTS):
        part = slice(start, start + _LISTS)
        listed, own = right[place[part]].astype(np.int32), left[part].astype(np.int32)
        found[part] = np.einsum("mkd,md->mk", listed, own)
    return found


def leading_directions(vectors: Held, n_directions: int, *, seed: int = 0) -> Held:
    """Return (r, d) coarse directions in which (n, d) held vectors are longest, of a sample."""
    if not n_directions:
        return np.zeros((0, vectors.shape[1]), np.int16)
    rows = np.random.default_rng(seed).permutation(len(vectors))[:_SAMPLE]
    sample = vectors[np.sort(rows)].astype(np.float32)
    _, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    return held(directions[:, ::-1][:, :n_directions].T)


def turned(vectors: Held, directions: Held) -> Held:
    """Return (n, r) coarse vectors of (n, d) fine ones: their parts along (r, d) directions."""
    n, dimension = vectors.shape
    lengths = scale_of(dimension, FINE) * scale_of(dimension)
    scale = _SLACK * scale_of(len(directions)) / lengths
    found = np.empty((n, len(directions)), np.int16)
    for start in range(0, n, _ROUNDS):
        part = products(vectors[start : start + _ROUNDS].astype(np.float64), directions)
        found[start : start + _ROUNDS] = np.rint(part * scale)
    return found
