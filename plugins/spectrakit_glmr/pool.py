"""Molecules of the same mass as the training molecules: the negatives without which mass is all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.known_mass import neutral_mass
from spectrakit.search.molecular_fingerprints import N_BITS, fingerprints
from spectrakit.spectrum import Molecule
from spectrakit_glmr.spectra import Measured

PPM = 10.0
MOST = 16  # kept of the molecules that weigh what a training molecule weighs


@dataclass(frozen=True, eq=False)
class SameMass:
    """Which rows of a pool may stand beside each training molecule.

    Attributes:
        bits: (p, N_BITS) CSR of the pool.
        smiles: (p,) of the pool.
        start: (m + 1,) int64: where the rows of each training molecule begin in ``rows``.
        rows: int64 rows of the pool.
    """

    bits: Any
    smiles: Sequence[str]
    start: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def empty(cls, n: int) -> Self:
        """Return a pool in which ``n`` training molecules find nothing."""
        import scipy.sparse as sp

        nothing = np.empty(0, np.int64)
        return cls(sp.csr_matrix((0, N_BITS), dtype=np.float32), (), np.zeros(n + 1, "i8"), nothing)

    def draw(
        self, molecule: NDArray[np.int64], k: int, random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return (n, k) rows of the pool, drawn with replacement; -1 where there are none."""
        count = (self.start[molecule + 1] - self.start[molecule])[:, None]
        if not len(self.rows) or not k:
            return np.full((len(molecule), k), -1, np.int64)
        place = (random.random((len(molecule), k)) * count).astype(np.int64)
        at = np.minimum(self.start[molecule][:, None] + place, len(self.rows) - 1)
        return np.where(count > 0, self.rows[at], -1)


def same_mass(
    measured: Measured, own_bits: Any, structures: Iterable[Molecule], seed: int
) -> SameMass:
    """Return the molecules within 10 ppm of each training molecule, at most ``MOST`` of each.

    Args:
        measured: training spectra; their molecules stand in the pool too.
        own_bits: (m, N_BITS) CSR of the training molecules.
        structures: further molecules.
        seed: which are kept where there are more.
    """
    import scipy.sparse as sp

    mass = np.array([neutral_mass(text) for text in measured.smiles])
    ordered = np.sort(mass)
    known = set(measured.keys)
    smiles: list[str] = []
    masses: list[float] = []
    for molecule in structures:
        key = molecule.inchikey[:14] or molecule.smiles
        stated = float(molecule.exact_mass)
        if not molecule.smiles or key in known:
            continue
        if not stated > 0:
            stated = neutral_mass(molecule.smiles)
        at = int(np.searchsorted(ordered, stated * (1 - PPM * 1e-6)))
        if at < len(ordered) and ordered[at] <= stated * (1 + PPM * 1e-6):
            known.add(key)
            smiles.append(molecule.smiles)
            masses.append(stated)
    pool_mass = np.concatenate([mass, np.array(masses)])
    order = np.argsort(pool_mass, kind="stable")
    low = np.searchsorted(pool_mass[order], mass * (1 - PPM * 1e-6), side="left")
    high = np.searchsorted(pool_mass[order], mass * (1 + PPM * 1e-6), side="right")
    random = np.random.default_rng(seed)
    chosen: list[NDArray[np.int64]] = []
    for number, (first, stop) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        near = order[first:stop]
        near = near[near != number]
        chosen.append(near if len(near) <= MOST else random.choice(near, MOST, replace=False))
    rows = np.concatenate([np.empty(0, np.int64), *chosen])
    used, place = np.unique(rows, return_inverse=True)
    extra = [smiles[row - len(mass)] for row in used.tolist() if row >= len(mass)]
    bits = sp.vstack([own_bits[used[used < len(mass)]], fingerprints(extra)[0]]).tocsr()
    start = np.concatenate([[0], np.cumsum([len(one) for one in chosen])]).astype(np.int64)
    whole = [*(measured.smiles[row] for row in used[used < len(mass)].tolist()), *extra]
    return SameMass(bits, whole, start, place.astype(np.int64))
