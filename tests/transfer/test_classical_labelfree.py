"""Alignment without pairs: closed forms of the maps, the penalty's budget, refusals."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from spectrakit.errors import MismatchError
from spectrakit.transfer.alignments import (
    coral_map,
    gain_map,
    gaussian_ot_map,
    instrument_offset,
    mean_map,
)
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.labelfree import LABEL_FREE, budgeted, covariance_penalised
from spectrakit.transfer.ridge import PENALTIES


@pytest.fixture
def spectra() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    amounts = rng.normal(size=(40, 3)) * [3.0, 2.0, 1.0]
    bands = rng.normal(size=(3, 30))
    return amounts @ bands + 5.0, amounts[:, :2]


def test_means_are_made_equal(spectra: tuple[np.ndarray, np.ndarray]) -> None:
    source, _ = spectra
    pool = source[:20] * 1.2 + 0.7
    assert mean_map(source, pool)(pool).mean(axis=0) == pytest.approx(source.mean(axis=0))


def test_a_gain_is_found_and_not_set_by_one_odd_spectrum(
    spectra: tuple[np.ndarray, np.ndarray],
) -> None:
    source, _ = spectra
    pool = 1.25 * source + 0.3
    assert gain_map(source, pool)(pool) == pytest.approx(source)
    odd = np.vstack([pool, pool[:1] + 50.0])
    assert gain_map(source, odd).gain == pytest.approx(0.8, rel=0.15)


@pytest.mark.parametrize("align", [coral_map, gaussian_ot_map])
def test_covariance_becomes_that_of_the_source(align) -> None:
    rng = np.random.default_rng(1)
    source = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))
    pool = rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5)) + 1.0
    mapped = align(source, pool, 5)(pool)
    assert mapped.mean(axis=0) == pytest.approx(source.mean(axis=0), abs=1e-9)
    left, right = np.cov(mapped.T, bias=True), np.cov(source.T, bias=True)
    assert np.abs(left - right).max() < 1e-3 * np.abs(right).max()


def test_what_no_sample_varies_in_is_the_instruments_doing_and_chance_is_not() -> None:
    """Samples vary in two of three channels; the instrument adds to the third and to the first."""
    rng = np.random.default_rng(5)
    both = rng.normal(size=(30, 2)) * [1.0, 0.5]
    spectra = np.column_stack([both, np.zeros(30)])
    source, pool = spectra[:18], spectra[18:]
    apart = pool.mean(axis=0) - source.mean(axis=0)
    offset = instrument_offset(source, pool + np.array([0.0, 0.0, 2.0]))
    assert offset[2] == pytest.approx(2.0)
    assert np.all(np.abs(offset[:2]) < np.abs(apart[:2]))  # nothing but other samples
    moved = instrument_offset(source, pool + np.array([50.0, 0.0, 0.0]))
    assert moved[0] == pytest.approx(50.0 + apart[0], rel=1e-3)  # beyond chance: kept


def test_the_share_of_chance_is_the_variance_of_a_difference_of_two_means() -> None:
    rng = np.random.default_rng(6)
    left, right = rng.normal(size=(9, 1)) * 2, rng.normal(size=(6, 1)) * 2 + 3.0
    v = (left.var() * 9 + right.var() * 6) / 13
    d = right.mean() - left.mean()
    assert instrument_offset(left, right)[0] == pytest.approx(d * (1 - v * (1 / 9 + 1 / 6) / d**2))


def test_transport_between_gaussians_in_closed_form() -> None:
    rng = np.random.default_rng(2)
    source = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
    pool = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)) + 2
    a, b = np.cov(pool.T, bias=True), np.cov(source.T, bias=True)
    root = np.real(sqrtm(a))
    inverse = np.linalg.inv(root)
    expected = inverse @ np.real(sqrtm(root @ b @ root)) @ inverse
    mapped = gaussian_ot_map(source, pool, 4)(pool)
    wanted = (pool - pool.mean(axis=0)) @ expected + source.mean(axis=0)
    assert np.abs(mapped - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_a_shift_is_undone_by_every_alignment(spectra: tuple[np.ndarray, np.ndarray]) -> None:
    source, known = spectra
    pool = source + np.sin(np.arange(30))
    for name, fit in LABEL_FREE.items():
        for preprocessing in PREPROCESSINGS[:3]:
            calibration, chosen = fit(source, known, pool, preprocessing)  # type: ignore[call-arg]
            same, _ = fit(source, known, source, preprocessing)  # type: ignore[call-arg]
            error = calibration.predict(pool) - same.predict(source)
            assert np.abs(error).max() < 1e-4, (name, preprocessing.name)
            assert len(chosen) == 2


@pytest.mark.parametrize("name", list(LABEL_FREE))
@pytest.mark.parametrize("preprocessing", PREPROCESSINGS, ids=lambda one: one.name)
def test_every_preprocessing_gives_finite_predictions(name, preprocessing, spectra) -> None:
    source, known = spectra
    calibration, _ = LABEL_FREE[name](source, known, source * 1.1 + 0.1, preprocessing)
    predicted = calibration.predict(source)
    assert predicted.shape == known.shape and np.isfinite(predicted).all()


def test_the_largest_penalty_inside_the_budget() -> None:
    mse = np.array([[2.0, 1.0], [1.0, 1.3], [1.3, 2.0], [1.4, 1.34], [5.0, 9.0]])
    assert budgeted(mse).tolist() == [2, 3]


def test_a_direction_that_only_one_instrument_shows_is_not_used() -> None:
    rng = np.random.default_rng(3)
    amounts = rng.normal(size=(60, 1))
    noisy = np.zeros(20)
    noisy[:5] = 1.0
    signal = np.ones(20)
    source = amounts * signal + 0.01 * rng.normal(size=(60, 20))
    pool = amounts[::-1] * signal + 3 * rng.normal(size=(60, 1)) * noisy
    ((slopes, offsets, mse),) = covariance_penalised(source, amounts, pool, PREPROCESSINGS[0])
    ((plain, _, _),) = covariance_penalised(source, amounts, source, PREPROCESSINGS[0])
    choice = int(budgeted(mse)[0])
    assert slopes.shape == (len(PENALTIES), 20, 1) and offsets.shape == (len(PENALTIES), 1)
    assert abs(noisy @ slopes[choice, :, 0]) < 0.25 * abs(noisy @ plain[choice, :, 0])


@pytest.mark.parametrize("name", list(LABEL_FREE))
def test_refusals(name: str, spectra: tuple[np.ndarray, np.ndarray]) -> None:
    source, known = spectra
    fit = LABEL_FREE[name]
    with pytest.raises(MismatchError, match="source has 30 channels and the target 20"):
        fit(source, known, source[:, :20])
    with pytest.raises(MismatchError, match="1 of the target"):
        fit(source, known, source[:1])
    gaps = known.copy()
    gaps[0] = np.nan
    with pytest.raises(MismatchError, match="1 of 40 source samples"):
        fit(source, gaps, source)
