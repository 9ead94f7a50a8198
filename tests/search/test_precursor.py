"""What the survey scan says about the isolated ion, on scans computed from isotope patterns."""

import numpy as np
import pytest

from spectrakit.chemistry import C13_C12
from spectrakit.search.precursor import readings
from spectrakit.spectrum import Axis, Modality, Spectrum


def scan(peaks, **fields):
    mz, intensity = (np.array(column, float) for column in zip(*sorted(peaks), strict=True))
    return Spectrum(Modality.MSMS, Axis(mz, "m/z"), intensity, **fields)


def carbons(mz, charge, n=20, height=1e6):
    """Return the first two isotope peaks of an ion with n carbons."""
    return [(mz, height), (mz + C13_C12 / charge, height * n * 0.0107 / 0.9893)]


MS2 = {"ms_level": 2, "polarity": 1}


def test_the_stated_precursor_comes_first():
    ms2 = scan([(100, 1)], precursor_mz=300.1, charge=1, **MS2)
    survey = scan(carbons(300.1, 1))
    assert [(r.mz, r.charge) for r in readings(ms2, survey)] == [(300.1, 1)]


def test_isolation_of_the_second_isotope_is_noticed():
    ms2 = scan([(100, 1)], precursor_mz=300.1 + C13_C12, charge=1, **MS2)
    stated, corrected = readings(ms2, scan(carbons(300.1, 1)))
    assert stated.mz == ms2.precursor_mz
    assert corrected.mz == pytest.approx(300.1)
    assert "M+1" in corrected.note


@pytest.mark.parametrize("charge", [1, 2, 3])
def test_a_missing_charge_is_read_from_the_isotope_peaks(charge):
    ms2 = scan([(100, 1)], precursor_mz=400.2, **MS2)
    assert readings(ms2, scan(carbons(400.2, charge, n=18 * charge)))[0].charge == charge


def test_a_wrong_charge_is_doubted_not_replaced():
    ms2 = scan([(100, 1)], precursor_mz=400.2, charge=1, **MS2)
    assert [r.charge for r in readings(ms2, scan(carbons(400.2, 2, n=36)))] == [1, 2]


def test_without_a_precursor_there_is_no_reading():
    assert readings(scan([(100, 1)], **MS2), None) == []
