"""From the spectra of one molecule to three sparse unit vectors: peaks, losses, differences.

All spectra of a molecule in one polarity become one: each is normalised to sum 1, peaks (and
losses, each against the precursor of its own spectrum) closer than 5 mDa are joined. A value is
split linearly over the two nearest bins of 0.01 Da, so that a small mass error costs a little
and not everything.

Source: the kernels of the CSI:FingerID family (Duehrkop et al. 2015, doi:10.1073/pnas.1509788112)
in the plain binned form; widths and exponents were chosen on MassBank molecules held out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

FLOOR = 0.005  # of the base peak; weaker peaks are noise
ABOVE_PRECURSOR = 1.5  # Da; what lies further above is no fragment
GAP = 0.005  # Da; peaks of replicates closer than this are one
MAX_PEAKS = 150
BIN = 0.01  # Da
MAX_MASS = 2000.0  # Da; beyond it nothing is binned
N_BINS = int(MAX_MASS / BIN) + 2
N_DIFFERENCE_PEAKS = 25
MIN_DIFFERENCE = 1.5  # Da; smaller distances are isotopes and hydrogens
KINDS = ("peak", "loss", "difference")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One spectrum: (k,) m/z and intensities as measured; the precursor's m/z, NaN if unknown."""

    mz: Floats
    intensity: Floats
    precursor_mz: float = nan


@dataclass(frozen=True, slots=True)
class Merged:
    """The spectra of one molecule and polarity as one; intensities sum to at most 1."""

    mz: Floats
    intensity: Floats
    loss: Floats  # Da below the precursor
    loss_intensity: Floats
    n_spectra: int


@dataclass(frozen=True, slots=True)
class Weights:
    """Exponents of a kind of feature: of the intensity and of the inverse document frequency."""

    intensity: float
    idf: float


WEIGHTS = {
    "peak": Weights(0.35, 0.25),
    "loss": Weights(0.35, 0.25),
    "difference": Weights(0.5, 0.5),
}


def _join(values: list[Floats], weights: list[Floats], n: int) -> tuple[Floats, Floats]:
    """Return the strongest values of all lists, those closer than ``GAP`` joined, ascending."""
    value, weight = np.concatenate(values), np.concatenate(weights)
    if not len(value):
        return value, weight
    order = np.argsort(value, kind="stable")
    value, weight = value[order], weight[order]
    group = np.concatenate([[0], np.cumsum(np.diff(value) > GAP)])
    total = np.bincount(group, weight)
    centre = np.bincount(group, weight * value) / total
    strongest = np.sort(np.argsort(-total, kind="stable")[:MAX_PEAKS])
    return centre[strongest], total[strongest] / n


def merge(measurements: Sequence[Measurement]) -> Merged | None:
    """Merge the spectra of one molecule and polarity; None when no peak is left.

    Peaks that are not finite, not positive, below ``FLOOR`` of the base peak or more than
    ``ABOVE_PRECURSOR`` above the precursor are left out. A spectrum without a precursor gives
    peaks and no losses.
    """
    peaks: list[Floats] = []
    weights: list[Floats] = []
    losses: list[Floats] = []
    loss_weights: list[Floats] = []
    for one in measurements:
        mz = np.asarray(one.mz, np.float64)
        intensity = np.asarray(one.intensity, np.float64)
        known = isfinite(one.precursor_mz) and one.precursor_mz > 0
        with np.errstate(invalid="ignore"):
            keep = np.isfinite(mz) & (mz > 0) & np.isfinite(intensity) & (intensity > 0)
        if known:
            keep &= mz < one.precursor_mz + ABOVE_PRECURSOR
        if not keep.any():
            continue
        keep &= intensity >= FLOOR * intensity[keep].max()
        mz, weight = mz[keep], intensity[keep] / intensity[keep].sum()
        peaks.append(mz)
        weights.append(weight)
        if known:
            losses.append(one.precursor_mz - mz)
            loss_weights.append(weight)
    if not peaks:
        return None
    nothing = np.zeros(0)
    mz, intensity = _join(peaks, weights, len(peaks))
    loss, loss_intensity = _join(losses or [nothing], loss_weights or [nothing], len(peaks))
    return Merged(mz, intensity, loss, loss_intensity, len(peaks))


def _values(spectrum: Merged, kind: str) -> tuple[Floats, Floats]:
    """Return the masses (Da) of one kind and the intensities they weigh by."""
    if kind == "peak":
        return spectrum.mz, spectrum.intensity
    if kind == "loss":
        return spectrum.loss, spectrum.loss_intensity
    strongest = np.sort(np.argsort(-spectrum.intensity, kind="stable")[:N_DIFFERENCE_PEAKS])
    mz, intensity = spectrum.mz[strongest], spectrum.intensity[strongest]
    low, high = np.triu_indices(len(mz), 1)
    difference = mz[high] - mz[low]
    wide = difference > MIN_DIFFERENCE
    return difference[wide], np.sqrt(intensity[low] * intensity[high])[wide]


def counts(spectra: Sequence[Merged], kind: str) -> Any:
    """Return the (n, ``N_BINS``) CSR float32 matrix of intensity^power in bins, not normalised."""
    power = WEIGHTS[kind].intensity
    columns: list[Floats] = []
    values: list[Floats] = []
    indptr = [0]
    for spectrum in spectra:
        mass, weight = _values(spectrum, kind)
        inside = (mass > -BIN) & (mass < MAX_MASS)
        columns.append(np.maximum(mass[inside] / BIN, 0.0))
        values.append(weight[inside] ** power)
        indptr.append(indptr[-1] + 2 * len(columns[-1]))
    position = np.concatenate(columns) if columns else np.zeros(0)
    value = np.concatenate(values) if values else np.zeros(0)
    lower = position.astype(np.int64)
    share = position - lower
    index = np.stack([lower, lower + 1], axis=1).ravel()
    data = np.stack([value * (1 - share), value * share], axis=1).ravel().astype(np.float32)
    matrix = sp.csr_matrix((data, index, indptr), shape=(len(spectra), N_BINS))
    matrix.sum_duplicates()
    return matrix


def inverse_frequency(matrix: Any, kind: str) -> NDArray[np.float32]:
    """Return (``N_BINS``,) weights of bins: log inverse document frequency to its exponent."""
    frequency = np.bincount(matrix.indices, minlength=N_BINS)
    idf = np.log((1 + matrix.shape[0]) / (1 + frequency)) + 1e-3
    return (idf ** WEIGHTS[kind].idf).astype(np.float32)


def normalise(matrix: Any, weight: NDArray[np.float32]) -> Any:
    """Return rows of ``matrix`` times the weights of their bins, at unit length (or zero)."""
    weighted = matrix.copy()
    weighted.data *= weight[weighted.indices]
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    length[length == 0] = 1.0
    weighted.data /= np.repeat(length, np.diff(weighted.indptr)).astype(np.float32)
    return weighted
