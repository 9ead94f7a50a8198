"""Scores to probabilities (isotonic regression) and residuals to intervals (split conformal)."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import UsageError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A non-decreasing, piecewise linear curve: ``x`` ascending knots, ``y`` their values."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, values: Any) -> FloatArray:
        """Return the curve at ``values`` (any shape); flat beyond the first and last knot."""
        return np.interp(np.asarray(values, dtype=np.float64), self.x, self.y)


def fit_isotonic(x: Any, y: Any, weight: Any = None) -> Isotonic:
    """Return the non-decreasing curve nearest to the points in weighted squares.

    Equal ``x`` are pooled first. Neighbours that violate the order are pooled until none does
    (pool adjacent violators); between the remaining blocks the curve is linear.

    Args:
        x: (n,) scores.
        y: (n,) outcomes or targets.
        weight: (n,) positive weights; all 1 when not given.

    Raises:
        UsageError: no points, lengths that differ, a value that is not finite, or a weight that
            is not positive.

    Source: Barlow et al. 1972, Statistical Inference under Order Restrictions, section 1.2.
    """
    xs = np.asarray(x, dtype=np.float64).ravel()
    ys = np.asarray(y, dtype=np.float64).ravel()
    ws = np.ones_like(xs) if weight is None else np.asarray(weight, dtype=np.float64).ravel()
    if not len(xs) or not len(xs) == len(ys) == len(ws):
        raise UsageError(f"isotonic fit: {len(xs)} x, {len(ys)} y and {len(ws)} weights.")
    if not np.isfinite([xs, ys, ws]).all() or (ws <= 0).any():
        raise UsageError("isotonic fit: a value is not finite or a weight is not positive.")
    knots, where = np.unique(xs, return_inverse=True)
    total = np.bincount(where, ws)
    level = np.bincount(where, ws * ys) / total
    # Stack of blocks: mean, weight, number of knots in it.
    blocks: list[tuple[float, float, int]] = []
    for mean, size in zip(level.tolist(), total.tolist(), strict=True):
        block = (mean, size, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean_before, size_before, n_before = blocks.pop()
            pooled = size_before + block[1]
            mean_pooled = (mean_before * size_before + block[0] * block[1]) / pooled
            block = (mean_pooled, pooled, n_before + block[2])
        blocks.append(block)
    # The ends of a block carry its value; the knots between them add nothing.
    curve_x: list[float] = []
    curve_y: list[float] = []
    start = 0
    for mean, _, n in blocks:
        for k in sorted({start, start + n - 1}):
            curve_x.append(float(knots[k]))
            curve_y.append(mean)
        start += n
    return Isotonic(tuple(curve_x), tuple(curve_y))


def conformal_quantile(residuals: Any, coverage: float) -> float | None:
    """Return the half-width that covers a new point with at least this probability.

    It is the k-th smallest absolute residual of points that the model did not see, with
    k = ceil((n + 1) * coverage). Below 9 residuals for 90 % (19 for 95 %) no finite width can
    promise that, and the answer is None.

    Args:
        residuals: (n,) residuals in the unit of the answer; signs are ignored.
        coverage: wanted probability, between 0 and 1.

    Raises:
        UsageError: the coverage is not between 0 and 1, or a residual is not finite.

    Source: Lei et al. 2018 (doi:10.1080/01621459.2017.1307116), algorithm 2.
    """
    if not 0 < coverage < 1:
        raise UsageError(f"coverage {coverage} is not between 0 and 1.", hint="Write 0.9 for 90 %.")
    widths = np.sort(np.abs(np.asarray(residuals, dtype=np.float64).ravel()))
    if not np.isfinite(widths).all():
        raise UsageError("a residual is not finite.", hint="Leave missing residuals out.")
    k = ceil((len(widths) + 1) * coverage - 1e-9)  # 0.9 and 0.95 are not exact in binary
    return float(widths[k - 1]) if k <= len(widths) else None
