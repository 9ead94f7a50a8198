"""The spellings of units: what files write, and the one word that we keep for it.

A unit that is not known here is kept as the file writes it; one that the file does not state is
the empty text. Nothing is converted: the numbers stay as they are.
"""

import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import Modality

# What is left of a text after ``_plain``: canonical spelling <- how files write it.
_AXIS: dict[str, tuple[str, ...]] = {
    "cm-1": ("cm-1", "1/cm", "/cm", "cm^-1", "cm**-1", "wavenumber", "wavenumbers",
             "wavenumbercm-1", "wavenumber1/cm", "ramanshift", "ramanshiftcm-1", "rcm-1",
             "inversecentimeter", "inversecentimeters", "inversecentimetre", "reciprocalcm",
             "wavenumbers1/cm", "cm-", "icm", "waven", "cm1", "kayser"),
    "nm": ("nm", "nanometer", "nanometers", "nanometre", "nanometres", "wavelengthnm", "nanom"),
    "Angstrom": ("angstrom", "angstroms", "ang", "å", "ångström", "wavelengthangstrom"),
    "um": ("um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres",
           "mum", "wavelengthum"),
    "mm": ("mm", "millimeter", "millimeters", "millimetre"),
    "m/z": ("m/z", "mz", "m/e", "mass/charge", "massunits", "thomson", "masstocharge"),
    "u": ("u", "amu", "dalton", "da"),
    "ppm": ("ppm", "partspermillion", "deltappm", "chemicalshiftppm"),
    "Hz": ("hz", "hertz"),
    "kHz": ("khz", "kilohertz"),
    "MHz": ("mhz", "megahertz"),
    "GHz": ("ghz", "gigahertz"),
    "THz": ("thz", "terahertz"),
    "s": ("s", "sec", "secs", "second", "seconds", "times", "timesec", "timeseconds"),
    "ms": ("ms", "msec", "millisecond", "milliseconds"),
    "us": ("us", "usec", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nanosecond", "nanoseconds"),
    "min": ("min", "mins", "minute", "minutes", "timemin", "timeminutes", "retentiontimemin"),
    "h": ("h", "hr", "hour", "hours"),
    "eV": ("ev", "electronvolt", "electronvolts", "energyev", "energylossev"),
    "keV": ("kev", "kiloelectronvolt"),
    "pixel": ("pixel", "pixels", "pixels#", "pixel#", "px", "pixelnumber", "ccdpixel",
              "diodenumber", "pixels1based"),
    "index": ("index", "point", "points", "channel", "channels", "datapoint", "datapoints",
              "datapointnumber", "channelnumber"),
    "G": ("g", "gauss"),
    "T": ("tesla",),
    "K": ("k", "kelvin"),
    "degC": ("c", "degc", "celsius", "temperaturec", "temperature(c)"),
    "degree": ("deg", "degree", "degrees", "2theta", "twotheta"),
    "arbitrary": ("arbitrary", "arbitraryunits", "arbitraryunit", "a.u.", "arb", "arb.units"),
}  # fmt: skip
_VALUE: dict[str, tuple[str, ...]] = {
    "absorbance": ("a", "abs", "abs.", "absorbance", "absorbances", "absorbanceunits",
                   "absorbanceunit", "absorbanceau", "au", "o.d.", "od", "absorption",
                   "opticaldensity", "log1/t", "log(1/t)"),
    "transmittance": ("t", "transmittance", "transmission", "trans", "trans."),
    "percent transmittance": ("%t", "t%", "%transmittance", "transmittance%", "%transmission",
                              "percenttransmittance", "percenttransmission", "transmission%",
                              "trans%", "%trans", "transmittancepercent"),
    "reflectance": ("r", "reflectance", "reflectivity", "refl", "refl.", "reflection",
                    "reflect.1.0", "reflect1.0", "reflect."),
    "percent reflectance": ("%r", "r%", "%reflectance", "reflectance%", "percentreflectance",
                            "reflect.%", "reflectancepercent", "reflection%", "%reflection",
                            "refl%", "refl.%"),
    "log(1/R)": ("log1/r", "log(1/r)", "-log(r)", "-logr", "log1/reflectance", "apparentabsorbance",
                 "logreflectance", "pseudoabsorbance", "log10(1/r)", "-log10r", "-log10(r)"),
    "Kubelka-Munk": ("kubelka-munk", "kubelkamunk", "kubelka-munck", "km", "k-m", "kubelkmunk",
                     "kubelka-munkunits", "kubelka-munkunit"),
    "counts": ("counts", "count", "cnt", "cnts", "cts", "intensitycounts", "adcounts", "rawcounts",
               "intensitycnt", "sc", "dn", "digitalnumber", "intenscnt", "ionabundance"),
    "counts/s": ("counts/s", "cps", "cts/s", "cnt/s", "cnt/sec", "counts/sec", "countspersecond",
                 "countspersec", "intensitycps", "intensitycnt/sec"),
    "normalised counts": ("norm.dn", "normdn", "normaliseddn", "normalizeddn"),
    "relative intensity": ("relativeintensity", "relativeabundance", "relative",
                           "relativeintensities", "relativeintensity%", "relativeabundance%"),
    "arbitrary": ("arbitrary", "arbitraryunits", "arbitraryunit", "a.u.", "arb", "arb.",
                  "intensity",
                  "arb.units", "arb.unit", "intensitya.u.", "intensityarb.units", "intens",
                  "intensityau", "arbunits", "intensityarb.unit", "ramanintensity", "arbitraryy",
                  "intensities", "arbitraryintensity", "intensityarbitraryunits"),
    "single beam": ("singlebeam", "single-beam", "ssc", "singlechannel"),
    "interferogram": ("interferogram", "igram", "volts"),
    "photoacoustic": ("photoacoustic", "pas", "photoacousticsignal"),
    "radiance": ("radiance",),
    "irradiance": ("irradiance", "absoluteirradiance"),
    "uW/cm2/nm": ("uw/cm2/nm", "uw/cm^2/nm", "uwatt/cm2/nm", "uwatt/cm^2/nm"),
    "emissivity": ("emissivity", "emittance"),
    "mdeg": ("mdeg", "cdmdeg", "millidegree", "millidegrees"),
    "V": ("v", "volt"),
    "emission": ("emission", "fluorescence", "luminescence"),
}  # fmt: skip


def _table(spellings: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {written: unit for unit, all_of in spellings.items() for written in all_of}


_AXIS_OF = _table(_AXIS)
_VALUE_OF = _table(_VALUE)
_BRACKETED = re.compile(r"[\[({<]\s*([^\[\](){}<>]*)\s*[\])}>]")
_SIGNS = str.maketrans(
    {
        "µ": "u",
        "μ": "u",
        "⁻": "-",
        "¹": "1",
        "²": "2",
        "−": "-",
        "–": "-",
        "δ": "delta ",
        "\ufffd": "",
    }
)
_LONGEST = 200  # of a text that may be a unit


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return re.sub(r"[\s_\"'#:]+", "", text[:_LONGEST].translate(_SIGNS).lower())


def _find(text: str, known: dict[str, str], *, percent: bool) -> str:
    """Look up a text as a whole, then what it has in brackets, then what is before them."""
    plain = _plain(text)
    if plain in known:
        return known[plain]
    inside = _BRACKETED.findall(plain)
    outside = _BRACKETED.sub("", plain)
    if percent and inside and inside[-1] in ("%", "percent"):
        return known.get(f"%{outside}", "")
    for piece in (*reversed(inside), outside.strip("=,;/- "), re.sub(r"[\[\](){}<>]", "", plain)):
        if piece in known:
            return known[piece]
    return known.get(plain.rpartition("/")[2], "") if "/" in plain and not inside else ""


@lru_cache(maxsize=4096)
def known_axis_unit(text: str) -> str:
    """Return the unit of an axis that a text names (``Raman shift / cm-1``), or an empty text."""
    return _find(text, _AXIS_OF, percent=False)


@lru_cache(maxsize=4096)
def known_value_unit(text: str) -> str:
    """Return the unit of values that a text names (``Reflect. %``), or an empty text."""
    return _find(text, _VALUE_OF, percent=True)


def axis_unit(text: str) -> str:
    """Return our spelling of an axis unit, or the text itself where it is none we know."""
    return known_axis_unit(text) or " ".join(text.split())[:_LONGEST]


def value_unit(text: str) -> str:
    """Return our spelling of a unit of values, or the text itself where it is none we know."""
    return known_value_unit(text) or " ".join(text.split())[:_LONGEST]


_RAMAN = re.compile(r"raman|\blaser\b|\bsers\b", re.IGNORECASE)
_NIR = re.compile(r"\bft-?nir\b|\bnirs?\b|near[- ]?infra-?red|near[- ]?ir\b", re.IGNORECASE)
_IR = re.compile(r"infra-?red|\bft-?ir\b|\bir\b|\bmir\b|\batr\b|\bdrifts?\b", re.IGNORECASE)
_OPTICAL = re.compile(
    r"\buv\b|uv[-/ ]?vis|ultra-?violet|\bvis(?:ible)?\b|fluorescence|luminescence|emission|"
    r"circular dichroism|\bcd\b|ellipsometry|\birradiance\b",
    re.IGNORECASE,
)
_NMR = re.compile(r"\bnmr\b|\bfid\b|nuclear magnetic", re.IGNORECASE)
_MASS = re.compile(r"mass spec|\bmass\b.*\bspectr|\bms\b", re.IGNORECASE)
_PROTON = re.compile(r"\^?1\s*h\b|\bproton\b|\bh-?1\b", re.IGNORECASE)
_CARBON = re.compile(r"\^?13\s*c\b|\bcarbon\b|\bc-?13\b", re.IGNORECASE)
_NIR_NM = (650.0, 2700.0)
_NIR_CM1 = (3500.0, 15500.0)
_IR_CM1 = (0.0, 8500.0)
_REFLECTANCES = ("reflectance", "percent reflectance")
_INTENSITIES = ("counts", "counts/s", "arbitrary", "")


def modality_of(
    said: str = "",
    *,
    axis: NDArray[np.floating[Any]] | None = None,
    unit: str = "",
    values: str = "",
    nucleus: str = "",
) -> Modality:
    """Decide what kind of measurement a trace is: what the file says, else what its axis is.

    Args:
        said: whatever the file calls the technique (``INFRARED SPECTRUM``, ``Raman``).
        axis: (n,) positions, any direction.
        unit: canonical unit of the axis.
        values: canonical unit of the values.
        nucleus: of an NMR spectrum, as the file writes it (``^1H``, ``13C``).
    """
    ends = _ends(axis)
    if unit == "m/z" or (_MASS.search(said) and unit not in ("s", "min", "h", "index")):
        return Modality.MSMS
    if _NMR.search(said) or nucleus:
        if _PROTON.search(nucleus):
            return Modality.NMR_1H
        return Modality.NMR_13C if _CARBON.search(nucleus) else Modality.NMR
    if _NIR.search(said):
        return Modality.NIR
    if _RAMAN.search(said) and (unit != "nm" or "raman" in said.lower()):
        return Modality.RAMAN
    if _IR.search(said):
        return Modality.NIR if _is_near(ends, unit) else Modality.IR
    if _OPTICAL.search(said):
        return Modality.OPTICAL
    return _by_axis(ends, unit, values)


def _ends(axis: NDArray[np.floating[Any]] | None) -> tuple[float, float] | None:
    if axis is None or not len(axis):
        return None
    with np.errstate(invalid="ignore"):
        return float(np.min(axis)), float(np.max(axis))


def _is_near(ends: tuple[float, float] | None, unit: str) -> bool:
    """Say whether the whole axis lies in the near infrared."""
    if ends is None:
        return False
    low, high = (1e3 * ends[0], 1e3 * ends[1]) if unit == "um" else ends
    first, last = _NIR_CM1 if unit == "cm-1" else _NIR_NM
    return unit in ("cm-1", "nm", "um") and first <= low and high <= last


def _by_axis(ends: tuple[float, float] | None, unit: str, values: str) -> Modality:
    if unit in ("ppm", "Hz"):
        return Modality.NMR
    if ends is None or unit not in ("nm", "um", "cm-1"):
        return Modality.OPTICAL
    if unit == "cm-1":
        shift = values in _INTENSITIES and values and ends[1] <= _IR_CM1[1]
        if ends[0] < _IR_CM1[0] or shift:
            return Modality.RAMAN  # of these two only a Raman shift is counted or negative
        near = _is_near(ends, unit)
        return Modality.NIR if near else Modality.IR if ends[1] <= _IR_CM1[1] else Modality.OPTICAL
    if values in _REFLECTANCES and ends[0] < ends[1]:
        return Modality.REFLECTANCE
    if _is_near(ends, unit) and values not in ("radiance", "irradiance", "counts", "counts/s"):
        return Modality.NIR
    return Modality.IR if unit == "um" and ends[0] >= 2 else Modality.OPTICAL
