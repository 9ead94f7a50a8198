"""Similarities, against ms_entropy, optimal assignment, a plain greedy loop and matchms."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from spectrakit.search.prepared import prepare_spectra
from spectrakit.search.similarity import Similarity, score_pairs, similarity
from spectrakit.spectrum import Tolerance

from .spectra import pairs, random_spectra, spectrum

TOLERANCE = Tolerance(0.02, "Da")
A, B = random_spectra(150, 1), random_spectra(150, 2)


def scored(method, a=None, b=None, tolerance=TOLERANCE):
    prepared = [prepare_spectra(s, tolerance=tolerance) for s in (a or A, b or B)]
    return similarity(*prepared, method=method, tolerance=tolerance)


def cleaned(one):
    """m/z and intensity that count, after cleaning: what the oracles start from."""
    prepared = prepare_spectra([one], tolerance=TOLERANCE)
    strong = prepared.weighted > 0
    return prepared.mz[strong] * 1e-5, prepared.intensity[strong].astype(float)


def test_entropy_equals_ms_entropy():
    ms_entropy = pytest.importorskip("ms_entropy")
    expected = [
        ms_entropy.calculate_entropy_similarity(pairs(a), pairs(b), ms2_tolerance_in_da=0.02)
        for a, b in zip(A, B, strict=True)
    ]
    found = scored(Similarity.ENTROPY)
    assert max(expected) > 0.3
    np.testing.assert_allclose(found.score, expected, atol=1e-4)


def test_neutral_loss_equals_the_entropy_of_loss_spectra():
    ms_entropy = pytest.importorskip("ms_entropy")
    expected = []
    for a, b in zip(A, B, strict=True):
        losses = []
        for one in (a, b):
            mz, intensity = cleaned(one)
            order = np.argsort(-mz)
            both = np.column_stack([one.precursor_mz - mz, intensity / intensity.sum()])[order]
            losses.append(both.astype(np.float32))
        expected.append(
            ms_entropy.calculate_entropy_similarity(
                *losses, ms2_tolerance_in_da=0.02, clean_spectra=False
            )
        )
    np.testing.assert_allclose(scored(Similarity.NEUTRAL_LOSS).score, expected, atol=1e-4)


@pytest.mark.parametrize("method", [Similarity.COSINE, Similarity.SQRT_COSINE])
def test_cosines_equal_the_best_assignment(method):
    expected = []
    for a, b in zip(A, B, strict=True):
        (mz_a, i_a), (mz_b, i_b) = cleaned(a), cleaned(b)
        if method is Similarity.SQRT_COSINE:
            i_a, i_b = np.sqrt(i_a), np.sqrt(i_b)
        product = np.outer(i_a, i_b) * (np.abs(mz_a[:, None] - mz_b[None]) <= 0.02)
        rows, columns = linear_sum_assignment(-product)
        norm = np.linalg.norm(i_a) * np.linalg.norm(i_b)
        expected.append(product[rows, columns].sum() / norm)
    np.testing.assert_allclose(scored(method).score, expected, atol=1e-6)


def modified_cosine_by_loop(a, b):
    """Watrous 2012: all matches, plain or shifted, the largest product first."""
    (mz_a, i_a), (mz_b, i_b) = cleaned(a), cleaned(b)
    shift = a.precursor_mz - b.precursor_mz
    offers = sorted(
        (-i_a[x] * i_b[y], x, y)
        for x in range(len(mz_a))
        for y in range(len(mz_b))
        if min(abs(mz_a[x] - mz_b[y]), abs(mz_a[x] - mz_b[y] - shift)) <= 0.02
    )
    used_a, used_b, total, matched = set(), set(), 0.0, 0
    for product, x, y in offers:
        if x not in used_a and y not in used_b:
            used_a.add(x)
            used_b.add(y)
            total, matched = total - product, matched + 1
    return total / (np.linalg.norm(i_a) * np.linalg.norm(i_b)), matched


def test_modified_cosine_equals_a_greedy_loop():
    expected = [modified_cosine_by_loop(a, b) for a, b in zip(A, B, strict=True)]
    found = scored(Similarity.MODIFIED_COSINE)
    np.testing.assert_allclose(found.score, [e[0] for e in expected], atol=1e-6)
    np.testing.assert_array_equal(found.matched_peaks, [e[1] for e in expected])
    assert (found.score > scored(Similarity.COSINE).score + 0.05).any()


def test_cosines_equal_matchms():
    matchms = pytest.importorskip("matchms")
    from matchms.similarity import CosineGreedy, ModifiedCosineGreedy

    def theirs(one):
        mz, intensity = cleaned(one)
        return matchms.Spectrum(
            mz, intensity, metadata={"precursor_mz": one.precursor_mz}, metadata_harmonization=False
        )

    for method, oracle in (
        (Similarity.COSINE, CosineGreedy(tolerance=0.02)),
        (Similarity.MODIFIED_COSINE, ModifiedCosineGreedy(tolerance=0.02)),
    ):
        expected = [
            float(oracle.pair(theirs(a), theirs(b))["score"])
            for a, b in zip(A[:15], B[:15], strict=True)
        ]
        np.testing.assert_allclose(scored(method).score[:15], expected, atol=1e-5)


@pytest.mark.parametrize("method", list(Similarity))
def test_equal_spectra_score_one_and_unrelated_ones_zero(method):
    a = [spectrum([100.0, 150.0, 200.0], [1.0, 5.0, 3.0], 300.0)]
    other = [spectrum([111.1, 166.6], [1.0, 2.0], 345.6)]
    assert scored(method, a, a).score[0] == pytest.approx(1.0, abs=1e-6)
    assert scored(method, a, a).matched_peaks[0] == 3
    assert scored(method, a, other).score[0] == 0.0


@pytest.mark.parametrize("method", list(Similarity))
def test_an_empty_spectrum_scores_zero(method):
    a, empty = [spectrum([100.0], [1.0], 300.0)], [spectrum([], [], 300.0)]
    assert scored(method, a, empty).score[0] == 0.0
    assert scored(method, empty, a).score[0] == 0.0


def test_a_peak_exactly_one_tolerance_away_matches():
    """float32 says 100.07 - 100.05 > 0.02; on the grid the decimal reading holds."""
    for mz in (100.05, 250.11, 999.99):
        a, b = [spectrum([mz], [1.0])], [spectrum([mz + 0.02], [1.0])]
        assert scored(Similarity.ENTROPY, a, b).score[0] == pytest.approx(1.0)
        c = [spectrum([mz + 0.02002], [1.0])]
        assert scored(Similarity.ENTROPY, a, c).score[0] == 0.0


def test_ppm_tolerance_grows_with_mz():
    tolerance = Tolerance(10.0, "ppm")
    a = [spectrum([100.0, 900.0], [1.0, 1.0])]
    b = [spectrum([100.002, 900.008], [1.0, 1.0])]  # 20 and 9 ppm away
    assert scored(Similarity.ENTROPY, a, b, tolerance).matched_peaks[0] == 1


def test_the_precursor_peak_does_not_make_analogues():
    """Every spectrum has a loss of 0, so a precursor peak must not match as one."""
    a, b = [spectrum([300.0], [1.0], 300.0)], [spectrum([400.0], [1.0], 400.0)]
    assert scored(Similarity.HYBRID, a, b).score[0] == 0.0


def test_scores_do_not_depend_on_the_batch():
    a = prepare_spectra(A, tolerance=TOLERANCE)
    b = prepare_spectra(B, tolerance=TOLERANCE)
    query, row = (grid.ravel() for grid in np.meshgrid(np.arange(150), np.arange(150)))
    for method in Similarity:
        together = score_pairs(a, b, query, row, method=method, tolerance=TOLERANCE)
        some = np.arange(0, len(query), 2003)
        alone = [
            score_pairs(a, b, query[[i]], row[[i]], method=method, tolerance=TOLERANCE).score[0]
            for i in some
        ]
        np.testing.assert_array_equal(together.score[some], alone)
