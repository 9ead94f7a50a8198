"""Standards that were exchanged; spectra authored here: absorption bands times concentrations."""

import numpy as np
import pytest

from spectrakit.transfer.pairing import check_exchanged
from spectrakit.transfer.standard_samples import Standards

POINTS, BANDS = 120, 5


def standards(n, seed, order=None, likeness=1.0, groups=None):
    """Standards of which the target's k-th spectrum is of sample ``order[k]``."""
    chance = np.random.default_rng(seed)
    channel = np.arange(POINTS)
    pure = np.exp(-0.5 * ((channel - chance.uniform(15, 105, BANDS)[:, None]) / 7) ** 2)
    amounts = chance.uniform(0.2, 1.2, (n, BANDS))
    seen = likeness * amounts + (1 - likeness) * chance.uniform(0.2, 1.2, (n, BANDS))
    source = amounts @ pure + 2e-3 * chance.normal(size=(n, POINTS))
    target = 1.1 * seen @ pure + 0.1 + 2e-3 * chance.normal(size=(n, POINTS))
    rows = np.arange(n)
    target = target if order is None else target[order]
    return Standards(
        source, amounts, target, rows, amounts, rows if groups is None else groups, True
    )


def exchanged(n, *pairs):
    order = np.arange(n)
    for i, j in pairs:
        order[[i, j]] = order[[j, i]]
    return order


def ids(n):
    return tuple(f"s{k}" for k in range(n))


@pytest.mark.parametrize("n", [6, 10, 30])
def test_exchanged_standards_are_named_and_others_are_not_suspected(n):
    for seed in range(10):
        assert check_exchanged(standards(n, seed), ids(n)).passed
        gate = check_exchanged(standards(n, seed, exchanged(n, (1, n - 1))), ids(n))
        assert not gate.passed
        assert gate.says.startswith(
            f"On the target 's1' looks like the source's 's{n - 1}'; 's{n - 1}' looks like the "
            f"source's 's1' (of {n} standards)"
        )


def test_two_pairs_of_twelve_are_both_named():
    gate = check_exchanged(standards(12, 0, exchanged(12, (1, 4), (7, 2))), ids(12))
    assert not gate.passed
    assert all(f"'s{k}' looks like" in gate.says for k in (1, 4, 7, 2))


def test_instruments_too_unlike_to_tell_samples_apart_say_nothing():
    for seed in range(20):
        assert check_exchanged(standards(20, seed, likeness=0.0), ids(20)).passed


def test_replicates_of_one_sample_may_change_places():
    groups = np.arange(10) // 2
    data = standards(10, 0, exchanged(10, (2, 3)), groups=groups)
    assert check_exchanged(data, ids(10)).passed
    data = standards(10, 0, exchanged(10, (2, 5)), groups=groups)
    assert not check_exchanged(data, ids(10)).passed


def test_a_constant_spectrum_or_few_standards_are_no_reason_to_refuse():
    data = standards(8, 0, exchanged(8, (1, 2)))
    data.target[3] = 0.5
    assert check_exchanged(data, ids(8)).passed
    assert check_exchanged(standards(5, 0, exchanged(5, (1, 2))), ids(5)).passed
