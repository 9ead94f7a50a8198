"""A learned model at the bench: spectra and molecules as vectors whose products are evidence.

A bundle with ``encode_spectrum`` and ``encode_molecule`` gives (B, d) vectors, one row for each
of B scores. The score of a candidate is the inner product of the rows; scores are standardised
over the candidates of a spectrum, since how far they spread depends on how much the candidates
share and not on how good the spectrum is, and add up by the bundle's ``block_weights`` to
log-odds. No plugin and no torch is loaded.

Source: CSI:FingerID's separation of spectrum -> fingerprint and fingerprint -> rank (Duehrkop
et al. 2015); the standardisation was measured on MassBank molecules held out.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.bundle import Bundle
from spectrakit.bundle.predict import inputs_of
from spectrakit.errors import MismatchError
from spectrakit.search.molecular_fingerprints import NAME, fingerprints
from spectrakit.spectrum import Axis, FloatArray, Spectrum

Singles = NDArray[np.float32]

BATCH = 64  # spectra, or molecules, in one call of a graph; answers do not depend on it
KEPT_MOLECULES = 20_000  # vectors kept, since the spectra of a run share candidates
_FLAT = 1e-9  # scores that spread less say nothing


class LearnedScorer:
    """The two encoders of a bundle.

    Args:
        bundle: of task ``embed``, for MS/MS peaks.

    Raises:
        MismatchError: the bundle has no such encoders, or speaks of other fingerprints.
    """

    def __init__(self, bundle: Bundle) -> None:
        told = bundle.manifest
        bundle.graph("encode_spectrum")
        bundle.graph("encode_molecule")
        named = told.input.get("fingerprint", "")
        if named != NAME:
            raise MismatchError(
                f"bundle {bundle.label} was made for the fingerprint '{named}'; this spectrakit "
                f"computes '{NAME}'.",
                hint="Update spectrakit, or distil the model again.",
            )
        self.bundle = bundle
        weights: Any = told.calibration.get("block_weights") or [1.0]
        self.weights = np.asarray(weights, np.float64)
        self._molecules: OrderedDict[str, Singles] = OrderedDict()

    @property
    def label(self) -> str:
        """``NAME@VERSION``."""
        return self.bundle.label

    def spectra(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return the (n, B, d) vectors of centroided spectra.

        Raises:
            InputError: a file of the bundle was changed.
            MismatchError: a graph cannot be run, or gives other shapes.
        """
        parts: list[Any] = []
        for start in range(0, len(spectra), BATCH):
            feeds = inputs_of(self.bundle, [_bare(s) for s in spectra[start : start + BATCH]])
            parts.append(self._run("encode_spectrum", feeds))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.weights), 0), np.float32)

    def molecules(self, smiles: Sequence[str]) -> Singles:
        """Return the (m, B, d) vectors of structures; those RDKit cannot read are all zero.

        Raises:
            InputError: a file of the bundle was changed.
            MismatchError: a graph cannot be run, or gives other shapes.
        """
        missing = list(dict.fromkeys(text for text in smiles if text not in self._molecules))
        fresh: dict[str, Singles] = {}
        for start in range(0, len(missing), BATCH):
            part = missing[start : start + BATCH]
            bits, refused = fingerprints(part)
            vectors = self._run("encode_molecule", {"fingerprint": bits.toarray()})
            vectors[refused] = 0
            fresh.update(zip(part, vectors, strict=True))
        held = [fresh[text] if text in fresh else self._molecules[text] for text in smiles]
        for text in smiles:
            self._molecules[text] = fresh.get(text, self._molecules.get(text))  # type: ignore[assignment]
            self._molecules.move_to_end(text)
        while len(self._molecules) > KEPT_MOLECULES:
            self._molecules.popitem(last=False)
        return np.stack(held) if held else np.zeros((0, len(self.weights), 0), np.float32)

    def evidence(self, spectrum: Singles, molecules: Singles) -> FloatArray:
        """Return the (m,) evidence, in log-odds up to a constant, of the candidates of a spectrum.

        Args:
            spectrum: (B, d) vectors of the spectrum, or their mean over several.
            molecules: (m, B, d) vectors of all its candidates.
        """
        if not len(molecules):
            return np.zeros(0)
        scores = np.einsum("bd,mbd->mb", spectrum, molecules)
        return standardise(scores) @ self.weights

    def _run(self, role: str, feeds: dict[str, Any]) -> Singles:
        outputs = self.bundle.run(role, feeds)
        found = outputs.get("embedding")
        n = len(next(iter(feeds.values())))
        if found is None or found.ndim != 3 or found.shape[:2] != (n, len(self.weights)):
            got = {name: array.shape for name, array in outputs.items()}
            raise MismatchError(
                f"bundle {self.label}: '{role}' gives {got} where embedding "
                f"({n}, {len(self.weights)}, d) belongs.",
                hint="Export the bundle again.",
            )
        return np.asarray(found, np.float32)


def standardise(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return columns at mean 0 and standard deviation 1 within a list; a constant column is 0."""
    values = np.asarray(scores, np.float64)
    if not len(values):
        return values
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    return centred / np.where(spread > _FLAT, spread, np.inf)


def unit_vectors(embedding: Singles) -> Singles:
    """Return (n, B * d) vectors of length 1 of (n, B, d) ones, for searching by likeness."""
    flat = embedding.reshape(len(embedding), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length > 0, flat / np.maximum(length, np.finfo(np.float32).tiny), 0)


def _bare(spectrum: Spectrum) -> Spectrum:
    """Return the spectrum with its peaks sorted and only those that are finite and positive."""
    mz = np.asarray(spectrum.mz, np.float64)
    value = np.asarray(spectrum.intensity, np.float64)
    keep = np.isfinite(mz) & np.isfinite(value) & (value > 0)
    if keep.all() and (np.diff(mz) >= 0).all():
        return spectrum
    order = np.flatnonzero(keep)[np.argsort(mz[keep], kind="stable")]
    return replace(spectrum, axis=Axis(mz[order], "m/z"), value=value[order], columns={})
