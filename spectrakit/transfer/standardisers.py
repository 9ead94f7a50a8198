"""Classical standardisation: maps of target spectra to the source, each at several ranks.

Standards are ``target`` (N, q) and ``source`` (N, p), row by row the same sample. Every function
returns its maps in the order of its texts; a rank above what the standards give is the highest
that they do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.maps import Linear, Piecewise, SpectrumMap, mean_difference, windows

FloatArray = NDArray[np.float64]

DS_RANKS = (1, 2, 3, 4, 6, 8, 12, 20)
DS_RIDGES = (0.001, 0.01, 0.1)
PDS_WINDOWS = (1, 3, 5, 9, 17)
PDS_RANKS = (1, 2, 3, 5)
SST_RANKS = (1, 2, 3, 4, 6, 8, 12)
CCA_RANKS = (1, 2, 3, 4, 6, 8)
_TINY = 1e-200
_NOISE = 1e-10  # of the largest eigenvalue or singular value: not a direction of the data

DS_TEXTS = (*(f"rank {rank}" for rank in DS_RANKS), *(f"ridge {ridge:g}" for ridge in DS_RIDGES))
PDS_TEXTS = tuple(f"window {width}, rank {rank}" for width in PDS_WINDOWS for rank in PDS_RANKS)
SST_TEXTS = tuple(f"rank {rank}" for rank in SST_RANKS)
CCA_TEXTS = tuple(f"rank {rank}" for rank in CCA_RANKS)


@dataclass(frozen=True, slots=True)
class Corrected:
    """``x + (x - centre) @ left @ right + shift``: the spectrum and a correction of low rank."""

    centre: FloatArray
    goal: FloatArray
    left: FloatArray
    right: FloatArray

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return mapped spectra."""
        around = values - self.centre
        return around + (around @ self.left) @ self.right + self.goal

    def pull(self, slope: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes and offsets on target spectra."""
        pulled = slope + self.left @ (self.right @ slope)
        return pulled, offset + self.goal @ slope - self.centre @ pulled


def mean_differences(target: FloatArray, source: FloatArray) -> Sequence[SpectrumMap]:
    """Return the map that adds the mean difference of the standards."""
    return [mean_difference(target, source)]


def direct(target: FloatArray, source: FloatArray) -> Sequence[SpectrumMap]:
    """Return direct standardisation by principal component and by ridge regression.

    Source: Wang 1991, Anal. Chem. 63, 2750.
    """
    centre, goal = target.mean(axis=0), source.mean(axis=0)
    rows, wanted = target - centre, source - goal
    values, vectors = np.linalg.eigh(rows @ rows.T)
    values, vectors = values[::-1], vectors[:, ::-1]
    real = values > _NOISE * max(values[0], _TINY)
    inverse = np.where(real, 1.0 / np.where(real, values, 1.0), 0.0)
    mean = max(float(values.mean()), _TINY)
    shrunk = [inverse * (np.arange(len(values)) < rank) for rank in DS_RANKS]
    shrunk += [1.0 / (np.maximum(values, 0.0) + ridge * mean) for ridge in DS_RIDGES]
    left, right = rows.T @ vectors, vectors.T @ wanted
    return [Linear(centre, goal, left * one, right) for one in shrunk]


def piecewise_ranks(target: FloatArray, source: FloatArray) -> Sequence[SpectrumMap]:
    """Return piecewise direct standardisation by principal component regression.

    Each channel of the source on a window of target channels, at several windows and local ranks.

    Source: Wang 1991, Anal. Chem. 63, 2750.
    """
    centre, goal = target.mean(axis=0), source.mean(axis=0)
    rows, wanted = target - centre, (source - goal).T[:, :, None]  # (p, N, 1)
    found: list[SpectrumMap] = []
    for width in PDS_WINDOWS:
        around = windows(rows, width // 2).transpose(1, 0, 2)  # (p, N, width)
        short = len(rows) < width
        turned = around.transpose(0, 2, 1)
        gram = around @ turned if short else turned @ around
        values, vectors = np.linalg.eigh(gram)
        values, vectors = values[:, ::-1], vectors[:, :, ::-1]
        real = values > _NOISE * np.maximum(values[:, :1], _TINY)
        inverse = np.where(real, 1.0 / np.where(real, values, 1.0), 0.0)[:, :, None]
        aim = vectors.transpose(0, 2, 1) @ (wanted if short else turned @ wanted)
        basis = turned @ vectors if short else vectors  # (p, width, r)
        for rank in PDS_RANKS:
            local = (basis[:, :, :rank] @ (inverse * aim)[:, :rank])[:, :, 0]
            local[:, width // 2] -= 1.0  # Piecewise adds the channel itself
            found.append(Piecewise(centre, goal, local))
    return found


def spectral_space(target: FloatArray, source: FloatArray) -> Sequence[SpectrumMap]:
    """Return spectral space transformation at several ranks.

    The principal components of both instruments' spectra side by side hold what a sample shows
    on the one and on the other; a target spectrum's scores say what to add to it.

    Source: Du 2011, Anal. Chim. Acta 690, 64; on centred spectra.
    """
    centre, goal = target.mean(axis=0), source.mean(axis=0)
    both = np.hstack([target - centre, source - goal])
    _, size, loadings = np.linalg.svd(both, full_matrices=False)
    rank = max(1, int((size > _NOISE * max(size[0], _TINY)).sum()))
    width = target.shape[1]
    found: list[SpectrumMap] = []
    for wanted in SST_RANKS:
        used = loadings[: min(wanted, rank)]
        left = np.linalg.pinv(used[:, :width], rcond=1e-8)
        found.append(Corrected(centre, goal, left, used[:, width:] - used[:, :width]))
    return found


def canonical(target: FloatArray, source: FloatArray) -> Sequence[SpectrumMap]:
    """Return calibration transfer by canonical correlation, at several ranks, on any two axes.

    Canonical variates of the principal component scores of the standards; those of the target
    predict those of the source, each by its own correlation, and from these the spectrum.

    Source: Fan 2008, Anal. Chim. Acta 623, 22, on scores: spectra have more channels than rows.
    """
    centre, goal = target.mean(axis=0), source.mean(axis=0)
    seen, size, axes = np.linalg.svd(target - centre, full_matrices=False)
    other, _, _ = np.linalg.svd(source - goal, full_matrices=False)
    rank = max(1, int((size > 1e-8 * max(size[0], _TINY)).sum()))
    found: list[SpectrumMap] = []
    for wanted in CCA_RANKS:
        r = min(wanted, rank)
        turn, correlation, back = np.linalg.svd(seen[:, :r].T @ other[:, :r])
        left = (axes[:r].T / np.maximum(size[:r], _TINY)) @ turn
        variates = other[:, :r] @ back.T
        found.append(Linear(centre, goal, left * correlation, variates.T @ (source - goal)))
    return found
