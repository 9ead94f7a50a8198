"""ANDI (AIA) files: mass spectra, and chromatograms of a detector.

A chromatogram becomes one trace over time: the axis in the unit of the file (``s`` or ``min``),
modality ``optical``, the values in the detector's unit, and its peak table in ``extra``.

Source: ASTM E1947 and E1948 (chromatography), E2077 and E2078 (mass spectrometry).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum, tidy_peaks
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.array_spectra import NO_VALUE
from spectrakit.io.traces.arrays import Arrays, Variable
from spectrakit.io.traces.units import axis_unit, value_unit
from spectrakit.spectrum import Axis, Modality, Spectrum

_OUTSIDE = "peaks outside the file's arrays"
_MISSING = -9999  # what the standard writes for a number that is not known
_MOST_PEAKS = 10_000

_ACTIVATION = {"electron impact": "EI", "chemical ionization": "CI"}


def _by_name(arrays: Arrays) -> dict[str, Variable]:
    return {one.name: one for one in arrays.variables}


def _scan_values(known: Mapping[str, Variable], name: str, n: int) -> NDArray[np.float64] | None:
    one = known.get(name)
    if one is None or one.kind != "number" or one.n != n:
        return None
    values = one.vector.astype(np.float64)
    return np.where(values == _MISSING, np.nan, values)


def mass_spectra(arrays: Arrays, account: InputAccount) -> Iterator[Spectrum]:
    """Give every scan of an ANDI/MS file.

    Raises:
        InputError: the scans have no starts or lengths that can be read.
    """
    known, about = _by_name(arrays), arrays.about
    drops = Drops(arrays.path, account)
    for name in ("scan_index", "mass_values", "intensity_values", "point_count"):
        if name in known and known[name].kind != "number":
            raise InputError(f"{arrays.path}: '{name}' holds no numbers.", hint=COPY_AGAIN)
    starts = known["scan_index"].vector.astype(np.int64)
    mz = _scaled(known["mass_values"], about, "mass")
    intensity = _scaled(known["intensity_values"], about, "intensity")
    counts = known.get("point_count")
    if len(mz) != len(intensity) or (counts is not None and counts.n != len(starts)):
        raise InputError(
            f"{arrays.path}: has {len(mz)} masses, {len(intensity)} intensities and "
            f"{counts.n if counts else 0} lengths of {len(starts)} scans.",
            hint=COPY_AGAIN,
        )
    lengths = (
        counts.vector.astype(np.int64)
        if counts is not None
        else np.diff(np.append(starts, len(mz)))
    )
    times = _scan_values(known, "scan_acquisition_time", len(starts))
    numbers = _scan_values(known, "actual_scan_number", len(starts))
    said = {key: value for key, value in about.items() if value != _MISSING}
    kind = str(about.get("experiment_type", "")).lower()
    ionisation = str(about.get("test_ionization_mode", ""))
    polarity = str(about.get("test_ionization_polarity", "")).lower()
    for scan, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        stated = numbers is not None and abs(numbers[scan]) < 1 << 31
        number = int(numbers[scan]) if stated and numbers is not None else scan
        native_id = f"scan={number}"
        if start < 0 or length < 0 or start + length > len(mz):
            drops.drop(_OUTSIDE, native_id)
            continue
        try:
            masses, values, _ = tidy_peaks(
                mz[start : start + length].astype(np.float64), intensity[start : start + length]
            )
        except BadSpectrum as error:
            drops.drop(str(error), native_id)
            continue
        yield Spectrum(
            modality=Modality.MSMS,
            axis=Axis(masses, "m/z"),
            value=values,
            value_unit=value_unit(known["intensity_values"].unit) or "counts",
            native_id=native_id,
            ms_level=1 if "msms" not in kind and "ms/ms" not in kind else 2,
            polarity=1 if "positive" in polarity else -1 if "negative" in polarity else 0,
            is_profile=True if "continuum" in kind else False if "centroid" in kind else None,
            activation=_ACTIVATION.get(ionisation.lower(), ""),
            rt_seconds=float("nan") if times is None else float(times[scan]),
            instrument=_instrument(known, about),
            sample=str(about.get("sample_id", "") or about.get("sample_name", "")),
            extra=dict(said) if scan == 0 else {},
        )


def _instrument(known: Mapping[str, Variable], about: Mapping[str, Any]) -> str:
    for name in ("instrument_name", "instrument_model", "instrument_id"):
        one = known.get(name)
        if one is not None and one.kind == "text" and one.n and str(one.vector[0]):
            return str(one.vector[0])
    return str(about.get("detector_name", ""))


def _scaled(one: Variable, about: Mapping[str, Any], what: str) -> NDArray[Any]:
    """Return numbers with the factor and the offset that the file gives for all of them."""
    factor = about.get(f"raw_data_{what}_factor", 1.0)
    if not isinstance(factor, int | float) or factor in (0, 1, _MISSING):
        return one.vector
    return one.vector * factor


def chromatogram(arrays: Arrays, account: InputAccount) -> Iterator[Spectrum]:
    """Give the trace of an ANDI chromatography file.

    Raises:
        InputError: times and values differ in number, or the sampling interval is not given.
    """
    known, about = _by_name(arrays), arrays.about
    ordinate = known["ordinate_values"]
    values = ordinate.vector
    if ordinate.kind != "number" or not np.isfinite(values).any():
        Drops(arrays.path, account).drop(NO_VALUE, "ordinate_values")
        return
    extra: dict[str, Any] = {**about, **{f"ordinate_{k}": v for k, v in ordinate.about.items()}}
    if table := _peak_table(known):
        extra["peaks"] = table
    yield Spectrum(
        modality=Modality.OPTICAL,
        axis=Axis(_times(arrays, known, len(values)), axis_unit(_retention_unit(about))),
        value=values,
        value_unit=value_unit(ordinate.unit or str(about.get("detector_unit", ""))),
        is_trace=True,
        native_id="chromatogram",
        name=str(about.get("sample_name", "")),
        instrument=str(about.get("detector_name", "")),
        sample=str(about.get("sample_id", "") or about.get("sample_name", "")),
        extra=extra,
    )


def _retention_unit(about: Mapping[str, Any]) -> str:
    return str(about.get("retention_unit", ""))


def _times(arrays: Arrays, known: Mapping[str, Variable], n: int) -> NDArray[np.float64]:
    given = known.get("raw_data_retention")
    if given is not None and given.kind == "number" and given.n == n:
        return given.vector.astype(np.float64)
    step, delay = known.get("actual_sampling_interval"), known.get("actual_delay_time")
    if step is None or not _is_one(step):
        raise InputError(
            f"{arrays.path}: the chromatogram has neither times nor a sampling interval.",
            hint="Export it again with raw data.",
        )
    first = float(delay.vector[0]) if _is_one(delay) and delay else 0.0
    return first + float(step.vector[0]) * np.arange(n, dtype=np.float64)


def _is_one(one: Variable | None) -> bool:
    return one is not None and one.kind == "number" and one.n == 1


def _peak_table(known: Mapping[str, Variable]) -> dict[str, list[float | None]]:
    """Return what the file's own integration found, column by column."""
    time = known.get("peak_retention_time")
    n = time.n if time is not None and time.kind == "number" else 0
    if not 0 < n <= _MOST_PEAKS:
        return {}
    return {
        name: [float(v) if np.isfinite(v) else None for v in one.vector]
        for name, one in known.items()
        if one.kind == "number" and one.n == n and name.startswith("peak_")
    }
