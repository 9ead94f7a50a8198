"""One trace out of what a reader found, held to what every trace must be."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.record import BadSpectrum
from spectrakit.spectrum import Axis, Modality, Spectrum


def trace(
    x: NDArray[Any],
    x_unit: str,
    y: NDArray[Any],
    y_unit: str,
    *,
    modality: Modality,
    extra: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Spectrum:
    """Return a trace; ``extra`` loses what is empty, ``fields`` are those of ``Spectrum``.

    Args:
        x: (n,) axis in the order of the file, any real dtype.
        x_unit: canonical unit of the axis, or empty.
        y: (n,) values; float32 stays float32.
        y_unit: canonical unit of the values, or empty.
        modality: what was measured.
        extra: what else the file says.
        fields: native_id, name, sample, instrument ...

    Raises:
        BadSpectrum: no points, lengths that differ, an axis with NaN or infinity, or no value
            that is a number.
    """
    if not len(x):
        raise BadSpectrum("no points")
    if len(x) != len(y):
        raise BadSpectrum("axis and values differ in length")
    with np.errstate(invalid="ignore"):  # casting some kinds of NaN warns
        axis = np.asarray(x, np.float64)
        value = y if y.dtype == np.float32 else np.asarray(y, np.float64)
    if not np.isfinite(axis).all():
        raise BadSpectrum("the axis has values that are no numbers")
    if not np.isfinite(value).any():
        raise BadSpectrum("no value is a number")
    return Spectrum(
        modality=modality,
        axis=Axis(axis, x_unit),
        value=value,
        value_unit=y_unit,
        is_trace=True,
        extra={key: said for key, said in (extra or {}).items() if _says(said)},
        **fields,
    )


def _says(said: object) -> bool:
    """Say whether a field has content that JSON can hold."""
    if isinstance(said, float):
        return bool(np.isfinite(said))
    return said is not None and said != "" and said != [] and said != {}
