"""Peaks, losses and peak differences as rows of embedding tables: 0.01 Da bins, split linearly.

A value is divided over its two nearest bins, so that a small mass error costs a little and not
everything. Bins that few training molecules show have no row of their own. Everything is plain
tensor operations, so that the exported graph takes peaks and not bins.

Source: the kernels of the CSI:FingerID family (Duehrkop et al. 2015, doi:10.1073/pnas.1509788112)
as bins; widths and exponents as measured for kernelfp on MassBank molecules held out.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from spectrakit.train.data import PeakBatch

BIN = 0.01  # Da
MAX_MASS = 2000.0  # Da; beyond it nothing is binned
N_BINS = int(MAX_MASS / BIN) + 2
N_DIFFERENCE_PEAKS = 25
MIN_DIFFERENCE = 1.5  # Da; smaller distances are isotopes and hydrogens
KINDS = ("peak", "loss", "difference")
INTENSITY_POWER = (0.35, 0.35, 0.5)
IDF_POWER = (0.25, 0.25, 0.5)


@dataclass(frozen=True)
class Vocabulary:
    """Which bins of one kind have a row. ``row`` (N_BINS,) int32, 0: none; ``weight`` (rows,)."""

    row: torch.Tensor
    weight: torch.Tensor


def masses(
    kind: int,
    mz: torch.Tensor,
    intensity: torch.Tensor,
    mask: torch.Tensor,
    precursor: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the masses (Da) of one kind and what they weigh; 0 where there is none.

    Args:
        kind: of ``KINDS``.
        mz: (n, p) float64.
        intensity: (n, p) float32.
        mask: (n, p) bool.
        precursor: (n,) float32 m/z, NaN where missing: such a spectrum has no losses.

    Returns:
        (n, q) float64 in [0, MAX_MASS), (n, q) float32; q is p, or the pairs of strongest peaks.
    """
    weight = torch.where(mask, intensity, torch.zeros_like(intensity)).clamp(min=0.0)
    if kind == 2:
        k = N_DIFFERENCE_PEAKS  # the padding lets TopK find k in any batch
        weight, place = functional.pad(weight, (0, k)).topk(k, dim=1)
        mass = functional.pad(mz, (0, k)).gather(1, place)
        low, high = torch.triu_indices(k, k, 1).unbind()
        mass = (mass[:, low] - mass[:, high]).abs()
        weight = (weight[:, low] * weight[:, high]).sqrt()
        known = mass > MIN_DIFFERENCE
    elif kind == 1:
        known_precursor = precursor == precursor  # not NaN
        at = torch.where(known_precursor, precursor, torch.zeros_like(precursor))
        mass = at.to(mz.dtype).unsqueeze(1) - mz
        known = known_precursor.unsqueeze(1) & (mass > -BIN)
    else:
        mass, known = mz, mask
    known = known & (weight > 0) & (mass < MAX_MASS)
    weight = torch.where(known, weight.clamp(min=1e-12) ** INTENSITY_POWER[kind], 0.0)
    return torch.where(known, mass, 0.0).clamp(min=0.0), weight


def split(mass: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (n, 2 q) int64 bins and (n, 2 q) float32 weights: each mass over two bins."""
    position = mass / BIN
    lower = position.floor()
    share = (position - lower).to(weight.dtype)
    lower = lower.to(torch.int64).clamp(0, N_BINS - 2)
    return torch.cat([lower, lower + 1], 1), torch.cat([weight * (1 - share), weight * share], 1)


class BinFeatures(nn.Module):
    """The bins of one kind as rows of a table, with weights whose squares sum to 1."""

    row: torch.Tensor
    weight: torch.Tensor

    def __init__(self, kind: int, n_rows: int) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("row", torch.zeros(N_BINS, dtype=torch.int32))
        self.register_buffer("weight", torch.zeros(n_rows))

    def forward(
        self,
        mz: torch.Tensor,
        intensity: torch.Tensor,
        mask: torch.Tensor,
        precursor: torch.Tensor,
        drop: float = 0.0,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (n, 2 q) int64 rows and (n, 2 q) float32 weights; ``drop``: share left out."""
        mass, weight = masses(self.kind, mz, intensity, mask, precursor)
        if drop > 0:
            weight = weight * (torch.rand_like(weight) >= drop)
        bins, weight = split(mass, weight)
        rows = self.row[bins].to(torch.int64)
        weight = weight * self.weight[rows]
        return rows, weight / weight.square().sum(1, keepdim=True).sqrt().clamp(min=1e-6)


def vocabulary(batch: PeakBatch, kind: int, owner: np.ndarray, least: int) -> Vocabulary:
    """Return the bins that at least ``least`` owners (molecules) show.

    Args:
        batch: every training group as one spectrum.
        kind: of ``KINDS``.
        owner: (n,) molecule of each group.
        least: fewer make no row.
    """
    mass, weight = masses(kind, batch.mz, batch.intensity, batch.mask, batch.precursor[:, 0])
    bins, weight = split(mass, weight)
    there = weight > 0
    group = torch.arange(len(bins)).unsqueeze(1).expand_as(bins)[there]
    label = torch.from_numpy(np.asarray(owner, np.int64))
    shown = (label[group] * N_BINS + bins[there]).unique() % N_BINS
    kept = (torch.bincount(shown, minlength=N_BINS) >= least).nonzero().ravel()
    row = torch.zeros(N_BINS, dtype=torch.int32)
    row[kept] = torch.arange(1, len(kept) + 1, dtype=torch.int32)
    frequency = torch.bincount((group * N_BINS + bins[there]).unique() % N_BINS, minlength=N_BINS)
    idf = torch.log((1 + len(bins)) / (1 + frequency[kept].float())) + 1e-3
    return Vocabulary(row, torch.cat([torch.zeros(1), idf ** IDF_POWER[kind]]))


def directions(features: BinFeatures, batch: PeakBatch, width: int, seed: int) -> torch.Tensor:
    """Return (rows, width): the leading right singular vectors of the training spectra.

    They begin an embedding table such that spectra with bins in common lie near each other.

    Source: Halko, Martinsson & Tropp 2011, algorithm 4.4 (randomised subspace iteration).
    """
    import scipy.sparse as sp

    rows, weight = features(batch.mz, batch.intensity, batch.mask, batch.precursor[:, 0])
    n, q = rows.shape
    indptr = np.arange(0, n * q + 1, q)
    shape = (n, len(features.weight))
    matrix = sp.csr_matrix((weight.ravel().numpy(), rows.ravel().numpy(), indptr), shape)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    random = np.random.default_rng(seed)
    some = min(width + 32, *shape)
    basis = np.linalg.qr(matrix @ random.standard_normal((shape[1], some)).astype(np.float32))[0]
    for _ in range(3):
        basis = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
    small = (matrix.T @ basis).T
    vectors = np.linalg.svd(small, full_matrices=False)[2][:width]
    table = np.zeros((shape[1], width), np.float32)
    table[:, : len(vectors)] = vectors.T
    return torch.from_numpy(table)
