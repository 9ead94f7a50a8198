"""The molecule encoder that is linear in the fingerprint: its leading directions, block by block.

A molecule's coordinates are its centred bits on the leading principal directions of the training
molecules, so that the distance of a predicted point from them is the squared error of all bits at
once. A candidate with bits b is encoded as V' b / sqrt(|b|) in each block: the inner product with
a predicted point is what the spectrum says of its bits beyond what is usual, without favour to
large molecules.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spectrakit.search.molecular_fingerprints import BLOCKS

Singles = NDArray[np.float32]

# log-odds per standard deviation of each block's score, on molecules held out by kernelfp
BLOCK_WEIGHTS = (0.63, 0.55, 0.22)


def enough(n: int, most: int) -> int:
    """Return how many of ``n`` molecules must show something for it to be learned."""
    return max(1, min(most, n // 100))


def principal(bits: Any, dimension: int, seed: int) -> tuple[Singles, Singles]:
    """Return (n_bits, d) orthonormal directions and (n_bits,) means of (n, n_bits) CSR bits.

    Source: Halko, Martinsson & Tropp 2011, algorithm 4.4, on bits that are never made dense.
    """
    n, m = bits.shape
    mean = np.asarray(bits.mean(axis=0), np.float32).ravel()

    def forward(x: Singles) -> Singles:
        return bits @ x - (mean @ x)[None]

    def back(y: Singles) -> Singles:
        return bits.T @ y - np.outer(mean, y.sum(axis=0))

    random = np.random.default_rng(seed)
    some = min(dimension + 32, n, m)
    start = random.standard_normal((m, some)).astype(np.float32)
    basis = np.linalg.qr(forward(start))[0]
    for _ in range(2):
        basis = np.linalg.qr(forward(back(basis)))[0]
    vectors = np.linalg.svd(back(basis).T, full_matrices=False)[2][:dimension]
    found = np.zeros((m, dimension), np.float32)
    found[:, : len(vectors)] = vectors.T
    return found, mean


class FingerprintEncoder(nn.Module):
    """Bits -> (m, 1, d); ``sizes``: how many bits of each block enough molecules show."""

    kept: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, sizes: Sequence[int], dimension: int) -> None:
        super().__init__()
        self.edges = [0, *np.cumsum(sizes).tolist()]
        n_kept = self.edges[-1]
        self.register_buffer("kept", torch.zeros(n_kept, dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(n_kept))
        self.register_buffer("scale", torch.ones(len(sizes)))  # of each block
        self.directions = nn.Parameter(torch.zeros(n_kept, dimension))

    def forward(self, fingerprint: torch.Tensor) -> torch.Tensor:
        """(m, N_BITS) float32 of zeros and ones -> (m, 1, d)."""
        bits = fingerprint[:, self.kept]
        scaled: list[torch.Tensor] = []
        for number, (start, stop) in enumerate(pairwise(self.edges)):
            own = bits[:, start:stop]
            size = own.sum(1, keepdim=True).clamp(min=1.0).sqrt()
            scaled.append(own * (self.scale[number] / size))
        return (torch.cat(scaled, 1) @ self.directions).unsqueeze(1)

    def coordinates(self, bits: Any) -> Singles:
        """Return (m, d) of centred (m, N_BITS) CSR bits: what a spectrum is to be taken to."""
        directions = self.directions.detach().cpu().numpy()
        own = bits[:, self.kept.cpu().numpy()]
        return (own @ directions - self.mean.cpu().numpy() @ directions).astype(np.float32)

    def encode(self, bits: Any) -> Singles:
        """Return (m, d) of (m, N_BITS) CSR bits, as ``forward`` does, none made dense."""
        return np.asarray(self.scaled(bits) @ self.directions.detach().cpu().numpy(), np.float32)

    def scaled(self, bits: Any) -> Any:
        """Return (m, kept) CSR: each bit times its block's scale over the root of their number."""
        import scipy.sparse as sp

        own = bits[:, self.kept.cpu().numpy()]
        return sp.hstack(
            [
                sp.diags_array(scale / root_sizes(own[:, start:stop])) @ own[:, start:stop]
                for scale, (start, stop) in zip(
                    self.scale.tolist(), pairwise(self.edges), strict=True
                )
            ],
            format="csr",
            dtype=np.float32,
        )


def root_sizes(block: Any) -> Singles:
    """Return (m,) the square root of how many bits are set, at least 1."""
    return np.sqrt(np.maximum(np.asarray(block.sum(axis=1)).ravel(), 1.0))


def fit_basis(bits: Any, dimension: int, seed: int) -> FingerprintEncoder:
    """Return the encoder whose directions are those of the training molecules' bits."""
    shown = np.asarray(bits.sum(axis=0)).ravel()
    kept = np.flatnonzero(shown >= enough(bits.shape[0], 8))
    directions, mean = principal(bits[:, kept].tocsr(), dimension, seed)
    sizes = [int(np.sum((kept >= block.start) & (kept < block.stop))) for block in BLOCKS]
    encoder = FingerprintEncoder(sizes, dimension)
    encoder.kept.copy_(torch.from_numpy(kept))
    encoder.mean.copy_(torch.from_numpy(mean))
    encoder.directions.data.copy_(torch.from_numpy(directions))
    scales: list[float] = []
    for number, weight in enumerate(BLOCK_WEIGHTS):
        encoder.scale.zero_()
        encoder.scale[number] = 1.0
        alone = encoder.encode(bits)
        spread = float(np.sqrt(np.square(alone - alone.mean(0)).sum(1).mean()))
        scales.append(weight / spread if spread > 0 else 0.0)
    encoder.scale.copy_(torch.tensor(scales))
    return encoder
