"""Teachers: whatever knows features and bits of a spectrum, one or several of them.

**A teacher's answers for its own training molecules must be held out.** A kernel ridge model
nearly memorises the molecules it was fitted on: asked for them it returns their fingerprints, and
a student that imitates this learns what it would have learned from the labels, with their noise.
Asked as if each molecule (with its near twins) had not been in the fit, it returns what it would
say of an unknown, which is what the student should learn. A plugin passes such a teacher of its
own; a ``BundleTeacher`` cannot know what its bundle was fitted on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.bundle import Bundle
from spectrakit.errors import MismatchError
from spectrakit.plugin import Progress
from spectrakit.search.learned import LearnedScorer
from spectrakit.search.molecular_fingerprints import N_BITS
from spectrakit.spectrum import Spectrum
from spectrakit.train.distillation.losses import SMALLEST
from spectrakit.train.distillation.molecules import Directions

Singles = NDArray[np.float32]
CHUNK = 512  # spectra asked at once
RIDGE = 1e-2  # of the read-out, against features of unit variance


class Teacher(Protocol):
    """What a student can learn from. Rows of NaN mean: no answer for this spectrum."""

    @property
    def name(self) -> str:
        """What the bundle of the student calls it."""
        ...

    @property
    def digest(self) -> str:
        """Of everything its answers depend on."""
        ...

    @property
    def gives(self) -> Literal["probability", "surplus"]:
        """What ``bits`` are: probabilities, or these less the prior of the training molecules."""
        ...

    def features(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return (n, D) float32.

        Spectra are preprocessed (peaks at sum 1, those of one molecule, polarity and precursor
        perhaps joined) and carry their molecule, by which held-out answers are found.
        """
        ...

    def bits(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return (n, ``N_BITS``) float32; columns that the teacher does not know are NaN or 0."""
        ...


class BundleTeacher:
    """Any bundle with ``encode_spectrum``, run by onnxruntime; its features are the embedding.

    Bits come from the bundle's ``fingerprint`` graph, else by a linear read-out of the features
    that :meth:`learn_bits` fits on the student's training molecules.

    The bundle answers for molecules that it was trained on as it does for all others: see the
    note at the top of this file. Where the student learns from the teacher's own training
    spectra, pass a teacher with held-out answers instead.

    Raises:
        InputError: no bundle, or one that was changed.
        MismatchError: it has no ``encode_spectrum``.
    """

    def __init__(self, path: Path) -> None:
        self._bundle = Bundle.open(path)
        self._bundle.graph("encode_spectrum")
        self._bundle.graph("encode_molecule")
        self._scorer = LearnedScorer(self._bundle)
        self._weights: Singles | None = None

    @property
    def name(self) -> str:
        """``NAME@VERSION``."""
        return self._bundle.label

    @property
    def digest(self) -> str:
        """Of the bundle's manifest, which holds those of its files."""
        return self._bundle.digest

    @property
    def gives(self) -> Literal["probability", "surplus"]:
        """Probabilities from a graph, a surplus from the read-out."""
        return "probability" if "fingerprint" in self._bundle.manifest.graphs else "surplus"

    def features(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return the (n, B d) embeddings."""
        vectors = self._scorer.spectra(spectra)
        return vectors.reshape(len(vectors), -1)

    def learn_bits(self, features: Singles, truth: Any) -> None:
        """Fit the read-out: ridge regression of the centred bits on the features.

        Args:
            features: (n, B d) of spectra, as :meth:`features` gives them.
            truth: (n, ``N_BITS``) CSR bits of their molecules.
        """
        scale = max(float(np.sqrt(np.square(features).mean())), 1e-12)
        x = features / scale
        gram = x.T @ x + RIDGE * len(x) * np.eye(x.shape[1], dtype=np.float32)
        prior = np.asarray(truth.mean(axis=0), np.float32)
        wanted = np.asarray(truth.T @ x).T - np.outer(x.sum(axis=0), prior)
        self._weights = (np.linalg.solve(gram, wanted) / scale).astype(np.float32)

    def bits(self, spectra: Sequence[Spectrum]) -> Singles:
        """Return the (n, ``N_BITS``) bits.

        Raises:
            MismatchError: there is no graph for them and no read-out was fitted.
        """
        if self.gives == "probability":
            from spectrakit.bundle.predict import inputs_of

            outputs = self._bundle.run("fingerprint", inputs_of(self._bundle, spectra))
            found = np.asarray(next(iter(outputs.values())), np.float32)
            if found.shape != (len(spectra), N_BITS):
                raise MismatchError(
                    f"bundle {self.name}: 'fingerprint' gives {found.shape} where "
                    f"({len(spectra)}, {N_BITS}) belongs.",
                    hint="Export the bundle again.",
                )
            return found
        if self._weights is None:
            raise MismatchError(
                f"bundle {self.name} has no 'fingerprint' graph and its read-out was not fitted.",
                hint="Call learn_bits first.",
            )
        return self.features(spectra) @ self._weights


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What all teachers say of some spectra.

    Attributes:
        feature: (n, D) float32: of each teacher LayerNorm of its features, side by side.
        bits: (n, b) float16: the mean of the teachers' probabilities, or (n, 0).
        aim: (n, B, d) float32: the mean of their surpluses in the molecules' directions, or
            (n, 0, 0).
        known: (n,) float32: 1 where every teacher has an answer.
    """

    feature: Singles
    bits: NDArray[np.float16]
    aim: Singles
    known: Singles


def ask(
    teachers: Sequence[Teacher],
    spectra: Sequence[Spectrum],
    truth: Any,
    columns: NDArray[np.int64],
    directions: tuple[Directions, ...],
    progress: Progress,
    *,
    with_features: bool,
    with_bits: bool,
) -> Answers:
    """Return what teachers say of spectra.

    Args:
        teachers: any number of them.
        spectra: (n) preprocessed.
        truth: (n, ``N_BITS``) CSR bits of their molecules: the prior, and the read-out of
            bundles without a graph for bits.
        columns: (b,) bits that the student learns.
        directions: of the molecules' side, B of them.
        progress: shows how far it is.
        with_features: whether they are wanted.
        with_bits: whether bits and aims are wanted.
    """
    n, with_bits = len(spectra), with_bits and bool(teachers)
    prior = np.asarray(truth.mean(axis=0), np.float32).ravel()
    dimension = directions[0].vectors.shape[1]
    bits = np.zeros((n, len(columns) if with_bits else 0), np.float16)
    aim = np.zeros((n, len(directions), dimension) if with_bits else (n, 0, 0), np.float32)
    known = np.ones(n, np.float32)
    found: list[Singles] = []
    for teacher in teachers:
        fits = with_bits and isinstance(teacher, BundleTeacher) and teacher.gives == "surplus"
        if with_features or fits:
            with progress(f"features of {teacher.name}", n, "spectra") as advance:
                feature = np.concatenate(
                    [_advanced(advance, teacher.features(spectra[s : s + CHUNK]))
                     for s in range(0, n, CHUNK)]
                )  # fmt: skip
            if fits:
                teacher.learn_bits(feature, truth)  # pyright: ignore[reportAttributeAccessIssue]  # it is a BundleTeacher
            if with_features:
                normal, answered = layer_norm(feature)
                found.append(normal)
                known *= answered
        if with_bits:
            with progress(f"bits of {teacher.name}", n, "spectra") as advance:
                for start in range(0, n, CHUNK):
                    rows = slice(start, start + CHUNK)
                    part = _advanced(advance, teacher.bits(spectra[rows]))
                    known[rows] *= ~np.isnan(part).all(axis=1)
                    surplus = part if teacher.gives == "surplus" else part - prior
                    surplus = np.nan_to_num(surplus) / len(teachers)
                    bits[rows] += surplus[:, columns].astype(np.float16)
                    aim[rows] += np.stack(
                        [surplus[:, d.columns] @ d.vectors for d in directions], 1
                    )
    if with_bits:
        for start in range(0, n, CHUNK):
            rows = slice(start, start + CHUNK)
            bits[rows] = (bits[rows] + prior[columns]).clip(SMALLEST, 1 - SMALLEST)
    feature = np.concatenate(found, axis=1) if found else np.zeros((n, 0), np.float32)
    return Answers(feature, bits, aim, known)


def _advanced(advance: Callable[[int], None], answer: Singles) -> Singles:
    advance(len(answer))
    return answer


def layer_norm(features: Singles) -> tuple[Singles, Singles]:
    """Return rows at mean 0 and variance 1, and (n,) 1 where the row is a finite answer.

    How sure a teacher is shows in the length of its feature; which molecule it means shows in
    the direction, and only that ranks candidates. Rows without an answer become 0.
    """
    centred = features - features.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    answered = np.isfinite(spread) & (spread > 1e-12)
    clean = np.where(answered, centred / np.where(answered, spread, 1), 0)
    return clean.astype(np.float32), answered[:, 0].astype(np.float32)
