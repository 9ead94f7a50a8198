"""The molecule's side of every student: fingerprints in the directions that matter.

For each block of bits (Morgan, atom pairs, paths) the leading directions V of the centred bits
of the training molecules are kept. A student's row e stands for the surplus V e over the prior,
and the score of a molecule with bits b is the surplus summed over its bits, less the favour to
large molecules:

    <e, V^T b> / sqrt(|b|) = sum_j (V e)_j b_j / sqrt(sum_j b_j)

Nothing here is trained by gradients, so that all students of a comparison speak to the same
molecules. 256 directions lose none of the kernel's margin on MassBank, 128 lose 4 %.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spectrakit.search.molecular_fingerprints import BLOCKS
from spectrakit.train.distillation.bins import leading_directions

MIN_MOLECULES = 8  # that show a bit


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Of one block: ``columns`` (c,) of the fingerprint, ``prior`` (c,), ``vectors`` (c, d)."""

    columns: NDArray[np.int64]
    prior: NDArray[np.float32]
    vectors: NDArray[np.float32]


def fit_directions(bits: Any, dimension: int, *, seed: int = 0) -> tuple[Directions, ...]:
    """Return the directions of each block, ``dimension`` of them (zeros where there are fewer).

    Args:
        bits: (n, ``N_BITS``) CSR float32 of the training molecules.
        dimension: d.
        seed: of the random start of the SVD.
    """
    found: list[Directions] = []
    least = max(1, min(MIN_MOLECULES, bits.shape[0] // 100))
    shown = np.asarray(bits.sum(axis=0)).ravel()
    for block in BLOCKS:
        own = shown[block.columns]
        columns = block.start + np.flatnonzero((own >= least) & (own < bits.shape[0]))
        part = bits[:, columns].astype(np.float32)
        prior = np.asarray(part.mean(axis=0), np.float32).ravel()
        vectors = leading_directions(part, prior, dimension, np.random.default_rng(seed))
        wide = np.zeros((len(columns), dimension), np.float32)
        wide[:, : vectors.shape[1]] = vectors
        found.append(Directions(columns, prior, wide))
    return tuple(found)


def aims(directions: tuple[Directions, ...], bits: Any) -> NDArray[np.float32]:
    """Return (n, B, d): where the embedding of each molecule's spectrum should point."""
    parts = [
        np.asarray(bits[:, one.columns] @ one.vectors) - one.prior @ one.vectors
        for one in directions
    ]
    return np.stack(parts, axis=1).astype(np.float32)


def molecule_vectors(directions: tuple[Directions, ...], bits: Any) -> NDArray[np.float32]:
    """Return the (n, B, d) vectors of molecules, as :class:`MoleculeEncoder` gives them."""
    parts: list[Any] = []
    for one in directions:
        own = bits[:, one.columns]
        size = np.maximum(np.asarray(own.sum(axis=1)).ravel(), 1.0)
        parts.append(np.asarray(own @ one.vectors) / np.sqrt(size)[:, None])
    return np.stack(parts, axis=1).astype(np.float32)


class MoleculeEncoder(nn.Module):
    """``encode_molecule`` of a bundle: bits (m, ``N_BITS``) float32 to (m, B, d) float32."""

    def __init__(self, directions: tuple[Directions, ...]) -> None:
        super().__init__()
        self.n_blocks = len(directions)
        for number, one in enumerate(directions):
            self.register_buffer(f"columns_{number}", torch.from_numpy(one.columns))
            self.register_buffer(f"vectors_{number}", torch.from_numpy(one.vectors))

    def forward(self, fingerprint: torch.Tensor) -> torch.Tensor:
        """Return the vectors of molecules."""
        parts: list[torch.Tensor] = []
        for number in range(self.n_blocks):
            own = fingerprint[:, self.get_buffer(f"columns_{number}")]
            size = own.sum(1, keepdim=True).clamp(min=1.0)
            parts.append(own @ self.get_buffer(f"vectors_{number}") / size.sqrt())
        return torch.stack(parts, 1)
