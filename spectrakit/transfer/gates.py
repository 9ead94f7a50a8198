"""Checks that refuse: spectra that a calibration does not know, and transfers that went wrong.

Every limit is stored in the bundle or the report beside the value that was held against it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import derivative_matrix
from spectrakit.transfer.result import Gate
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]

EXPLAINED = 0.999  # of the variance, by the components of the gate
MOST_COMPONENTS = 12
SLACK = 1.5  # of the largest value that known good spectra show
MOST_SHIFT = 8.0  # channels: the widest window of a piecewise map
_LEAST_LIKENESS = 0.5  # correlation of derivatives below which a shift means nothing
_OPPOSITE = -0.7  # correlation of derivatives below which bands of one are valleys of the other
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class GateModel:
    """Principal components of spectra as the target instrument shows them.

    ``q`` is the squared distance of a spectrum from the components' plane, ``t2`` Hotelling's
    squared distance within it.

    Attributes:
        mean: (p,) on the common axis.
        loadings: (p, k) orthonormal.
        variances: (k,) of the scores.
        q_limit: largest q that passes.
        t2_limit: largest t2 that passes.

    Source: Jackson and Mudholkar 1979, Technometrics 21, 341; limits here are empirical.
    """

    mean: FloatArray
    loadings: FloatArray
    variances: FloatArray
    q_limit: float
    t2_limit: float

    def judge(self, spectra: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return q and t2, (m,) each, of (m, p) spectra."""
        centred = spectra - self.mean
        scores = centred @ self.loadings
        q = np.maximum((centred**2).sum(axis=1) - (scores**2).sum(axis=1), 0.0)
        return q, (scores**2 / self.variances).sum(axis=1)


def gate_model(known: FloatArray, standards: FloatArray | None) -> GateModel:
    """Return the gate of (n, p) spectra that are known to be good.

    Args:
        known: source spectra moved to the target, or target spectra where there are enough.
        standards: (N, p) target spectra of standards, or None; limits allow for them.
    """
    mean, loadings, variances = _components(known)
    model = GateModel(mean, loadings, variances, np.inf, np.inf)
    q, t2 = _left_out(known, len(variances))
    if standards is not None and len(standards):
        more_q, more_t2 = model.judge(standards)
        q, t2 = np.r_[q, more_q], np.r_[t2, more_t2]
    return GateModel(mean, loadings, variances, float(q.max()) * SLACK, float(t2.max()) * SLACK)


def _components(spectra: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    mean = spectra.mean(axis=0)
    _, size, right = np.linalg.svd(spectra - mean, full_matrices=False)
    share = np.cumsum(size**2) / max(float((size**2).sum()), _TINY)
    k = int(np.searchsorted(share, EXPLAINED)) + 1
    k = max(1, min(k, MOST_COMPONENTS, len(spectra) // 3, spectra.shape[1] - 1))
    variances = np.maximum(size[:k] ** 2 / max(len(spectra) - 1, 1), _TINY)
    return mean, right[:k].T, variances


def _left_out(spectra: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    """Return q and t2 of every spectrum in components of the others (10 folds)."""
    n = len(spectra)
    fold = np.arange(n) % min(10, n)
    q, t2 = np.zeros(n), np.zeros(n)
    for number in range(min(10, n)):
        held = fold == number
        mean, loadings, variances = _components(spectra[~held])
        model = GateModel(mean, loadings[:, :k], variances[:k], np.inf, np.inf)
        q[held], t2[held] = model.judge(spectra[held])
    return q, t2


def wavelength_shift(source: FloatArray, target: FloatArray) -> tuple[float, float]:
    """Return the shift in channels of target (N, p) against source spectra, and their likeness.

    The maximum of the cross-correlation of mean first derivatives, by a parabola through three
    points; the likeness is the correlation there. Positive: the target's bands lie higher.
    """
    p = source.shape[1]
    d = derivative_matrix(p, 1)
    one, other = source.mean(axis=0) @ d, target.mean(axis=0) @ d
    most = min(int(2 * MOST_SHIFT) + 1, p // 4)
    values = np.array([_shifted_correlation(one, other, lag) for lag in range(-most, most + 1)])
    best = int(values.argmax())
    part = 0.0
    if 0 < best < len(values) - 1:
        a, b, c = values[best - 1 : best + 2]
        curve = a - 2 * b + c
        part = float(0.5 * (a - c) / curve) if curve < 0 else 0.0
    return best - most + part, float(values[best])


def _shifted_correlation(one: FloatArray, other: FloatArray, lag: int) -> float:
    a, b = (one[: len(one) - lag], other[lag:]) if lag >= 0 else (one[-lag:], other[:lag])
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), _TINY))


def check_shift(data: Standards, unit: str, step: float) -> Gate:
    """Return the gate on the wavelength (wavenumber, shift) axes of two instruments."""
    shift, likeness = wavelength_shift(data.source[data.twins], data.target)
    along = f"{shift * step:+.3g} {unit}".rstrip()
    says = f"The target's axis is shifted by {shift:+.2f} channels ({along})"
    if likeness < _LEAST_LIKENESS:
        says = (
            f"The instruments' spectra are too unlike (correlation {likeness:.2f}) to tell a shift"
        )
        return Gate("wavelength shift", shift, MOST_SHIFT, True, says + ".")
    passed = abs(shift) <= MOST_SHIFT
    says += f"; up to {MOST_SHIFT:g} channels can be corrected."
    return Gate("wavelength shift", shift, MOST_SHIFT, passed, says)


def check_direction(data: Standards) -> Gate:
    """Return the gate on spectra that run against one another: one is no absorbance, say."""
    d = derivative_matrix(data.source.shape[1], 1)
    one, other = data.source[data.twins].mean(axis=0) @ d, data.target.mean(axis=0) @ d
    likeness = _shifted_correlation(one, other, 0)
    passed = likeness > _OPPOSITE
    says = f"Bands of one are not valleys of the other (correlation {likeness:+.2f})."
    if not passed:
        says = (
            "Where the source's spectra rise, the target's fall (correlation of derivatives "
            f"{likeness:.2f}): is one transmittance or reflectance and the other absorbance? "
            "--target-preprocess or --source-preprocess 'absorbance' converts it "
            "('absorbance(full=100)' from percent)."
        )
    return Gate("direction of bands", likeness, _OPPOSITE, passed, says)


def check_skill(nested: FloatArray | None, labels: FloatArray, name: str) -> Gate | None:
    """Return the gate on a transfer that predicts standards worse than their mean does."""
    if nested is None or len(labels) < 5:
        return None
    error = float(np.sqrt(np.mean((nested - labels) ** 2)))
    n = len(labels)
    # each label by the mean of the others
    limit = float(np.sqrt(np.mean(((labels - labels.mean()) * n / (n - 1)) ** 2)))
    says = (
        f"{name}: standards left out are predicted with an error of {error:.4g}; their mean alone "
        f"would give {limit:.4g}."
    )
    return Gate("skill", error, limit, error <= limit, says)
