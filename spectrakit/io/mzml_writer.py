"""Spectra as mzML 1.1, zlib-compressed, m/z in 64 bit; what mzML has no term for is kept as
user parameters that our reader puts back where they were.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from math import isnan
from typing import Any, BinaryIO
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from spectrakit import __version__
from spectrakit.io.mzml_spectrum import OWN_PREFIX
from spectrakit.io.mzml_terms import DISSOCIATION
from spectrakit.spectrum import Spectrum

_COUNT_DIGITS = 12
_HEAD = f"""<?xml version="1.0" encoding="utf-8"?>
<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1.0">
<cvList count="2">
<cv id="MS" fullName="Proteomics Standards Initiative Mass Spectrometry Ontology" URI="https://raw.githubusercontent.com/HUPO-PSI/psi-ms-CV/master/psi-ms.obo"/>
<cv id="UO" fullName="Unit Ontology" URI="https://raw.githubusercontent.com/bio-ontology-research-group/unit-ontology/master/unit.obo"/>
</cvList>
<fileDescription><fileContent><cvParam cvRef="MS" accession="MS:1000294" name="mass spectrum" value=""/></fileContent></fileDescription>
<softwareList count="1"><software id="spectrakit" version="{__version__}"><cvParam cvRef="MS" accession="MS:1000799" name="custom unreleased software tool" value="spectrakit"/></software></softwareList>
<instrumentConfigurationList count="1"><instrumentConfiguration id="IC1"><cvParam cvRef="MS" accession="MS:1000031" name="instrument model" value=""/></instrumentConfiguration></instrumentConfigurationList>
<dataProcessingList count="1"><dataProcessing id="DP1"><processingMethod order="0" softwareRef="spectrakit"><cvParam cvRef="MS" accession="MS:1000544" name="Conversion to mzML" value=""/></processingMethod></dataProcessing></dataProcessingList>
<run id="run" defaultInstrumentConfigurationRef="IC1">
<spectrumList count="{{}}" defaultDataProcessingRef="DP1">
"""  # noqa: E501 - one element a line
_TAIL = "</spectrumList>\n</run>\n</mzML>\n"
_MZ_UNIT = ("MS", "MS:1000040", "m/z")
_COUNTS = ("MS", "MS:1000131", "number of detector counts")
_SECOND = ("UO", "UO:0000010", "second")
_ENERGY_UNITS = {
    "eV": ("UO", "UO:0000266", "electronvolt"),
    "V": ("UO", "UO:0000218", "volt"),
    "NCE": ("UO", "UO:0000187", "percent"),
}
_NO_UNIT = ("", "", "")
_OFFSETS = (
    ("MS:1000828", "isolation window lower offset"),
    ("MS:1000829", "isolation window upper offset"),
)
_METHODS = {  # name -> accession and the vocabulary's own name
    "CID": ("MS:1000133", "collision-induced dissociation"),
    "HCD": ("MS:1000422", "beam-type collision-induced dissociation"),
    "ETD": ("MS:1000598", "electron transfer dissociation"),
    "ECD": ("MS:1000250", "electron capture dissociation"),
    "IRMPD": ("MS:1000262", "infrared multiphoton dissociation"),
    "PQD": ("MS:1000599", "pulsed q dissociation"),
}
_TYPES = {
    "<f4": ("MS:1000521", "32-bit float"),
    "<f8": ("MS:1000523", "64-bit float"),
    "<i4": ("MS:1000519", "32-bit integer"),
    "<i8": ("MS:1000522", "64-bit integer"),
    "S": ("MS:1001479", "null-terminated ASCII string"),
}
assert all(DISSOCIATION[accession] == name for name, (accession, _) in _METHODS.items())


def write_mzml(handle: BinaryIO, spectra: Iterable[Spectrum]) -> int:
    """Write spectra as mzML without an index and return how many.

    Intensities keep their type (float32 or float64); a repeated native id gets `` repeat=2``,
    because ids are unique in mzML. Per-peak columns become further arrays.

    Args:
        handle: seekable; the number of spectra is filled in at the end.
        spectra: mass spectra.
    """
    head, count_and_rest = _HEAD.split("{}")
    handle.write(head.encode())
    place = handle.tell()
    handle.write(("0" * _COUNT_DIGITS + count_and_rest).encode())
    seen: dict[str, int] = {}
    n = 0
    for n, spectrum in enumerate(spectra, 1):
        native_id = spectrum.native_id or f"index={n - 1}"
        seen[native_id] = repeat = seen.get(native_id, 0) + 1
        unique = native_id if repeat == 1 else f"{native_id} repeat={repeat}"
        handle.write("\n".join(_spectrum(spectrum, n - 1, unique)).encode())
    handle.write(_TAIL.encode())
    handle.seek(place)
    handle.write(f"{n:0{_COUNT_DIGITS}d}".encode())
    return n


def _spectrum(spectrum: Spectrum, index: int, native_id: str) -> Iterator[str]:
    yield f'<spectrum index="{index}" id={_quoted(native_id)} defaultArrayLength="{len(spectrum)}">'
    if spectrum.ms_level:
        kind = ("MS:1000579", "MS1 spectrum") if spectrum.ms_level == 1 else _MSN
        yield _cv(*kind)
        yield _cv("MS:1000511", "ms level", str(spectrum.ms_level))
    # A charge has no sign in mzML: of a negative one the polarity says it.
    if polarity := spectrum.polarity or min(spectrum.charge, 0):
        yield _cv(*(_POSITIVE if polarity > 0 else _NEGATIVE))
    if spectrum.is_profile is not None:
        yield _cv(*(_PROFILE if spectrum.is_profile else _CENTROID))
    if spectrum.name:
        yield _cv("MS:1000796", "spectrum title", spectrum.name)
    yield from _own(spectrum)
    yield from _extra(spectrum)
    yield '<scanList count="1">' + _cv("MS:1000795", "no combination") + "<scan>"
    if not isnan(spectrum.rt_seconds):
        yield _cv("MS:1000016", "scan start time", repr(float(spectrum.rt_seconds)), _SECOND)
    yield "</scan></scanList>"
    yield from _precursor(spectrum)
    arrays = list(_arrays(spectrum))
    yield f'<binaryDataArrayList count="{len(arrays)}">'
    yield from arrays
    yield "</binaryDataArrayList>\n</spectrum>\n"


_MSN = ("MS:1000580", "MSn spectrum")
_POSITIVE, _NEGATIVE = ("MS:1000130", "positive scan"), ("MS:1000129", "negative scan")
_PROFILE, _CENTROID = ("MS:1000128", "profile spectrum"), ("MS:1000127", "centroid spectrum")


def _own(spectrum: Spectrum) -> Iterator[str]:
    """Yield what mzML has no term for."""
    molecule = spectrum.molecule
    texts = {
        "adduct": spectrum.adduct,
        "collision energy": spectrum.collision_energy,
        "collision energy unit": spectrum.collision_energy_unit,
        "activation": spectrum.activation,
        "instrument": spectrum.instrument,
        "sample": spectrum.sample,
        "replicate": str(spectrum.replicate or ""),
    }
    if molecule is not None:
        texts |= {
            "molecule": molecule.name,
            "inchikey": molecule.inchikey,
            "smiles": molecule.smiles,
            "inchi": molecule.inchi,
            "formula": molecule.formula,
            "peptide": molecule.peptide,
            "exact mass": "" if isnan(molecule.exact_mass) else repr(float(molecule.exact_mass)),
        }
    for name, text in texts.items():
        if text:
            yield _user(OWN_PREFIX + name, text)


def _extra(spectrum: Spectrum) -> Iterator[str]:
    for key, value in spectrum.extra.items():
        for item in value if isinstance(value, list) else [value]:
            yield _user(
                key or "x-", item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
            )


def _precursor(spectrum: Spectrum) -> Iterator[str]:
    mz, lower, upper = spectrum.precursor_mz, spectrum.isolation_lower, spectrum.isolation_upper
    energy = spectrum.collision_energy_value
    method = _METHODS.get(spectrum.activation)
    if isnan(mz) and isnan(lower) and isnan(energy) and not spectrum.charge and method is None:
        return
    yield '<precursorList count="1"><precursor>'
    middle = (lower + upper) / 2
    target = mz if isnan(middle) or lower <= mz <= upper else middle
    offsets = (target - lower, upper - target)
    if not all(map(isnan, offsets)):
        yield "<isolationWindow>"
        yield _cv("MS:1000827", "isolation window target m/z", repr(float(target)), _MZ_UNIT)
        for (accession, name), offset in zip(_OFFSETS, offsets, strict=True):
            if not isnan(offset):
                yield _cv(accession, name, repr(float(offset)), _MZ_UNIT)
        yield "</isolationWindow>"
    if not isnan(mz) or spectrum.charge:
        yield '<selectedIonList count="1"><selectedIon>'
        if not isnan(mz):
            yield _cv("MS:1000744", "selected ion m/z", repr(float(mz)), _MZ_UNIT)
        if spectrum.charge:
            yield _cv("MS:1000041", "charge state", str(abs(spectrum.charge)))
        if not isnan(spectrum.precursor_intensity):
            intensity = repr(float(spectrum.precursor_intensity))
            yield _cv("MS:1000042", "peak intensity", intensity, _COUNTS)
        yield "</selectedIon></selectedIonList>"
    yield "<activation>"
    if method is not None:
        yield _cv(*method)
    if not isnan(energy):
        unit = spectrum.collision_energy_unit
        accession, name = ("MS:1000045", "collision energy")
        if unit == "NCE":
            accession, name = ("MS:1000138", "normalized collision energy")
        yield _cv(accession, name, repr(float(energy)), _ENERGY_UNITS.get(unit, _NO_UNIT))
    yield "</activation></precursor></precursorList>"


def _arrays(spectrum: Spectrum) -> Iterator[str]:
    intensity = spectrum.intensity
    narrow = intensity.dtype == np.float32
    mz_term = _cv("MS:1000514", "m/z array", unit=_MZ_UNIT)
    yield _array(np.asarray(spectrum.mz, "<f8"), "<f8", mz_term)
    value_type = "<f4" if narrow else "<f8"
    term = _cv("MS:1000515", "intensity array", unit=_COUNTS)
    yield _array(np.asarray(intensity, value_type), value_type, term)
    for name, column in spectrum.columns.items():
        term = _cv("MS:1000786", "non-standard data array", name)
        if column.dtype.kind in "OUS":
            text = b"".join(_string(str(item)) + b"\x00" for item in column)
            yield _array(text, "S", term)
        else:
            kinds = {"f4": "<f4", "i4": "<i4", "i2": "<i4", "i1": "<i4", "u1": "<i4", "u2": "<i4"}
            own = kinds.get(column.dtype.str[1:], "<i8" if column.dtype.kind in "iub" else "<f8")
            yield _array(np.asarray(column, own), own, term)


def _array(values: NDArray[Any] | bytes, kind: str, term: str) -> str:
    raw = values if isinstance(values, bytes) else values.tobytes()
    text = base64.b64encode(zlib.compress(raw, 5)).decode()
    return (
        f'<binaryDataArray encodedLength="{len(text)}">{_cv(*_TYPES[kind])}'
        f"{_cv('MS:1000574', 'zlib compression')}{term}<binary>{text}</binary></binaryDataArray>"
    )


def _string(text: str) -> bytes:
    """Return text for a string array: ASCII, as mzML has it, but letters beyond it are kept."""
    return text.replace("\x00", " ").encode("utf-8", errors="replace")


def _cv(accession: str, name: str, value: str = "", unit: tuple[str, str, str] = _NO_UNIT) -> str:
    units = ""
    if unit[0]:
        units = f' unitCvRef="{unit[0]}" unitAccession="{unit[1]}" unitName="{unit[2]}"'
    return (
        f'<cvParam cvRef="MS" accession="{accession}" name="{name}" value={_quoted(value)}{units}/>'
    )


def _user(name: str, value: str) -> str:
    return f"<userParam name={_quoted(name)} value={_quoted(value)}/>"


def _quoted(text: str) -> str:
    """Return an XML attribute; characters that XML cannot hold become spaces."""
    if not text.isprintable():
        text = "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" else " " for c in text)
        text = text.replace("\ufffe", " ").replace("\uffff", " ")
    return quoteattr(text)
