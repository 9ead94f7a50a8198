"""The arithmetic under ``transfer`` against explicit features, refits, brute force and tables."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import qr
from scipy.signal import savgol_filter
from scipy.stats import t as t_table
from sklearn.linear_model import Ridge as SklearnRidge

from spectrakit.transfer.affine import AffineSum, Term, mixture
from spectrakit.transfer.bases import (
    CROWDED,
    MANY_WINDOWS,
    PREPROCESSINGS,
    WINDOWS,
    of_averages,
    window_of,
)
from spectrakit.transfer.bordered import SourceSide
from spectrakit.transfer.common_axis import common_axis, interpolation
from spectrakit.transfer.differences import LABELLED, UNLABELLED, Penalised
from spectrakit.transfer.figures import figures_of, iso_tests
from spectrakit.transfer.fit import joined
from spectrakit.transfer.gates import SLACK, gate_model
from spectrakit.transfer.intervals import interval_of, represented
from spectrakit.transfer.joint import SETTINGS, Joint
from spectrakit.transfer.maps import global_gain, latent_ridge, mean_difference, piecewise
from spectrakit.transfer.ridge import PENALTIES, Ridge
from spectrakit.transfer.standards import DESIGNS, scores_of

SEEDS = st.integers(0, 2**32 - 1)
CHOSEN = (4, 12, 18)  # of the penalties


def smooth(rng, n, p):
    """Return (n, p) positive curves that look like spectra."""
    x = np.linspace(0, 1, p)
    bands = np.exp(-(((x - rng.uniform(0, 1, (5, 1))) / 0.15) ** 2))
    return rng.uniform(0.1, 1, (n, 5)) @ bands + 0.01 * rng.normal(size=(n, p))


@settings(max_examples=25)
@given(SEEDS, st.integers(2, 6), st.integers(12, 30), st.sampled_from(["mean", "gain", "latent"]))
def test_a_pulled_model_answers_like_the_model_of_mapped_spectra(seed, n, p, kind):
    rng = np.random.default_rng(seed)
    target, source, new = smooth(rng, n, p), smooth(rng, n, p), smooth(rng, 4, p)
    fits = {"mean": mean_difference, "gain": global_gain}
    found = [fits[kind](target, source)] if kind in fits else [latent_ridge(target, source, 0.1)]
    found += [piecewise(target, source, half, 0.1) for half in (0, 1, 3)]
    slope, offset = rng.normal(size=(p, 2)), rng.normal(size=2)
    for one in found:
        pulled, moved = one.pull(slope, offset)
        np.testing.assert_allclose(new @ pulled + moved, one(new) @ slope + offset, atol=1e-9)
        np.testing.assert_allclose(one(target).mean(axis=0), source.mean(axis=0), atol=1e-9)


@settings(max_examples=25)
@given(SEEDS, st.integers(8, 40))
def test_a_preprocessing_pulled_back_is_the_preprocessing(seed, p):
    rng = np.random.default_rng(seed)
    spectra, slope = smooth(rng, 5, p), rng.normal(size=(p, 2))
    for one in PREPROCESSINGS + MANY_WINDOWS:
        none, high = np.full(2, -np.inf), np.full(2, np.inf)
        term = Term(one.basis, one.pull(slope), np.ones(2), np.ones(2), none, high)
        found = AffineSum((term,)).predict(spectra)
        np.testing.assert_allclose(found, one(spectra) @ slope + 1, rtol=1e-9, atol=1e-9)


@settings(max_examples=50)
@given(SEEDS, st.integers(5, 400))
def test_derivatives_with_several_windows_are_those_of_scipy(seed, p):
    spectra = smooth(np.random.default_rng(seed), 3, p)
    for word, scale in WINDOWS.items():
        window = window_of(p, scale)
        assert window % 2 == 1 and 3 <= window <= p
        (one,) = (o for o in MANY_WINDOWS if o.name == f"SNV+SG1, {word} window")
        base = (spectra - spectra.mean(1, keepdims=True)) / spectra.std(1, keepdims=True, ddof=1)
        wanted = savgol_filter(base, window, 2, deriv=1, axis=1)
        np.testing.assert_allclose(one(spectra), wanted, atol=1e-9 * np.abs(wanted).max())


def test_large_calibration_sets_make_do_with_one_window():
    assert of_averages(CROWDED) == MANY_WINDOWS
    assert of_averages(CROWDED + 1) == PREPROCESSINGS


@settings(max_examples=25)
@given(SEEDS)
def test_a_sum_is_the_sum_of_clipped_terms(seed):
    rng = np.random.default_rng(seed)
    spectra = smooth(rng, 6, 10)

    def part(k):
        low, high = np.sort(rng.normal(size=(2, k)), axis=0)
        weight = rng.uniform(0, 1, k)
        return AffineSum((Term("raw", rng.normal(size=(10, k)), rng.normal(size=k), weight, low,
                               high),))  # fmt: skip

    one, other = part(2), part(2)
    weights = rng.uniform(0, 1, (2, 2))
    np.testing.assert_allclose(
        mixture([one, other], weights).predict(spectra),
        weights[0] * one.predict(spectra) + weights[1] * other.predict(spectra),
        atol=1e-12,
    )
    single = part(1)
    both = joined([((2, 0), one), ((1,), single)], 3).predict(spectra)
    np.testing.assert_allclose(both[:, [2, 0]], one.predict(spectra), atol=1e-12)
    np.testing.assert_allclose(both[:, [1]], single.predict(spectra), atol=1e-12)


@pytest.fixture
def rows():
    rng = np.random.default_rng(4)
    x = smooth(rng, 14, 9)
    return x, rng.normal(size=(14, 2)), np.r_[np.zeros(9), np.ones(5)], rng


@pytest.mark.parametrize("which", range(len(SETTINGS)))
@pytest.mark.parametrize("narrow", [False, True])
def test_the_joint_ridge_is_a_ridge_on_explicit_features(rows, which, narrow):
    """Twice the channels: those of every row, and those of the target alone."""
    x, y, is_target, rng = rows
    x = x[:, :6] if narrow else x  # fewer channels than source samples, or as many
    new = smooth(rng, 3, x.shape[1]) - 0.5
    one = SETTINGS[which]
    fit = Joint(SourceSide(x[:9], y[:9]), x[9:], y[9:])
    found = fit.predict(new)[which]
    weight = 1 + (one.weight - 1) * is_target
    root = np.sqrt(one.freedom)
    centre = x[:9].mean(axis=0)  # a difference between the instruments turns around it
    wide = np.hstack([x, root * is_target[:, None] * (x - centre)])
    wide_new = np.hstack([new, root * (new - centre)])
    around = (wide - weight @ wide / weight.sum()) * np.sqrt(weight)[:, None]
    mean_eigenvalue = (around**2).sum() / len(x)
    for penalty in CHOSEN:
        model = SklearnRidge(alpha=PENALTIES[penalty] * mean_eigenvalue, solver="cholesky")
        model.fit(wide, y, sample_weight=weight)
        np.testing.assert_allclose(found[penalty], model.predict(wide_new), atol=1e-7)
        for column in range(2):
            slope, offset = fit.affine(which, penalty, column)
            np.testing.assert_allclose(new @ slope + offset, found[penalty][:, column], atol=1e-9)
        left_out = []
        for row in range(9):
            keep = np.arange(14) != row
            model.fit(wide[keep], y[keep], sample_weight=weight[keep])
            left_out.append(model.predict(wide[[row]])[0] - y[row])
        expected = np.mean(np.square(left_out), axis=0)
        np.testing.assert_allclose(fit.source_mse()[which, penalty], expected, rtol=1e-4)


@pytest.mark.parametrize("settings_", [UNLABELLED, LABELLED], ids=["no labels", "labels"])
def test_penalised_differences_are_least_squares_of_stacked_rows(rows, settings_):
    """Source, standards with labels, differences with the answer 0 and no constant, penalty."""
    x, y, _, rng = rows
    source, standards, twins = x[:9], x[9:] + 0.2, x[:5]
    labels, new = y[9:], smooth(rng, 3, 9)
    centre = source.mean(axis=0)
    scale = ((source - centre) ** 2).sum() / 9
    fit = Penalised(SourceSide(source, y[:9]), standards, twins, labels, settings_)
    found = fit.predict(new)

    def solve(which, penalty, keep):
        parts = [(source[keep] - centre, y[:9][keep], 1.0, 1.0)]
        if which.label:
            parts.append((standards - centre, labels, 1.0, which.label))
        parts.append((standards - twins, np.zeros((5, 2)), 0.0, which.difference))
        left = [np.sqrt(w) * np.hstack([np.full((len(a), 1), one), a]) for a, _, one, w in parts]
        right = [np.sqrt(w) * b for _, b, _, w in parts]
        ridge = np.sqrt(PENALTIES[penalty] * scale) * np.eye(10)[1:]
        return np.linalg.lstsq(
            np.vstack([*left, ridge]), np.vstack([*right, np.zeros((9, 2))]), rcond=None
        )[0]

    def answer(model, spectra):
        return model[0] + (spectra - centre) @ model[1:]

    for row, which in enumerate(settings_):
        for penalty in CHOSEN:
            expected = answer(solve(which, penalty, np.arange(9)), new)
            np.testing.assert_allclose(found[row, penalty], expected, atol=1e-7)
            slope, offset = fit.affine(row, penalty, 1)
            np.testing.assert_allclose(new @ slope + offset, expected[:, 1], atol=1e-7)
            errors = [
                answer(solve(which, penalty, np.arange(9) != one), source[[one]])[0] - y[one]
                for one in range(9)
            ]
            told = fit.source_mse()[row, penalty]
            np.testing.assert_allclose(told, np.mean(np.square(errors), axis=0), rtol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_leave_one_out_errors_are_those_of_refits(rows, weighted):
    x, y, _, rng = rows
    weight = rng.uniform(0.5, 3, 14) if weighted else np.ones(14)
    ridge = Ridge(x, y, weight if weighted else None)
    around = (x - weight @ x / weight.sum()) * np.sqrt(weight)[:, None]
    for penalty in CHOSEN:
        alpha = PENALTIES[penalty] * (around**2).sum() / len(x)
        model = SklearnRidge(alpha=alpha, solver="cholesky").fit(x, y, sample_weight=weight)
        np.testing.assert_allclose(ridge.predict(x)[penalty], model.predict(x), atol=1e-8)
        slope, offset = ridge.affine(np.array([penalty, penalty]))
        np.testing.assert_allclose(slope.T, model.coef_, atol=1e-7)
        np.testing.assert_allclose(offset, model.intercept_, atol=1e-7)
        for row in range(14):
            keep = np.arange(14) != row
            model.fit(x[keep], y[keep], sample_weight=weight[keep])
            np.testing.assert_allclose(
                ridge.loo[penalty, row], model.predict(x[[row]])[0] - y[row], rtol=1e-4, atol=1e-6
            )


def farthest(distance, n):
    """Return Kennard and Stone's choice by the words of their paper."""
    chosen = list(max(combinations(range(len(distance)), 2), key=lambda pair: distance[pair]))
    while len(chosen) < n:
        rest = [k for k in range(len(distance)) if k not in chosen]
        chosen.append(max(rest, key=lambda k: min(distance[k, one] for one in chosen)))
    return chosen


def between(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


@settings(max_examples=25)
@given(SEEDS, st.integers(2, 6))
def test_designs_are_their_definitions(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(9, 6)), rng.normal(size=(9, 2))
    assert DESIGNS["kennard-stone"](x, y, n, 0).tolist() == farthest(between(x), n)
    in_x, in_y = between(x), between(y / y.std(axis=0))
    assert DESIGNS["spxy"](x, y, n, 0).tolist() == farthest(
        in_x / in_x.max() + in_y / in_y.max(), n
    )
    # each the longest after those before are projected out: a pivoted QR decomposition
    _, _, pivots = qr((x - x.mean(axis=0)).T, pivoting=True)
    assert DESIGNS["leverage"](x, y, n, 0).tolist() == pivots[:n].tolist()
    drawn = DESIGNS["random"](x, y, n, seed)
    assert len(set(drawn.tolist())) == n


@settings(max_examples=10)
@given(SEEDS, st.integers(3, 5))
def test_d_optimal_cannot_be_bettered_by_one_exchange(seed, n):
    x = np.random.default_rng(seed).normal(size=(9, 6))
    scores = scores_of(x, n - 1)
    design = np.column_stack([np.ones(9), scores / scores.std(axis=0)])

    def size(chosen):
        part = design[list(chosen)]
        return np.linalg.det(part.T @ part + 1e-6 * np.eye(n))

    chosen = DESIGNS["d-optimal"](x, np.zeros((9, 0)), n, 0).tolist()
    assert len(set(chosen)) == n
    for place in range(n):
        for other in set(range(9)) - set(chosen):
            assert size([*chosen[:place], other, *chosen[place + 1 :]]) <= size(chosen) * (1 + 1e-9)
    assert size(chosen) >= 0.3 * max(map(size, combinations(range(9), n)))


@pytest.mark.parametrize(("n", "level"), [(5, 0.8), (10, 0.9), (19, 0.95)])
def test_intervals_of_few_normal_errors_cover_as_often_as_they_say(n, level):
    drawn = np.random.default_rng(n).normal(0.3, 1.0, (4000, n + 1)) - 0.3
    inside = [abs(row[n]) <= interval_of(row[:n], level, None).half_width for row in drawn]
    assert np.mean(inside) == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize(("n", "level"), [(20, 0.9), (30, 0.8)])
def test_intervals_cover_as_often_as_they_say(n, level):
    """Of exchangeable residuals the new one is inside with ceil((n + 1) level) / (n + 1)."""
    rng = np.random.default_rng(n)
    inside = []
    for _ in range(3000):
        drawn = rng.standard_t(3, n + 1)
        half = interval_of(drawn[:n], level, None).half_width
        inside.append(abs(drawn[n]) <= half)
    exact = np.ceil((n + 1) * level - 1e-9) / (n + 1)
    assert np.mean(inside) == pytest.approx(exact, abs=0.025)


@pytest.mark.parametrize("n", [10, 40])
def test_standards_at_the_edges_do_not_widen_the_interval_of_samples_in_the_middle(n):
    """Half of the standards err threefold and stand for a tenth of the samples, say."""
    rng = np.random.default_rng(n)
    edge = np.arange(n) < n // 2
    weights = np.where(edge, 0.1, 0.9)
    inside = {"weighted": [], "alike": []}
    for _ in range(3000):
        drawn = rng.normal(size=n) * np.where(edge, 3.0, 1.0)
        new = rng.normal() * (3.0 if rng.random() < 0.1 else 1.0)
        for name, chosen in (("weighted", weights), ("alike", None)):
            half = interval_of(drawn, 0.8, None, chosen).half_width
            inside[name].append(abs(new) <= half)
    weighted, alike = np.mean(inside["weighted"]), np.mean(inside["alike"])
    assert 0.78 < weighted < alike - 0.05


def test_how_many_samples_a_standard_stands_for():
    """Nine samples on a line of one band's height: 0, 10 and 20 are the standards."""
    band = np.exp(-0.5 * ((np.arange(60) - 30) / 6) ** 2)
    heights = np.array([0, 10, 20, 8, 9, 11, 12, 13, 19.0])
    weights = represented(heights[:, None] * band, np.array([0, 1, 2]))
    nearest = np.sqrt([1, 6, 2])
    np.testing.assert_allclose(weights, 3 * nearest / nearest.sum())


@pytest.mark.parametrize(("level", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19)])
def test_intervals_need_so_many_residuals(level, least):
    half = interval_of(np.ones(least), level, None).half_width
    assert half == pytest.approx(t_table.ppf(0.5 + level / 2, least))
    short = interval_of(np.ones(least - 1), level, None)
    assert short.half_width is None
    assert short.reason


def test_iso_12099_by_hand():
    """Five samples; every number below was worked out on paper, t and F are from tables."""
    known = np.array([10.0, 11, 12, 13, 14])
    predicted = known + np.array([0.1, -0.1, 0.2, 0.0, 0.3])
    told = figures_of(known, predicted)
    assert told.bias == pytest.approx(0.1)
    assert told.sep == pytest.approx(0.158114, abs=1e-6)  # sqrt(0.10 / 4)
    assert told.rmsep == pytest.approx(0.173205, abs=1e-6)  # sqrt(0.15 / 5)
    assert told.slope == pytest.approx(10.5 / 11.1)
    assert told.r2 == pytest.approx(1 - 0.15 / 10)
    assert told.rpd == pytest.approx(1.581139 / 0.158114, rel=1e-5)
    tests = {one.name: one for one in iso_tests(known, predicted, 0.1)}
    assert tests["bias"].limit == pytest.approx(2.776 * 0.158114 / 5**0.5, rel=1e-3)
    assert tests["bias"].passed
    assert tests["SEP"].limit == pytest.approx(0.1 * 2.463**0.5, rel=1e-3)
    assert not tests["SEP"].passed
    assert tests["slope"].value == pytest.approx(1.2, abs=1e-3)
    assert tests["slope"].limit == pytest.approx(3.182, rel=1e-3)
    assert tests["slope"].passed
    assert iso_tests(known[:3], predicted[:3], 0.1) == ()


def test_the_gate_passes_what_it_knows_and_stops_the_rest():
    rng = np.random.default_rng(8)
    known = smooth(rng, 30, 40)
    gate = gate_model(known, None)
    np.testing.assert_allclose(gate.loadings.T @ gate.loadings, np.eye(gate.loadings.shape[1]),
                               atol=1e-9)  # fmt: skip
    q, t2 = gate.judge(known)
    assert (q <= gate.q_limit).all()
    assert (t2 <= gate.t2_limit).all()
    centred = known - known.mean(axis=0)
    left, size, right = np.linalg.svd(centred, full_matrices=False)
    k = gate.loadings.shape[1]
    rest = centred - left[:, :k] * size[:k] @ right[:k]
    np.testing.assert_allclose(q, (rest**2).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(t2, (left[:, :k] ** 2).sum(axis=1) * 29, rtol=1e-6)
    spike = known[:1] + 2 * np.sqrt(gate.q_limit) * (np.arange(40) == 20)
    assert gate.judge(spike)[0] > gate.q_limit
    far = gate.mean + 3 * np.sqrt(gate.t2_limit * gate.variances[0]) * gate.loadings[:, 0]
    assert gate.judge(far[None])[1] > gate.t2_limit
    assert gate.judge(far[None])[0] < gate.q_limit
    # a standard that is worse than everything known widens the limit to allow it
    wider = gate_model(known, spike)
    assert wider.q_limit == pytest.approx(SLACK * gate.judge(spike)[0][0])


@settings(max_examples=25)
@given(SEEDS)
def test_interpolation_is_numpys_and_straight_lines_stay(seed):
    rng = np.random.default_rng(seed)
    source = np.sort(rng.uniform(0, 100, 30))
    target = np.sort(rng.uniform(10, 120, 45))
    spectra = rng.normal(size=(3, 30))
    wanted = np.linspace(source[0], source[-1], 17)
    found = spectra @ interpolation(source, wanted)
    expected = [np.interp(wanted, source, row) for row in spectra]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    common = common_axis(source, target, "nm")
    if common.shared:
        line = 2 * common.axis + 1
        np.testing.assert_allclose(common.of_source((2 * source + 1)[None])[0], line, atol=1e-8)
        np.testing.assert_allclose(common.of_target((2 * target + 1)[None])[0], line, atol=1e-8)
