"""Partial least squares of several properties, each by itself, at every number of latent variables.

Everything is in the dual form: a fit is coefficients of the rows, so that leaving rows out is a
weight of 0 and many fits of one Gram matrix run at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.products import Products

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

LATENT_VARIABLES = 25
FOLDS = 10
TOLERANCE = 0.02  # of the least error: the smallest model within it is taken
_AT_ONCE = 20_000_000  # numbers in the scores of fits that run at once
_DEAD = 1e-13  # of the Gram matrix' trace: what is left of a direction is rounding noise
_FITTED = 1e-11  # of the reference values' spread: nothing is left to explain


@dataclass(frozen=True, slots=True)
class Pls:
    """Fits with several weightings of the same rows.

    Attributes:
        dual: (b, lv, n, k) coefficients of the centred rows: ``slope = rows.T @ dual``.
        offset: (b, lv, k) prediction at the centre of the rows.
    """

    dual: FloatArray
    offset: FloatArray

    def predict(self, cross: FloatArray) -> FloatArray:
        """Return (b, lv, m, k) predictions from (m, n) products with the centred rows."""
        return cross @ self.dual + self.offset[:, :, None, :]

    def slopes(self, rows: FloatArray) -> FloatArray:
        """Return (b, lv, p, k) slopes on spectra, from the (n, p) centred rows."""
        b, lv, n, k = self.dual.shape
        flat = self.dual.transpose(2, 0, 1, 3).reshape(n, -1)
        return (rows.T @ flat).reshape(-1, b, lv, k).transpose(1, 2, 0, 3)


class _Centred:
    """Gram matrices of weighted rows, centred at their weighted means; none is ever formed.

    All b weightings multiply the one matrix at once, which is what makes many samples bearable.

    Attributes:
        share: (b, n) weights, each sum 1.
        root: (b, n) square roots of the weights.
        mean: (b, n) products of the rows with the weighted mean.
        trace: (b,) of each matrix.
    """

    def __init__(self, gram: Products, weight: FloatArray) -> None:
        self._gram = gram
        self.share = weight / weight.sum(axis=1, keepdims=True)
        self.root = np.sqrt(weight)
        self.mean = gram.times(self.share)
        self._middle = (self.mean * self.share).sum(axis=1)
        own = gram.diagonal - 2 * self.mean + self._middle[:, None]
        self.trace = (own * weight).sum(axis=1)

    def __call__(self, vectors: FloatArray) -> FloatArray:
        """Return (b, k, n) products with (b, k, n) vectors."""
        root = self.root[:, None, :]
        rooted = vectors * root
        product = self._gram.times(rooted.reshape(-1, rooted.shape[-1])).reshape(rooted.shape)
        total = rooted.sum(axis=2, keepdims=True)
        along = (rooted * self.mean[:, None, :]).sum(axis=2, keepdims=True)
        product -= self.mean[:, None, :] * total + along - self._middle[:, None, None] * total
        return product * root


def fit_pls(
    gram: Products, y: FloatArray, weight: FloatArray, count: int = LATENT_VARIABLES
) -> Pls:
    """Fit PLS1 for each property with 1 to ``count`` latent variables.

    Past the rank of the data the last model that could be fitted is repeated.

    Args:
        gram: products of n rows, centred on any fixed spectrum.
        y: (n, k) reference values, finite (also where the weight is 0).
        weight: (b, n) weights of the rows; 0 leaves a row out.
        count: most latent variables.

    Source: Rosipal and Trejo 2001, J. Mach. Learn. Res. 2, 97 (kernel PLS), orthonormal scores;
    the same models as NIPALS (Wold 1983) and SIMPLS (de Jong 1993) for one property.
    """
    b, n = weight.shape
    k = y.shape[1]
    centred = _Centred(gram, weight)
    root, share = centred.root, centred.share
    y_mean = share @ y
    left = ((y - y_mean[:, None, :]) * root[:, :, None]).transpose(0, 2, 1)  # (b, k, n)
    floor = _DEAD * centred.trace[:, None]
    enough = _FITTED * np.linalg.norm(left, axis=2)
    alive = np.ones((b, k), bool)
    scores = np.zeros((b, k, count, n))
    steps = np.zeros((b, k, count, n))
    found = np.zeros((b, count, k, n))
    total = np.zeros((b, k, n))
    for a in range(count):
        size = np.linalg.norm(left, axis=2)
        score = centred(left)
        before, walked = scores[:, :, :a], steps[:, :, :a]
        passed = np.zeros((b, k, a))
        for _ in range(2):  # twice: rounding errors of the first pass
            part = (before @ score[..., None])[..., 0]
            score = score - (part[:, :, None, :] @ before)[:, :, 0]
            passed += part
        norm = np.linalg.norm(score, axis=2)
        alive &= (norm > floor * size) & (size > enough)
        safe = np.where(alive, norm, 1.0)[..., None]
        score = np.where(alive[..., None], score / safe, 0.0)
        step = (left - (passed[:, :, None, :] @ walked)[:, :, 0]) / safe
        reach = (score * left).sum(axis=2, keepdims=True)
        scores[:, :, a] = score
        steps[:, :, a] = np.where(alive[..., None], step, 0.0)
        total = total + steps[:, :, a] * reach
        left = left - score * reach
        found[:, a] = total
    dual = found * root[:, None, None, :]
    dual -= dual.sum(axis=3, keepdims=True) * share[:, None, None, :]
    dual = dual.transpose(0, 1, 3, 2)
    offset = y_mean[:, None, :] - (centred.mean[:, None, None, :] @ dual)[:, :, 0]
    return Pls(dual, offset)


def residuals_left_out(
    gram: Products,
    y: FloatArray,
    weight: FloatArray,
    groups: Rows,
    count: int = LATENT_VARIABLES,
) -> FloatArray:
    """Return (lv, n, k) predicted minus known, each row predicted without its group.

    Args:
        gram: as for ``fit_pls``.
        y: (n, k) reference values.
        weight: (n,) weights; rows of weight 0 are predicted too, but never learned from.
        groups: (n,) numbers of the cross-validation groups.
        count: most latent variables.
    """
    found, where = np.unique(groups, return_inverse=True)
    kept = weight * (where[None, :] != np.arange(len(found))[:, None])
    kept = np.where(kept.sum(axis=1, keepdims=True) > 0, kept, weight)
    residual = np.empty((count, *y.shape))
    together = max(1, _AT_ONCE // (count * y.size))
    for first in range(0, len(found), together):
        fits = fit_pls(gram, y, kept[first : first + together], count)
        for group, (dual, offset) in enumerate(zip(fits.dual, fits.offset, strict=True), first):
            rows = where == group
            residual[:, rows] = gram.of(rows, dual) + offset[:, None] - y[rows]
    return residual


def cv_groups(n: int, seed: int, folds: int = FOLDS) -> Rows:
    """Return (n,) numbers of random groups of equal size for cross-validation."""
    groups = np.arange(n) % min(folds, n)
    return np.random.default_rng(seed).permutation(groups)


def smallest_within(mse: FloatArray, tolerance: float = TOLERANCE) -> Rows:
    """Return (k,) the smallest model whose root mean square error is near the least.

    Args:
        mse: (lv, k) mean squared errors of cross-validation.
        tolerance: share of the least error that is given away.
    """
    return np.argmax(mse <= mse.min(axis=0) * (1 + tolerance) ** 2, axis=0)
