"""Fit, predict, hold out, save and load: the kernel model of both polarities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from spectrakit.errors import InputError, MismatchError
from spectrakit.plugin import LeaveOut
from spectrakit.search.learned import standardise
from spectrakit.search.molecular_fingerprints import BLOCKS, clusters, fingerprints
from spectrakit_kernelfp import kernel
from spectrakit_kernelfp.features import (
    KINDS,
    Measurement,
    Merged,
    counts,
    inverse_frequency,
    merge,
    normalise,
)
from spectrakit_kernelfp.latent import Basis, enough, fit_basis, project
from spectrakit_kernelfp.scoring import block_scores

FORMAT = 1
Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """What was learned from one polarity; n training rows, one for each molecule."""

    molecule: NDArray[np.int64]  # (n,) row of the model's molecules
    weight: tuple[Singles, ...]  # for each kind, (n_bins,) weights of bins
    basis: tuple[Basis, ...]  # for each kind, its latent directions
    rows: tuple[Singles, ...]  # for each kind, (n, r) unit vectors in the latent space
    factor: Singles  # (n, n) lower Cholesky factor of the regularised kernel

    def vectors(self, spectra: Sequence[Merged]) -> tuple[Singles, ...]:
        """Return the unit vectors of queries, one (m, r) array for each kind."""
        return tuple(
            project(basis, normalise(counts(spectra, kind), weight))
            for kind, weight, basis in zip(KINDS, self.weight, self.basis, strict=True)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Fingerprints of training molecules and, for each polarity, how spectra lead to them.

    ``keys`` names the molecules (first InChIKey block, or any label of the caller); ``kept``
    (n_bits,) are the columns of :func:`fingerprints` that enough molecules show, ``bits`` is
    (n_molecules, n_bits) CSR float32 of them, and ``bounds`` says where their blocks begin.
    """

    keys: tuple[str, ...]
    kept: NDArray[np.int64]
    bits: Any
    halves: Mapping[int, Half]

    @property
    def bounds(self) -> tuple[int, ...]:
        """(n_blocks + 1,) columns of ``bits`` where blocks begin and end."""
        edges = [block.start for block in BLOCKS] + [BLOCKS[-1].stop]
        return tuple(np.searchsorted(self.kept, edges).tolist())

    def candidates(self, smiles: Sequence[str]) -> Any:
        """Return the (n, n_bits) CSR bits of structures; those RDKit cannot read have none."""
        return fingerprints(smiles)[0][:, self.kept]

    def surplus(self, polarity: int, spectra: Sequence[Merged]) -> Singles:
        """Return (m, n_bits) predicted minus prior probability of each bit.

        Raises:
            MismatchError: nothing was learned for this polarity.
        """
        half = self.halves.get(polarity)
        if half is None:
            raise MismatchError(
                f"the model has learned no spectra of polarity {polarity:+d}.",
                hint="Train on spectra of both polarities, or leave these out.",
            )
        similar = kernel.gram(half.vectors(spectra), half.rows)
        return self.mix(half, kernel.coefficients(half.factor, similar))

    def mix(self, half: Half, weights: Singles) -> Singles:
        """Return (m, n_bits) sums of the training fingerprints, less their mean, by weight."""
        bits = self.bits[half.molecule]
        prior = np.asarray(bits.mean(axis=0), np.float32).ravel()
        mixed = np.asarray((bits.T @ weights.T).T, np.float32)
        return mixed - weights.sum(axis=1, dtype=np.float32)[:, None] * prior

    def combined(self, spectra: Mapping[int, Merged]) -> Singles:
        """Return (n_bits,) surplus of one molecule, averaged over the polarities learned."""
        known = [polarity for polarity in spectra if polarity in self.halves]
        parts = [self.surplus(polarity, [spectra[polarity]])[0] for polarity in known]
        return np.mean(parts, axis=0) if parts else np.zeros(len(self.kept), np.float32)

    def score(self, spectra: Mapping[int, Merged], smiles: Sequence[str]) -> NDArray[np.float64]:
        """Return (n, n_blocks) standardised scores of candidates for the spectra of one molecule.

        Candidates that RDKit cannot read have no bits and score 0 before standardising.
        """
        bits = self.candidates(smiles)
        return standardise(block_scores(self.combined(spectra), bits, self.bounds))


def fit(
    spectra: Mapping[tuple[str, int], Sequence[Measurement]],
    smiles: Mapping[str, str],
    *,
    ridge: float = kernel.RIDGE,
    leave_out: LeaveOut = lambda reasons: None,
) -> Model:
    """Fit the model.

    Args:
        spectra: (molecule, polarity +1 or -1) -> its spectra.
        smiles: molecule -> structure.
        ridge: of the regression, against kernel values of 1 + 2 on the diagonal.
        leave_out: is told of spectra whose structure RDKit rejects.

    Raises:
        MismatchError: no molecule has both a readable structure and a spectrum with peaks.
    """
    names = sorted({name for name, _ in spectra})
    bits, refused = fingerprints([smiles.get(name, "") for name in names])
    unreadable = set(refused)
    if unreadable:
        rejected = {names[row] for row in refused}
        lost = sum(len(held) for (name, _), held in spectra.items() if name in rejected)
        leave_out({"no structure that RDKit reads": lost})
    place = {name: row for row, name in enumerate(names) if row not in unreadable}
    halves: dict[int, Half] = {}
    for polarity in (1, -1):
        molecules: list[int] = []
        merged: list[Merged] = []
        for name, row in place.items():
            one = merge(spectra.get((name, polarity), ()))
            if one is not None:
                molecules.append(row)
                merged.append(one)
        if merged:
            halves[polarity] = _fit_half(np.array(molecules), merged, ridge)
    if not halves:
        raise MismatchError(
            f"none of {len(names)} molecules has a readable structure and a spectrum with peaks.",
            hint="Training needs MS/MS spectra with their SMILES and polarity.",
        )
    shown = np.bincount(bits.indices, minlength=bits.shape[1])
    kept = np.flatnonzero(shown >= enough(len(place)))
    return Model(tuple(names), kept, bits[:, kept], halves)


def _fit_half(molecule: NDArray[np.int64], merged: Sequence[Merged], ridge: float) -> Half:
    weights: list[Singles] = []
    bases: list[Basis] = []
    rows: list[Singles] = []
    for kind in KINDS:
        raw = counts(merged, kind)
        weights.append(inverse_frequency(raw, kind))
        sparse = normalise(raw, weights[-1])
        bases.append(fit_basis(sparse))
        rows.append(project(bases[-1], sparse))
    factor = kernel.factorise(kernel.gram(rows, rows), ridge)
    return Half(molecule, tuple(weights), tuple(bases), tuple(rows), factor)


def held_out_weights(model: Model, polarity: int) -> Singles:
    """Return (n, n) weights of the training rows for each of them, fitted without its cluster.

    With :meth:`Model.mix` they give the surplus that an unknown molecule would have got.
    """
    half = model.halves[polarity]
    return kernel.held_out_coefficients(
        half.factor, clusters(model.bits[:, : model.bounds[1]])[half.molecule]
    )


def save(model: Model, path: Path) -> None:
    """Write the model as one ``.npz`` of plain arrays, the lower triangle of the factor packed."""
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "keys": np.array(model.keys, dtype=np.str_),
        "polarities": np.array(sorted(model.halves)),
        "kept": model.kept,
        **{f"bits/{part}": getattr(model.bits, part) for part in ("indices", "indptr")},
    }
    for polarity, half in sorted(model.halves.items()):
        start = f"{polarity:+d}"
        arrays[f"{start}/molecule"] = half.molecule
        arrays[f"{start}/factor"] = half.factor[np.tril_indices(len(half.factor))]
        for kind, weight, basis, rows in zip(
            KINDS, half.weight, half.basis, half.rows, strict=True
        ):
            arrays[f"{start}/{kind}/weight"] = weight
            arrays[f"{start}/{kind}/columns"] = basis.columns
            arrays[f"{start}/{kind}/vectors"] = basis.vectors
            arrays[f"{start}/{kind}/rows"] = rows
    plain: dict[str, Any] = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    with path.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **plain)


def load(path: Path) -> Model:
    """Read a model that :func:`save` wrote.

    Raises:
        InputError: the file is no such model or of a later format.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in arrays.files}
        if int(held["format"]) > FORMAT:
            raise InputError(
                f"{path}: kernelfp model of format {int(held['format'])}; this reads {FORMAT}.",
                hint="Update spectrakit.",
            )
        halves = {int(polarity): _load_half(held, int(polarity)) for polarity in held["polarities"]}
        kept, indices, indptr = held["kept"], held["bits/indices"], held["bits/indptr"]
        ones = np.ones(len(indices), np.float32)
        bits = sp.csr_matrix((ones, indices, indptr), shape=(len(held["keys"]), len(kept)))
        return Model(tuple(held["keys"].tolist()), kept, bits, halves)
    except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(
            f"{path}: not a kernelfp model ({error}).",
            hint="Name the run folder that `spectrakit pretrain -m kernelfp` wrote.",
        ) from error


def _load_half(held: Mapping[str, Any], polarity: int) -> Half:
    start = f"{polarity:+d}"
    molecule = held[f"{start}/molecule"]
    factor = np.zeros((len(molecule), len(molecule)), np.float32)
    factor[np.tril_indices(len(molecule))] = held[f"{start}/factor"]
    kinds = [f"{start}/{kind}" for kind in KINDS]
    return Half(
        molecule,
        tuple(held[f"{kind}/weight"] for kind in kinds),
        tuple(Basis(held[f"{kind}/columns"], held[f"{kind}/vectors"]) for kind in kinds),
        tuple(held[f"{kind}/rows"] for kind in kinds),
        factor,
    )
