"""Units of optical axes into each other: exact maps only, and the refraction of air.

Wavelengths are of vacuum unless a function says air. A reciprocal map turns the direction of an
axis; values keep their place, so that the spectrum beside them need not be touched.
"""

import numpy as np

from spectrakit.errors import MismatchError
from spectrakit.spectrum import ArrayOrFloat, FloatArray

# Exact since the SI of 2019: e / (h c), in cm^-1 for 1 eV.
CM1_PER_EV = 1.602176634e-19 / (6.62607015e-34 * 299792458.0) / 100
_WAVELENGTHS = {"nm": 1.0, "um": 1e3, "mm": 1e6}  # nm in one
_ENERGIES = {"cm-1": 1.0, "eV": CM1_PER_EV}  # cm^-1 in one
CONVERTIBLE = (*_WAVELENGTHS, *_ENERGIES)
_NM_CM1 = 1e7  # nm times cm^-1
SHORTEST_AIR_NM = 185.0  # below it air absorbs and Ciddor's formula is not meant


def convertible(unit: str, target: str) -> bool:
    """Say whether an axis in ``unit`` has an exact map to ``target``."""
    return unit in CONVERTIBLE and target in CONVERTIBLE


def convert_axis(values: FloatArray, unit: str, target: str) -> FloatArray:
    """Return an axis in another unit: nm, um, mm, cm-1 (of absolute wavenumbers) and eV.

    ``cm-1`` of a Raman shift is no absolute wavenumber: use ``raman_wavelength``.

    Args:
        values: (n,) float64 in ``unit``.
        unit: of the values.
        target: of the result.

    Raises:
        MismatchError: no exact map between the units, or a reciprocal of a value not above zero.
    """
    if unit == target:
        return values
    if not convertible(unit, target):
        raise MismatchError(
            f"an axis in '{unit}' cannot be brought to '{target}'.",
            hint=f"Units that can: {', '.join(CONVERTIBLE)}.",
        )
    from_wave, to_wave = unit in _WAVELENGTHS, target in _WAVELENGTHS
    own = _WAVELENGTHS[unit] if from_wave else _ENERGIES[unit]
    new = _WAVELENGTHS[target] if to_wave else _ENERGIES[target]
    if from_wave == to_wave:
        return values * (own / new)
    bad = values[~(values > 0)]
    if len(bad):
        raise MismatchError(
            f"an axis in {unit} with the value {bad[0]:g} cannot be brought to {target}.",
            hint="Wavelengths and wavenumbers are above zero; check the unit of the file.",
        )
    return _NM_CM1 / (values * own) / new


def raman_shift(wavelength_nm: ArrayOrFloat, laser_nm: float) -> ArrayOrFloat:
    """Return the Raman shift in cm^-1 of a wavelength in nm, both of vacuum or both of air.

    Positive on the Stokes side. With wavelengths of air the shift is too large by the refraction
    (0.03 %): convert both first.
    """
    return _NM_CM1 / laser_nm - _NM_CM1 / wavelength_nm


def raman_wavelength(shift_cm1: ArrayOrFloat, laser_nm: float) -> ArrayOrFloat:
    """Return the wavelength in nm at a Raman shift in cm^-1; undoes ``raman_shift``."""
    return _NM_CM1 / (_NM_CM1 / laser_nm - shift_cm1)


def air_index(vacuum_nm: ArrayOrFloat) -> ArrayOrFloat:
    """Return the refractive index of standard air at a wavelength of vacuum.

    Standard air: dry, 15 °C, 101325 Pa, 450 ppm CO2.

    Source: Ciddor 1996, Applied Optics 35, 1566, equation 1; 1e-8 from 350 to 1200 nm.
    """
    square = (1e3 / vacuum_nm) ** 2  # um^-2
    return 1.0 + 1e-8 * (5792105.0 / (238.0185 - square) + 167917.0 / (57.362 - square))


def vacuum_to_air(vacuum_nm: FloatArray) -> FloatArray:
    """Return wavelengths in standard air, nm.

    Raises:
        MismatchError: a wavelength below 185 nm.
    """
    _check_air(vacuum_nm)
    return vacuum_nm / air_index(vacuum_nm)


def air_to_vacuum(air_nm: FloatArray) -> FloatArray:
    """Return wavelengths of vacuum, nm; undoes ``vacuum_to_air`` to float64's last digits.

    Raises:
        MismatchError: a wavelength below 185 nm.
    """
    _check_air(air_nm)
    vacuum = air_nm
    for _ in range(4):  # the index hardly changes: each turn gains more than three digits
        vacuum = air_nm * air_index(vacuum)
    return vacuum


def _check_air(wavelength_nm: FloatArray) -> None:
    low = np.asarray(wavelength_nm)[~(np.asarray(wavelength_nm) >= SHORTEST_AIR_NM - 0.1)]
    if low.size:
        raise MismatchError(
            f"air has no index at {low.flat[0]:g} nm: it absorbs below {SHORTEST_AIR_NM:g} nm.",
            hint="Such wavelengths are of vacuum.",
        )
