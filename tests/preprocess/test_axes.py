"""Units of optical axes against closed forms and tabulated lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrakit.errors import MismatchError
from spectrakit.preprocess.axes import (
    CONVERTIBLE,
    air_index,
    air_to_vacuum,
    convert_axis,
    convertible,
    raman_shift,
    raman_wavelength,
    vacuum_to_air,
)


@pytest.mark.parametrize(
    ("value", "unit", "target", "expected"),
    [
        (1000.0, "nm", "cm-1", 10000.0),
        (2500.0, "nm", "cm-1", 4000.0),
        (4000.0, "cm-1", "um", 2.5),
        (10.6, "um", "nm", 10600.0),
        (1.0, "eV", "nm", 1239.8419843320026),  # hc / e
        (1.0, "eV", "cm-1", 8065.543937349211),  # CODATA 2018
        (0.5, "mm", "cm-1", 20.0),
        (7.0, "ppm", "ppm", 7.0),
    ],
)
def test_units(value, unit, target, expected):
    np.testing.assert_allclose(convert_axis(np.array([value]), unit, target), expected, rtol=1e-14)


@given(
    st.lists(st.floats(1.0, 1e5), min_size=1),
    st.sampled_from(CONVERTIBLE),
    st.sampled_from(CONVERTIBLE),
)
def test_there_and_back(values, unit, target):
    there = convert_axis(np.array(values), unit, target)
    np.testing.assert_allclose(convert_axis(there, target, unit), values, rtol=1e-14)


def test_what_has_no_exact_map_is_refused():
    assert not convertible("nm", "ppm")
    with pytest.raises(MismatchError, match="'ppm' cannot be brought to 'nm'"):
        convert_axis(np.ones(1), "ppm", "nm")
    with pytest.raises(MismatchError, match="with the value 0"):
        convert_axis(np.array([1.0, 0.0]), "nm", "cm-1")
    with pytest.raises(MismatchError, match="with the value nan"):
        convert_axis(np.array([np.nan]), "eV", "um")


def test_raman_shifts():
    # silicon's 520.5 cm^-1 under a 532 nm laser: 1 / (1 / 532 - 520.5e-7) = 547.150 nm
    assert raman_wavelength(520.5, 532.0) == pytest.approx(1 / (1 / 532 - 520.5e-7), rel=1e-14)
    assert raman_wavelength(520.5, 532.0) == pytest.approx(547.15, abs=0.005)
    assert raman_shift(532.0, 532.0) == 0
    assert raman_shift(500.0, 532.0) < 0  # anti-Stokes
    shifts = np.linspace(-500, 4000, 50)
    np.testing.assert_allclose(
        raman_shift(raman_wavelength(shifts, 785.0), 785.0), shifts, atol=1e-9
    )


@pytest.mark.parametrize(
    ("vacuum", "air"),
    [
        (656.4614, 656.2801),  # hydrogen alpha, as galaxy surveys tabulate both
        (486.2683, 486.1325),  # hydrogen beta
        (589.1583, 588.9950),  # sodium D2
        (589.7558, 589.5924),  # sodium D1
    ],
)
def test_lines_in_air_and_vacuum(vacuum, air):
    assert vacuum_to_air(np.array([vacuum]))[0] == pytest.approx(air, abs=6e-4)
    assert air_to_vacuum(np.array([air]))[0] == pytest.approx(vacuum, abs=6e-4)


def test_the_index_of_air_at_the_neon_laser():
    """Edlén's independent formula of 1966 agrees within 3e-8 (other CO2, older data)."""
    vacuum = np.linspace(300.0, 2000.0, 50)
    square = (1e3 / vacuum) ** 2
    edlen = 1 + 1e-8 * (8342.13 + 2406030 / (130 - square) + 15997 / (38.9 - square))
    np.testing.assert_allclose(air_index(vacuum), edlen, rtol=0, atol=6e-8)
    assert air_index(633.0) == pytest.approx(1.00027653, abs=2e-8)


def test_air_and_back_keeps_every_digit():
    vacuum = np.linspace(190.0, 20000.0, 500)
    np.testing.assert_allclose(air_to_vacuum(vacuum_to_air(vacuum)), vacuum, rtol=4e-16)
    with pytest.raises(MismatchError, match="no index at 120 nm"):
        air_to_vacuum(np.array([500.0, 120.0]))
