"""The encoders of stage 1 as a teacher of smaller students (``spectrakit.train.distillation``).

What it says of molecules that it was trained on is not held out: it has nearly learned them by
heart, and a student that imitates this learns little but the labels. Distil on spectra of other
molecules than those of ``pretrain``, or export the model itself.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import PeakLists
from spectrakit.preprocess.steps import Context, apply_steps
from spectrakit.search.known_mass import neutral_mass, precursor_of
from spectrakit.search.molecular_fingerprints import N_BITS
from spectrakit.spectrum import Spectrum
from spectrakit.train.data import PeakBatch, padded
from spectrakit_glmr.dual import DualEncoder
from spectrakit_glmr.spectra import PRECURSOR, STEPS

Singles = NDArray[np.float32]
CHUNK = 256


class DualTeacher:
    """Encoders as a teacher: features are the embedding, bits its surplus over the prior."""

    name = "glmr"
    gives: Literal["probability", "surplus"] = "surplus"

    def __init__(self, model: DualEncoder) -> None:
        self._model = model.eval()

    @property
    def digest(self) -> str:
        """Of all weights."""
        found = hashlib.sha256()
        for name, value in sorted(self._model.state_dict().items()):
            found.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        return f"sha256:{found.hexdigest()}"

    @torch.no_grad()
    def features(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return the (n, d) embeddings; NaN where a spectrum has no peak."""
        parts = [
            self._model(batch_of(spectra[at : at + CHUNK])).numpy()
            for at in range(0, len(spectra), CHUNK)
        ]
        width = self._model.config.encoder.dimension
        found = np.concatenate(parts) if parts else np.zeros((0, width), np.float32)
        found[[len(one) == 0 for one in spectra]] = np.nan
        return found

    def bits(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return the (n, ``N_BITS``) surplus; 0 for bits too rare to be learned."""
        answers = self.features(spectra)
        found = np.zeros((len(spectra), N_BITS), np.float32)
        directions = self._model.molecule.directions.detach().numpy()
        found[:, self._model.molecule.kept.numpy()] = answers @ directions.T
        return found


def batch_of(spectra: Sequence[Spectrum]) -> PeakBatch:
    """Return spectra as the encoder reads them, each with its precursor or its molecule's."""
    stated: list[float] = []
    for one in spectra:
        smiles = one.molecule.smiles if one.molecule is not None else ""
        mass = neutral_mass(smiles)
        stated.append(precursor_of(one, mass))
    context = Context(np.array(stated, np.float64))
    peaks = apply_steps(PeakLists.from_spectra(spectra), context, STEPS)
    mz, intensity, mask = padded(peaks)
    rest = [[float(getattr(one, name)) for name in PRECURSOR[1:]] for one in spectra]
    rows = [[at, *others] for at, others in zip(stated, rest, strict=True)]
    return PeakBatch(
        torch.arange(len(spectra)),
        torch.from_numpy(mz),
        torch.from_numpy(intensity),
        torch.from_numpy(mask),
        torch.tensor(rows, dtype=torch.float32),
    )
