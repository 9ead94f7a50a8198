"""What models predict of a molecule: fingerprints of its structure, side by side as blocks of bits.

Three kinds that fail differently: circular neighbourhoods (what a fragment is), atom pairs with
counts (how far apart things are) and paths (how they hang together). MACCS keys, feature
neighbourhoods and torsions add nothing to these on molecules held out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Block:
    """One fingerprint: its name and its columns ``start:stop`` of the whole."""

    name: str
    start: int
    stop: int

    @property
    def columns(self) -> slice:
        """The columns as a slice."""
        return slice(self.start, self.stop)


NAME = "spectrakit-1"  # what bundles call these bits; another choice of bits is another name
_SIZES = {"morgan": 16384, "pairs": 4096, "paths": 4096}


def _lay_out() -> tuple[Block, ...]:
    stops = np.cumsum(list(_SIZES.values())).tolist()
    return tuple(
        Block(name, stop - size, stop)
        for (name, size), stop in zip(_SIZES.items(), stops, strict=True)
    )


BLOCKS = _lay_out()
N_BITS = BLOCKS[-1].stop


@cache
def _generators() -> tuple[Any, ...]:
    from rdkit.Chem import rdFingerprintGenerator as rd

    return (
        rd.GetMorganGenerator(radius=3, fpSize=_SIZES["morgan"]),
        rd.GetAtomPairGenerator(fpSize=_SIZES["pairs"], countSimulation=True),
        rd.GetRDKitFPGenerator(maxPath=5, fpSize=_SIZES["paths"], numBitsPerFeature=1),
    )


def fingerprints(smiles: Sequence[str]) -> tuple[Any, list[int]]:
    """Return the bits of molecules and which could not be read.

    Returns:
        (n, ``N_BITS``) CSR float32 of zeros and ones, and the rows that RDKit refuses; their
        bits are all zero.
    """
    import scipy.sparse as sp
    from rdkit import Chem, rdBase

    indices: list[int] = []
    indptr = [0]
    rejected: list[int] = []
    with rdBase.BlockLogs():
        for row, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text) if text else None
            if molecule is None or molecule.GetNumAtoms() == 0:
                rejected.append(row)
            else:
                for block, generator in zip(BLOCKS, _generators(), strict=True):
                    bits = generator.GetFingerprint(molecule).GetOnBits()
                    indices.extend(block.start + bit for bit in bits)
            indptr.append(len(indices))
    ones = np.ones(len(indices), np.float32)
    return sp.csr_matrix((ones, indices, indptr), shape=(len(smiles), N_BITS)), rejected


def clusters(bits: Any, similarity: float = 0.85) -> Any:
    """Return (n,) labels: molecules chained by Tanimoto similarity above ``similarity``.

    ``bits`` is (n, n_bits) CSR of one fingerprint.

    Molecules of one cluster are held out together, so that none is judged by a fit that has
    seen its near twin.
    """
    import scipy.sparse as sp

    size = np.asarray(bits.sum(axis=1)).ravel()
    shared = (bits @ bits.T).tocoo()
    union = size[shared.row] + size[shared.col] - shared.data
    near = shared.data > similarity * union
    graph = sp.csr_matrix((shared.data[near], (shared.row[near], shared.col[near])), shared.shape)
    return sp.csgraph.connected_components(graph, directed=False)[1]
