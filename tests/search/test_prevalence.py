"""Probabilities fitted to the run, against draws from a known mixture."""

import numpy as np
import pytest

from spectrakit.search import prevalence
from spectrakit.search.prevalence import adapted, odds_factor


def posterior_at(share, likelihood_ratio):
    return share * likelihood_ratio / (share * likelihood_ratio + 1 - share)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_of_a_large_run_is_found(share):
    """Scores are normal, 2 apart: the likelihood ratio is known in closed form."""
    random = np.random.default_rng(0)
    known = random.random(20_000) < share
    score = random.normal(2.0 * known, 1.0)
    fitted_at_half = posterior_at(0.5, np.exp(2.0 * score - 2.0))
    factor = odds_factor(fitted_at_half, 0.5)
    assert factor == pytest.approx(share / (1 - share), rel=0.08)
    right = posterior_at(share, np.exp(2.0 * score - 2.0))
    found = np.array([adapted(p, p, factor) for p in fitted_at_half])
    np.testing.assert_allclose(found, right, atol=0.02)


def test_one_spectrum_keeps_its_probability():
    assert odds_factor(np.array([0.9]), 0.5) == pytest.approx(1.0, abs=0.1)
    assert odds_factor(np.empty(0), 0.37) == pytest.approx(1.0)


def test_the_compounds_of_a_spectrum_never_exceed_one():
    shares = [0.6, 0.3]
    for factor in (0.01, 1.0, 100.0):
        assert sum(adapted(p, sum(shares), factor) for p in shares) <= 1.0


def test_certainty_does_not_run_away():
    assert np.isfinite(odds_factor(np.ones(10_000), 0.5))
    assert odds_factor(np.ones(10_000), 0.5) < 10_000 / prevalence.PSEUDO_SPECTRA * 3
