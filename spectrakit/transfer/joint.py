"""One ridge regression of both instruments: source samples and labelled standards together.

The coefficients of the target are those of the source plus a difference of its own, penalised
``1 / freedom`` as strongly. Freedom 0 is updating (one model for all rows), a large freedom is
nearly a model of the standards alone, and what lies between is decided by honest errors.

Source: Daume 2007, Frustratingly Easy Domain Adaptation (as a kernel: section 3.2); updating:
Kalivas 2009, J. Chemom. 23, 85.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.ridge import PENALTIES

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Setting:
    """Weight of a standard against a source sample, and freedom of the target's coefficients."""

    weight: float
    freedom: float


SETTINGS = (
    Setting(1, 0), Setting(3, 0), Setting(10, 0),
    Setting(1, 0.1), Setting(5, 0.5), Setting(1, 2), Setting(5, 2), Setting(5, 20),
)  # fmt: skip
SHARED, OWN = slice(0, 3), slice(3, 8)  # one model for both; coefficients of the target's own


@dataclass(frozen=True, slots=True)
class JointFit:
    """Fits at all settings and penalties.

    Attributes:
        dual: (settings, penalties, rows, k) coefficients of rows, weights included.
        y_mean: (settings, k) weighted means of the reference values.
        share: (settings, rows) weights of the rows, sum 1.
        loo: (settings, penalties, rows, k) leave-one-out residuals, predicted minus known.
    """

    dual: FloatArray
    y_mean: FloatArray
    share: FloatArray
    loo: FloatArray


def kernel(
    gram: FloatArray, left: FloatArray, right: FloatArray, freedom: FloatArray
) -> FloatArray:
    """Return (settings, a, b) kernels; ``left`` and ``right`` are 1 for rows of the target."""
    both = left[:, None] * right[None, :]
    return gram * (1.0 + freedom[:, None, None] * both)


def fit_joint(
    gram: FloatArray, y: FloatArray, is_target: FloatArray, settings: tuple[Setting, ...] = SETTINGS
) -> JointFit:
    """Fit every setting at every penalty.

    Args:
        gram: (rows, rows) products of spectra centred on the source mean.
        y: (rows, k) reference values.
        is_target: (rows,) 1.0 for standards, 0.0 for source samples.
        settings: weights and freedoms.
    """
    weight = np.array([one.weight for one in settings])
    freedom = np.array([one.freedom for one in settings])
    w = 1.0 + (weight[:, None] - 1.0) * is_target
    share = w / w.sum(axis=1, keepdims=True)
    root = np.sqrt(w)
    k = kernel(gram, is_target, is_target, freedom)
    mean = np.einsum("sij,sj->si", k, share)
    centred = k - mean[:, :, None] - mean[:, None, :]
    centred += np.einsum("si,si->s", mean, share)[:, None, None]
    values, vectors = np.linalg.eigh(centred * root[:, :, None] * root[:, None, :])
    values = np.maximum(values, values[:, -1:] * _LEAST)
    scale = PENALTIES * np.maximum(values.mean(axis=1, keepdims=True), 1e-300)  # (s, L)
    shrunk = 1.0 / (values[:, None, :] + scale[:, :, None])  # (s, L, rows)
    y_mean = share @ y
    aim = vectors.transpose(0, 2, 1) @ ((y[None] - y_mean[:, None]) * root[:, :, None])
    dual = vectors[:, None] @ (shrunk[..., None] * aim[:, None])  # (s, L, rows, k)
    leverage = (shrunk * values[:, None]) @ (vectors**2).transpose(0, 2, 1) + share[:, None]
    loo = -scale[:, :, None, None] * dual / root[:, None, :, None]
    loo /= np.maximum(1.0 - leverage, 1e-9)[..., None]
    return JointFit(dual * root[:, None, :, None], y_mean, share, loo)


def predict_joint(
    fit: JointFit,
    gram: FloatArray,
    cross: FloatArray,
    is_target: FloatArray,
    settings: tuple[Setting, ...] = SETTINGS,
) -> FloatArray:
    """Return (settings, penalties, m, k) predictions of target spectra.

    Args:
        fit: of ``fit_joint``.
        gram: (rows, rows) as given to ``fit_joint``.
        cross: (m, rows) products of the new spectra with the rows, both centred alike.
        is_target: (rows,) as given to ``fit_joint``.
        settings: as given to ``fit_joint``.
    """
    freedom = np.array([one.freedom for one in settings])
    k = kernel(gram, is_target, is_target, freedom)
    mean = np.einsum("sij,sj->si", k, fit.share)
    new = kernel(cross, np.ones(len(cross)), is_target, freedom)
    centred = new - np.einsum("smj,sj->sm", new, fit.share)[:, :, None] - mean[:, None, :]
    centred += np.einsum("si,si->s", mean, fit.share)[:, None, None]
    return centred[:, None] @ fit.dual + fit.y_mean[:, None, None]


def affine_joint(
    fit: JointFit, rows: FloatArray, gram: FloatArray, is_target: FloatArray,
    setting: Setting, which: int, penalty: int, column: int,
) -> tuple[FloatArray, float]:  # fmt: skip
    """Return the slope (p,) of one property and its value at the centre.

    Args:
        fit: of ``fit_joint``.
        rows: (rows, p) spectra, centred.
        gram: their products, as given to ``fit_joint``.
        is_target: (rows,) 1.0 for standards.
        setting: the setting.
        which: its position among the settings.
        penalty: position among ``PENALTIES``.
        column: of the property.
    """
    dual, share = fit.dual[which, penalty, :, column], fit.share[which]
    dual = dual - share * dual.sum()  # centring of the rows, moved to their coefficients
    slope = (dual * (1.0 + setting.freedom * is_target)) @ rows
    # at the centre the kernel with every row is zero: only the centring is left
    on_target = setting.freedom * is_target
    mean = gram @ share + on_target * (gram @ (is_target * share))
    return slope, float(fit.y_mean[which, column] - mean @ dual)
