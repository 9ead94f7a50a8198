"""Spectra and molecules in one space: the encoders of stage 1, and how they are built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from spectrakit.search.molecular_fingerprints import NAME
from spectrakit.train.data import PeakBatch
from spectrakit_glmr.basis import FingerprintEncoder, enough, fit_basis
from spectrakit_glmr.encoder import EncoderConfig, SpectrumEncoder
from spectrakit_glmr.features import KINDS, directions, vocabulary
from spectrakit_glmr.language import LanguageConfig, SmilesModel
from spectrakit_glmr.smiles import padded_rows
from spectrakit_glmr.spectra import Measured

LEAST_MOLECULES = 4  # that show a bin for it to have a row
SMILES_WIDTH = 128
BATCH = 256

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class DualConfig:
    """What the encoders are built from.

    Attributes:
        encoder: of spectra.
        bits: kept of each fingerprint block.
        molecule: what stands for a molecule: fingerprint, smiles or both.
        language: the SMILES encoder and decoder that are carried along, if any.
        head: whether the bits themselves are predicted too.
    """

    encoder: EncoderConfig
    bits: tuple[int, ...]
    molecule: str = "fingerprint"
    language: LanguageConfig | None = None
    head: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "stage": "contrastive",
            "fingerprint": NAME,
            "encoder": self.encoder.as_json(),
            "bits": list(self.bits),
            "molecule": self.molecule,
            "language": self.language.as_json() if self.language else None,
            "head": self.head,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "DualConfig":
        """Build it again from ``as_json``."""
        language = values["language"]
        return cls(
            EncoderConfig.from_json(values["encoder"]),
            tuple(values["bits"]),
            str(values["molecule"]),
            LanguageConfig.from_json(language) if language else None,
            bool(values["head"]),
        )


class DualEncoder(nn.Module):
    """The spectrum encoder and the molecule encoders that it is trained against."""

    def __init__(self, config: DualConfig) -> None:
        super().__init__()
        self.config = config
        dimension = config.encoder.dimension
        self.spectrum = SpectrumEncoder(config.encoder)
        self.molecule = FingerprintEncoder(config.bits, dimension)
        self.scale = nn.Parameter(torch.zeros(()))  # log of the inverse temperature
        self.language = SmilesModel(config.language) if config.language else None
        self.reads_smiles = config.molecule != "fingerprint"
        if self.reads_smiles and config.language is not None:
            self.from_smiles = nn.Linear(config.language.width, SMILES_WIDTH)
            self.to_smiles = nn.Linear(dimension, SMILES_WIDTH)
            self.sharp = nn.Parameter(torch.tensor(2.0))
        if config.head:
            self.bits = nn.Linear(dimension, sum(config.bits))

    def forward(self, batch: PeakBatch) -> torch.Tensor:
        """Return the (n, d) embeddings of spectra."""
        return self.spectrum(batch.mz, batch.intensity, batch.mask, batch.precursor)

    def asked(self, answer: torch.Tensor) -> torch.Tensor:
        """Return (n, D): what the inner product with ``offered`` is taken of."""
        if not self.reads_smiles:
            return answer
        smiles = functional.normalize(self.to_smiles(answer), dim=-1)
        return smiles if self.config.molecule == "smiles" else torch.cat([answer, smiles], -1)

    def offered(self, vectors: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        """Return (..., D) of molecules, at the learned temperature.

        Args:
            vectors: (..., d) of the fingerprint encoder.
            pooled: (..., w) of the SMILES encoder; not read where it stands for nothing.
        """
        vectors = self.scale.exp().clamp(max=1e6) * vectors
        if not self.reads_smiles:
            return vectors
        smiles = functional.normalize(self.from_smiles(pooled), dim=-1)
        smiles = self.sharp.exp().clamp(max=100.0) * smiles
        return smiles if self.config.molecule == "smiles" else torch.cat([vectors, smiles], -1)

    @torch.no_grad()
    def pooled(self, smiles: Sequence[str]) -> torch.Tensor:
        """Return (m, w) states of the SMILES encoder on the CPU; (m, 0) where none is read.

        Molecules that it cannot spell are zero.
        """
        if not self.reads_smiles or self.language is None:
            return torch.zeros(len(smiles), 0)
        was_training = self.language.training
        self.language.eval()
        device = self.scale.device
        found = torch.zeros(len(smiles), self.language.config.width)
        rows = [self.language.tokenizer.encode(text) for text in smiles]
        spelled = sorted((len(row), at) for at, row in enumerate(rows) if row is not None)
        for start in range(0, len(spelled), BATCH):
            some = [at for _, at in spelled[start : start + BATCH]]
            batch = padded_rows([rows[at] or [] for at in some]).to(device)
            found[some] = self.language.pooled(batch).float().cpu()
        self.language.train(was_training)
        return found

    @torch.no_grad()
    def molecules(self, bits: Any, smiles: Sequence[str]) -> Singles:
        """Return (m, D) of molecules: (m, N_BITS) CSR bits and their SMILES."""
        vectors = torch.from_numpy(self.molecule.encode(bits))
        device = self.scale.device
        pooled = self.pooled(smiles).to(device)
        return self.offered(vectors.to(device), pooled).float().cpu().numpy()

    @torch.no_grad()
    def spectra(self, answers: Singles) -> Singles:
        """Return (n, D) of (n, d) embeddings."""
        return self.asked(torch.from_numpy(answers).to(self.scale.device)).cpu().numpy()


def build(
    measured: Measured,
    bits: Any,
    *,
    seed: int,
    initial: str = "directions",
    language: SmilesModel | None = None,
    molecule: str = "fingerprint",
    head: bool = False,
    **sizes: Any,
) -> DualEncoder:
    """Return both encoders, their tables begun from the training data.

    Args:
        measured: training spectra.
        bits: (molecules, N_BITS) CSR of their molecules.
        seed: of the subspace iterations.
        initial: ``directions`` begins the tables with singular vectors, ``random`` does not.
        language: a pretrained SMILES model to carry along.
        molecule: fingerprint, smiles or both.
        head: whether the bits themselves are predicted too.
        sizes: fields of ``EncoderConfig``.
    """
    groups = np.arange(len(measured), dtype=np.int64)
    whole = measured.batch(groups)
    owner = measured.molecule_of(groups)
    least = enough(len(measured.smiles), LEAST_MOLECULES)
    words = [vocabulary(whole, kind, owner, least) for kind in range(len(KINDS))]
    basis = fit_basis(bits, int(sizes["dimension"]), seed)
    encoder = EncoderConfig(n_rows=tuple(len(word.weight) for word in words), **sizes)
    kept = tuple(np.diff(basis.edges).tolist())
    model = DualEncoder(
        DualConfig(encoder, kept, molecule, language.config if language else None, head)
    )
    model.molecule.load_state_dict(basis.state_dict())
    if language is not None and model.language is not None:
        model.language.load_state_dict(language.state_dict())
    vectors, target = basis.encode(bits), basis.coordinates(bits)
    spread = float(
        np.sqrt(np.square(vectors - vectors.mean(0)).mean() * np.square(target).sum(1).mean())
    )
    model.scale.data.fill_(-np.log(spread) if spread > 0 else 0.0)
    if head:
        nn.init.zeros_(model.bits.weight)
        model.bits.bias.data.copy_(model.molecule.mean.logit(1e-4))
    spectrum = model.spectrum
    for (bins, table), word in zip(spectrum.kinds(), words, strict=True):
        bins.row.copy_(word.row)
        bins.weight = word.weight
        if initial == "directions":
            table.weight.data.copy_(directions(bins, whole, encoder.latent, seed))
    return model


@torch.no_grad()
def embed(model: DualEncoder, measured: Measured, groups: NDArray[np.int64]) -> Singles:
    """Return (n, d) embeddings of groups, every group's spectra joined."""
    device = model.scale.device
    parts = [
        model(measured.batch(groups[at : at + BATCH]).to(device)).float().cpu().numpy()
        for at in range(0, len(groups), BATCH)
    ]
    return np.concatenate(parts) if parts else np.empty((0, model.config.encoder.dimension), "f4")


def embed_molecules(model: DualEncoder, measured: Measured) -> tuple[NDArray[np.int64], Singles]:
    """Return the molecules that were measured, and (q, d): their polarities' mean embedding."""
    groups = np.arange(len(measured), dtype=np.int64)
    molecule = measured.molecule_of(groups)
    seen, place = np.unique(molecule, return_inverse=True)
    answers = embed(model, measured, groups)
    total = np.zeros((len(seen), answers.shape[1]), np.float32)
    np.add.at(total, place, answers)
    return seen, total / np.bincount(place)[:, None].astype(np.float32)
