"""One MGF or MSP record, fields and peaks, as a Spectrum."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io import fields as f
from spectrakit.io.extra_keys import unmarked
from spectrakit.peptides import nist_peptide, read_peptide
from spectrakit.spectrum import Axis, FloatArray, Modality, Molecule, Spectrum

Columns = Mapping[str, NDArray[Any]]
NAN_PEAKS = "not-a-number in the peaks"
NEGATIVE_MZ = "negative m/z"
NO_COLUMNS: Columns = {}
CHARGE_SOURCE = "charge taken from"  # in ``extra``, where only an annotation says the charge

Field = tuple[str, str, str]  # meaning or "", the key as the file spells it, the value


class BadSpectrum(Exception):
    """This spectrum cannot be given; the message is the short reason it is counted under."""


def tidy_peaks(
    mz: FloatArray, intensity: FloatArray, columns: Columns = NO_COLUMNS
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
    # One sum finds most; a sum can also overflow, hence the second look.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(mz.sum() + intensity.sum(dtype=np.float64))
    if not finite and not (np.isfinite(mz).all() and np.isfinite(intensity).all()):
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


def field_of(key: str, value: str) -> Field:
    """Return one field with its meaning; a value such as ``N/A`` has none and is only kept.

    A name is a name, whatever it is. A key that our writers marked as an extra is one.
    """
    if key.startswith("x-") and (extra := unmarked(key)):
        return "", extra, value
    meaning = f.canonical(key)
    if value and meaning not in f.NAMES and f.is_absent(value):
        return "", key, value
    return meaning, key, value


class Facts:
    """The fields of one record: those with a meaning by meaning, the others as extras.

    The first field of a meaning counts; one that says something else later goes to ``extra``,
    as does everything that could not be understood. A value is taken once, so what nobody
    takes is not lost either.
    """

    __slots__ = ("extra", "fields", "known")

    def __init__(self, fields: Iterable[Field]) -> None:
        self.fields = fields
        self.known: dict[str, str] = {}
        self.extra: dict[str, Any] = {}
        known = self.known
        for meaning, key, value in fields:
            if not meaning:
                if key:
                    add_extra(self.extra, key, value)
            elif meaning not in known:
                if value:
                    known[meaning] = value
            elif known[meaning] != value and value:
                add_extra(self.extra, key, value)

    def keep(self, meaning: str) -> None:
        """Put a field under its own key into ``extra``: it was not understood or not used."""
        value = self.known[meaning]
        key = next(key for m, key, v in self.fields if m == meaning and v == value)
        if key in self.extra:  # what came later is there already
            later = self.extra[key]
            self.extra[key] = [value, *later] if isinstance(later, list) else [value, later]
        else:
            self.extra[key] = value

    def number(self, meaning: str) -> float:
        """Return a number, or NaN; a text that is none stays readable in ``extra``."""
        text = self.known.get(meaning)
        if text is None:
            return nan
        value = f.number(text)
        if isnan(value):
            self.keep(meaning)
        return value


def record_spectrum(
    fields: Iterable[Field],
    peaks: tuple[FloatArray, FloatArray, Columns],
    *,
    id_order: tuple[str, ...],
    time_unit: str,
    index: int,
) -> Spectrum:
    """Build the spectrum of one record.

    Args:
        fields: the fields in the order of the file.
        peaks: m/z, intensity and columns, already tidy.
        id_order: meanings to take the native id from, best first.
        time_unit: ``s`` or ``min``, of a retention time that names no unit.
        index: 0-based place in the file, the native id of last resort.
    """
    facts = Facts(fields)
    known = facts.known
    get = known.get
    mz, intensity, columns = peaks
    precursor_mz, precursor_intensity, pepmass_charge = _precursor(facts)
    adduct = get("adduct", "")
    charge_text = get("charge", pepmass_charge)
    magnitude, sign = f.charge_of(charge_text) if charge_text else (0, 0)
    peptide, peptide_charge = _peptide(facts)
    if not charge_text and peptide_charge:
        magnitude = peptide_charge
        facts.extra[CHARGE_SOURCE] = "peptide"
    if magnitude == 0 and "charge" in known:
        facts.keep("charge")
    polarity = sign or (f.polarity_of_adduct(adduct) if adduct else 0)
    if "polarity" in known:
        stated = f.polarity_of(known["polarity"])
        polarity = stated or polarity
        if not stated:
            facts.keep("polarity")
    energy = get("collision_energy", "")
    energy_value, energy_unit, activation = f.collision_energy(energy) if energy else _NO_ENERGY
    instrument_type = get("instrument_type", "")
    if instrument_type and f.is_electron_ionisation(instrument_type):
        activation = "EI"
    if instrument_type and "instrument" in known:
        facts.keep("instrument_type")
    level, is_profile = _level(facts)
    if level == 0:  # electron ionisation fragments in the source; only MS2 has a precursor
        level = 1 if activation == "EI" else 2 if precursor_mz > 0 else 0
    id_from = ""
    for meaning in id_order:
        if meaning in known:
            id_from = meaning
            break
    for meaning in _KEPT:  # in this order: equal files give equal stores
        if meaning in known and meaning != id_from:
            facts.keep(meaning)
    title = get("title", "") if id_from != "title" else ""
    if title and "name" in known:
        facts.keep("title")
    if "num_peaks" in known and f.number(known["num_peaks"]) != len(mz):
        facts.keep("num_peaks")
    return Spectrum(
        modality=Modality.MSMS,
        axis=Axis(mz, "m/z"),
        value=intensity,
        native_id=known[id_from] if id_from else str(index),
        name=get("name", title),
        ms_level=level,
        polarity=polarity,
        is_profile=is_profile,
        precursor_mz=precursor_mz,
        precursor_intensity=precursor_intensity,
        charge=magnitude * (polarity or 1),
        adduct=adduct,
        isolation_lower=facts.number("isolation_lower") if "isolation_lower" in known else nan,
        isolation_upper=facts.number("isolation_upper") if "isolation_upper" in known else nan,
        collision_energy=energy,
        collision_energy_value=energy_value,
        collision_energy_unit=energy_unit,
        activation=get("activation", activation),
        rt_seconds=_retention_time(facts, time_unit) if _TIMES & known.keys() else nan,
        instrument=get("instrument", instrument_type),
        sample=get("sample", ""),
        replicate=int(known["replicate"]) if get("replicate", "").isdecimal() else 0,
        molecule=_molecule(facts, peptide),
        columns=columns,
        extra=facts.extra,
    )


_TIMES = frozenset({"rt_seconds", "rt_minutes", "retention_time"})
_NO_ENERGY = (nan, "", "")
_KEPT = ("spectrum_id", "accession", "db", "scans", "feature_id", "comment")


def _precursor(facts: Facts) -> tuple[float, float, str]:
    """Return precursor m/z, its intensity and the charge that PEPMASS may carry."""
    known = facts.known
    mz, intensity, charge = nan, nan, ""
    if "pepmass" in known:
        words = _pepmass_words(known["pepmass"])
        mz = f.number(words[0])
        if len(words) > 1:
            intensity = f.number(words[1])
        if len(words) > 2:
            charge = words[2]
        if isnan(mz):
            facts.keep("pepmass")
    if "precursor_mz" in known:
        stated = facts.number("precursor_mz")
        if not mz > 0:
            mz = stated
        elif stated != mz and not isnan(stated):
            facts.keep("precursor_mz")
    if isnan(intensity) and "precursor_intensity" in known:
        intensity = facts.number("precursor_intensity")
    if mz <= 0:  # "PrecursorMZ: 0" and "PEPMASS=0" say that there is none
        mz = nan
    return mz, intensity, charge


def _pepmass_words(text: str) -> list[str]:
    """Return m/z, intensity and charge apart: ``445,12 1000``, ``445.12,1000``, ``445.12 1000``.

    A comma separates where a point is the decimal sign, and is the decimal sign elsewhere.
    """
    return text.replace(",", " " if "." in text or ", " in text else ".").split()


def _level(facts: Facts) -> tuple[int, bool | None]:
    known = facts.known
    level, shape = 0, None
    if "ms_level" in known:
        level = f.ms_level_of(known["ms_level"])
        if level == 0:
            facts.keep("ms_level")
    if "spectrum_type" in known:
        kind = known["spectrum_type"]
        shape = {"profile": True, "centroid": False, "centroided": False}.get(kind.lower())
        stated = f.ms_level_of(kind)
        level = level or stated
        if shape is None and stated == 0:
            facts.keep("spectrum_type")
    return level, shape


def _retention_time(facts: Facts, time_unit: str) -> float:
    for meaning, unit in (
        ("rt_seconds", "s"),
        ("rt_minutes", "min"),
        ("retention_time", time_unit),
    ):
        text = facts.known.get(meaning)
        if text is not None:
            value = f.seconds(text, unit)
            if isnan(value) or isnan(f.number(text)):
                facts.keep(meaning)
            return value
    return nan


def _peptide(facts: Facts) -> tuple[str, int]:
    """Return the peptidoform in ProForma and its charge; another spelling is kept as it is."""
    known = facts.known
    if "nist_mods" in known:
        facts.keep("nist_mods")
    text = known.get("peptide")
    if text is not None:
        peptide, charge = read_peptide(text)
        if peptide != text:
            facts.keep("peptide")
        if peptide:
            return peptide, charge
    if "nist_mods" in known:
        return nist_peptide(known.get("name", ""), known["nist_mods"])
    return "", 0


def _molecule(facts: Facts, peptide: str) -> Molecule | None:
    get = facts.known.get
    mass = facts.number("exact_mass")
    if mass <= 0:  # "EXACTMASS=0" says that it is not known
        facts.keep("exact_mass")
        mass = nan
    name = get("compound_name") or get("name", "")
    return molecule_of(
        name, get("inchikey", ""), get("smiles", ""), get("inchi", ""), get("formula", ""),
        None if isnan(mass) else mass, peptide,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def molecule_of(
    name: str,
    inchikey: str,
    smiles: str,
    inchi: str,
    formula: str,
    mass: float | None,
    peptide: str = "",
) -> Molecule | None:
    """Return one object for the many spectra of a molecule."""
    if not (name or inchikey or smiles or inchi or formula or mass is not None or peptide):
        return None
    return Molecule(name, inchikey, smiles, inchi, formula, nan if mass is None else mass, peptide)
