"""Preprocessing of traces against closed forms, scipy and dense linear algebra."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats

from spectrakit.errors import MismatchError, UsageError
from spectrakit.preprocess import traces
from spectrakit.preprocess.baseline import als_baseline
from spectrakit.preprocess.resampling import even_points, resample

RNG = np.random.default_rng(7)
ROWS = np.cumsum(RNG.normal(size=(6, 60)), axis=1)


def test_snv_gives_mean_0_and_sd_1():
    done = traces.snv(ROWS)
    np.testing.assert_allclose(done, stats.zscore(ROWS, axis=1, ddof=1), atol=1e-12)


@given(st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_snv_and_msc_forget_offset_and_gain(offset, gain):
    scattered = offset + gain * ROWS
    np.testing.assert_allclose(traces.snv(scattered), traces.snv(ROWS), atol=1e-8)
    reference = ROWS.mean(axis=0)
    again = traces.msc(scattered, reference)
    np.testing.assert_allclose(again, traces.msc(ROWS, reference), atol=1e-6)


def test_msc_is_the_regression_on_its_reference():
    reference = ROWS[0]
    done = traces.msc(ROWS, reference)
    for row, corrected in zip(ROWS, done, strict=True):
        slope, level = np.polyfit(reference, row, 1)
        np.testing.assert_allclose(corrected, (row - level) / slope, rtol=1e-8)
    np.testing.assert_allclose(traces.msc(3 + 2 * reference[None], reference)[0], reference)


@pytest.mark.parametrize("window", [3, 5, 15, 59])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("derivative", [0, 1, 2, 3])
def test_savitzky_golay_is_scipys(window, order, derivative):
    if window <= order:
        with pytest.raises(UsageError, match="window"):
            traces.savitzky_golay(ROWS, window=window, order=order, derivative=derivative)
        return
    done = traces.savitzky_golay(ROWS, window=window, order=order, derivative=derivative)
    oracle = signal.savgol_filter(ROWS, window, order, deriv=derivative, axis=1, mode="interp")
    np.testing.assert_allclose(done, oracle, atol=1e-9)


def test_savitzky_golay_keeps_the_derivative_of_a_parabola():
    x = np.arange(40.0)
    done = traces.savitzky_golay((3 * x**2 - x)[None], window=9, order=2, derivative=1)
    np.testing.assert_allclose(done[0], 6 * x - 1, atol=1e-9)


def test_a_window_wider_than_the_spectrum_is_refused():
    with pytest.raises(MismatchError, match="window of 61 channels does not fit 60"):
        traces.savitzky_golay(ROWS, window=61, order=2)


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_detrend_leaves_what_no_polynomial_explains(order):
    x = np.arange(60.0)
    done = traces.detrend(ROWS, order=order)
    for row, left in zip(ROWS, done, strict=True):
        fit = np.polynomial.Polynomial.fit(x, row, order)
        np.testing.assert_allclose(left, row - fit(x), atol=1e-9)
    if order == 1:
        np.testing.assert_allclose(done, signal.detrend(ROWS, axis=1), atol=1e-9)


@pytest.mark.parametrize("lam", [1.0, 1e3, 1e6])
def test_als_is_the_dense_solution(lam):
    second = np.diff(np.eye(60), 2, axis=0)
    done = als_baseline(ROWS, lam=lam, p=0.02, iterations=6)
    for row, baseline in zip(ROWS, done, strict=True):
        weight = np.ones(60)
        for _ in range(6):
            matrix = np.diag(weight) + lam * second.T @ second
            fitted = np.linalg.solve(matrix, weight * row)
            weight = np.where(row > fitted, 0.02, 0.98)
        np.testing.assert_allclose(baseline, fitted, rtol=1e-6, atol=1e-7)


def test_als_takes_the_line_under_peaks():
    x = np.linspace(0, 1, 300)
    line = 2 + 3 * x
    peaks = np.exp(-(((x - 0.3) / 0.01) ** 2)) + np.exp(-(((x - 0.7) / 0.02) ** 2))
    baseline = als_baseline((line + peaks)[None], lam=1e6, p=1e-4)[0]
    np.testing.assert_allclose(baseline, line, atol=5e-3)


def test_norms():
    row = np.array([[-1.0, 3.0, 0.0]])
    assert traces.normalise(row, kind="area").tolist() == [[-0.25, 0.75, 0.0]]
    np.testing.assert_allclose(traces.normalise(row, kind="max"), row / 3)
    np.testing.assert_allclose(traces.normalise(row, kind="vector"), row / np.sqrt(10))
    assert traces.normalise(row, kind="range").tolist() == [[0.0, 1.0, 0.25]]
    with pytest.raises(UsageError, match="'sum'"):
        traces.normalise(row, kind="sum")


def test_a_row_without_scale_or_with_nan_is_nan_and_harms_no_other():
    rows = ROWS.copy()
    rows[1] = 0.1  # constant: its mean is not exactly 0.1 in binary
    rows[2, 5] = np.nan
    rows[3] = 0.0
    rows[4, 7] = np.inf
    good = np.array([True, False, False, False, False, True])
    for step in (
        traces.snv,
        lambda v: traces.msc(v, ROWS.mean(axis=0)),
        lambda v: traces.normalise(v, kind="range"),
    ):
        done = step(rows)
        assert np.isnan(done[~good]).all()
        np.testing.assert_array_equal(done[good], step(ROWS)[good])
    for step in (
        lambda v: traces.savitzky_golay(v, window=5, order=2),
        traces.detrend,
        als_baseline,
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            done = step(rows)
        assert np.isnan(done[[2, 4]]).all()
        assert np.isfinite(done[[0, 1, 3, 5]]).all()


def test_absorbance_clips_noise_and_refuses_what_is_none():
    rows = np.array([[1.0, 0.1, -0.01], [100.0, 1e-9, np.nan], [1.0, 1.0, -0.2]])
    done = traces.absorbance(rows)
    np.testing.assert_allclose(done[0], [0, 1, 6], atol=1e-12)
    np.testing.assert_allclose(done[1], [-2, 6, np.nan])
    assert np.isnan(done[2]).all()
    with pytest.raises(MismatchError, match=r"1 values are negative, the lowest -0\.2"):
        traces.check_fraction(rows)
    with pytest.raises(MismatchError, match="median value is 50") as refused:
        traces.check_fraction(np.full((2, 3), 50.0))
    assert "full=100" in refused.value.hint
    traces.check_fraction(np.full((2, 3), 50.0), full=100)


@pytest.mark.parametrize("turn", [1, -1])
@given(points=st.lists(st.floats(0.0, 100.0), min_size=1, max_size=20))
def test_resampling_is_numpys_interpolation(turn, points):
    axis = np.sort(np.random.default_rng(1).uniform(0, 100, 60))
    axis[0], axis[-1] = 0, 100
    done = resample(ROWS[:, ::turn], axis[::turn], np.array(points))
    oracle = [np.interp(points, axis, row) for row in ROWS]
    np.testing.assert_allclose(done, oracle, rtol=1e-9, atol=1e-9)


def test_nothing_is_extrapolated():
    axis = np.arange(60.0)
    with pytest.raises(MismatchError, match="2 of 3 points lie outside the axis 0 to 59: -1, 60"):
        resample(ROWS, axis, np.array([-1.0, 5.0, 60.0]))
    with pytest.raises(MismatchError, match="outside"):
        resample(ROWS, axis, np.array([np.nan]))
    with pytest.raises(MismatchError, match="rise or fall"):
        resample(ROWS, np.abs(axis - 30), np.array([5.0]))


def test_even_points_include_their_end():
    np.testing.assert_allclose(even_points(600, 1638, 2), np.arange(600, 1639, 2))
    np.testing.assert_allclose(even_points(0, 0.3, 0.1), [0, 0.1, 0.2, 0.3], atol=1e-15)
    np.testing.assert_allclose(even_points(10, 5, 2), [10, 8, 6])
    for bad in ((0, 1, 0), (0, 1, -1), (0, 1e9, 1e-3), (0, np.inf, 1), (1, 1, 1)):
        with pytest.raises(MismatchError):
            even_points(*bad)


def test_cuts_keep_their_ends():
    axis = np.array([1700.0, 1650.0, 1600.0, 1000.0])
    assert traces.kept_channels(axis, [(1600, 1650)]).tolist() == [1, 2]
    assert traces.kept_channels(axis, [(1700, 1660), (900, 1000)]).tolist() == [0, 3]
    with pytest.raises(MismatchError, match="no channel lies in 1200 to 1300"):
        traces.kept_channels(axis, [(1200, 1300)])
