"""Stage `molecules`: the SMILES encoder and decoder learn to restore what was hidden."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from spectrakit.spectrum import Molecule
from spectrakit.train.order import BatchOrder
from spectrakit_glmr.language import SmilesModel
from spectrakit_glmr.smiles import PAD, Tokenizer, canonical, masked, padded_rows, randomised


@dataclass(frozen=True, slots=True)
class Noisy:
    """(n, t) int64 what the encoder reads, and (n, u) int64 what the decoder is to write."""

    read: torch.Tensor
    written: torch.Tensor

    def to(self, device: torch.device | str) -> "Noisy":
        """Return the batch on a device."""
        return replace(self, read=self.read.to(device), written=self.written.to(device))


class NoisyBatches:
    """Molecules of similar length, written anew and masked in each epoch."""

    def __init__(
        self, smiles: Sequence[str], tokenizer: Tokenizer, *, share: float, batch: int,
        accumulate: int, seed: int, rank: int, world: int,
    ) -> None:  # fmt: skip
        self.smiles, self.tokenizer, self.share = smiles, tokenizer, share
        self.seed = seed
        self.order = BatchOrder(
            np.array([len(text) for text in smiles]),
            batch=batch, accumulate=accumulate, seed=seed, rank=rank, world=world,
        )  # fmt: skip

    def __call__(self, position: int) -> Noisy:
        """Return the batch of this process at a position."""
        rows = self.order.rows(position)
        return noisy([self.smiles[int(row)] for row in rows.tolist()], self.tokenizer, self.share,
                     np.random.default_rng([self.seed, position, int(rows[0])]))  # fmt: skip

    def names(self, position: int) -> list[str]:
        """Return the molecules of a batch."""
        return [self.smiles[int(row)] for row in self.order.rows(position).tolist()]


def noisy(
    smiles: Sequence[str], tokenizer: Tokenizer, share: float, random: np.random.Generator
) -> Noisy:
    """Return molecules as a pair of texts: randomised with hidden tokens, and as given."""
    read: list[list[int]] = []
    written: list[list[int]] = []
    for text in smiles:
        own = tokenizer.encode(text) or []
        other = tokenizer.encode(randomised(text, int(random.integers(1 << 31))))
        read.append(other or own)
        written.append(own)
    return Noisy(masked(padded_rows(read), share, random), padded_rows(written))


def denoising(model: SmilesModel, batch: Noisy) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
    """Return the loss of a batch and the share of tokens that are right."""
    memory = model.states(batch.read)
    loss, hits = model.written_loss(batch.written, memory, batch.read == PAD)
    return loss, {"token": hits}


def readable(molecules: Iterable[Molecule]) -> tuple[list[str], int]:
    """Return canonical SMILES, each once, and how many RDKit refuses."""
    found: dict[str, None] = {}
    refused = 0
    for molecule in molecules:
        text = canonical(molecule.smiles)
        if text:
            found.setdefault(text)
        else:
            refused += 1
    return list(found), refused
