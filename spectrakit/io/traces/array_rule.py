"""Which arrays of a container are spectra, which is their axis, and what belongs to the samples.

The rule, in this order:

1. An *axis* is a vector of strictly rising or falling numbers that is named or united as one
   (``wavelength``, ``wn``, ``x``, unit ``nm``), or the coordinate of a dimension.
2. Every matrix with a dimension as long as an axis holds *spectra* along that dimension; of two
   that fit, the one in the same group and with the more telling name is the axis. In a square
   matrix the rows are spectra.
3. Without such a matrix, one whose first column (or row) is evenly spaced carries its axis there.
4. Else the matrices of eight and more columns are spectra in rows on the *channel index*, if all
   have equally many columns or one has a telling name; if not, the file is ambiguous.
5. A container without a matrix may hold one axis and vectors as long: one spectrum each.
6. Vectors and narrow tables with a value for each spectrum belong to the samples.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.io.traces.arrays import Arrays, Variable
from spectrakit.io.traces.units import known_axis_unit, known_value_unit
from spectrakit.spectrum import FloatArray

FEW = 8  # columns: a narrower matrix without an axis is a table of properties
_STRONG = re.compile(
    r"wave(?:length|number|n|l)?s?|wavelength.*|wavenumber.*|wvl|wvn|wn|wns|wl|wls|wlength|"
    r"lambdas?|lam|nu|nm|cm1|raman_?shifts?|shifts?|energy|ev|ppm|freqs?|frequenc(?:y|ies)|mz"
)
_WEAK = re.compile(
    r"x|x_?axis|axis|x_?axis_?values?|x_?scale|axis_?scale|abscissa|x_?data|x_?values?|bands?|"
    r"channels?|spectral_?axis|domain|variables?"
)
_SPECTRA = re.compile(
    r"x|y|spectr(?:a|um)|spec|specs|data|absorbances?|reflectances?|transmittances?|intensit.*|"
    r"counts|flux|raman|nirs?|ir|signals?|x_?(?:train|cal|data|raw)|values|ydata|y_?values"
)
_OPTICAL_UNITS = ("nm", "um", "cm-1", "ppm", "m/z", "eV")
_EVEN = 1e-6  # of a step: how even an axis inside a matrix must be


@dataclass(frozen=True, slots=True)
class Sheet:
    """One matrix of spectra as found by the rule.

    Attributes:
        variable: the matrix (or the one vector that is a spectrum).
        rows: (n_spectra, n_channels), in the file's order.
        axis: (n_channels,) float64.
        axis_variable: where the axis came from; None: inside the matrix or the channel index.
        has_axis: whether the file gave one.
    """

    variable: Variable
    rows: FloatArray
    axis: NDArray[np.float64]
    axis_variable: Variable | None = None
    has_axis: bool = True


def find_sheets(arrays: Arrays) -> list[Sheet]:
    """Return the spectra of a container.

    Raises:
        InputError: it holds none, or it cannot be told which of its arrays they are.
    """
    numbers = [one for one in arrays.variables if one.kind == "number" and one.n > 1]
    matrices = [one for one in numbers if one.is_matrix]
    axes = [one for one in numbers if one.is_vector and _axis_rank(one, numbers) is not None]
    axes = [one for one in axes if is_axis(one.vector)]
    found = [sheet for one in matrices if (sheet := _with_axis(one, axes, numbers))]
    if found:
        return found
    inside = [sheet for one in matrices if (sheet := _axis_inside(one))]
    if inside:
        return inside
    wide = [one for one in matrices if one.shape[1] >= FEW]
    if wide:
        return [_on_index(one) for one in _agreeing(wide, arrays)]
    found = list(_single(numbers, axes))
    if not found:
        raise InputError(
            f"{arrays.path}: holds no spectra that can be told from its arrays: "
            f"{arrays.listing() or 'there are none'}.",
            hint="Give it a matrix of spectra (one in each row) and a vector named wavelength or "
            "wavenumber.",
        )
    return found


def is_axis(values: NDArray[Any]) -> bool:
    """Say whether numbers can be an abscissa: finite, strictly rising or falling."""
    if len(values) < 2 or not np.isfinite(values).all():
        return False
    with np.errstate(over="ignore"):
        steps = np.diff(values.astype(np.float64, copy=False))
    return bool((steps > 0).all() or (steps < 0).all())


def _axis_rank(one: Variable, numbers: Sequence[Variable]) -> int | None:
    """Return how telling a vector is as an axis, 0 the most; None when it is none."""
    leaf = one.leaf.lower().strip("_")
    unit = known_axis_unit(one.unit)
    if unit in _OPTICAL_UNITS or _STRONG.fullmatch(leaf) or known_axis_unit(leaf) in ("nm", "cm-1"):
        return 0
    if _WEAK.fullmatch(leaf) or leaf in ("time", "times", "index", "pixel", "pixels"):
        return 1
    coordinate = one.dims == (one.leaf,)  # netCDF: the variable of a dimension
    used = any(one.leaf in other.dims and other.is_matrix for other in numbers)
    return 2 if coordinate and used else None


def _with_axis(
    matrix: Variable, axes: Sequence[Variable], numbers: Sequence[Variable]
) -> Sheet | None:
    best: tuple[tuple[int, ...], Variable, int] | None = None
    for place, axis in enumerate(axes):
        rank = _axis_rank(axis, numbers)
        if rank is None or axis is matrix:
            continue
        for dimension in (1, 0):
            if matrix.shape[dimension] != axis.n:
                continue
            wrong_dims = bool(matrix.dims and axis.dims) and axis.dims[0] != matrix.dims[dimension]
            far = distance(matrix, axis)
            score = (int(wrong_dims), rank, far, 1 - dimension, place)
            if best is None or score < best[0]:
                best = (score, axis, dimension)
    if best is None:
        return None
    _, axis, dimension = best
    rows = matrix.values if dimension == 1 else matrix.values.T
    return Sheet(matrix, rows, axis.vector.astype(np.float64), axis)


def distance(one: Variable, other: Variable) -> int:
    """Return 0 for one group, 1 where the other is in a group around this one's, else 2."""
    if one.group == other.group:
        return 0
    return 1 if f"{one.group}/".startswith(f"{other.group}/") or not other.group else 2


def _is_even(values: NDArray[Any]) -> bool:
    if len(values) < FEW or not is_axis(values):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.diff(values.astype(np.float64, copy=False))
        return bool(np.abs(steps - steps.mean()).max() <= _EVEN * abs(steps.mean()))


def _axis_inside(matrix: Variable) -> Sheet | None:
    values = matrix.values
    column, row = _is_even(values[:, 0]), _is_even(values[0])
    if column == row:
        return None
    if column:
        return Sheet(matrix, values[:, 1:].T, values[:, 0].astype(np.float64))
    return Sheet(matrix, values[1:], values[0].astype(np.float64))


def _agreeing(wide: Sequence[Variable], arrays: Arrays) -> Sequence[Variable]:
    """Return the matrices that are spectra on a channel index.

    Raises:
        InputError: they differ in columns, and no name tells which are spectra.
    """
    if len({one.shape[1] for one in wide}) == 1:
        return wide
    told = [one for one in wide if is_spectral_name(one.leaf)]
    if told and len({one.shape[1] for one in told}) == 1:
        return told
    raise InputError(
        f"{arrays.path}: cannot tell which of its arrays are spectra: {arrays.listing()}.",
        hint="Name one of them spectra, or add a vector wavelength or wavenumber as long as the "
        "spectra have channels.",
    )


def is_spectral_name(leaf: str) -> bool:
    """Say whether a name is one that spectra are given."""
    return bool(_SPECTRA.fullmatch(leaf.lower().strip("_")) or measured(leaf))


def measured(leaf: str) -> str:
    """Return the unit of values that a name tells (``absorbance``), or an empty text."""
    return known_value_unit(leaf) if len(leaf) > 3 else ""


def _on_index(matrix: Variable) -> Sheet:
    axis = np.arange(matrix.shape[1], dtype=np.float64)
    return Sheet(matrix, matrix.values, axis, has_axis=False)


def _single(numbers: Sequence[Variable], axes: Sequence[Variable]) -> Iterator[Sheet]:
    """Give the spectra of a container that has vectors only."""
    used: set[str] = set()
    for axis in sorted(axes, key=lambda one: _axis_rank(one, numbers) or 0):
        fitting = [
            one
            for one in numbers
            if one.is_vector and one.n == axis.n and one is not axis and one not in axes
            and distance(one, axis) < 2 and one.name not in used
        ]  # fmt: skip
        told = [one for one in fitting if is_spectral_name(one.leaf)]
        for one in told or (fitting if len(fitting) == 1 else ()):
            used.add(one.name)
            yield Sheet(one, one.vector[None, :], axis.vector.astype(np.float64), axis)
