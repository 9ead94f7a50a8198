"""From spectra to vectors, against plain loops."""

import numpy as np
import pytest
from spectrakit_kernelfp.features import (
    BIN,
    MIN_DIFFERENCE,
    WEIGHTS,
    Measurement,
    counts,
    inverse_frequency,
    merge,
    normalise,
)


def spectrum(mz, intensity, precursor=np.nan):
    return Measurement(np.array(mz, float), np.array(intensity, float), precursor)


def test_replicates_become_one_and_each_weighs_the_same():
    one = spectrum([100.000, 150.0], [10, 30], 200.0)
    two = spectrum([100.002, 170.0], [500, 500], 200.0)
    merged = merge([one, two])
    np.testing.assert_allclose(merged.intensity, [(0.25 + 0.5) / 2, 0.75 / 2, 0.5 / 2])
    centre = (0.25 * 100.000 + 0.5 * 100.002) / 0.75
    np.testing.assert_allclose(merged.mz, [centre, 150.0, 170.0])
    np.testing.assert_allclose(np.sort(merged.loss), np.sort(200.0 - merged.mz))
    assert merged.n_spectra == 2


def test_losses_are_counted_from_the_precursor_of_their_own_spectrum():
    proton = spectrum([100.0], [1], 150.0)
    sodium = spectrum([121.98], [1], 171.98)
    assert merge([proton, sodium]).loss == pytest.approx([50.0])


def test_what_cannot_be_a_fragment_is_left_out():
    bad = spectrum([50, np.nan, 60, 70, 80, 500, -3], [100, 5, np.nan, 0, 0.1, 90, 9], 120.0)
    merged = merge([bad])
    assert merged.mz.tolist() == [50.0]
    assert merge([spectrum([], []), spectrum([90.0], [0.0])]) is None
    assert merge([]) is None


def test_a_spectrum_without_precursor_has_peaks_and_no_losses():
    merged = merge([spectrum([50.0, 60.0], [1, 1])])
    assert len(merged.mz) == 2
    assert len(merged.loss) == 0
    assert counts([merged], "loss").nnz == 0


def test_bins_share_a_value_by_its_distance():
    merged = merge([spectrum([100.0025], [7.0], 300.0)])
    row = counts([merged], "peak").toarray()[0]
    lower = round(100.0 / BIN)
    np.testing.assert_allclose(row[[lower, lower + 1]], [0.75, 0.25], atol=1e-4)
    assert row.sum() == pytest.approx(1.0)


def test_differences_are_all_pairs_of_peaks_far_enough_apart():
    mz, intensity = [50.0, 51.0, 70.0], [1.0, 2.0, 1.0]
    row = counts([merge([spectrum(mz, intensity, 99.0)])], "difference").toarray()[0]
    share = np.array(intensity) / 4
    expected = np.zeros_like(row)
    for i in range(3):
        for j in range(i + 1, 3):
            if mz[j] - mz[i] > MIN_DIFFERENCE:
                weight = np.sqrt(share[i] * share[j]) ** WEIGHTS["difference"].intensity
                expected[round((mz[j] - mz[i]) / BIN)] += weight
    np.testing.assert_allclose(row, expected, atol=1e-6)


def test_rows_have_unit_length_and_common_bins_weigh_less():
    spectra = [merge([spectrum([50.0, 60.0 + k], [1, 1], 99.0)]) for k in range(5)]
    raw = counts(spectra, "peak")
    weight = inverse_frequency(raw, "peak")
    rows = normalise(raw, weight)
    np.testing.assert_allclose(np.asarray(rows.multiply(rows).sum(axis=1)).ravel(), 1, rtol=1e-5)
    assert weight[round(50 / BIN)] < weight[round(60 / BIN)]
    assert normalise(counts([], "peak"), weight).shape[0] == 0
