"""The fitted model made small: fewer directions and bins, and scores as products of two vectors.

What a bench has to compute for a spectrum x and a candidate with bits b is

    score_b = k(x, rows) A^-1 (Y - mean) b / sqrt(|b|)

for each block of bits. The middle, (n_rows, n_bits), is replaced by the projection on the leading
right singular vectors Q of the fitted predictions K A^-1 (Y - mean): the spectrum becomes the
vector k(x, rows) A^-1 (Y - mean) Q and the candidate Q^T b / sqrt(|b|), one pair for each block.
Both polarities share Q, so that their vectors can be averaged. Bits count by the root of their
spread in the decomposition, so that rare ones take no directions from the others.

Directions and bins are cut from the fitted basis as it stands, without a look at the spectra:
96 directions of bins that 16 molecules show rank as well as 192 of 8. Inner products do not
change when both sides are turned, so they are turned at random: then no direction stands out,
and the directions of bins bear 4 bits. Rows and molecules bear 8; the output, large weights of
both signs that cancel, needs 16.

Source: reduced-rank ridge regression, Mukherjee and Zhu 2011 (doi:10.1002/sam.10138); rotation
before rounding, Chee et al. 2023 (arXiv:2307.13304).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit_kernelfp import kernel
from spectrakit_kernelfp.features import KINDS, WEIGHTS, Merged, counts
from spectrakit_kernelfp.latent import Basis, project
from spectrakit_kernelfp.model import Half, Model

Singles = NDArray[np.float32]

_SPARE = 16
_ITERATIONS = 3
_SHORT = 1e-6
_RAREST = 1e-3  # spread of a bit that no molecule, or every one, shows


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A float32 matrix as ``values * scale``: whole numbers with a scale for each row."""

    values: NDArray[Any]  # float32, int8 or int16
    scale: Singles  # (n, 1), or (1, 1) of float32 values
    bits: int = 32  # of a value; 16, 8 or 4 where they are whole numbers

    @property
    def dense(self) -> Singles:
        """The matrix itself."""
        return self.values.astype(np.float32) * self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One polarity: for each kind bins, directions (weights of bins in them) and rows."""

    columns: tuple[NDArray[np.int64], ...]  # (c,) bins that count, ascending
    vectors: tuple[Table, ...]  # (c, r)
    rows: tuple[Table, ...]  # (n, r) unit vectors
    output: Table  # (n, n_blocks * d) from the kernel to the vectors of a spectrum

    def embed(self, spectra: Sequence[Merged]) -> Singles:
        """Return (m, n_blocks * d) vectors of spectra."""
        queries: list[Singles] = []
        for kind, columns, vectors in zip(KINDS, self.columns, self.vectors, strict=True):
            queries.append(project(Basis(columns, vectors.dense), counts(spectra, kind)))
        similar = kernel.gram(queries, [rows.dense for rows in self.rows])
        return similar @ self.output.dense


@dataclass(frozen=True, slots=True, eq=False)
class Compact:
    """The small model.

    ``kept`` (n_bits,) columns of all fingerprint bits, ``bounds`` (n_blocks + 1,) where blocks
    begin and end in them, ``molecule`` (n_bits, d) the shared Q, and a part for each polarity.
    """

    kept: NDArray[np.int64]
    bounds: tuple[int, ...]
    molecule: Table
    parts: Mapping[int, Part]

    def spectrum(self, spectra: Mapping[int, Merged]) -> Singles:
        """Return (n_blocks, d) vectors of one molecule's spectra, averaged over polarities."""
        found = [self.parts[p].embed([one])[0] for p, one in spectra.items() if p in self.parts]
        shape = (len(self.bounds) - 1, self.molecule.values.shape[1])
        return np.mean(found, axis=0).reshape(shape) if found else np.zeros(shape, np.float32)

    def molecules(self, bits: Any) -> Singles:
        """Return (m, n_blocks, d) vectors of candidates; ``bits`` (m, n_bits) CSR."""
        dense = self.molecule.dense
        blocks: list[Singles] = []
        for start, stop in pairwise(self.bounds):
            own = bits[:, start:stop]
            size = np.maximum(np.asarray(own.sum(axis=1)).ravel(), 1.0)
            blocks.append((own @ dense[start:stop]) / np.sqrt(size)[:, None])
        return np.stack(blocks, axis=1).astype(np.float32)


def compact(
    model: Model,
    *,
    rank: int = 96,
    min_molecules: int = 16,
    output_rank: int = 128,
    whole: bool = False,
) -> Compact:
    """Return the model made small.

    Args:
        model: as fitted.
        rank: directions of each kind that stay.
        min_molecules: bins that fewer molecules show are left out.
        output_rank: directions of the predicted bits of each block, d.
        whole: tables of whole numbers. The regression is solved for the rounded rows, since
            its weights are large and of both signs.
    """
    halves = {p: _cut(half, rank, min_molecules, whole) for p, half in model.halves.items()}
    middle: dict[int, Singles] = {}
    fitted: list[Singles] = []
    for polarity, half in halves.items():
        bits = model.bits[half.molecule].toarray()
        middle[polarity] = kernel.coefficients(half.factor, (bits - bits.mean(axis=0)).T).T
        fitted.append(kernel.gram(half.rows, half.rows) @ middle[polarity])
    predictions = np.concatenate(fitted)
    shared = np.zeros((len(model.kept), output_rank), np.float32)
    spread = np.sqrt(np.maximum(_spread(model), _RAREST))
    for start, stop in pairwise(model.bounds):
        found = _right_vectors(predictions[:, start:stop] * spread[start:stop], output_rank)
        shared[start:stop, : found.shape[1]] = found
    shared = shared @ _turn(output_rank)
    inward = np.asarray(shared * spread[:, None], np.float32)
    outward = np.asarray(shared / spread[:, None], np.float32)
    parts: dict[int, Part] = {}
    for polarity, half in halves.items():
        output = [middle[polarity][:, a:b] @ inward[a:b] for a, b in pairwise(model.bounds)]
        directions = [
            np.asarray(basis.vectors * weight[basis.columns][:, None], np.float32)
            for basis, weight in zip(half.basis, half.weight, strict=True)
        ]
        parts[polarity] = Part(
            tuple(basis.columns for basis in half.basis),
            tuple(_table(one, 4 if whole else 32) for one in directions),
            tuple(_table(rows, 8 if whole else 32) for rows in half.rows),
            _table(np.concatenate(output, axis=1), 16 if whole else 32),
        )
    return Compact(model.kept, model.bounds, _table(outward, 8 if whole else 32), parts)


def _cut(half: Half, rank: int, min_molecules: int, whole: bool) -> Half:
    """Return a polarity with fewer directions and bins, turned, its rows at unit length again."""
    bases: list[Basis] = []
    shorter: list[Singles] = []
    n = len(half.molecule)
    wanted = max(1, min(min_molecules, n // 100))
    for kind, weight, basis, rows in zip(KINDS, half.weight, half.basis, half.rows, strict=True):
        often = _frequency(weight[basis.columns], kind, n) >= wanted - 0.5
        turn = _turn(min(rank, rows.shape[1]))
        bases.append(Basis(basis.columns[often], basis.vectors[often][:, :rank] @ turn))
        first = rows[:, :rank] @ turn
        length = np.linalg.norm(first, axis=1, keepdims=True)
        unit = np.where(length > _SHORT, first / np.maximum(length, _SHORT), np.float32(0))
        shorter.append(_table(unit, 8).dense if whole else unit)
    own = kernel.gram([rows[:1] for rows in half.rows], [rows[:1] for rows in half.rows])
    ridge = float(half.factor[0, 0] ** 2 - own[0, 0])  # the first pivot of K + ridge I
    factor = kernel.factorise(kernel.gram(shorter, shorter), ridge)
    return Half(half.molecule, half.weight, tuple(bases), tuple(shorter), factor)


def _frequency(weight: Singles, kind: str, n: int) -> NDArray[np.float64]:
    """Return how many of ``n`` molecules show bins: ``features.inverse_frequency`` undone."""
    idf = weight.astype(np.float64) ** (1 / WEIGHTS[kind].idf) - 1e-3
    return (1 + n) / np.exp(idf) - 1


def _right_vectors(matrix: Singles, rank: int) -> Singles:
    """Return (n_columns, at most ``rank``) leading right singular vectors (Halko 2011)."""
    width = min(rank + _SPARE, *matrix.shape)
    start = np.random.default_rng(0).standard_normal((matrix.shape[1], width))
    right = start.astype(np.float32)
    for _ in range(_ITERATIONS):
        left = np.linalg.qr(matrix @ right)[0]
        right = np.linalg.qr(matrix.T @ left)[0]
    turn = np.linalg.svd(matrix @ right, full_matrices=False)[2].T
    return (right @ turn)[:, :rank]


def _table(matrix: Singles, bits: int) -> Table:
    """Return a matrix as a table with a scale for each row."""
    if bits == 32:
        return Table(np.ascontiguousarray(matrix, np.float32), np.ones((1, 1), np.float32))
    top = 2 ** (bits - 1) - 1
    scale = np.abs(matrix).max(axis=1, keepdims=True, initial=0.0) / top
    kind = np.int8 if bits <= 8 else np.int16
    values = np.round(matrix / np.where(scale > 0, scale, 1)).astype(kind)
    return Table(values, scale.astype(np.float32), bits)


def _spread(model: Model) -> Singles:
    """Return (n_bits,) standard deviations of the bits of training molecules."""
    share = np.asarray(model.bits.mean(axis=0), np.float32).ravel()
    return np.sqrt(share * (1 - share))


def _turn(size: int) -> Singles:
    """Return a (size, size) rotation, always the same."""
    drawn = np.random.default_rng(0).standard_normal((size, size))
    return np.linalg.qr(drawn)[0].astype(np.float32) if size else drawn.astype(np.float32)
