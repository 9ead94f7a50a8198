"""The honest average: what it says of standards left out is what a fit without them says."""

from dataclasses import replace

import numpy as np
import pytest

from spectrakit.transfer.averaging import AVERAGE, PAIRED_AVERAGE
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.sweep import subset, sweep

P = 40


def standards(n_standards, *, n=24, seed=0, groups=None):
    """Two instruments that differ by gain, offset and noise; two properties of four bands."""
    rng = np.random.default_rng(seed)
    bands = np.exp(-(((np.linspace(0, 1, P) - rng.uniform(0, 1, (4, 1))) / 0.1) ** 2))
    amount = rng.uniform(0.2, 1.0, (n, 4))
    source = amount @ bands + 0.002 * rng.normal(size=(n, P))
    target = 1.1 * (amount @ bands) + 0.1 + 0.002 * rng.normal(size=(n, P))
    known = amount[:, :2] + 0.01 * rng.normal(size=(n, 2))
    twins = np.arange(n_standards)
    of = np.arange(n_standards) if groups is None else np.array(groups)
    return Standards(source, known, target[twins], twins, known[twins], of, True)


@pytest.mark.parametrize("method", [AVERAGE, PAIRED_AVERAGE], ids=lambda one: one.name)
@pytest.mark.parametrize("groups", [None, [0, 1, 1, 2, 3, 4, 4]])
def test_predictions_of_standards_left_out_are_those_of_a_fit_without_them(method, groups):
    """With five groups a fit without one has the same folds as the nested one: equal numbers."""
    data = standards(5 if groups is None else len(groups), groups=groups)
    found = method.fit(data, 3).left_out
    for rows, held in data.folds():
        again = method.fit(subset(data, rows), 3).calibration.predict(data.target[held])
        np.testing.assert_allclose(found[held], again, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", [AVERAGE, PAIRED_AVERAGE], ids=lambda one: one.name)
def test_predictions_of_standards_left_out_do_not_know_their_labels(method):
    data = standards(12)
    held = data.folds()[1][1]
    labels = data.labels.copy()
    labels[held] += [0.3, -0.2]
    before, after = method.fit(data, 0), method.fit(replace(data, labels=labels), 0)
    np.testing.assert_allclose(after.left_out[held], before.left_out[held], atol=1e-12)


def test_the_sweep_takes_them_and_needs_two_groups_in_every_fold():
    data = standards(8)
    (swept,) = sweep([AVERAGE], data, None, 0)
    assert swept.fitted is not None
    np.testing.assert_array_equal(swept.nested, swept.fitted.left_out)
    (swept,) = sweep([AVERAGE], standards(2), None, 0)
    assert swept.fitted is not None
    assert swept.nested is None


def test_more_source_samples_than_channels_and_than_are_looked_at():
    """Many samples: a calibration of the source is learned from all of them."""
    data = standards(6, n=400)
    fitted = AVERAGE.fit(data, 0)
    new = standards(0, n=60, seed=0)  # the same bands, samples of its own
    error = fitted.calibration.predict(1.1 * new.source + 0.1) - new.known
    assert np.sqrt(np.mean(error**2)) < 0.03
