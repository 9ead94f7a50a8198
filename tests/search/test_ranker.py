"""The ranker: one linear merit over named features, fitted as a conditional logit."""

import numpy as np
import pytest
from scipy.special import log_softmax

from spectrakit.bundle import Bundle, write_bundle
from spectrakit.errors import MismatchError
from spectrakit.search.ranker import NoneOfThem, Presence, Ranker, filled
from spectrakit.search.ranker_fit import Case, fit_none, fit_presence, fit_weights, rank_graph

from .small_bundles import WEIGHTS, write_small_ranker


def test_merit_is_the_weighted_sum_of_the_features_of_its_kind(tmp_path):
    ranker = Ranker(Bundle(write_small_ranker(tmp_path / "r@1")))
    fragmenter, fingerprint = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    found = ranker.structures({"fragmenter": fragmenter, "fingerprint": fingerprint})
    expected = (
        WEIGHTS["structure.fragmenter"] * fragmenter
        + WEIGHTS["structure.fingerprint"] * fingerprint
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    alone = ranker.library({"similarity": np.array([1.5]), "unheard": np.array([9.0])})
    np.testing.assert_allclose(alone, [3.0], rtol=1e-6)


def test_a_missing_feature_favours_nobody(tmp_path):
    ranker = Ranker(Bundle(write_small_ranker(tmp_path / "r@1")))
    nan = np.nan
    same = ranker.library(
        {"similarity": np.array([1.0, 1.0, 1.0]), "fragmenter": np.array([2.0, nan, 4.0])}
    )
    assert same[0] < same[1] < same[2]
    assert filled(np.array([nan, nan])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("names", "calibration", "word"),
    [
        (["library.popularity"], {"structure": {}, "library": {}}, "popularity"),
        (["library.similarity"], {}, "calibration"),
        (["library.similarity"], {"structure": {"base": 1}, "library": {}}, "calibration"),
    ],
)
def test_a_bundle_that_is_no_ranker_is_refused(tmp_path, names, calibration, word):
    path = write_bundle(
        tmp_path / "r@1",
        graphs={"rank": rank_graph([1.0])},
        task="rank",
        modality="msms",
        input={"kind": "features", "names": names},
        calibration=calibration,
    )
    with pytest.raises(MismatchError, match=word):
        Ranker(Bundle(path))


def drawn_cases(weights, n=3000, seed=0):
    """Cases whose truth is drawn by the very model that is to be found."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(n):
        features = rng.normal(size=(int(rng.integers(2, 8)), len(weights)))
        p = np.exp(log_softmax(features @ weights))
        cases.append(Case(features, int(rng.choice(len(p), p=p)), int(rng.integers(1, 50))))
    return cases


def test_the_fit_finds_the_weights_that_drew_the_truth():
    weights = np.array([1.5, -0.7, 0.0])
    found = fit_weights(drawn_cases(weights), penalty=0.0)
    np.testing.assert_allclose(found, weights, atol=0.12)
    held = fit_weights(drawn_cases(weights), penalty=0.0, fixed={1: -0.7})
    assert held[1] == -0.7
    np.testing.assert_allclose(held, weights, atol=0.12)
    with pytest.raises(ValueError, match="rival"):
        fit_weights([Case(np.ones((1, 2)), 0, 3), Case(np.ones((3, 2)), -1, 3)])


def test_the_constants_of_none_are_found():
    rng = np.random.default_rng(1)
    true = NoneOfThem(1.0, -0.5)
    cases, merits = [], []
    for _ in range(6000):
        merit, n_peaks = rng.normal(size=4), int(rng.integers(1, 60))
        none = true.base + true.peaks * np.log1p(n_peaks)
        p = np.exp(log_softmax(np.append(merit, none)))
        drawn = int(rng.choice(5, p=p))
        cases.append(Case(merit[:, None], drawn if drawn < 4 else -1, n_peaks))
        merits.append(merit)
    scale, found = fit_none([merit / 2 for merit in merits], cases)
    assert scale == pytest.approx(2.0, rel=0.1)
    assert found.base == pytest.approx(true.base, abs=0.3)
    assert found.peaks == pytest.approx(true.peaks, abs=0.1)


def test_the_constants_of_presence_are_found():
    rng = np.random.default_rng(2)
    true = Presence(-1.0, 0.4, 0.8)
    cases, merits = [], []
    for _ in range(6000):
        merit, n_peaks = rng.normal(size=3) * 2, int(rng.integers(1, 60))
        logit = true.base + true.peaks * np.log1p(n_peaks) + true.best * merit.max()
        here = rng.random() < 1 / (1 + np.exp(-logit))
        cases.append(Case(merit[:, None], 0 if here else -1, n_peaks))
        merits.append(merit)
    found = fit_presence(merits, cases)
    for name in ("base", "peaks", "best"):
        assert getattr(found, name) == pytest.approx(getattr(true, name), abs=0.3)
