"""The kernel model as a teacher of networks: what it would say of each molecule if unknown.

For the molecules it was fitted on the answers are those of a fit without them and their near
twins, in closed form (:func:`spectrakit_kernelfp.model.held_out_weights`); asked plainly, kernel
ridge regression returns little but their own fingerprints. Answers are of all spectra of a
molecule and polarity together, also for a single one of them: the student learns to see in one
what the teacher sees in all.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectrakit.plugin import Job
from spectrakit.search.known_mass import neutral_mass
from spectrakit.search.molecular_fingerprints import N_BITS
from spectrakit.spectrum import Spectrum
from spectrakit.train.distillation.distilling import distil
from spectrakit.train.distillation.molecules import Directions, fit_directions
from spectrakit.train.distillation.writing import Card
from spectrakit_kernelfp.data import measurement
from spectrakit_kernelfp.features import Merged, merge
from spectrakit_kernelfp.kernel import coefficients, gram
from spectrakit_kernelfp.model import Model, held_out_weights
from spectrakit_kernelfp.plugin import DistillOptions, plugin

FEATURES = 128  # directions of each block that are the teacher's feature

Singles = NDArray[np.float32]


class KernelTeacher:
    """A fitted kernel model as a teacher.

    Args:
        model: as fitted.
        held_out: whether its own molecules are answered by a fit without them; False shows what
            is lost by that.
    """

    name = "kernelfp"
    gives: Literal["probability", "surplus"] = "surplus"

    def __init__(self, model: Model, *, held_out: bool = True) -> None:
        self._model, self._held_out = model, held_out
        self._weights: dict[int, Singles] = {}
        self._rows = {
            polarity: {model.keys[m]: row for row, m in enumerate(half.molecule.tolist())}
            for polarity, half in model.halves.items()
        }
        self._directions: tuple[Directions, ...] = ()

    @property
    def digest(self) -> str:
        """Of the molecules and coefficients of the model."""
        found = hashlib.sha256("\n".join(self._model.keys).encode())
        found.update(self._model.kept.tobytes())
        for polarity, half in sorted(self._model.halves.items()):
            found.update(f"{polarity} {self._held_out}".encode())
            for array in (half.molecule, half.factor.diagonal(), *half.rows):
                found.update(np.ascontiguousarray(array).tobytes())
        return f"sha256:{found.hexdigest()}"

    def bits(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return the (n, ``N_BITS``) surplus; 0 for bits too rare to be learned, NaN rows for
        spectra of a polarity that was not."""
        found = np.zeros((len(spectra), N_BITS), np.float32)
        for polarity in (1, -1, 0):
            own = [row for row, s in enumerate(spectra) if s.polarity == polarity]
            if own and polarity not in self._model.halves:
                found[own] = np.nan
            elif own:
                answers = self._answers(polarity, [spectra[row] for row in own])
                found[np.ix_(own, self._model.kept)] = answers
        return found

    def _answers(self, polarity: int, spectra: Sequence[Spectrum]) -> Singles:
        half, rows = self._model.halves[polarity], self._rows[polarity]
        known = [rows.get(_key(one), -1) for one in spectra]
        found = np.zeros((len(spectra), len(self._model.kept)), np.float32)
        own = np.flatnonzero(np.array(known) >= 0)
        if len(own):
            if polarity not in self._weights:
                self._weights[polarity] = self._weights_of(polarity)
            distinct, place = np.unique([known[row] for row in own], return_inverse=True)
            found[own] = self._model.mix(half, self._weights[polarity][distinct])[place]
        others = [row for row, at in enumerate(known) if at < 0]
        merged = [self._merged(spectra[row]) for row in others]
        found[[row for row, one in zip(others, merged, strict=True) if one is None]] = np.nan
        readable = [row for row, one in zip(others, merged, strict=True) if one is not None]
        if readable:
            whole = [one for one in merged if one is not None]
            found[readable] = self._model.surplus(polarity, whole)
        return found

    @staticmethod
    def _merged(spectrum: Spectrum) -> Merged | None:
        mass = neutral_mass(spectrum.molecule.smiles) if spectrum.molecule else np.nan
        return merge([measurement(spectrum, mass)])

    def _weights_of(self, polarity: int) -> Singles:
        """Return (n, n) weights of the training rows for each of them."""
        if self._held_out:
            return held_out_weights(self._model, polarity)
        half = self._model.halves[polarity]
        return coefficients(half.factor, gram(half.rows, half.rows))

    def features(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return (n, 384): the surplus in the leading directions of each block of bits."""
        if not self._directions:
            self._directions = fit_directions(self._whole(), FEATURES)
        surplus = self.bits(spectra)
        return np.concatenate([surplus[:, d.columns] @ d.vectors for d in self._directions], axis=1)

    def _whole(self):
        """Return the training molecules' bits in their places among all."""
        import scipy.sparse as sp

        own = self._model.bits.tocsr()
        place = (own.data, self._model.kept[own.indices], own.indptr)
        return sp.csr_matrix(place, shape=(own.shape[0], N_BITS))


def distil_network(
    job: Job, options: DistillOptions, model: Model, attributions: tuple[str, ...]
) -> Path:
    """Train a network on the model's held-out answers, and write its bundle into the run."""
    card = Card(
        options.name, options.version, plugin.name, plugin.version,
        f"A {options.student} network taught by kernel ridge fingerprints.",
        options.licence, attributions,
    )  # fmt: skip
    return distil(job, [KernelTeacher(model)], options, card=card)


def _key(spectrum: Spectrum) -> str:
    molecule = spectrum.molecule
    return (molecule.inchikey[:14] or molecule.smiles) if molecule else ""
