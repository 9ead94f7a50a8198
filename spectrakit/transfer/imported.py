"""A calibration given as coefficients: what is left of an old instrument when its data are not."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError, MismatchError
from spectrakit.transfer.calibrations import Calibration, Instruments
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

CHANNEL, COEFFICIENT, INTERCEPT = "channel", "coefficient", "intercept"
_SAME = 1e-6  # of the axis' span: positions nearer than this are one
_HINT = (
    "The table has a column 'channel' (positions on the axis, and one row 'intercept') and a "
    "column of coefficients for each property."
)


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Coefficients as a table gives them.

    Attributes:
        properties: names of the k columns; ``coefficient`` where the table names none.
        channel: (p,) positions.
        slope: (p, k).
        intercept: (k,).
        place: the file, for errors.
    """

    properties: tuple[str, ...]
    channel: FloatArray
    slope: FloatArray
    intercept: FloatArray
    place: str

    def on(self, axis: FloatArray) -> FloatArray:
        """Return (p, k) slopes on a source axis, 0 at channels that the table leaves out.

        Args:
            axis: (p,) positions, in the unit of the table.

        Raises:
            MismatchError: a coefficient's channel is not on the axis.
        """
        order = np.argsort(axis)
        after = np.clip(np.searchsorted(axis[order], self.channel), 1, max(len(axis) - 1, 1))
        near = np.where(
            np.abs(axis[order][after - 1] - self.channel)
            <= np.abs(axis[order][np.minimum(after, len(axis) - 1)] - self.channel),
            after - 1,
            np.minimum(after, len(axis) - 1),
        )
        where = order[near]
        off = np.abs(axis[where] - self.channel) > _SAME * max(float(np.ptp(axis)), 1e-12)
        if off.any():
            first = self.channel[int(np.argmax(off))]
            raise MismatchError(
                f"{self.place}: {int(off.sum())} of {len(off)} coefficients are at channels that "
                f"the spectra do not have, the first at {first:g} (the spectra go from "
                f"{axis.min():g} to {axis.max():g} with {len(axis)} channels).",
                hint="Nothing is resampled silently: give --preprocess 'resample(start-stop/step)' "
                "with the steps of the coefficients.",
            )
        slope = np.zeros((len(axis), self.slope.shape[1]))
        slope[where] = self.slope
        return slope


def read_coefficients(path: Path) -> Coefficients:
    """Read a table of coefficients.

    Columns: ``channel``, then one for each property (a single one may be called
    ``coefficient``). One row has ``intercept`` for its channel.

    Raises:
        InputError: the file is missing, no such table, or has gaps, text or duplicates in it.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table: {error}.", hint=_HINT) from error
    if not rows or rows[0][0].strip().lower() != CHANNEL or len(rows[0]) < 2:
        told = ",".join(rows[0])[:60] if rows else "an empty file"
        raise InputError(f"{path}: is no table of coefficients, it starts '{told}'.", hint=_HINT)
    names = tuple(cell.strip() for cell in rows[0][1:])
    if len(set(names)) < len(names) or "" in names:
        raise InputError(f"{path}: two columns have one name, or a column has none.", hint=_HINT)
    intercept: FloatArray | None = None
    found: dict[float, FloatArray] = {}
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            raise InputError(
                f"{path}: row {line} has {len(row)} cells where {len(rows[0])} are expected.",
                hint=_HINT,
            )
        values = np.array([_number(cell, path, line) for cell in row[1:]])
        if row[0].strip().lower() == INTERCEPT:
            if intercept is not None:
                raise InputError(f"{path}: row {line} is a second intercept.", hint=_HINT)
            intercept = values
            continue
        channel = _number(row[0], path, line)
        if channel in found:
            raise InputError(f"{path}: row {line} repeats channel {channel:g}.", hint=_HINT)
        found[channel] = values
    if intercept is None or not found:
        what = "row 'intercept'" if found else "channel"
        raise InputError(f"{path}: has no {what}.", hint=_HINT)
    return Coefficients(
        names, np.array(list(found)), np.stack(list(found.values())), intercept, str(path)
    )


def _number(cell: str, path: Path, line: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}: row {line} has '{cell[:40]}' for a number.", hint=_HINT)
    return value


@dataclass(frozen=True)
class ImportedCalibration:
    """Given coefficients in the place of a calibration: nothing is chosen, no error is known.

    Attributes:
        slope: (p, k) on source spectra as measured.
        intercept: (k,).
    """

    slope: FloatArray
    intercept: FloatArray

    @property
    def texts(self) -> tuple[str, ...]:
        """What it is."""
        return ("imported coefficients",)

    @property
    def slopes(self) -> FloatArray:
        """(1, p, k) slopes."""
        return self.slope[None]

    @property
    def offsets(self) -> FloatArray:
        """(1, k) offsets."""
        return self.intercept[None]

    @property
    def mse(self) -> FloatArray:
        """(1, k) zeros: there are no source samples to measure it on."""
        return np.zeros((1, self.slope.shape[1]))


@dataclass
class ImportedInstruments(Instruments):
    """Both instruments' standards as measured, the calibration as imported."""

    imported: ImportedCalibration | None = None

    def calibration(self, rows: Rows) -> Calibration:
        """Return the imported calibration, which knows nothing of the standards."""
        assert self.imported is not None
        return self.imported


def standards_of_coefficients(
    model: ImportedCalibration, source: FloatArray, target: FloatArray, labels: FloatArray,
    groups: Rows, *, same_axis: bool,
) -> Standards:  # fmt: skip
    """Return standards for methods that work from coefficients: the standards are all there is.

    Args:
        model: the imported calibration.
        source: (N, p) standards on the source instrument; the target's where nothing was measured
            there and the method does not use them (none, bias, slope-bias).
        target: (N, q) standards on the target instrument.
        labels: (N, k) reference values, NaN where a method needs none.
        groups: (N,) numbers.
        same_axis: the two instruments share the axis.
    """
    own = source @ model.slope + model.intercept
    known = np.where(np.isfinite(labels), labels, own)
    return Standards(source, known, target, np.arange(len(target)), labels, groups, same_axis)
