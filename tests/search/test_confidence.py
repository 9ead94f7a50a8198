"""The probability of library compounds: its form, and what a user may rely on."""

import numpy as np
import pytest

from spectrakit.search.confidence import CALIBRATIONS, compound_probabilities
from spectrakit.search.index import SearchMode


def probabilities(query, evidence, n_peaks=20, mode=SearchMode.PRECURSOR):
    query = np.array(query)
    return compound_probabilities(
        query, np.array(evidence, dtype=float), np.full(len(query), n_peaks), mode
    )


@pytest.mark.parametrize("mode", list(SearchMode))
def test_the_probability_is_a_softmax_with_none_of_them(mode):
    c = CALIBRATIONS[mode]
    weights = np.exp(c.evidence * np.array([2.5, 1.0, 0.2]))
    none = np.exp(c.none - c.peaks * np.log(1 + 20))
    expected = weights / (none + weights.sum())
    found = probabilities([4, 4, 4], [2.5, 1.0, 0.2], mode=mode)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("mode", list(SearchMode))
def test_equal_spectra_are_probable_and_unlike_ones_are_not(mode):
    assert probabilities([0], [3.0], mode=mode)[0] > 0.8
    assert probabilities([0], [0.3], mode=mode)[0] < 0.2


def test_a_rival_as_good_halves_the_probability():
    alone = probabilities([0], [2.9])[0]
    both = probabilities([0, 0], [2.9, 2.9])
    assert both[0] == both[1]
    assert alone / 2 < both[0] < 0.5


def test_many_agreeing_peaks_prove_more_than_one():
    assert probabilities([0], [2.5], n_peaks=30)[0] > probabilities([0], [2.5], n_peaks=1)[0]


def test_queries_do_not_influence_each_other():
    query = [0, 0, 3, 7, 7, 7]
    evidence = [2.0, 1.0, 0.5, 2.9, 2.8, 0.0]
    together = probabilities(query, evidence)
    for number in (0, 3, 7):
        own = np.array(query) == number
        alone = probabilities(np.array(query)[own], np.array(evidence)[own])
        np.testing.assert_allclose(together[own], alone, rtol=1e-12)
        assert together[own].sum() < 1
    assert len(probabilities([], [])) == 0
