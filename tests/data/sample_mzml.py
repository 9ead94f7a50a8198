"""A minimal indexed mzML writer for the synthetic sample, independent of spectrakit's own.

One string template per element; m/z as 64-bit and intensities as 32-bit floats, both zlib.
"""

import base64
import hashlib
import struct
import zlib
from dataclasses import dataclass

from sample_facts import Compound

GROUPS = {
    (1, 1): "ms1_positive",
    (1, -1): "ms1_negative",
    (2, 1): "ms2_positive",
    (2, -1): "ms2_negative",
}

Peaks = list[tuple[float, float]]


@dataclass(frozen=True)
class Scan:
    """One spectrum as it will be written; ``charge`` 0 and ``precursor`` 0.0 mean not written."""

    rt_seconds: float
    polarity: int
    peaks: Peaks
    ms_level: int = 2
    profile: bool = False
    precursor: float = 0.0
    isolation: float = 0.5  # half-width, Da
    charge: int = 0
    energy: float = 30.0  # eV
    precursor_intensity: float = 0.0
    truth: Compound | None = None  # None: not to be judged
    note: str = ""


def binary(values: list[float], code: str, params: str) -> str:
    packed = zlib.compress(struct.pack(f"<{len(values)}{code}", *values), 9)
    text = base64.b64encode(packed).decode()
    return f"""<binaryDataArray encodedLength="{len(text)}">{params}\
<binary>{text}</binary></binaryDataArray>
"""


def param(accession: str, name: str, value: str = "", unit: tuple[str, str] | None = None) -> str:
    """Return a cvParam element; ``unit`` is (accession, name)."""
    of = ""
    if unit is not None:
        of = f' unitCvRef="{unit[0][:2]}" unitAccession="{unit[0]}" unitName="{unit[1]}"'
    return f'<cvParam cvRef="MS" accession="{accession}" name="{name}" value="{value}"{of}/>'


MZ_UNIT = ("MS:1000040", "m/z")
COUNTS = ("MS:1000131", "number of detector counts")
MINUTE = ("UO:0000031", "minute")
ELECTRONVOLT = ("UO:0000266", "electronvolt")
ZLIB = param("MS:1000574", "zlib compression")
DOUBLE = param("MS:1000523", "64-bit float")
SINGLE = param("MS:1000521", "32-bit float")
MZ_ARRAY = DOUBLE + ZLIB + param("MS:1000514", "m/z array", unit=MZ_UNIT)
INTENSITY_ARRAY = SINGLE + ZLIB + param("MS:1000515", "intensity array", unit=COUNTS)


def precursor_xml(scan: Scan, survey: int) -> str:
    mz, window = f"{scan.precursor:.6f}", f"{scan.isolation:g}"
    ion = param("MS:1000744", "selected ion m/z", mz, MZ_UNIT)
    if scan.charge:
        ion += param("MS:1000041", "charge state", str(scan.charge))
    if scan.precursor_intensity:
        ion += param("MS:1000042", "peak intensity", f"{scan.precursor_intensity:.1f}", COUNTS)
    energy = param("MS:1000045", "collision energy", f"{scan.energy:g}", ELECTRONVOLT)
    return f"""<precursorList count="1"><precursor spectrumRef="scan={survey}">
<isolationWindow>{param("MS:1000827", "isolation window target m/z", mz, MZ_UNIT)}\
{param("MS:1000828", "isolation window lower offset", window, MZ_UNIT)}\
{param("MS:1000829", "isolation window upper offset", window, MZ_UNIT)}</isolationWindow>
<selectedIonList count="1"><selectedIon>{ion}</selectedIon></selectedIonList>
<activation>{param("MS:1000422", "beam-type collision-induced dissociation")}{energy}</activation>
</precursor></precursorList>
"""


def spectrum_xml(scan: Scan, index: int, survey: int) -> str:
    shape = (
        ("MS:1000128", "profile spectrum") if scan.profile else ("MS:1000127", "centroid spectrum")
    )
    mz = [m for m, _ in scan.peaks]
    intensity = [height for _, height in scan.peaks]
    start = param("MS:1000016", "scan start time", f"{scan.rt_seconds / 60:.5f}", MINUTE)
    precursor = precursor_xml(scan, survey) if scan.ms_level == 2 else ""
    return f"""<spectrum index="{index}" id="scan={index + 1}" defaultArrayLength="{len(mz)}">
<referenceableParamGroupRef ref="{GROUPS[scan.ms_level, scan.polarity]}"/>{param(*shape)}\
{param("MS:1000285", "total ion current", f"{sum(intensity):.1f}")}
<scanList count="1">{param("MS:1000795", "no combination")}<scan>{start}</scan></scanList>
{precursor}<binaryDataArrayList count="2">
{binary(mz, "d", MZ_ARRAY)}{binary(intensity, "f", INTENSITY_ARRAY)}</binaryDataArrayList>
</spectrum>
"""


def head_xml(n_spectra: int) -> str:
    levels = {1: param("MS:1000579", "MS1 spectrum"), 2: param("MS:1000580", "MSn spectrum")}
    signs = {1: param("MS:1000130", "positive scan"), -1: param("MS:1000129", "negative scan")}
    groups = "\n".join(
        f'<referenceableParamGroup id="{name}">{levels[level]}'
        f"{param('MS:1000511', 'ms level', str(level))}{signs[sign]}</referenceableParamGroup>"
        for (level, sign), name in GROUPS.items()
    )
    synthetic = '<userParam name="synthetic" type="xsd:string" value='
    return f"""<?xml version="1.0" encoding="utf-8"?>
<indexedmzML xmlns="http://psi.hupo.org/ms/mzml">
<mzML xmlns="http://psi.hupo.org/ms/mzml" id="synthetic_sample" version="1.1.0">
<cvList count="2">
<cv id="MS" fullName="PSI-MS" URI="http://purl.obolibrary.org/obo/ms.obo"/>
<cv id="UO" fullName="Unit Ontology" URI="http://purl.obolibrary.org/obo/uo.obo"/>
</cvList>
<fileDescription><fileContent>{levels[1]}{levels[2]}
{synthetic}"authored by tests/data/make_sample.py from published fragment ions, not measured"/>
</fileContent>
</fileDescription>
<referenceableParamGroupList count="{len(GROUPS)}">
{groups}
</referenceableParamGroupList>
<softwareList count="1"><software id="make_sample" version="1">\
{param("MS:1000799", "custom unreleased software tool", "make_sample.py")}</software></softwareList>
<instrumentConfigurationList count="1"><instrumentConfiguration id="IC1">\
{param("MS:1000031", "instrument model")}{synthetic}"no instrument"/></instrumentConfiguration>
</instrumentConfigurationList>
<dataProcessingList count="1"><dataProcessing id="none">\
<processingMethod order="1" softwareRef="make_sample">\
{param("MS:1000544", "Conversion to mzML")}</processingMethod></dataProcessing>
</dataProcessingList>
<run id="synthetic_sample" defaultInstrumentConfigurationRef="IC1">
<spectrumList count="{n_spectra}" defaultDataProcessingRef="none">
"""


def mzml_bytes(scans: list[Scan]) -> bytes:
    """Return the indexed mzML file: byte offsets of every spectrum, SHA-1 of what precedes it."""
    out = bytearray(head_xml(len(scans)).encode())
    offsets: list[int] = []
    survey = {1: 0, -1: 0}
    for index, scan in enumerate(scans):
        if scan.ms_level == 1:
            survey[scan.polarity] = index + 1
        offsets.append(len(out))
        out += spectrum_xml(scan, index, survey[scan.polarity]).encode()
    out += b"</spectrumList>\n</run>\n</mzML>\n"
    index_offset = len(out)
    entries = "\n".join(
        f'<offset idRef="scan={i + 1}">{at}</offset>' for i, at in enumerate(offsets)
    )
    out += (
        f'<indexList count="1">\n<index name="spectrum">\n{entries}\n</index>\n</indexList>\n'
        f"<indexListOffset>{index_offset}</indexListOffset>\n<fileChecksum>"
    ).encode()
    out += hashlib.sha1(out).hexdigest().encode() + b"</fileChecksum>\n</indexedmzML>\n"
    return bytes(out)
