"""What kind of spectrum this is: peaks, trace or plane, real or complex, in which block."""

import numpy as np

from spectrakit.errors import InputError
from spectrakit.spectrum import Axis, Spectrum
from spectrakit.store.layout import TIME_UNITS


def shape_kind(spectrum: Spectrum, indirect: Axis | None) -> tuple[str, int]:
    """Return (peaks, trace or plane; components of a value: 1, 2 or 4).

    Raises:
        InputError: axis and values do not fit together, or the axis is not finite.
    """
    axis, shape = spectrum.axis.values, np.shape(spectrum.value)
    points = axis.shape if indirect is None else (*indirect.values.shape, *axis.shape)
    extra_dimension = shape[len(points) :]
    if len(points) != (1 if indirect is None else 2) or shape[: len(points)] != points:
        raise InputError(
            f"spectrum '{spectrum.native_id}': values of shape {shape} on an axis of shape "
            f"{points}.",
            hint="Each value needs its point on the axis.",
        )
    if extra_dimension not in ((), (2,), (4,)):
        raise InputError(
            f"spectrum '{spectrum.native_id}': values of shape {shape}: the last dimension of "
            "complex data is 2, of hypercomplex data 4.",
        )
    for part in (axis,) if indirect is None else (axis, indirect.values):
        if not np.isfinite(part).all():
            place = int(np.flatnonzero(~np.isfinite(part))[0])
            raise InputError(
                f"spectrum '{spectrum.native_id}': axis point {place} is {part[place]}.",
                hint="An axis must be finite; drop the point or the spectrum.",
            )
    if indirect is not None and 0 in points:
        raise InputError(f"spectrum '{spectrum.native_id}': a plane of shape {points} is empty.")
    kind = "plane" if indirect is not None else "trace" if spectrum.is_trace else "peaks"
    return kind, extra_dimension[0] if extra_dimension else 1


def domain(spectrum: Spectrum) -> str:
    """Return ``time`` for free induction decays and chromatograms, else ``frequency``."""
    return "time" if spectrum.axis.unit in TIME_UNITS else "frequency"


def default_block(spectrum: Spectrum, kind: tuple[str, int]) -> str:
    """Return the modality's name, with a suffix for what is unusual in it.

    Peaks of an optical or NMR spectrum, a mass chromatogram, complex and time-domain data each
    have a block of their own, whatever order they arrive in.
    """
    usual = "peaks" if spectrum.modality == "msms" else "trace"
    words = [str(spectrum.modality)]
    if kind[0] == "plane":
        words.append("2d")
    elif kind[0] != usual:
        words.append(kind[0])
    if domain(spectrum) == "time":
        words.append("time")
    if kind[1] > 1:
        words.append("complex" if kind[1] == 2 else "hypercomplex")
    return "-".join(words)
