"""Spectra and molecules in one space: the two encoders of stage 1, and how they are built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spectrakit.search.molecular_fingerprints import NAME
from spectrakit.train.data import PeakBatch
from spectrakit_glmr.basis import FingerprintEncoder, enough, fit_basis
from spectrakit_glmr.encoder import EncoderConfig, SpectrumEncoder
from spectrakit_glmr.features import KINDS, directions, vocabulary
from spectrakit_glmr.spectra import Measured

LEAST_MOLECULES = 4  # that show a bin for it to have a row


@dataclass(frozen=True)
class DualConfig:
    """What both encoders are built from.

    Attributes:
        encoder: of spectra.
        bits: kept of each fingerprint block.
        smiles: width of the SMILES encoder's states; 0: molecules are fingerprints alone.
        head: whether the bits themselves are predicted too.
    """

    encoder: EncoderConfig
    bits: tuple[int, ...]
    smiles: int = 0
    head: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "stage": "contrastive",
            "fingerprint": NAME,
            "encoder": self.encoder.as_json(),
            "bits": list(self.bits),
            "smiles": self.smiles,
            "head": self.head,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "DualConfig":
        """Build it again from ``as_json``."""
        encoder = EncoderConfig.from_json(values["encoder"])
        return cls(encoder, tuple(values["bits"]), int(values["smiles"]), bool(values["head"]))


class DualEncoder(nn.Module):
    """The spectrum encoder and the molecule encoders that it is trained against."""

    def __init__(self, config: DualConfig) -> None:
        super().__init__()
        self.config = config
        dimension = config.encoder.dimension
        self.spectrum = SpectrumEncoder(config.encoder)
        self.molecule = FingerprintEncoder(config.bits, dimension)
        self.scale = nn.Parameter(torch.zeros(()))  # log of the inverse temperature
        if config.smiles:
            self.from_smiles = nn.Linear(config.smiles, 128)
            self.to_smiles = nn.Linear(dimension, 128)
        if config.head:
            self.bits = nn.Linear(dimension, sum(config.bits))

    def forward(self, batch: PeakBatch) -> torch.Tensor:
        """Return the (n, d) embeddings of spectra."""
        return self.spectrum(batch.mz, batch.intensity, batch.mask, batch.precursor)


def build(
    measured: Measured,
    bits: Any,
    *,
    seed: int,
    initial: str = "directions",
    smiles: int = 0,
    head: bool = False,
    **sizes: Any,
) -> DualEncoder:
    """Return both encoders, their tables begun from the training data.

    Args:
        measured: training spectra.
        bits: (molecules, N_BITS) CSR of their molecules.
        seed: of the subspace iterations.
        initial: ``directions`` begins the tables with singular vectors, ``random`` does not.
        smiles: width of a SMILES encoder beside the fingerprints; 0: none.
        head: whether the bits themselves are predicted too.
        sizes: fields of ``EncoderConfig``.
    """
    groups = np.arange(len(measured), dtype=np.int64)
    whole = measured.batch(groups)
    owner = measured.molecule_of(groups)
    least = enough(len(measured.smiles), LEAST_MOLECULES)
    words = [vocabulary(whole, kind, owner, least) for kind in range(len(KINDS))]
    molecule = fit_basis(bits, int(sizes["dimension"]), seed)
    encoder = EncoderConfig(n_rows=tuple(len(word.weight) for word in words), **sizes)
    kept = np.diff(molecule.edges).tolist()
    model = DualEncoder(DualConfig(encoder, tuple(kept), smiles, head))
    model.molecule.load_state_dict(molecule.state_dict())
    if head:
        nn.init.zeros_(model.bits.weight)
        model.bits.bias.data.copy_(model.molecule.mean.logit(1e-4))
    spectrum = model.spectrum
    for bins, table, word in zip(spectrum.bins, spectrum.tables, words, strict=True):
        bins.row.copy_(word.row)
        bins.weight.copy_(word.weight)
        if initial == "directions":
            begun = directions(bins, whole, encoder.latent, seed)
            table.weight.data.copy_(begun)
    return model


def embed(model: DualEncoder, measured: Measured, groups: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (n, d) embeddings of groups, every group's spectra joined."""
    device = next(model.parameters()).device
    parts = [
        model(measured.batch(groups[at : at + 256]).to(device)).float().cpu().numpy()
        for at in range(0, len(groups), 256)
    ]
    return np.concatenate(parts) if parts else np.empty((0, model.config.encoder.dimension), "f4")
