"""What the fields of MGF and MSP records mean, whatever a program calls them.

Distinct strings repeat thousands of times in a library (377 spellings of the collision
energy in 20,000 MassBank records), so every interpretation is cached by its text.
"""

import re
from functools import lru_cache
from math import inf, isfinite, isnan, nan

_ALIASES = {
    "name": "name",
    "compoundname": "compound_name",
    "title": "title",
    "spectrumid": "spectrum_id",
    "accession": "accession",
    "db": "db",
    "scans": "scans",
    "scan": "scans",
    "featureid": "feature_id",
    "inchikey": "inchikey",
    "metbinchikey": "inchikey",
    "smiles": "smiles",
    "inchi": "inchi",
    "stdinchi": "inchi",
    "metbinchi": "inchi",
    "seq": "peptide",
    "peptidesequence": "peptide",
    "peptide": "peptide",
    "proforma": "peptide",
    "mods": "nist_mods",
    "formula": "formula",
    "molecularformula": "formula",
    "exactmass": "exact_mass",
    "parentmass": "exact_mass",
    "pepmass": "pepmass",
    "precursormz": "precursor_mz",
    "precursorm/z": "precursor_mz",
    "precursorintensity": "precursor_intensity",
    "precursortype": "adduct",
    "adduct": "adduct",
    "ion": "adduct",
    "iontype": "adduct",
    "ionmode": "polarity",
    "ionizationmode": "polarity",
    "polarity": "polarity",
    "msmode": "polarity",
    "charge": "charge",
    "chargestate": "charge",
    "collisionenergy": "collision_energy",
    "fragmentationmethod": "activation",
    "fragmentationmode": "activation",
    "activation": "activation",
    "instrument": "instrument",
    "sourceinstrument": "instrument",
    "instrumenttype": "instrument_type",
    "mslevel": "ms_level",
    "spectrumtype": "spectrum_type",
    "rtinseconds": "rt_seconds",
    "rtinminutes": "rt_minutes",
    "retentiontime": "retention_time",
    "rt": "retention_time",
    "form": "formula",
    "isolationlower": "isolation_lower",
    "isolationupper": "isolation_upper",
    "numpeaks": "num_peaks",
    "comment": "comment",
    "comments": "comment",
    "sample": "sample",
    "replicate": "replicate",
}
# "Na" is sodium, so case counts.
ABSENT = frozenset(
    ["n/a", "N/A", "na", "NA", "nan", "NaN", "NAN", "none", "None", "NONE", "null", "NULL"]
) | {""}
NAMES = frozenset({"name", "compound_name", "title", "spectrum_id", "accession", "db"})
_LONGEST_ABSENT = 8  # with spaces around it
_POLARITIES = {
    "positive": 1, "pos": 1, "p": 1, "+": 1, "1": 1, "1+": 1,
    "negative": -1, "neg": -1, "n": -1, "-": -1, "-1": -1, "1-": -1,
}  # fmt: skip
_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+"
_CE_NUMBER = re.compile(rf"(?<![\w.])-?(?:{_NUMBER})")
_CE_UNIT = re.compile(r"(?<![A-Za-z])(nce|kv|ev|v|cid|hcd|etd|ecd)(?![A-Za-z])", re.IGNORECASE)
_ELECTRONS = ("ei", "electron ionization", "electron ionisation", "electron impact")
_EI_INSTRUMENT = re.compile(r"(?:^|[-_ ,/])EI(?:[-_ ,/]|$)")
_CHARGE = re.compile(r"([+-]?)\s*(\d+)\s*([+-]?)")
_ADDUCT_SIGN = re.compile(r"\][ ]*\d*([+-])[+-]*\d*$")
_TIME = re.compile(rf"(-?(?:{_NUMBER}))\s*(?:-\s*({_NUMBER}))?\s*\(?([A-Za-z]*)\.?\)?")
_TIME_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e-3),
}


@lru_cache(maxsize=4096)
def canonical(key: str) -> str:
    """Return the meaning of a field name however it is written, or an empty string."""
    return _ALIASES.get(re.sub(r"[\s_#\-]", "", key).lower(), "")


def is_absent(text: str) -> bool:
    """Return whether a value only says that there is no value."""
    return len(text) <= _LONGEST_ABSENT and text.strip() in ABSENT


@lru_cache(maxsize=65536)
def number(text: str) -> float:
    """Return the finite number that ``text`` is, else NaN; a decimal comma is understood."""
    try:
        value = float(text)
    except ValueError:
        try:
            value = float(text.strip().replace(",", "."))
        except ValueError:
            return nan
    return value if abs(value) != float("inf") else nan


def possible_time(seconds: float) -> float:
    """Return a time that a spectrum can have been taken at: 0 or more, finite; else NaN."""
    return seconds if 0 <= seconds < inf else nan


@lru_cache(maxsize=1024)
def polarity_of(text: str) -> int:
    """Return +1, -1 or 0 for ``POSITIVE``, ``N``, ``+`` and so on."""
    return _POLARITIES.get(text.strip().strip('"').lower(), 0)


def signed_charge(charge: float, polarity: int) -> int:
    """Return a charge with the sign of the polarity, its own where that is unknown; NaN is 0."""
    return 0 if isnan(charge) else abs(int(charge)) * polarity or int(charge)


@lru_cache(maxsize=4096)
def polarity_of_adduct(text: str) -> int:
    """Return the sign at the end of ``[M+H]+`` as +1 or -1, or 0 when there is none."""
    match = _ADDUCT_SIGN.search(text.strip())
    return 0 if match is None else 1 if match[1] == "+" else -1


@lru_cache(maxsize=1024)
def charge_of(text: str) -> tuple[int, int]:
    """Return ``(charge magnitude, sign)``; 0 where several charges or none are named.

    ``2+`` is (2, 1), ``-1`` is (1, -1), ``3`` is (3, 0), ``2+ and 3+`` is (0, 1).
    """
    found: list[tuple[str, str, str]] = _CHARGE.findall(text)
    signs = {before or after for before, _, after in found} - {""}
    sign = 0 if len(signs) != 1 else 1 if "+" in signs else -1
    if len(found) != 1 or len(found[0][1]) > 4:
        return 0, sign
    return int(found[0][1]), sign


@lru_cache(maxsize=16384)
def collision_energy(text: str) -> tuple[float, str, str]:
    """Return ``(value, unit, activation)`` of a collision energy as programs spell it.

    The value is NaN for ramps and lists; the unit is ``eV``, ``V``, ``NCE`` or empty when not
    said. ``30 % (nominal)`` is a normalised energy: 30 NCE. ``HCD 45`` names the activation.
    """
    words = {word.lower() for word in _CE_UNIT.findall(re.sub(r"\d(?=[A-Za-z])", "0 ", text))}
    numbers = _CE_NUMBER.findall(text)
    ramp = "ramp" in text.lower() or "+-" in text or len(numbers) != 1
    ramp = ramp or re.search(r"\d\s*[-–]\s*\d", text) is not None
    value = nan if ramp else float(numbers[0])
    unit = ""
    if "nce" in words or "%" in text:
        unit = "NCE"
    elif "ev" in words:
        unit = "eV"
    elif words & {"v", "kv"}:
        unit, value = "V", value * 1000 if "kv" in words else value
    value = value if isfinite(value) else nan  # of hundreds of digits
    activation = next((word.upper() for word in ("hcd", "cid", "etd", "ecd") if word in words), "")
    return value, unit, activation


@lru_cache(maxsize=1024)
def is_electron_ionisation(instrument_type: str) -> bool:
    """Return whether ``GC-EI-TOF``, ``EI-B`` and the like say electron ionisation."""
    return _EI_INSTRUMENT.search(instrument_type) is not None


def is_electron_source(ionisation: str) -> bool:
    """Return whether the name of an ionisation, or of an instrument, says electrons."""
    return ionisation.lower() in _ELECTRONS or is_electron_ionisation(ionisation)


@lru_cache(maxsize=65536)
def seconds(text: str, default_unit: str) -> float:
    """Return a retention time in seconds; of a range, the middle. Negative means not known.

    A text of which only the beginning would be understood (``1:23``, ``3h 25m``) is NaN.

    Args:
        text: with or without a unit; a decimal comma is understood.
        default_unit: ``s`` or ``min``, where the text names none: MGF counts seconds,
            MS-DIAL's MSP minutes.
    """
    match = _TIME.fullmatch(text.strip().replace(",", "."))
    factor = _TIME_UNITS.get((match[3] or default_unit).lower()) if match else None
    if match is None or factor is None:
        return nan
    first = float(match[1])
    return possible_time(((first + float(match[2])) / 2 if match[2] else first) * factor)


@lru_cache(maxsize=256)
def ms_level_of(text: str) -> int:
    """Return the level in ``2``, ``MS2``, ``MS/MS`` or ``ms level=MS3``; 0 when none is named."""
    plain = text.strip().upper()
    if plain in ("MS", "MS/MS", "MSMS"):
        return 1 if plain == "MS" else 2
    match = re.fullmatch(r"(?:MS)?(\d)(?:\.0)?", plain)
    return int(match[1]) if match else 0
