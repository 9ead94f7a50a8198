"""The molecule's side: what its inner products mean, in plain sums over bits."""

import numpy as np
import pytest
import torch

from spectrakit.search.molecular_fingerprints import BLOCKS, fingerprints
from spectrakit.train.distillation.molecules import (
    MoleculeEncoder,
    aims,
    fit_directions,
    molecule_vectors,
)

SMILES = ["CCO", "CCN", "c1ccccc1O", "c1ccccc1N", "CC(=O)O", "CCCCCl", "OCC(O)CO", "Nc1ccncc1"]


@pytest.fixture
def bits():
    return fingerprints(SMILES)[0]


def test_score_is_the_surplus_over_the_bits_of_a_molecule(bits):
    """With as many directions as molecules nothing of a surplus among them is lost."""
    directions = fit_directions(bits, 8)
    embedding = aims(directions, bits)  # the surplus of each molecule's own bits
    vectors = molecule_vectors(directions, bits)
    found = np.einsum("nbd,mbd->nmb", embedding, vectors)
    for number, block in enumerate(BLOCKS):
        own = bits[:, block.columns].toarray()
        varies = own.any(axis=0) & ~own.all(axis=0)
        own = own[:, varies]
        surplus = own - own.mean(axis=0)
        expected = surplus @ own.T / np.sqrt(np.maximum(own.sum(axis=1), 1))
        np.testing.assert_allclose(found[:, :, number], expected, atol=1e-3)


def test_torch_and_numpy_agree(bits):
    directions = fit_directions(bits, 4)
    with torch.no_grad():
        by_torch = MoleculeEncoder(directions)(torch.from_numpy(bits.toarray())).numpy()
    np.testing.assert_allclose(by_torch, molecule_vectors(directions, bits), atol=1e-5)


def test_directions_are_orthonormal_and_padded_with_zeros(bits):
    for one in fit_directions(bits, 20):
        product = one.vectors.T @ one.vectors
        kept = np.diag(product) > 0.5
        np.testing.assert_allclose(product[np.ix_(kept, kept)], np.eye(kept.sum()), atol=1e-4)
        assert kept.sum() <= len(SMILES)
        assert not one.vectors[:, ~kept].any()
