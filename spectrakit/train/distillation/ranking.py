"""How well a student ranks: held-out molecules among those nearest in mass.

The lists are made from the data at hand (held-out and training molecules), which is enough to
choose weights of a network, an int8 graph and the weights of score blocks; figures to be reported
come from candidate lists of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.known_mass import neutral_mass
from spectrakit.search.learned import standardise
from spectrakit.train.distillation.molecules import Directions, molecule_vectors
from spectrakit.train.distillation.views import Views

LISTED = 64  # molecules of a list

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Held-out molecules and the candidates of each.

    Attributes:
        views: of the held-out spectra; their joined ones are ranked.
        bits: (molecules, ``N_BITS``) CSR of all candidates.
        vectors: (molecules, B, d) float32 of them.
        candidates: for each held-out molecule, rows of ``vectors``; the first is the truth.
    """

    views: Views
    bits: Any
    vectors: Singles
    candidates: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        return len(self.candidates)


def make_lists(
    views: Views,
    bits: Any,
    train: Views,
    train_bits: Any,
    directions: tuple[Directions, ...],
) -> Lists:
    """Return lists of the ``LISTED`` molecules nearest in mass to each held-out one."""
    import scipy.sparse as sp

    place = {key: row for row, key in enumerate(views.keys)}
    extra = [row for row, key in enumerate(train.keys) if key not in place]
    smiles = [*views.smiles, *(train.smiles[row] for row in extra)]
    every = sp.vstack([bits, train_bits[extra]], format="csr")
    vectors = molecule_vectors(directions, every)
    mass = np.array([neutral_mass(text) for text in smiles])
    found: list[NDArray[np.int64]] = []
    for row in range(len(views.smiles)):
        away = np.abs(mass - mass[row])
        away[row] = -1.0
        found.append(np.argsort(np.where(np.isnan(away), np.inf, away), kind="stable")[:LISTED])
    return Lists(views, every, vectors, tuple(found))


def block_scores(lists: Lists, embedding: Singles) -> list[NDArray[np.float64]]:
    """Return for each held-out molecule the (k, B) standardised scores of its candidates.

    Args:
        lists: the molecules; one without a spectrum scores 0 throughout.
        embedding: (groups, B, d) of the joined views; averaged within a polarity, then over
            polarities.
    """
    views = lists.views
    polarity = np.array([views.spectra[row].polarity for row in views.joined])
    found: list[NDArray[np.float64]] = []
    for number, rows in enumerate(lists.candidates):
        own = np.flatnonzero(views.molecule == number)
        parts = [embedding[own[polarity[own] == p]].mean(axis=0) for p in np.unique(polarity[own])]
        if not parts:
            found.append(np.zeros((len(rows), embedding.shape[1])))
            continue
        scores = np.einsum("bd,mbd->mb", np.mean(parts, axis=0), lists.vectors[rows])
        found.append(standardise(scores))
    return found


def reciprocal_ranks(
    scores: Sequence[NDArray[np.float64]], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (n,) reciprocal ranks of the first candidate; whatever scores as high is before it."""
    merits = [one @ weights for one in scores]
    return np.array([1.0 / np.sum(merit >= merit[0]) for merit in merits])
