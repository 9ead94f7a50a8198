"""Maps from the target instrument to the source learned without pairs, from a pool of spectra.

Source spectra are (n, p), the pool (m, p) on the same axis. All assume that the pool's samples
are composed as the source's are: what differs in composition is taken for an instrument's doing.
"""

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.maps import Scaled
from spectrakit.transfer.standardisers import Corrected

FloatArray = NDArray[np.float64]

_FLOOR = 1e-6  # of the largest eigenvalue, added to both covariances


def mean_map(source: FloatArray, pool: FloatArray) -> Scaled:
    """Return the map that makes the means equal (mean-centring of each instrument)."""
    return Scaled(pool.mean(axis=0), source.mean(axis=0), 1.0)


def gain_map(source: FloatArray, pool: FloatArray) -> Scaled:
    """Return mean-centring with one gain: the ratio of the total standard deviations.

    The deviation is the median distance of a spectrum from the mean, so that one odd spectrum in
    the pool does not set the gain.
    """
    centre, goal = pool.mean(axis=0), source.mean(axis=0)
    wide = float(np.median(np.linalg.norm(source - goal, axis=1)))
    narrow = float(np.median(np.linalg.norm(pool - centre, axis=1)))
    return Scaled(centre, goal, wide / narrow if narrow > 0 and wide > 0 else 1.0)


def instrument_offset(source: FloatArray, pool: FloatArray) -> FloatArray:
    """Return (p,) the part of the difference of means that chance in the samples cannot explain.

    The two instruments saw different samples, so their means differ even where the instruments do
    not: along a principal component of the samples with variance v by v (1/n + 1/m). Each
    component d of the difference keeps ``max(0, 1 - v (1/n + 1/m) / d**2)`` of itself; what no
    sample varies in is kept whole.

    Source: James and Stein 1961 (positive part), one component at a time, v unbiased.
    """
    left, right = source - source.mean(axis=0), pool - pool.mean(axis=0)
    apart = pool.mean(axis=0) - source.mean(axis=0)
    n, m = len(left), len(right)
    if n + m < 3:
        return apart
    _, size, axes = np.linalg.svd(np.vstack([left, right]), full_matrices=False)
    varies = size > 1e-8 * max(size[0], np.finfo(float).tiny)
    axes = axes[varies]
    chance = size[varies] ** 2 / (n + m - 2) * (1 / n + 1 / m)
    along = axes @ apart
    explained = np.minimum(1.0, chance / np.maximum(along**2, np.finfo(float).tiny))
    return apart - axes.T @ (along * explained)


def coral_map(source: FloatArray, pool: FloatArray, k: int) -> Corrected:
    """Return correlation alignment: the pool whitened, and coloured as the source.

    In the first k principal components of both sets together; what lies outside them stays.

    Source: Sun, Feng and Saenko 2016, AAAI, algorithm 1.
    """
    centre, goal, axes, narrow, wide = _moments(source, pool, k)
    matrix = _power(narrow, -0.5) @ _power(wide, 0.5)
    return _inside(centre, goal, axes, matrix)


def gaussian_ot_map(source: FloatArray, pool: FloatArray, k: int) -> Corrected:
    """Return the optimal transport of one Gaussian onto another (squared distance).

    ``T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2`` for covariances A of the pool and B of the source,
    in the first k principal components of both together.

    Source: Knott and Smith 1984, J. Optim. Theory Appl. 43, 39; Flamary 2019, arXiv:1905.10155.
    """
    centre, goal, axes, narrow, wide = _moments(source, pool, k)
    root, inverse = _power(narrow, 0.5), _power(narrow, -0.5)
    matrix = inverse @ _power(root @ wide @ root, 0.5) @ inverse
    return _inside(centre, goal, axes, matrix)


def _moments(
    source: FloatArray, pool: FloatArray, k: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return both means, (k, p) axes, and the covariances of pool and source on these."""
    centre, goal = pool.mean(axis=0), source.mean(axis=0)
    right, left = pool - centre, source - goal
    both = np.vstack([left / np.sqrt(len(left)), right / np.sqrt(len(right))])
    _, size, axes = np.linalg.svd(both, full_matrices=False)
    rank = max(1, int((size > 1e-10 * max(size[0], np.finfo(float).tiny)).sum()))
    axes = axes[: min(k, rank)]
    seen, own = right @ axes.T, left @ axes.T
    floor = _FLOOR * max(float(size[0]) ** 2, np.finfo(float).tiny) * np.eye(len(axes))
    return centre, goal, axes, seen.T @ seen / len(seen) + floor, own.T @ own / len(own) + floor


def _power(matrix: FloatArray, exponent: float) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    least = max(float(values[-1]), np.finfo(float).tiny) * 1e-12
    return (vectors * np.maximum(values, least) ** exponent) @ vectors.T


def _inside(
    centre: FloatArray, goal: FloatArray, axes: FloatArray, matrix: FloatArray
) -> Corrected:
    return Corrected(centre, goal, axes.T, (matrix - np.eye(len(matrix))) @ axes)
