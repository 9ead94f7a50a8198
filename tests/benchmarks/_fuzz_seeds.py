"""Good files of every format to begin with: authored here, and real ones where they are.

A seed is ``{name: bytes}``; the first file is the one that is read, others lie beside it.
"""

import gzip
import os
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from spectrakit.errors import SpectrakitError
from spectrakit.io.sniff import READABLE, recognise

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "ms" / "files"
LARGEST = 13_000  # bytes of a real seed: small files are read often

Seed = dict[str, bytes]


@cache
def seeds() -> dict[str, list[Seed]]:
    """Return the seeds of every format that is read, authored ones first."""
    found: dict[str, list[Seed]] = {kind: [] for kind in READABLE}
    with tempfile.TemporaryDirectory() as folder:
        for seed in (*_authored(Path(folder)), *_real()):
            kind = _kind(Path(folder), seed)
            if kind in found:
                found[kind].append(seed)
    return found


def write(folder: Path, seed: Seed) -> Path:
    """Write the files of a seed; return the one to read."""
    for name, content in seed.items():
        (folder / name).write_bytes(content)
    return folder / next(iter(seed))


def _kind(folder: Path, seed: Seed) -> str:
    try:
        return recognise(write(folder, seed))
    except SpectrakitError:
        return ""


def _real() -> Iterator[Seed]:
    for path in sorted(REAL.rglob("*")) if REAL.is_dir() else ():
        if not path.is_file() or path.suffix == ".ibd" or not path.stat().st_size:
            continue
        data = path.read_bytes()
        try:
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        except (OSError, EOFError):  # one that is damaged on purpose
            continue
        beside = path.with_suffix(".ibd")
        seed = {path.name.removesuffix(".gz"): data}
        if beside.is_file():
            seed[beside.name] = beside.read_bytes()
        if sum(map(len, seed.values())) <= LARGEST:
            yield seed


def _authored(folder: Path) -> Iterator[Seed]:
    yield {"a.mgf": MGF}
    yield {"a.msp": MSP}
    yield {"a.mzML": _mzml()}
    yield {"a.h5": _store(folder)}
    yield {"a.ms2": MS2}
    yield {"a.msl": MSL}
    yield {"a.txt": MASSBANK}
    yield {"mona.json": MONA}
    yield {"gnps.json": GNPS}
    yield {"a.mzspeclib.txt": MZSPECLIB}
    yield {"psi.txt": PSI_TEXT}
    yield {"a.mzXML": _mzxml()}
    yield {"a.mzData": _mzdata()}
    yield _imzml()
    yield {"a.mzMLb": _mzmlb(folder)}


MGF = b"""COM=authored
CHARGE=1+
# a remark
BEGIN IONS
TITLE=one
PEPMASS=195.0877 1000.5
CHARGE=2+
RTINSECONDS=12.5
SCANS=7
NAME=Caffeine
SMILES=CN1C=NC2=C1C(=O)N(C(=O)N2C)C
INCHIKEY=RYYVLZVUVIJVGH-UHFFFAOYSA-N
ION=[M+H]+
COLLISION_ENERGY=30 eV
83.06 5 1+
110.071 20 2+
138.066 100
END IONS

BEGIN IONS
FEATURE_ID=3
PEPMASS=100.1
MSLEVEL=2
END IONS
BEGIN IONS
TITLE=three
PEPMASS=301.2
200.5\t1e3
100.25\t7
END IONS
"""
MSP = b"""Name: Caffeine
DB#: X1
Synon: METB InChIKey: RYYVLZVUVIJVGH-UHFFFAOYSA-N
Comments: "SMILES=CN1C=NC2=C1C(=O)N(C(=O)N2C)C" "collision energy=30 (nominal)" "ratio=1=2"
PrecursorMZ: 195.0877
Precursor_type: [M+H]+
Ion_mode: P
Instrument_type: LC-ESI-QTOF
Collision_energy: HCD 35%
RETENTIONTIME: 3.5
Num Peaks: 3
83.06 5 "frag a"
110.071 20 "b; c"
138.066 100

NAME: GC
INSTRUMENTTYPE: GC-EI-TOF
Num Peaks: 4
28 69; 29 250; 30 1;
31 999;

NAME: none
MW: 5
Num Peaks: 0

NAME: colon
Num Peaks: 2
70:10 76:35
"""
MS2 = b"""H\tCreationDate\t2026
H\tExtractor\tauthored
S\t7\t7\t500.25
I\tRTime\t1.5
I\tNativeID\tscan=7
Z\t2\t999.49
D\tseq\tPEPTIDE
100.5 10
200.25 5.5 1
S\t8\t8\t300.1
Z\t1\t300.1
Z\t2\t599.2
150.1 3
"""
MSL = b"""NAME:Toluene
CONTRIB:authored
FORM:C7H8
CASNO:108-88-3
RI:760
RT:3.21
COMMENT:ethanol
NUM PEAKS:4
(  39  120) (  65  140) (  91  1000)
(  92  600)

NAME:Water
NUM PEAKS:1
(  18  1000)
"""
MASSBANK = b"""ACCESSION: MSBNK-A-X00001
RECORD_TITLE: Caffeine; LC-ESI-QTOF; MS2
DATE: 2026.11.30
AUTHORS: nobody
LICENSE: CC0
CH$NAME: Caffeine
CH$FORMULA: C8H10N4O2
CH$EXACT_MASS: 194.0804
CH$SMILES: CN1C=NC2=C1C(=O)N(C(=O)N2C)C
CH$LINK: INCHIKEY RYYVLZVUVIJVGH-UHFFFAOYSA-N
AC$INSTRUMENT: X
AC$INSTRUMENT_TYPE: LC-ESI-QTOF
AC$MASS_SPECTROMETRY: MS_TYPE MS2
AC$MASS_SPECTROMETRY: ION_MODE POSITIVE
AC$MASS_SPECTROMETRY: COLLISION_ENERGY 30 eV
AC$CHROMATOGRAPHY: RETENTION_TIME 3.5 min
MS$FOCUSED_ION: PRECURSOR_M/Z 195.0877
MS$FOCUSED_ION: PRECURSOR_TYPE [M+H]+
PK$SPLASH: splash10-0000-0000000000-00000000000000000000
PK$ANNOTATION: m/z tentative_formula
  138.066 C6H8N3O+
PK$NUM_PEAK: 2
PK$PEAK: m/z int. rel.int.
  110.071 20 200
  138.066 100 999
//
"""
MONA = b"""[{"id": "M1", "compound": [{"names": [{"name": "Caffeine"}],
"inchiKey": "RYYVLZVUVIJVGH-UHFFFAOYSA-N", "metaData": [{"name": "SMILES", "value": "CN1C=NC2"},
{"name": "total exact mass", "value": 194.08}]}],
"metaData": [{"name": "ms level", "value": "MS2"}, {"name": "ionization mode", "value": "positive"},
{"name": "precursor m/z", "value": 195.0877}, {"name": "precursor type", "value": "[M+H]+"},
{"name": "collision energy", "value": "30 eV"}, {"name": "retention time", "value": "3.5 min"}],
"spectrum": "110.071:20 138.066:100", "splash": {"splash": "x"}, "score": {"score": 4.5}},
{"id": "M2", "compound": [], "metaData": [], "spectrum": "18:100"}]"""
GNPS = b"""[{"spectrum_id": "CCMSLIB1", "Compound_Name": "Caffeine", "Precursor_MZ": "195.0877",
"Adduct": "M+H", "Charge": "1", "Ion_Mode": "Positive", "ms_level": "2", "Smiles": "C",
"INCHI": "N/A", "peaks_json": "[[110.071,20.0],[138.066,100.0]]"},
{"spectrum_id": "CCMSLIB2", "Compound_Name": "x", "Precursor_MZ": "0", "peaks_json": "[]"}]"""
MZSPECLIB = b"""<mzSpecLib>
MS:1003186|library format version=1.0
MS:1003188|library name=authored
<AttributeSet Spectrum=all>
MS:1000465|scan polarity=MS:1000130|positive scan
<Spectrum=1>
MS:1003061|library spectrum name=AAAK/2
MS:1000744|selected ion m/z=195.0877
[1]MS:1000045|collision energy=30
[1]UO:0000000|unit=UO:0000266|electronvolt
MS:1003059|number of peaks=2
<Analyte=1>
MS:1000041|charge state=2
MS:1000888|stripped peptide sequence=AAAK
<Peaks>
110.071\t20\ty1/0.5ppm
138.066\t100\t?
<Spectrum=2>
MS:1003061|library spectrum name=B/1
MS:1000744|selected ion m/z=300.1
<Peaks>
100.5\t1
"""
PSI_TEXT = b"""#PSI Spectral Library Format
MS:1009003|Name = TYRAMINE
MS:1009001|Spectrum index = 1
MS:1000894|RetentionTime = 2.04
MS:1000864|Formula = C8H11NO
MS:1000744|Selected Ion m/z = 138.09134
MS:1000045|Collision_energy = 20.0
Adduct = M+H
MS:1000130|Positive scan
MS:1009006|number of peaks = 2
110.071 20
138.066 100

MS:1009003|Name = B
MS:1009001|Spectrum index = 2
MS:1009006|number of peaks = 1
18.5 100
"""


def _mzml() -> bytes:
    sys.path.insert(0, str(ROOT / "tests" / "io"))
    from builders import INTENSITY, MZ, array, cv, mzml, peaks, spectrum

    groups = (
        '<referenceableParamGroupList count="1"><referenceableParamGroup id="g">'
        + cv("MS:1000130", "positive scan")
        + "</referenceableParamGroup></referenceableParamGroupList>"
        '<instrumentConfigurationList count="1"><instrumentConfiguration id="IC1">'
        + cv("MS:1000483", "Thermo instrument")
        + "</instrumentConfiguration></instrumentConfigurationList>"
    )
    scan = (
        '<scanList count="1"><scan instrumentConfigurationRef="IC1">'
        + cv("MS:1000016", "scan start time", "1.5", "UO:0000031")
        + "</scan></scanList>"
    )
    precursor = (
        '<precursorList count="1"><precursor><isolationWindow>'
        + cv("MS:1000827", "isolation window target m/z", "195.1")
        + cv("MS:1000828", "isolation window lower offset", "0.5")
        + "</isolationWindow><selectedIonList count='1'><selectedIon>"
        + cv("MS:1000744", "selected ion m/z", "195.0877")
        + cv("MS:1000041", "charge state", "2")
        + "</selectedIon></selectedIonList><activation>"
        + cv("MS:1000422", "HCD")
        + cv("MS:1000045", "collision energy", "30")
        + "</activation></precursor></precursorList>"
    )
    level = cv("MS:1000511", "ms level", "2") + '<referenceableParamGroupRef ref="g"/>'
    zipped = array((100.5, 200.25), MZ, zipped=True) + array((3, 4), INTENSITY, "f", zipped=True)
    return mzml(
        spectrum(cv("MS:1000511", "ms level", "1") + scan + peaks(), "scan=1"),
        spectrum(level + scan + precursor + zipped, "scan=2"),
        spectrum(peaks() + '<userParam name="n&amp;m" value="&lt;5"/>', "scan=3"),
        before=groups,
    ).encode()


def _packed(values: tuple[float, ...], kind: str) -> str:
    import base64

    return base64.b64encode(np.array(values, kind).tobytes()).decode()


def _mzxml() -> bytes:
    def scan(number: int, level: int, inner: str, rest: str) -> str:
        return (
            f'<scan num="{number}" msLevel="{level}" peaksCount="2" polarity="+" '
            f'retentionTime="PT{number}.5S" {rest}>{inner}'
            f'<peaks precision="32" byteOrder="network" contentType="m/z-int">'
            f"{_packed((100.5, 1, 200.25, 2), '>f4')}</peaks>"
        )

    second = scan(
        2, 2, '<precursorMz precursorIntensity="5" precursorCharge="2">195.1</precursorMz>', ""
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?><mzXML '
        'xmlns="http://sashimi.sourceforge.net/schema_revision/mzXML_3.2"><msRun scanCount="2">'
        '<msInstrument msInstrumentID="1"><msManufacturer category="m" value="X"/>'
        '<msModel category="msModel" value="Y"/></msInstrument>'
        + scan(1, 1, "", "")
        + second
        + '</scan></scan></msRun><index name="scan"><offset id="1">5</offset></index></mzXML>'
    ).encode()


def _mzdata() -> bytes:
    def array(tag: str, values: tuple[float, ...]) -> str:
        return (
            f'<{tag}><data precision="64" endian="little" length="2">{_packed(values, "<f8")}'
            f"</data></{tag}>"
        )

    return (
        '<?xml version="1.0" encoding="UTF-8"?><mzData version="1.05"><description><admin>'
        "<sampleName>s</sampleName></admin></description><spectrumList count='1'>"
        '<spectrum id="1"><spectrumDesc><spectrumSettings><spectrumInstrument msLevel="2">'
        '<cvParam cvLabel="psi" accession="PSI:1000037" name="Polarity" value="Positive"/>'
        '<cvParam cvLabel="psi" accession="PSI:1000038" name="TimeInMinutes" value="1.5"/>'
        '</spectrumInstrument></spectrumSettings><precursorList count="1"><precursor msLevel="1" '
        'spectrumRef="0"><ionSelection><cvParam cvLabel="psi" accession="PSI:1000040" '
        'name="MassToChargeRatio" value="195.1"/></ionSelection></precursor></precursorList>'
        "</spectrumDesc>"
        + array("mzArrayBinary", (100.5, 200.25))
        + array("intenArrayBinary", (1, 2))
        + "</spectrum></spectrumList></mzData>"
    ).encode()


def _imzml() -> Seed:
    uuid = bytes(range(16))
    ibd = (
        uuid + np.array([100.5, 200.25], "<f8").tobytes() + np.array([1, 2, 3, 4], "<f4").tobytes()
    )

    def cv(accession: str, name: str, value: object = "") -> str:
        return f'<cvParam cvRef="IMS" accession="{accession}" name="{name}" value="{value}"/>'

    def array(group: str, offset: int, size: int) -> str:
        return (
            f'<binaryDataArray encodedLength="0"><referenceableParamGroupRef ref="{group}"/>'
            + cv("IMS:1000103", "external array length", 2)
            + cv("IMS:1000102", "external offset", offset)
            + cv("IMS:1000104", "external encoded length", 2 * size)
            + "<binary/></binaryDataArray>"
        )

    def spectrum(x: int, offset: int) -> str:
        return (
            f'<spectrum id="Scan={x}" index="{x - 1}" defaultArrayLength="0"><scanList count="1">'
            + "<scan>"
            + cv("IMS:1000050", "position x", x)
            + cv("IMS:1000051", "position y", 1)
            + "</scan></scanList>"
            + f'<binaryDataArrayList count="2">{array("mz", 16, 8)}{array("int", offset, 4)}'
            + "</binaryDataArrayList></spectrum>"
        )

    plain, external = cv("MS:1000576", "no compression"), cv("IMS:1000101", "external data", "true")
    text = (
        '<?xml version="1.0"?><mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1"><cvList '
        'count="1"><cv id="IMS" fullName="i" URI="u"/></cvList><fileDescription><fileContent>'
        + cv("IMS:1000080", "universally unique identifier", "{" + uuid.hex() + "}")
        + cv("IMS:1000030", "continuous")
        + "</fileContent></fileDescription><referenceableParamGroupList count='2'>"
        + '<referenceableParamGroup id="mz">'
        + cv("MS:1000514", "m/z array")
        + cv("MS:1000523", "64-bit float")
        + plain + external
        + '</referenceableParamGroup><referenceableParamGroup id="int">'
        + cv("MS:1000515", "intensity array")
        + cv("MS:1000521", "32-bit float")
        + plain + external
        + '</referenceableParamGroup></referenceableParamGroupList><run id="r"><spectrumList '
        + f'count="2">{spectrum(1, 32)}{spectrum(2, 40)}</spectrumList></run></mzML>'
    )  # fmt: skip
    return {"a.imzML": text.encode(), "a.ibd": ibd}


def _mzmlb(folder: Path) -> bytes:
    import h5py

    text = _mzml().decode()
    text = text[: text.index("<spectrum ")] + (
        '<spectrum index="0" id="scan=1" defaultArrayLength="2"><binaryDataArrayList count="2">'
        + "".join(
            '<binaryDataArray encodedLength="0"><cvParam cvRef="MS" accession="MS:1002841" name='
            f'"external HDF5 dataset" value="{name}"/><cvParam cvRef="MS" accession="MS:1002842" '
            'name="external offset" value="0"/><cvParam cvRef="MS" accession="MS:1002843" name='
            f'"external array length" value="2"/><cvParam cvRef="MS" accession="{role}" name="x"/>'
            '<cvParam cvRef="MS" accession="MS:1000523" name="64-bit float"/><cvParam cvRef="MS" '
            'accession="MS:1000576" name="no compression"/><binary/></binaryDataArray>'
            for name, role in (("mz", "MS:1000514"), ("int", "MS:1000515"))
        )
        + "</binaryDataArrayList></spectrum></spectrumList></run></mzML>"
    )
    path = folder / "seed.mzMLb"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("mzML", data=np.frombuffer(text.encode(), "u1").view("i1"))
        data.attrs["version"] = "mzMLb 1.0"
        file["mz"], file["int"] = np.array([100.5, 200.25]), np.array([1.0, 2.0])
        file["mzML_spectrumIndex"] = np.array([0, len(text)], "i8")
        file["mzML_spectrumIndex_idRef"] = np.frombuffer(b"scan=1\x00", "u1")
    data = path.read_bytes()
    path.unlink()
    return data


def _store(folder: Path) -> bytes:
    from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
    from spectrakit.store import StoreWriter

    path = folder / "seed.h5"
    with StoreWriter(path, history={"command": "authored"}) as writer:
        source = writer.add_source("a.mgf", "0" * 64, 5, "mgf")
        for i in range(3):
            writer.add(
                Spectrum(
                    modality=Modality.MSMS,
                    axis=Axis(np.array([100.5 + i, 200.25]), "m/z"),
                    value=np.array([1.0, 2.0 + i]),
                    native_id=f"scan={i}",
                    sample="s",
                    ms_level=2,
                    precursor_mz=300.5,
                    molecule=Molecule(name="Caffeine", smiles="C") if i else None,
                    extra={"note": "x"} if i == 2 else {},
                ),
                source=source,
            )
        axis = Axis(np.array([1000.0, 1010.0, 1020.0]), "nm")
        for i in range(2):
            value = np.array([0.1, 0.2, 0.3 + i], np.float32)
            writer.add(Spectrum(modality=Modality.NIR, axis=axis, value=value, sample="t"))
        writer.add_sample("s", group="g", split="train", operator="o")
        writer.add_target("t", "moisture", 5.5, "%", 0.1)
    data = path.read_bytes()
    os.unlink(path)  # noqa: PTH108 -- beside the read above
    return data
