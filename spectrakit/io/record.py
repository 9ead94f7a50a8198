"""One MGF or MSP record, fields and peaks, as a Spectrum."""

from collections.abc import Iterable, Mapping
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io import fields as f
from spectrakit.spectrum import Axis, FloatArray, Modality, Molecule, Spectrum

Columns = Mapping[str, NDArray[Any]]
NAN_PEAKS = "not-a-number in the peaks"
NEGATIVE_MZ = "negative m/z"
_NO_COLUMNS: Columns = {}


class BadSpectrum(Exception):
    """This spectrum cannot be given; the message is the short reason it is counted under."""


def tidy_peaks(
    mz: FloatArray, intensity: FloatArray, columns: Columns = _NO_COLUMNS
) -> tuple[FloatArray, FloatArray, Columns]:
    """Return the peaks with ascending m/z; peaks of equal m/z keep the order of the file.

    Args:
        mz: (n,) float64.
        intensity: (n,) float32 or float64; negative values are kept.
        columns: further arrays of length n, reordered alike.

    Raises:
        BadSpectrum: a peak is NaN or infinite, or an m/z is negative.
    """
    if len(mz) == 0:
        return mz, intensity, columns
    if not np.isfinite(mz.sum() + intensity.sum(dtype=np.float64)):
        if not (np.isfinite(mz).all() and np.isfinite(intensity).all()):
            raise BadSpectrum(NAN_PEAKS)
    if not (mz[1:] >= mz[:-1]).all():
        order = np.argsort(mz, kind="stable")
        mz, intensity = mz[order], intensity[order]
        columns = {name: column[order] for name, column in columns.items()}
    if mz[0] < 0:
        raise BadSpectrum(NEGATIVE_MZ)
    return mz, intensity, columns


def add_extra(extra: dict[str, Any], key: str, value: Any) -> None:
    """Keep ``value`` under ``key``; a repeated key holds a list of its values."""
    if key not in extra:
        extra[key] = value
    elif isinstance(extra[key], list):
        extra[key].append(value)
    else:
        extra[key] = [extra[key], value]


def record_spectrum(
    pairs: Iterable[tuple[str, str]],
    peaks: tuple[FloatArray, FloatArray, Columns],
    *,
    id_order: tuple[str, ...],
    time_unit: str,
    index: int,
) -> Spectrum:
    """Build the spectrum of one record.

    Args:
        pairs: field names and values as the file has them; the first of equal meaning counts,
            the others go to ``extra`` like everything that has no column of its own.
        peaks: m/z, intensity and columns, already tidy.
        id_order: meanings to take the native id from, best first.
        time_unit: ``s`` or ``min``, of a retention time that names no unit.
        index: 0-based place in the file, the native id of last resort.
    """
    known: dict[str, str] = {}
    spelled: dict[str, str] = {}
    extra: dict[str, Any] = {}
    for key, value in pairs:
        meaning = f.canonical(key)
        if not meaning or meaning in known:
            if meaning and known[meaning] == value:
                continue
            add_extra(extra, key, value)
        elif f.is_absent(value):
            if value:
                extra[key] = value
        else:
            known[meaning] = value
            spelled[meaning] = key
    get = known.get

    def amount(meaning: str) -> float:
        """Take a number; a text that is none stays readable in ``extra``."""
        text = get(meaning)
        if text is None:
            return nan
        value = f.number(text)
        if isnan(value):
            add_extra(extra, spelled[meaning], text)
        return value

    precursor_mz, precursor_intensity, pepmass_charge = _precursor(known, spelled, extra, amount)
    magnitude, sign = f.charge_of(get("charge", pepmass_charge))
    if "charge" in known and magnitude == 0:
        add_extra(extra, spelled["charge"], known["charge"])
    adduct = get("adduct", "")
    polarity = f.polarity_of(get("polarity", "")) or sign or f.polarity_of_adduct(adduct)
    if "polarity" in known and not f.polarity_of(known["polarity"]):
        add_extra(extra, spelled["polarity"], known["polarity"])
    energy = get("collision_energy", "")
    energy_value, energy_unit, activation = f.collision_energy(energy) if energy else (nan, "", "")
    instrument_type = get("instrument_type", "")
    if f.is_electron_ionisation(instrument_type):
        activation = "EI"
    if "instrument" in known and instrument_type:
        extra[spelled["instrument_type"]] = instrument_type
    level, is_profile = _level(known, spelled, extra)
    if level == 0:  # electron ionisation fragments in the source; only MS2 has a precursor
        level = 1 if activation == "EI" else 2 if precursor_mz > 0 else 0
    id_from = next((meaning for meaning in id_order if meaning in known), "")
    for meaning in ("spectrum_id", "accession", "db", "scans", "feature_id", "comment"):
        if meaning in known and meaning != id_from:
            add_extra(extra, spelled[meaning], known[meaning])
    title = get("title", "")
    if "name" in known and "title" in known and id_from != "title":
        add_extra(extra, spelled["title"], title)
    mz, intensity, columns = peaks
    declared = f.number(get("num_peaks", ""))
    if declared >= 0 and declared != len(mz):
        extra[spelled["num_peaks"]] = known["num_peaks"]
    replicate = f.number(get("replicate", "0"))
    return Spectrum(
        modality=Modality.MSMS,
        axis=Axis(mz, "m/z"),
        value=intensity,
        native_id=known[id_from] if id_from else str(index),
        name=get("name", "") or (title if id_from != "title" else ""),
        ms_level=level,
        polarity=polarity,
        is_profile=is_profile,
        precursor_mz=precursor_mz,
        precursor_intensity=precursor_intensity,
        charge=magnitude * (polarity or 1),
        adduct=adduct,
        isolation_lower=amount("isolation_lower"),
        isolation_upper=amount("isolation_upper"),
        collision_energy=energy,
        collision_energy_value=energy_value,
        collision_energy_unit=energy_unit,
        activation=get("activation", "") or activation,
        rt_seconds=_retention_time(known, spelled, extra, time_unit),
        instrument=get("instrument", instrument_type),
        sample=get("sample", ""),
        replicate=0 if isnan(replicate) else int(replicate),
        molecule=_molecule(known, amount),
        columns=columns,
        extra=extra,
    )


def _precursor(
    known: dict[str, str], spelled: dict[str, str], extra: dict[str, Any], amount: Any
) -> tuple[float, float, str]:
    """Return precursor m/z, its intensity and the charge that PEPMASS may carry."""
    mz, intensity, charge = nan, nan, ""
    if "pepmass" in known:
        words = known["pepmass"].replace(",", " ").split()
        mz = f.number(words[0]) if words else nan
        if len(words) > 1:
            intensity = f.number(words[1])
        if len(words) > 2:
            charge = words[2]
        if isnan(mz):
            add_extra(extra, spelled["pepmass"], known["pepmass"])
    if "precursor_mz" in known:
        stated = amount("precursor_mz")
        if not mz > 0:
            mz = stated
        elif stated != mz:
            add_extra(extra, spelled["precursor_mz"], known["precursor_mz"])
    if isnan(intensity):
        intensity = amount("precursor_intensity")
    if mz <= 0:  # "PrecursorMZ: 0" and "PEPMASS=0" say that there is none
        mz = nan
    return mz, intensity, charge


def _level(
    known: dict[str, str], spelled: dict[str, str], extra: dict[str, Any]
) -> tuple[int, bool | None]:
    level = f.ms_level_of(known.get("ms_level", ""))
    if "ms_level" in known and level == 0:
        add_extra(extra, spelled["ms_level"], known["ms_level"])
    kind = known.get("spectrum_type", "")
    shape = {"profile": True, "centroid": False, "centroided": False}.get(kind.lower())
    if kind and shape is None:
        stated = f.ms_level_of(kind)
        level = level or stated
        if stated == 0:
            add_extra(extra, spelled["spectrum_type"], kind)
    return level, shape


def _retention_time(
    known: dict[str, str], spelled: dict[str, str], extra: dict[str, Any], time_unit: str
) -> float:
    for meaning, unit in (("rt_seconds", "s"), ("rt_minutes", "min"), ("retention_time", time_unit)):
        if meaning in known:
            text = known[meaning]
            value = f.seconds(text, unit)
            if isnan(value) or isnan(f.number(text)):
                add_extra(extra, spelled[meaning], text)
            return value
    return nan


def _molecule(known: dict[str, str], amount: Any) -> Molecule | None:
    name = known.get("compound_name") or known.get("name", "")
    get = known.get
    if not (name or "inchikey" in known or "smiles" in known or "inchi" in known):
        if not ("formula" in known or "exact_mass" in known):
            return None
    return Molecule(
        name=name,
        inchikey=get("inchikey", ""),
        smiles=get("smiles", ""),
        inchi=get("inchi", ""),
        formula=get("formula", ""),
        exact_mass=amount("exact_mass"),
    )
