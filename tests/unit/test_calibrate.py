"""Isotonic regression against scikit-learn; conformal quantiles against their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from spectrakit.calibrate import Isotonic, conformal_quantile, fit_isotonic
from spectrakit.errors import UsageError

points = st.lists(
    st.tuples(
        st.integers(0, 12).map(lambda k: k / 4),  # ties in x
        st.sampled_from([0.0, 1.0, 0.3, -2.0, 0.7]),
        st.sampled_from([0.5, 1.0, 3.0]),
    ),
    min_size=2,
    max_size=40,
)


@settings(deadline=None)
@given(points)
def test_isotonic_curve_equals_scikit_learn_everywhere(data):
    x, y, w = (np.array(column) for column in zip(*data, strict=True))
    oracle = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=w)
    at = np.linspace(-1, 4, 41)
    np.testing.assert_allclose(fit_isotonic(x, y, w)(at), oracle.predict(at), atol=1e-12)


def test_isotonic_probabilities_of_binary_outcomes():
    """1 0 | 0 1 1: the first two violate the order and share their mean with the third."""
    curve = fit_isotonic([1, 2, 3, 4, 5], [1, 0, 0, 1, 1])
    third = pytest.approx(1 / 3)
    assert [*curve([0, 1, 3, 4, 9])] == [third, third, third, 1, 1]
    assert curve([3.5])[0] == pytest.approx(2 / 3)


def test_isotonic_keeps_only_the_knots_it_needs():
    assert fit_isotonic([1, 2, 3, 4], [1, 1, 0, 0]) == Isotonic((1.0, 4.0), (0.5, 0.5))


def test_one_point_is_a_constant():
    assert [*fit_isotonic([2], [0.25])([-1, 2, 9])] == [0.25, 0.25, 0.25]


@pytest.mark.parametrize(
    ("x", "y", "w"),
    [([], [], None), ([1, 2], [1], None), ([1, np.nan], [0, 1], None), ([1], [1], [0])],
)
def test_isotonic_refuses_what_has_no_answer(x, y, w):
    with pytest.raises(UsageError):
        fit_isotonic(x, y, w)


@pytest.mark.parametrize(("coverage", "needed"), [(0.9, 9), (0.95, 19), (0.5, 1), (0.99, 99)])
def test_too_few_residuals_promise_nothing(coverage, needed):
    assert conformal_quantile(np.arange(needed - 1), coverage) is None
    assert conformal_quantile(-np.arange(needed), coverage) == ceil_order(needed, coverage)


def ceil_order(n: int, coverage: float) -> float:
    """Value of the k-th smallest of 0..n-1, k the smallest whole number >= (n + 1) * coverage."""
    k = next(k for k in range(1, n + 2) if k >= (n + 1) * coverage - 1e-9)
    return float(k - 1)


def test_conformal_interval_covers_as_promised():
    """Exchangeable residuals: coverage of the interval is exactly k / (n + 1) = 18 / 20."""
    rng = np.random.default_rng(0)
    residuals = np.abs(rng.standard_t(2, size=(20_000, 20)))
    widths = np.sort(residuals[:, :19], axis=1)[:, 17]
    assert conformal_quantile(residuals[0, :19], 0.9) == widths[0]
    assert np.mean(residuals[:, 19] <= widths) == pytest.approx(0.9, abs=0.01)


def test_conformal_refuses_bad_input():
    with pytest.raises(UsageError, match="between 0 and 1"):
        conformal_quantile([1.0], 90)
    with pytest.raises(UsageError, match="not finite"):
        conformal_quantile([1.0, np.nan], 0.5)
