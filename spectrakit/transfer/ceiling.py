"""The ceiling: what a model reaches that is trained on the target itself, with all its labels."""

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.ridge import Ridge

FloatArray = NDArray[np.float64]
LEAST_SAMPLES = 40  # labelled target samples; with fewer it is no ceiling
_NAMES = ("raw", "SG1", "SNV+SG1")


def ridge_average(
    spectra: FloatArray, known: FloatArray, names: tuple[str, ...] = _NAMES
) -> tuple[AffineSum, FloatArray]:
    """Return the plain average of ridge regressions over preprocessings, and its errors.

    Args:
        spectra: (n, p).
        known: (n, k) reference values, finite.
        names: of the preprocessings.

    Returns:
        The calibration, and (n, k) leave-one-out residuals, predicted minus known, of models
        whose penalty has the least leave-one-out error.
    """
    low, high = limits(known)
    k = known.shape[1]
    chosen = [one for one in PREPROCESSINGS if one.name in names]
    terms: list[Term] = []
    residuals = np.zeros_like(known)
    for one in chosen:
        model = Ridge(one(spectra), known)
        best = model.source_mse.argmin(axis=0)
        slope, offset = model.affine(best)
        share = np.full(k, 1.0 / len(chosen))
        terms.append(Term(one.basis, one.pull(slope), offset, share, low, high))
        left_out = model.loo[best, :, np.arange(k)].T
        residuals += (np.clip(known + left_out, low, high) - known) / len(chosen)
    return AffineSum(tuple(terms)), residuals


def ceiling(
    spectra: FloatArray, known: FloatArray, test: FloatArray, least: int = LEAST_SAMPLES
) -> FloatArray | None:
    """Return (m, k) predictions of test spectra by a model of the target itself, or None.

    Args:
        spectra: (n, q) target spectra that are no test samples.
        known: (n, k) their labels, NaN where missing.
        test: (m, q) test spectra.
        least: labelled samples below which there is none.
    """
    predicted = np.full((len(test), known.shape[1]), np.nan)
    for column in range(known.shape[1]):
        rows = np.isfinite(known[:, column])
        if int(rows.sum()) >= least:
            model, _ = ridge_average(spectra[rows], known[rows][:, [column]])
            predicted[:, column] = model.predict(test)[:, 0]
    return predicted if np.isfinite(predicted).any() else None
