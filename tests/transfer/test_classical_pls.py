"""PLS in the dual form against scikit-learn and brute force."""

import numpy as np
import pytest

from spectrakit.transfer.pls import (
    cv_groups,
    fit_pls,
    residuals_left_out,
    smallest_within,
)
from spectrakit.transfer.products import Products, products


@pytest.mark.parametrize(("n", "p"), [(30, 80), (40, 9)])
def test_same_models_as_sklearn_at_every_count(n: int, p: int) -> None:
    from sklearn.cross_decomposition import PLSRegression

    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, 6)) @ rng.normal(size=(6, p)) + 0.05 * rng.normal(size=(n, p)) + 3
    y = x @ rng.normal(size=(p, 2)) * 0.1 + rng.normal(size=(n, 2))
    centre = x.mean(axis=0)
    rows = x - centre
    fits = fit_pls(products(rows), y, np.ones((1, n)))
    slopes = fits.slopes(rows)[0]
    for count in range(1, min(p, 20) + 1):
        for column in range(2):
            oracle = PLSRegression(count, scale=False).fit(x, y[:, column])
            found = rows @ slopes[count - 1][:, column] + fits.offset[0, count - 1, column]
            assert found == pytest.approx(oracle.predict(x).ravel(), abs=1e-7)


def test_weight_two_is_the_row_twice_and_weight_zero_is_no_row() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 30)), rng.normal(size=(12, 1))
    weight = np.ones(12)
    weight[3], weight[7] = 2.0, 0.0
    repeated = np.r_[np.delete(np.arange(12), 7), 3]
    new = rng.normal(size=(4, 30))
    weighted = fit_pls(products(x), y, weight[None]).predict(new @ x.T)
    plain = fit_pls(products(x[repeated]), y[repeated], np.ones((1, 12)))
    assert weighted == pytest.approx(plain.predict(new @ x[repeated].T), abs=1e-9)


def test_residuals_left_out_are_those_of_fits_without_the_group() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(15, 20)), rng.normal(size=(15, 2))
    groups = cv_groups(15, 0, folds=4)
    residual = residuals_left_out(products(x), y, np.ones(15), groups, count=5)
    for group in range(4):
        kept, held = groups != group, groups == group
        fit = fit_pls(products(x[kept]), y[kept], np.ones((1, int(kept.sum()))), 5)
        expected = fit.predict(x[held] @ x[kept].T)[0] - y[held]
        assert residual[:, held] == pytest.approx(expected, abs=1e-9)


def test_few_fits_at_once_are_the_same_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 30)), rng.normal(size=(20, 1))
    groups = cv_groups(20, 1)
    together = residuals_left_out(products(x), y, np.ones(20), groups)
    monkeypatch.setattr("spectrakit.transfer.pls._AT_ONCE", 1200)
    assert residuals_left_out(products(x), y, np.ones(20), groups) == pytest.approx(together)


def test_past_the_rank_the_last_model_is_repeated() -> None:
    x = np.outer(np.arange(6.0), np.ones(10))
    y = 2.0 * np.arange(6.0)[:, None] + 1
    rows = x - x.mean(axis=0)
    fits = fit_pls(products(rows), y, np.ones((1, 6)))
    assert fits.predict(rows @ rows.T)[0] == pytest.approx(np.broadcast_to(y, (25, 6, 1)))


def test_smallest_within_two_percent_of_the_least_error() -> None:
    rmse = np.array([[3.0], [1.019], [1.0], [1.01]])
    assert smallest_within(rmse**2).tolist() == [1]


def test_products_that_are_never_formed_give_the_same_fits() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(50, 8)) + 2, rng.normal(size=(50, 2))
    groups, weight = cv_groups(50, 2), rng.uniform(0.5, 3, 50)
    assert not products(x).whole
    short, whole = (
        residuals_left_out(one, y, weight, groups, 8)
        for one in (products(x), Products(x @ x.T, True))
    )
    np.testing.assert_allclose(short, whole, atol=1e-9)
