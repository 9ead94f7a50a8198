"""Masses in bins of 0.01 Da: peaks, losses and pairwise differences, and which of them count.

The features are those of kernel methods (``plugins/spectrakit_kernelfp/features.py``, whose
exponents and widths these are): a mass is split linearly over its two nearest bins, so that a
small error costs a little and not everything. Plain tensor operations, since the same code runs
in training, in the exported graph and when the bins are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

BIN = 0.01  # Da
MAX_MASS = 2000.0  # Da; beyond it nothing is binned
N_BINS = int(MAX_MASS / BIN) + 2
N_DIFFERENCE_PEAKS = 25  # the strongest, whose pairwise differences count
MIN_DIFFERENCE = 1.5  # Da; smaller distances are isotopes and hydrogens
_POWER = {"peak": 0.35, "loss": 0.35, "difference": 0.25}  # of the intensity (product)
_IDF = {"peak": 0.25, "loss": 0.25, "difference": 0.5}  # of the inverse document frequency
_SPARE, _ITERATIONS = 16, 3  # of the randomised SVD


def masses(
    kind: str,
    mz: torch.Tensor,
    intensity: torch.Tensor,
    mask: torch.Tensor,
    precursor_mz: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the masses of one kind and what they weigh.

    Args:
        kind: of ``options.KINDS``.
        mz: (n, p) float64, Da.
        intensity: (n, p) float32.
        mask: (n, p) bool.
        precursor_mz: (n,) float; NaN: the spectrum has no losses.

    Returns:
        (n, q) float64 Da and (n, q) float32, 0 where there is none.
    """
    weight = torch.where(mask, intensity, 0.0)
    if kind == "peak":
        return mz, weight ** _POWER[kind]
    if kind == "loss":
        known = ~torch.isnan(precursor_mz)
        of = torch.where(known, precursor_mz, 0.0).double().unsqueeze(1)
        return of - mz, weight ** _POWER[kind] * known.unsqueeze(1)
    # zeros behind the peaks: TopK fails in onnxruntime where there are fewer peaks than it wants
    none = torch.zeros_like(weight[:, :1]).expand(-1, N_DIFFERENCE_PEAKS)
    strongest, where = torch.cat([weight, none], 1).topk(N_DIFFERENCE_PEAKS, dim=1)
    at = torch.cat([mz, none.double()], 1).gather(1, where)
    one, other = np.triu_indices(N_DIFFERENCE_PEAKS, 1)
    first, second = torch.as_tensor(one, device=mz.device), torch.as_tensor(other, device=mz.device)
    apart = (at[:, first] - at[:, second]).abs()
    both = (strongest[:, first] * strongest[:, second]) ** _POWER[kind]
    return apart, both * (apart > MIN_DIFFERENCE)


def split(mass: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two nearest bins of each mass and its shares: (n, 2 q) int64 and float32."""
    inside = (mass > -BIN) & (mass < MAX_MASS) & (weight > 0)
    position = torch.where(inside, mass, 0.0).clamp(min=0.0) / BIN
    lower = position.floor()
    share = (position - lower).float()
    weight = weight * inside
    bins = lower.long()
    return torch.cat([bins, bins + 1], 1), torch.cat([weight * (1 - share), weight * share], 1)


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Bins of one kind that count.

    Attributes:
        table: (``N_BINS``,) int32, the row of each bin in ``vectors``; 0: does not count.
        vectors: (rows + 1, width) float32; row 0 is zero.
    """

    table: NDArray[np.int32]
    vectors: NDArray[np.float32]


def count_bins(kind: str, batches: Sequence[Any]) -> Any:
    """Return the (n, ``N_BINS``) CSR float32 weights of padded spectra.

    Args:
        kind: of ``options.KINDS``.
        batches: with ``mz``, ``intensity``, ``mask`` and ``precursor``, whose first column is
            the precursor's m/z.
    """
    import scipy.sparse as sp

    parts: list[Any] = []
    for batch in batches:
        peaks = batch.mz, batch.intensity, batch.mask, batch.precursor[:, 0]
        bins, weight = (part.numpy() for part in split(*masses(kind, *peaks)))
        row, column = np.nonzero(weight)
        held = weight[row, column], (row, bins[row, column])
        parts.append(sp.csr_matrix(held, shape=(len(bins), N_BINS)))
    return sp.vstack(parts, format="csr")


def vocabulary(counted: Any, kind: str, *, width: int, min_rows: int, seed: int) -> Vocabulary:
    """Return the bins that at least ``min_rows`` spectra show, and where their vectors begin.

    These are the leading right singular vectors of the unit rows, times the weight of the bin:
    peaks that occur together point the same way before the first step of training, which is
    worth more than any number of steps from a random start. Directions beyond the rank of the
    data are small random ones.

    Args:
        counted: (n, ``N_BINS``) CSR from :func:`count_bins`.
        kind: of ``options.KINDS``; tells the weight of rare bins.
        width: of the vectors.
        min_rows: fewer where there are few spectra at all.
        seed: of the random start.

    Source: latent semantic analysis, Deerwester et al. 1990; SVD by random projection, Halko et
    al. 2011 (doi:10.1137/090771806), algorithm 4.4.
    """
    n = counted.shape[0]
    shown = np.bincount(counted.indices[counted.data > 0], minlength=N_BINS)
    columns = np.flatnonzero(shown >= max(1, min(min_rows, n // 100)))
    idf = (np.log((1 + n) / (1 + shown[columns])) + 1e-3) ** _IDF[kind]
    own = counted[:, columns].multiply(idf).tocsr().astype(np.float32)
    length = np.sqrt(np.asarray(own.multiply(own).sum(axis=1)).ravel())
    own.data /= np.repeat(np.where(length > 0, length, 1), np.diff(own.indptr)).astype(np.float32)
    random = np.random.default_rng(seed)
    found = leading_directions(own, np.zeros(len(columns), np.float32), width, random)
    vectors = np.zeros((len(columns) + 1, width), np.float32)
    vectors[1:, found.shape[1] :] = 1e-3 * random.standard_normal(
        (len(columns), width - found.shape[1])
    )
    vectors[1:, : found.shape[1]] = idf[:, None] * found
    table = np.zeros(N_BINS, np.int32)
    table[columns] = np.arange(1, len(columns) + 1)
    return Vocabulary(table, vectors)


def leading_directions(
    matrix: Any, centre: NDArray[np.float32], rank: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return the (c, r) leading right singular vectors of ``matrix - centre``, r at most ``rank``.

    Args:
        matrix: (n, c) CSR float32.
        centre: (c,) taken off each row, without making the matrix dense.
        rank: directions wanted; there are no more than the matrix has rows or columns.
        random: of the start.
    """
    rank = min(rank, *matrix.shape)
    if not rank:
        return np.zeros((matrix.shape[1], 0), np.float32)
    width = min(rank + _SPARE, *matrix.shape)
    left = random.standard_normal((matrix.shape[0], width)).astype(np.float32)
    for _ in range(_ITERATIONS):
        right = np.linalg.qr(_across(matrix, centre, left))[0]
        left = np.linalg.qr(np.asarray(matrix @ right) - centre @ right)[0]
    vectors = np.linalg.svd(_across(matrix, centre, left), full_matrices=False)[0]
    return np.ascontiguousarray(vectors[:, :rank], np.float32)


def _across(
    matrix: Any, centre: NDArray[np.float32], left: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.asarray(matrix.T @ left) - np.outer(centre, left.sum(axis=0))
