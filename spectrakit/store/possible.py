"""Which values the metadata of a spectrum can have: one rule for the writer and the reader."""

from math import inf
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.spectrum import Spectrum

INTEGER_LIMIT = 1 << 62
_WHOLE = {  # lowest and highest
    "ms_level": (0, INTEGER_LIMIT, "is no MS level"),
    "polarity": (-1, 1, "is neither -1, 0 nor 1"),
    "is_profile": (-1, 1, "is no flag"),
}
_FINITE = (
    "precursor_mz",
    "precursor_intensity",
    "isolation_lower",
    "isolation_upper",
    "collision_energy_value",
    "rt_seconds",
)


_finite = attrgetter(*_FINITE)


def refuse_impossible(spectrum: Spectrum) -> None:
    """Raise InputError for a field that no reader of the store would take."""
    whole = (spectrum.charge, spectrum.ms_level, spectrum.polarity, spectrum.replicate)
    if min(whole) < -INTEGER_LIMIT or max(whole) > INTEGER_LIMIT:
        raise InputError(f"spectrum '{spectrum.native_id}': {whole} holds no sane integer.")
    if spectrum.ms_level < 0 or not -1 <= spectrum.polarity <= 1:
        raise InputError(
            f"spectrum '{spectrum.native_id}': MS level {spectrum.ms_level} or polarity "
            f"{spectrum.polarity} cannot be."
        )
    finite = _finite(spectrum)
    if inf in finite or -inf in finite:
        what = ", ".join(n for n, v in zip(_FINITE, finite, strict=True) if abs(v) == inf)
        raise InputError(f"spectrum '{spectrum.native_id}': {what} is not finite.")


def impossible(name: str, values: NDArray[Any]) -> tuple[int, str] | None:
    """Return the place and the fault of the first value that a field cannot have, else None.

    Args:
        name: of a field of a spectrum.
        values: (n,) its values; NaN is a missing number.
    """
    if name in _WHOLE:
        low, high, fault = _WHOLE[name]
        wrong = (values < low) | (values > high)
    elif name in _FINITE:
        wrong, fault = np.isinf(values), "is not finite"
    else:
        return None
    if not wrong.any():
        return None
    place = int(wrong.argmax())
    return place, f"{values[place]} {fault}"
