"""Peak cleaning, against ms_entropy's ``clean_spectrum`` one spectrum at a time.

The oracle is its documented Python version: the compiled one takes other peaks together in
about 1 % of very crowded spectra.
"""

import numpy as np
import pytest

from spectrakit.errors import InputError
from spectrakit.preprocess.peaks import PeakLists, clean_peaks, entropy_weighted
from spectrakit.spectrum import Tolerance

ms_entropy = pytest.importorskip("ms_entropy")
reference = pytest.importorskip("ms_entropy.spectra.tools")
TOLERANCE = Tolerance(0.02, "Da")


def noisy_lists(n, seed, crowded=False):
    """Unsorted lists with zero and negative intensities; ``crowded`` ones need merging."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        size = int(rng.integers(0, 60))
        high = 52.0 if crowded else 900.0
        mz = rng.uniform(50.0, high, size)
        yield (
            mz,
            rng.lognormal(2.0, 2.0, size) * rng.choice([1.0, 0.0, -1.0], size, p=[0.8, 0.1, 0.1]),
        )


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("max_peaks", [0, 10])
def test_cleaning_equals_ms_entropy(crowded, max_peaks):
    lists = list(noisy_lists(200, 3, crowded))
    cleaned = clean_peaks(
        PeakLists.from_arrays(lists),
        tolerance=TOLERANCE,
        max_mz=np.full(200, 800.0),
        max_peaks=max_peaks,
    )
    for number, (mz, intensity) in enumerate(lists):
        expected = reference.clean_spectrum(
            np.column_stack([mz, intensity]).astype(np.float32),
            max_mz=800.0,
            min_ms2_difference_in_da=0.04,
            max_peak_num=max_peaks or -1,
        )
        own = slice(cleaned.indptr[number], cleaned.indptr[number + 1])
        np.testing.assert_allclose(cleaned.mz[own], expected[:, 0], atol=2e-4)
        np.testing.assert_allclose(cleaned.intensity[own], expected[:, 1], atol=1e-5)


def test_no_two_peaks_stay_within_twice_the_tolerance():
    """Otherwise a library peak could match two query peaks; equal distance counts as within."""
    lists = [(np.array([100.00, 100.04, 100.08, 200.0]), np.array([1.0, 5.0, 2.0, 1.0]))]
    for tolerance in (TOLERANCE, Tolerance(200.0, "ppm")):
        cleaned = clean_peaks(PeakLists.from_arrays(lists), tolerance=tolerance)
        assert (np.diff(cleaned.mz) > 2 * tolerance.half_width(cleaned.mz[1:])).all()


def test_a_spectrum_is_cleaned_alike_alone_and_among_others():
    lists = list(noisy_lists(30, 5))
    together = clean_peaks(PeakLists.from_arrays(lists), tolerance=TOLERANCE)
    for number, pair in enumerate(lists):
        alone = clean_peaks(PeakLists.from_arrays([pair]), tolerance=TOLERANCE)
        one = together.take(np.array([number]))
        np.testing.assert_array_equal(one.mz, alone.mz)
        np.testing.assert_array_equal(one.intensity, alone.intensity)


def test_impossible_peaks_are_dropped():
    mz = np.array([np.nan, 100.0, 200.0, np.inf, -5.0, 300.0])
    intensity = np.array([1.0, np.nan, 2.0, 3.0, 4.0, np.inf])
    cleaned = clean_peaks(PeakLists.from_arrays([(mz, intensity)]), tolerance=TOLERANCE)
    np.testing.assert_array_equal(cleaned.mz, [200.0])
    np.testing.assert_array_equal(cleaned.intensity, [1.0])


def test_empty_spectra_stay_in_their_place():
    empty = (np.empty(0), np.empty(0))
    one = (np.array([100.0]), np.array([3.0]))
    cleaned = clean_peaks(PeakLists.from_arrays([empty, one, empty]), tolerance=TOLERANCE)
    np.testing.assert_array_equal(cleaned.counts, [0, 1, 0])
    assert len(clean_peaks(PeakLists.from_arrays([]), tolerance=TOLERANCE)) == 0


def test_a_hundred_thousand_crowded_peaks_are_merged():
    rng = np.random.default_rng(1)
    lists = [(np.sort(rng.uniform(50.0, 1500.0, 100_000)), rng.lognormal(0.0, 1.0, 100_000))]
    cleaned = clean_peaks(PeakLists.from_arrays(lists), tolerance=TOLERANCE)
    assert 0 < len(cleaned.mz) < 37_000
    assert (np.diff(cleaned.mz) > 0.04).all()


def test_arrays_that_disagree_are_an_input_error():
    with pytest.raises(InputError, match="3 m/z values but 2"):
        PeakLists.from_arrays([(np.ones(3), np.ones(2))])


def test_entropy_weights_equal_ms_entropy():
    lists = clean_peaks(PeakLists.from_arrays(noisy_lists(50, 8)), tolerance=TOLERANCE)
    weighted = entropy_weighted(lists)
    for number in range(len(lists)):
        own = slice(lists.indptr[number], lists.indptr[number + 1])
        peaks = np.column_stack([lists.mz[own], lists.intensity[own]]).astype(np.float32)
        expected = np.asarray(ms_entropy.apply_weight_to_intensity(peaks))
        np.testing.assert_allclose(weighted[own], expected[:, 1], atol=1e-6)
