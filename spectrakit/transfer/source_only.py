"""A calibration of one instrument by itself: PLS, its choices inside nested cross-validation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.bases import PREPROCESSINGS, Preprocessing
from spectrakit.transfer.pls import (
    FOLDS,
    LATENT_VARIABLES,
    fit_pls,
    residuals_left_out,
    smallest_within,
)
from spectrakit.transfer.products import products

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SourceFit:
    """A calibration of k properties, each with its own preprocessing and latent variables.

    Attributes:
        calibration: of spectra on the source's axis.
        nested: (n, k) predictions of every sample by fits whose choices did not see its group.
        chosen: (k,) preprocessing and number of latent variables.
    """

    calibration: AffineSum
    nested: FloatArray
    chosen: tuple[str, ...]


def fold_numbers(groups: tuple[str, ...], seed: int, folds: int = FOLDS) -> Rows:
    """Return (n,) fold of each sample; a group is never split."""
    names = list(dict.fromkeys(groups))
    place = np.random.default_rng(seed).permutation(np.arange(len(names)) % min(folds, len(names)))
    number = dict(zip(names, place.tolist(), strict=True))
    return np.array([number[name] for name in groups])


def fit_source_pls(
    spectra: FloatArray, known: FloatArray, groups: tuple[str, ...], seed: int
) -> SourceFit:
    """Fit PLS with the preprocessing and latent variables that cross-validation chooses.

    Args:
        spectra: (n, p).
        known: (n, k) reference values, finite.
        groups: n groups that stay together.
        seed: of the folds.
    """
    folds = fold_numbers(groups, seed)
    prepared = [one(spectra) for one in PREPROCESSINGS]
    nested = np.empty_like(known)
    for fold in np.unique(folds):
        rows, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        for column, (which, lv) in enumerate(_choose(prepared, known, folds, rows)):
            slope, offset = _fit(prepared[which][rows], known[rows][:, [column]], lv)
            nested[held, column] = prepared[which][held] @ slope[:, 0] + offset
    low, high = limits(known)
    terms: list[Term] = []
    texts: list[str] = []
    everything = np.arange(len(spectra))
    k = known.shape[1]
    for column, (which, lv) in enumerate(_choose(prepared, known, folds, everything)):
        one = PREPROCESSINGS[which]
        slope, offset = _fit(prepared[which], known[:, [column]], lv)
        terms.append(_term(one, slope[:, 0], offset, column, k, low, high))
        texts.append(f"PLS on {one.name}, {lv + 1} latent variables")
    return SourceFit(AffineSum(tuple(terms)), np.clip(nested, low, high), tuple(texts))


def _choose(
    prepared: list[FloatArray], known: FloatArray, folds: Rows, rows: Rows
) -> list[tuple[int, int]]:
    """Return (preprocessing, latent variables - 1) with the least error for each property."""
    count = min(LATENT_VARIABLES, max(1, len(rows) - 2))
    table: list[FloatArray] = []
    for spectra in prepared:
        centred = spectra[rows] - spectra[rows].mean(axis=0)
        residual = residuals_left_out(
            products(centred), known[rows], np.ones(len(rows)), folds[rows], count
        )
        table.append(np.mean(residual**2, axis=1))
    mse = np.stack(table)  # (preprocessings, lv, k)
    picks = [smallest_within(one) for one in mse]
    found: list[tuple[int, int]] = []
    for column in range(known.shape[1]):
        which = int(np.argmin(mse[:, :, column].min(axis=1)))
        found.append((which, int(picks[which][column])))
    return found


def _fit(spectra: FloatArray, known: FloatArray, lv: int) -> tuple[FloatArray, float]:
    centre = spectra.mean(axis=0)
    centred = spectra - centre
    model = fit_pls(products(centred), known, np.ones((1, len(spectra))), lv + 1)
    slope = model.slopes(centred)[0, lv]
    return slope, float(model.offset[0, lv, 0] - centre @ slope[:, 0])


def _term(
    one: Preprocessing, slope: FloatArray, offset: float, column: int, k: int, low: FloatArray,
    high: FloatArray,
) -> Term:  # fmt: skip
    wide, offsets, weight = np.zeros((len(slope), k)), np.zeros(k), np.zeros(k)
    wide[:, column] = one.pull(slope[:, None])[:, 0]
    offsets[column], weight[column] = offset, 1.0
    return Term(one.basis, wide, offsets, weight, low, high)
