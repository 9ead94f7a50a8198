"""Classical transfer methods: closed forms, honesty, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from spectrakit.errors import MismatchError
from spectrakit.transfer.calibrations import LINEAR, RAW, SG1, Instruments
from spectrakit.transfer.classical import CLASSICAL, by_updating, fit_classical
from spectrakit.transfer.mapped import mapped
from spectrakit.transfer.methods import Method
from spectrakit.transfer.nested import search
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standardisers import mean_differences
from spectrakit.transfer.updated import WEIGHTS

METHODS = {method.name: method for method in CLASSICAL}
P = 40


def _mixtures(n: int, seed: int, p: int = P) -> tuple[np.ndarray, np.ndarray]:
    """Return noise-free spectra (n, p) of three components and two of their amounts."""
    rng = np.random.default_rng(seed)
    channel = np.arange(p)
    bands = np.stack(
        [
            np.exp(-(((channel - at * p) / (width * p)) ** 2))
            for at, width in ((0.25, 0.1), (0.5, 0.15), (0.75, 0.1))
        ]
    )
    amounts = rng.uniform(0.5, 2.0, (n, 3))
    return amounts @ bands, amounts[:, :2]


def _standards(target: np.ndarray, source: np.ndarray, known: np.ndarray, n: int) -> Standards:
    twins = np.arange(0, len(source), len(source) // n)[:n]
    return Standards(
        source, known, target[twins], twins, known[twins], np.arange(n),
        source.shape[1] == target.shape[1],
    )  # fmt: skip


def _error(method: Method, target: np.ndarray, data: Standards, known: np.ndarray) -> float:
    fitted = method.fit(data, 0)
    inner = np.abs(known - known.mean(axis=0)).max(axis=1) < 0.8  # not at the limits
    predicted = fitted.calibration.predict(target)
    return float(np.abs(predicted - known)[inner].max())


@pytest.mark.parametrize("name", ["mean-difference", "pds", "sst", "ds", "cca", "epo"])
def test_a_shift_of_the_spectrum_is_transferred_exactly(name: str) -> None:
    source, known = _mixtures(40, 0)
    target = source + 0.3 * np.sin(np.arange(P) / 3)
    data = _standards(target, source, known, 8)
    assert _error(METHODS["none"], target, data, known) > 0.05
    assert _error(METHODS[name], target, data, known) < 1e-5


@pytest.mark.parametrize("name", ["slope-bias", "pds", "ds", "sst"])
def test_a_gain_and_an_offset_are_transferred_exactly(name: str) -> None:
    source, known = _mixtures(40, 1)
    target = 1.3 * source + 0.2
    data = _standards(target, source, known, 8)
    assert _error(METHODS["none"], target, data, known) > 0.05
    assert _error(METHODS[name], target, data, known) < 1e-5


@pytest.mark.parametrize("name", ["pds", "ds"])
def test_a_gain_of_each_channel_is_transferred_exactly(name: str) -> None:
    source, known = _mixtures(40, 2)
    target = source * (1 + 0.2 * np.cos(np.arange(P) / 7)) + 0.1
    data = replace(_standards(target, source, known, 10))
    fit = METHODS[name].fit
    fitted = fit(data, 0, preprocessings=(RAW,))  # type: ignore[call-arg]
    inner = np.abs(known - known.mean(axis=0)).max(axis=1) < 0.8
    assert np.abs(fitted.calibration.predict(target) - known)[inner].max() < 1e-5


@pytest.mark.parametrize("name", ["epo", "sst"])
def test_a_difference_of_rank_one_is_removed_exactly(name: str) -> None:
    source, known = _mixtures(40, 3)
    rng = np.random.default_rng(3)
    pattern = np.sin(np.arange(P) * 0.9) ** 3
    target = source + rng.normal(size=(40, 1)) * pattern  # an own amount in each spectrum
    data = _standards(target, source, known, 10)
    assert _error(METHODS["mean-difference"], target, data, known) > 0.05
    if name == "epo":
        assert _error(METHODS[name], target, data, known) < 1e-4
    else:  # what the source does not show cannot be undone by less than its direction
        assert _error(METHODS[name], target, data, known) < 0.05


@pytest.mark.parametrize("name", ["jypls", "cca", "ds", "target-only"])
def test_different_axes_of_a_noise_free_latent_model(name: str) -> None:
    source, known = _mixtures(40, 4)
    target = _mixtures(40, 4, p=25)[0] ** 1.0 + 0.5
    data = _standards(target, source, known, 12)
    assert _error(METHODS[name], target, data, known) < 1e-4


def test_updating_and_the_ensemble_find_an_exact_model_of_both() -> None:
    source, known = _mixtures(40, 5)
    target = source + 0.2
    data = _standards(target, source, known, 8)
    for name in ("updating", "bias", "plain-ensemble"):
        assert _error(METHODS[name], target, data, known) < 0.02, name


@pytest.fixture
def noisy() -> Standards:
    source, known = _mixtures(30, 6)
    rng = np.random.default_rng(6)
    noise = rng.normal(scale=0.02, size=(2, 30, P))
    target = 1.1 * source + 0.1 + noise[0]
    return _standards(target, source + noise[1], known + rng.normal(scale=0.05, size=(30, 2)), 10)


@pytest.mark.parametrize("name", list(METHODS))
def test_predictions_of_standards_left_out_do_not_know_their_labels(
    name: str, noisy: Standards
) -> None:
    before = METHODS[name].fit(noisy, 0)
    held = noisy.folds()[1][1]
    labels, known = noisy.labels.copy(), noisy.known.copy()
    labels[held] += [2.0, -3.0]
    known[noisy.twins[held]] += [2.0, -3.0]
    after = METHODS[name].fit(replace(noisy, labels=labels, known=known), 0)
    assert after.left_out[held] == pytest.approx(before.left_out[held], abs=1e-12)
    rest = np.setdiff1d(np.arange(10), held)
    assert np.abs(after.left_out[rest] - before.left_out[rest]).max() > 1e-6


@pytest.mark.parametrize("name", ["mean-difference", "pds", "updating", "epo", "plain-ensemble"])
def test_a_standard_left_out_changes_only_by_its_own_spectrum(name: str, noisy: Standards) -> None:
    before = METHODS[name].fit(noisy, 0).left_out
    held = int(noisy.folds()[0][1][0])
    mate = int(noisy.folds()[0][1][1])  # in the same fold
    target = noisy.target.copy()
    target[held] = target[held] + 0.05 * np.sin(np.arange(P))
    after = METHODS[name].fit(replace(noisy, target=target), 0).left_out
    assert after[mate] == pytest.approx(before[mate], abs=1e-12)
    assert np.abs(after[held] - before[held]).max() > 1e-6


@pytest.mark.parametrize("name", list(METHODS))
def test_what_is_reported_is_plain(name: str, noisy: Standards) -> None:
    fitted = METHODS[name].fit(noisy, 0)
    assert fitted.left_out.shape == (10, 2)
    assert np.isfinite(fitted.left_out).all()
    assert len(fitted.chosen) == 2 and all(fitted.chosen)
    again = METHODS[name].fit(noisy, 0)
    assert again.left_out == pytest.approx(fitted.left_out, abs=0)


@pytest.mark.parametrize("name", ["bias", "slope-bias", "updating", "target-only", "jypls"])
def test_missing_labels_are_refused(name: str, noisy: Standards) -> None:
    labels = noisy.labels.copy()
    labels[2, 1] = np.nan
    with pytest.raises(MismatchError, match="1 of 10 standards have no reference value"):
        METHODS[name].fit(replace(noisy, labels=labels), 0)


@pytest.mark.parametrize("name", ["pds", "sst", "epo", "mean-difference"])
def test_methods_of_paired_spectra_need_no_labels(name: str, noisy: Standards) -> None:
    fitted = METHODS[name].fit(replace(noisy, labels=np.full((10, 2), np.nan)), 0)
    assert np.isfinite(fitted.left_out).all()


@pytest.mark.parametrize("name", list(METHODS))
def test_missing_reference_values_of_the_source_are_refused(name: str, noisy: Standards) -> None:
    known = noisy.known.copy()
    known[5] = np.nan
    with pytest.raises(MismatchError, match="1 of 30 source samples have no reference value"):
        METHODS[name].fit(replace(noisy, known=known), 0)


def _first(data: Standards, n: int) -> Standards:
    return replace(
        data, target=data.target[:n], twins=data.twins[:n], labels=data.labels[:n],
        groups=data.groups[:n],
    )  # fmt: skip


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("n", [2, 3])
def test_the_fewest_standards(name: str, n: int, noisy: Standards) -> None:
    data = _first(noisy, n)
    if n < METHODS[name].least:
        with pytest.raises(MismatchError, match="needs 3 standards"):
            METHODS[name].fit(data, 0)
    else:
        assert np.isfinite(METHODS[name].fit(data, 0).left_out).all()


def test_one_standard_and_one_group_are_refused(noisy: Standards) -> None:
    with pytest.raises(MismatchError, match="there are 1 of 1"):
        METHODS["pds"].fit(_first(noisy, 1), 0)
    with pytest.raises(MismatchError, match="there are 10 of 1"):
        METHODS["pds"].fit(replace(noisy, groups=np.zeros(10, np.int64)), 0)


@pytest.mark.parametrize("name", list(METHODS))
def test_different_axes_are_refused_where_one_is_needed(name: str, noisy: Standards) -> None:
    data = replace(noisy, target=noisy.target[:, :30], same_axis=False)
    if METHODS[name].same_axis:
        with pytest.raises(MismatchError, match="on one axis"):
            METHODS[name].fit(data, 0)
    else:
        assert np.isfinite(METHODS[name].fit(data, 0).left_out).all()


def test_constant_channels_do_no_harm(noisy: Standards) -> None:
    source, target = noisy.source.copy(), noisy.target.copy()
    source[:, 10:20], target[:, 10:20] = 1.0, 2.0
    for method in CLASSICAL[:-1]:  # the last averages some of the others
        assert np.isfinite(
            method.fit(replace(noisy, source=source, target=target), 0).left_out
        ).all()


def test_none_needs_no_standards_and_takes_few_latent_variables(noisy: Standards) -> None:
    empty = _first(noisy, 0)
    fitted = METHODS["none"].fit(empty, 0)
    assert fitted.left_out.shape == (0, 2)
    whole = METHODS["none"].fit(noisy, 0)
    assert fitted.calibration.predict(noisy.target) == pytest.approx(
        whole.calibration.predict(noisy.target)
    )
    pair = Instruments(noisy, SG1, 0)
    mse = pair.calibration(np.arange(10)).mse
    for column, text in enumerate(fitted.chosen):
        count = int(text.removeprefix("SG1, ").removesuffix(" LV"))
        assert mse[count - 1, column] <= 1.02**2 * mse[:, column].min()
        assert (mse[: count - 1, column] > 1.02**2 * mse[:, column].min()).all()


def test_preprocessing_and_weight_are_chosen_like_latent_variables(noisy: Standards) -> None:
    fitted = fit_classical(
        noisy, 0, learn=by_updating(WEIGHTS), name="updating", uses="labels", least=2,
        preprocessings=LINEAR,
    )  # fmt: skip
    for text in fitted.chosen:
        name, weight, count = text.split(", ")
        assert name in {"raw", "SG1", "SG2"} and count.endswith(" LV")
        assert weight in {"weight 1", "weight 3", "weight 10"}


def test_score_is_source_error_plus_disagreement_on_standards_left_out(noisy: Standards) -> None:
    """Recompute LV* for mean difference with scikit-learn."""
    from sklearn.cross_decomposition import PLSRegression

    pair = Instruments(noisy, SG1, 0)
    score = search(noisy, mapped([pair], mean_differences, ("",))).score()
    source, target = SG1(noisy.source), SG1(noisy.target)
    for count in (1, 3):
        errors: list[float] = []
        for group in range(10):
            kept = pair.groups != group
            fit = PLSRegression(count, scale=False).fit(source[kept], noisy.known[kept, 0])
            errors += list(fit.predict(source[~kept]).ravel() - noisy.known[~kept, 0])
        apart: list[float] = []
        for rows, held in noisy.folds():
            kept = np.setdiff1d(np.arange(30), noisy.twins[held])
            fit = PLSRegression(count, scale=False).fit(source[kept], noisy.known[kept, 0])
            shift = (source[noisy.twins[rows]] - target[rows]).mean(axis=0)
            own = fit.predict(source[noisy.twins[held]]).ravel()
            apart += list(fit.predict(target[held] + shift).ravel() - own)
        expected = np.mean(np.square(errors)) + np.mean(np.square(apart))
        assert score[count - 1, 0] == pytest.approx(expected, rel=1e-6)
