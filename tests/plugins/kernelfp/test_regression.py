"""The kernel, its held-out answers, the latent space and the scores, against plain algebra."""

import numpy as np
import pytest
import scipy.sparse as sp
from spectrakit_kernelfp.kernel import (
    coefficients,
    factorise,
    gram,
    held_out_coefficients,
)
from spectrakit_kernelfp.latent import fit_basis, project
from spectrakit_kernelfp.scoring import block_scores, merit, probabilities

from spectrakit.search.conditional_logit import conditional_logit
from spectrakit.search.learned import standardise

RIDGE = 0.4


def units(rng, n, r):
    rows = rng.normal(size=(n, r)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def kinds():
    rng = np.random.default_rng(1)
    return [units(rng, 12, r) for r in (4, 5, 6)]


def test_the_kernel_is_the_formula(kinds):
    expected = np.zeros((12, 12))
    for rows in kinds:
        inner = rows @ rows.T
        expected += (inner + 2 * inner**2) / 3
    np.testing.assert_allclose(gram(kinds, kinds), expected, rtol=1e-5, atol=1e-6)
    assert np.linalg.eigvalsh(expected).min() > -1e-6


def test_weights_of_training_rows_solve_the_ridge_equations(kinds):
    kernel = gram(kinds, kinds)
    query = gram([rows[:3] for rows in kinds], kinds)
    found = coefficients(factorise(kernel.copy(), RIDGE), query)
    expected = query @ np.linalg.inv(kernel.astype(float) + RIDGE * np.eye(12))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_held_out_weights_are_those_of_a_fit_without_the_group(kinds):
    kernel = gram(kinds, kinds)
    groups = np.array([0, 1, 2, 0, 3, 4, 1, 5, 1, 6, 7, 8])
    found = held_out_coefficients(factorise(kernel.copy(), RIDGE), groups)
    for row in range(12):
        rest = np.flatnonzero(groups != groups[row])
        inside = kernel[np.ix_(rest, rest)].astype(float) + RIDGE * np.eye(len(rest))
        expected = np.zeros(12)
        expected[rest] = np.linalg.solve(inside, kernel[rest, row])
        np.testing.assert_allclose(found[row], expected, rtol=1e-3, atol=1e-5)


def test_the_latent_space_is_that_of_the_singular_vectors():
    rng = np.random.default_rng(2)
    low = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 50))
    matrix = sp.csr_matrix(np.abs(low).astype(np.float32))
    basis = fit_basis(matrix, rank=6)
    exact = np.linalg.svd(matrix.toarray(), full_matrices=False)[2][:6].T
    overlap = np.linalg.svd(exact.T @ basis.vectors)[1]
    np.testing.assert_allclose(overlap, 1, atol=1e-3)
    rows = project(basis, matrix)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)


def test_nothing_known_is_no_evidence():
    basis = fit_basis(sp.csr_matrix(np.eye(5, 9, dtype=np.float32)))
    unseen = sp.csr_matrix(([1.0], ([0], [8])), shape=(1, 9), dtype=np.float32)
    assert not project(basis, unseen).any()
    empty = fit_basis(sp.csr_matrix((3, 9), dtype=np.float32))
    assert project(empty, unseen).shape == (1, 0)


def test_scores_are_the_surplus_of_the_bits_a_candidate_has():
    surplus = np.array([0.5, -0.1, 0.2, 0.3], np.float32)
    bits = sp.csr_matrix(np.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1]], np.float32))
    found = block_scores(surplus, bits, (0, 3, 4))
    expected = [[0.4 / np.sqrt(2), 0.3], [0, 0], [0.1 / np.sqrt(2), 0.3]]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_scores_of_a_list_are_standardised_and_a_constant_says_nothing():
    found = standardise(np.array([[1.0, 5.0], [3.0, 5.0]]))
    np.testing.assert_allclose(found, [[-1, 0], [1, 0]])
    assert standardise(np.zeros((0, 3))).shape == (0, 3)
    assert standardise(np.array([[2.0]])).tolist() == [[0.0]]


def test_the_fragmenter_adds_to_the_merit():
    scores = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    alone, both = merit(scores), merit(scores, np.array([0.0, 9.0]))
    assert alone[0] > alone[1]
    assert both[0] < both[1]
    np.testing.assert_allclose(probabilities(both).sum(), 1)


def test_the_logit_finds_the_weights_that_made_the_choices():
    rng = np.random.default_rng(4)
    true = np.array([1.5, -0.5])
    lists = [rng.normal(size=(int(rng.integers(2, 9)), 2)) for _ in range(4000)]
    chosen = [int(rng.choice(len(x), p=probabilities(x @ true))) for x in lists]
    np.testing.assert_allclose(conditional_logit(lists, chosen, penalty=0.0), true, atol=0.1)
