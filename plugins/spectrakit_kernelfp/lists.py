"""Held-out molecules with candidates of the same mass, and how well a scorer ranks them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.known_mass import neutral_mass
from spectrakit.spectrum import Molecule
from spectrakit_kernelfp.data import training_set
from spectrakit_kernelfp.features import Merged, merge
from spectrakit_kernelfp.scoring import merit

PPM = 10.0  # half-width of the mass window of a list
MOST = 63  # candidates beside the molecule itself

Blocks = NDArray[np.float64]  # (n_candidates, n_blocks) standardised scores


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """A held-out molecule: its spectra by polarity, candidates (SMILES), and which is it."""

    spectra: Mapping[int, Merged]
    smiles: tuple[str, ...]
    truth: int


def unknowns_of(train: Any, valid: Any) -> list[Unknown]:
    """Return the molecules of ``valid`` that have spectra, each with its candidates.

    Args:
        train: a dataset whose molecules and structure lists are candidates.
        valid: a dataset whose molecules are asked for (and candidates of each other).

    Candidates are at most ``MOST`` molecules within ``PPM`` of the mass, chosen by a hash of
    their names; a molecule without any is asked for all the same.
    """
    spectra, smiles, _ = training_set(s for s in valid if s.ms_level != 1)
    known: dict[str, tuple[float, str]] = {}
    for dataset in (train, valid):
        listed = chain.from_iterable(dataset.structures)
        measured = (s.molecule for s in dataset if s.molecule is not None)
        for molecule in chain(listed, measured):
            if molecule.smiles:
                known.setdefault(_key(molecule), (_mass(molecule), molecule.smiles))
    keys = sorted((key for key in known if isfinite(known[key][0])), key=lambda k: known[k][0])
    masses = np.array([known[key][0] for key in keys])
    found: list[Unknown] = []
    for key, structure in sorted(smiles.items()):
        parts = {p: merge(spectra.get((key, p), ())) for p in (1, -1)}
        merged = {p: one for p, one in parts.items() if one is not None}
        mass = neutral_mass(structure)
        if not merged or not isfinite(mass):
            continue
        window = mass * (1 + np.array([-PPM, PPM]) * 1e-6)
        first, stop = np.searchsorted(masses, window).tolist()
        others = sorted((k for k in keys[first:stop] if k != key), key=_hash)[:MOST]
        order = sorted([key, *others], key=_hash)
        listed = tuple(structure if k == key else known[k][1] for k in order)
        found.append(Unknown(merged, listed, order.index(key)))
    return found


def ranks(unknowns: Sequence[Unknown], scores: Callable[[Unknown], Blocks]) -> NDArray[np.float64]:
    """Return the rank of the true molecule in each list, ties sharing their mean rank."""
    found: list[float] = []
    for one in unknowns:
        values = merit(scores(one))
        own = values[one.truth]
        found.append(1 + float((values > own).sum()) + float((values == own).sum() - 1) / 2)
    return np.array(found)


def recall_and_mrr(found: NDArray[np.float64]) -> tuple[float, float]:
    """Return Recall@1 and the mean reciprocal rank."""
    return float((found == 1).mean()), float((1 / found).mean())


def _key(molecule: Molecule) -> str:
    return molecule.inchikey[:14] or molecule.smiles


def _mass(molecule: Molecule) -> float:
    known = molecule.exact_mass
    return known if isfinite(known) else neutral_mass(molecule.smiles)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
