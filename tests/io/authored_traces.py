"""Small files of instruments, built from the layouts of their formats."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np


def spc_new(
    subs: Sequence[dict],
    *,
    order: str = "<",
    flags: int = 0,
    exponent: int = -128,
    shared_x: Sequence[float] = (),
    codes: tuple[int, int, int] = (1, 2, 5),
    log: str = "",
) -> bytes:
    """A 0x4B or 0x4C file; a sub has ``y`` (as stored) and may have ``x``, ``z``, ``exponent``."""
    own_x = bool(flags & 0x40)
    header = bytearray(512)
    n = len(subs[0]["y"])
    header[1] = 0x4B if order == "<" else 0x4C
    header[0] = flags
    struct.pack_into("b", header, 3, exponent)
    struct.pack_into(order + "IddI", header, 4, n, 4000.0, 4000.0 - 2 * (n - 1), len(subs))
    header[28:31] = bytes(codes)
    struct.pack_into(order + "I", header, 32, 2021 << 20 | 3 << 16 | 4 << 11 | 5 << 6 | 6)
    header[88:98] = b"authored\0\0"
    body = b""
    if flags & 0x80 and not own_x:
        body += np.array(shared_x, order + "f4").tobytes()
    directory = []
    for number, sub in enumerate(subs):
        kind = "f4" if sub.get("exponent", exponent) == -128 else "i2" if flags & 1 else "i4"
        start = 512 + len(body)
        z = sub.get("z", 0.0)
        count = len(sub["y"]) if own_x else 0
        body += struct.pack(
            order + "BbHfffIIf4s",
            *(0, sub.get("exponent", exponent), number, z, z, 0.0, count, 0, 0.0, b""),
        )
        if own_x:
            body += np.array(sub["x"], order + "f4").tobytes()
        body += np.array(sub["y"], order + kind).tobytes()
        directory.append((start, 512 + len(body) - start, z))
    if own_x and flags & 4:
        struct.pack_into(order + "I", header, 4, 512 + len(body))
        for entry in directory:
            body += struct.pack(order + "IIf", *entry)
    if log:
        struct.pack_into(order + "I", header, 248, 512 + len(body))
        text = log.encode("latin-1")
        body += struct.pack(order + "IIIII44s", 64 + len(text), 4096, 64, 0, 0, b"") + text
    return bytes(header) + body


def spc_old(rows: Sequence[Sequence[int]], exponent: int, flags: int) -> bytes:
    """A 0x4D file of 32-bit integers, whose halves are in the other order."""
    header = struct.pack(
        "<BBhfffBBHBBBB", flags, 0x4D, exponent, len(rows[0]), 1000.0, 1010.0, 3, 2,
        1999, 12, 31, 23, 59,
    )  # fmt: skip
    body = b""
    for number, row in enumerate(rows):
        body += struct.pack("<BbHfff16s", 0, exponent, number, float(number), 0.0, 0.0, b"")
        whole = np.array(row, "<i4").view("<u2").reshape(-1, 2)[:, ::-1]
        body += np.ascontiguousarray(whole).tobytes()
    return header.ljust(224, b"\0") + body


def _opus_parameters(values: dict[str, object]) -> bytes:
    raw = b""
    for key, value in values.items():
        if isinstance(value, int):
            kind, data = 0, struct.pack("<i", value)
        elif isinstance(value, float):
            kind, data = 1, struct.pack("<d", value)
        else:
            data = str(value).encode("latin-1") + b"\0"
            kind, data = 2, data + b"\0" * (len(data) % 2)
        raw += key.encode() + b"\0" + struct.pack("<HH", kind, len(data) // 2) + data
    raw += b"END\0\0\0\0\0"
    return raw + b"\0" * (-len(raw) % 4)


def opus(blocks: Sequence[tuple[int, bytes]]) -> bytes:
    """A file with the given blocks (type, content)."""
    start = 24 + 12 * (len(blocks) + 1)
    entries = struct.pack("<III", 0x3400, 3 * (len(blocks) + 1), 24)
    body = b""
    for code, content in blocks:
        entries += struct.pack("<III", code, len(content) // 4, start + len(body))
        body += content
    head = struct.pack("<4sdIII", b"\n\n\xfe\xfe", 920622.0, 24, 40, len(blocks) + 1)
    return head + entries + body


def opus_status(n: int, **more: object) -> bytes:
    """The block that says how data are stored."""
    said: dict[str, object] = {"DPF": 1, "NPT": n, "FXV": 4000.0, "LXV": 400.0, "CSF": 1.0}
    return _opus_parameters(said | {"DXU": "WN"} | more)


def opus_ab() -> bytes:
    """Absorbance and the single beam of the sample, scaled by 2, with sample and instrument."""
    y = np.array([0.1, 0.2, 0.3, 0.4], "<f4")
    return opus(
        [
            (0x407, y.tobytes()),
            (0x417, opus_status(4, CSF=2.0, MXY=0.8)),
            (0x100F, (y * 10).tobytes()),
            (0x101F, opus_status(4, DAT="01/02/2020", MXY=4.0)),
            (0xA0, _opus_parameters({"SNM": "milk", "CNM": "me"})),
            (0x20, _opus_parameters({"INS": "Tensor", "RLW": 9394.0})),
        ]
    )


def opus_series() -> bytes:
    """Two spectra in one block, 30 and 60 s after the start."""
    rows = b""
    for number in (1, 2):
        rows += np.full(3, float(number), "<f4").tobytes()
        rows += struct.pack("<144xd", 30.0 * number)
    head = struct.pack("<6i", 0, 2, 24, 12, 152, 0)
    code = 0x100F | 2 << 19
    return opus([(code, head + rows), (0x101F, opus_status(3))])


def _omnic_header(n: int, value_code: int) -> bytes:
    raw = bytearray(192)
    struct.pack_into("<III", raw, 4, n, 1, value_code)
    struct.pack_into("<ff", raw, 16, 4000.0, 400.0)
    struct.pack_into("<III", raw, 28, 100, 50, 32)
    struct.pack_into("<f", raw, 80, 15798.0)
    return bytes(raw)


def omnic(rows: Sequence[Sequence[float]]) -> bytes:
    """An SPA file, or an SPG file when there are several rows."""
    head = bytearray(b"Spectral Data File\r\n".ljust(304, b"\0"))
    head[30:36] = b"powder"
    sections: list[tuple[int, bytes]] = []
    for number, row in enumerate(rows):
        sections.append((2, _omnic_header(len(row), 17)))
        if len(rows) > 1:
            sections.append((107, f"spectrum {number}".encode().ljust(260, b"\0")))
        sections.append((3, np.array(row, "<f4").tobytes()))
    struct.pack_into("<H", head, 294, len(sections))
    at = 304 + 16 * len(sections)
    table = body = b""
    for key, content in sections:
        table += struct.pack("<HII6x", key, at + len(body), len(content))
        body += content
    return bytes(head) + table + body


def omnic_series(rows: Sequence[Sequence[float]]) -> bytes:
    """A series whose values run from the last wavenumber to the first."""
    mark = b"\x02\x00\x00\x00\x18\x00\x00\x00\x00\x00"
    head = bytearray(_omnic_header(len(rows[0]), 17).ljust(1100, b"\0"))
    head[152:162] = mark
    struct.pack_into("<ff", head, 1002, 0.5, 0.5 * len(rows))
    struct.pack_into("<I", head, 1026, len(rows))
    raw = b"Spectral Exte File\r\n".ljust(304, b"\0") + bytes(head)
    raw += b"\0" * 152 + mark + b"\0" * 90 + mark.ljust(60, b"\0")
    for number, row in enumerate(rows):
        raw += f"row {number}".encode().ljust(84, b"\0") + np.array(row, "<f4").tobytes()
        raw += b"\0" * 16
    return raw


def wdf(rows: Sequence[Sequence[float]]) -> bytes:
    """A map of WiRE with x in micrometres and the time."""
    n, count = len(rows[0]), len(rows)

    def block(name: bytes, content: bytes) -> bytes:
        return name + struct.pack("<IQ", 0, 16 + len(content)) + content

    head = bytearray(512)
    head[:4] = b"WDF1"
    struct.pack_into("<IQ", head, 4, 1, 512)
    struct.pack_into("<IQQIIII", head, 60, n, count + 1, count, 3, 1, n, 2)
    struct.pack_into("<II", head, 128, 1, 3)
    struct.pack_into("<f", head, 156, 20000.0)
    head[240:244] = b"grid"
    data = np.array(rows, "<f4").tobytes()
    axis = struct.pack("<II", 1, 1) + np.linspace(1000, 900, n).astype("<f4").tobytes()
    slots = count + 1  # one more was planned than collected
    x = struct.pack("<II16s", 0x80000003, 5, b"X") + np.arange(slots, dtype="<f8").tobytes()
    ticks = (np.arange(slots, dtype="<u8") * 10**7 + 133_000_000_000_000_000).tobytes()
    times = struct.pack("<II16s", 11, 24, b"Time") + ticks
    return (
        bytes(head)
        + block(b"DATA", data + b"\0" * 4 * n)
        + block(b"XLST", axis)
        + block(b"YLST", struct.pack("<IIf", 4, 6, 0.0))
        + block(b"ORGN", struct.pack("<I", 2) + x + times)
    )


def sif(rows: Sequence[Sequence[float]], coefficients: str = "500 0.5 0 0") -> bytes:
    """An Andor file whose image has the given rows."""
    height, width = len(rows), len(rows[0])
    lines = [
        "Andor Technology Multi-Channel File", "65538 1",
        "65567 0 0 1 1600000000 -70 \0 \0 \0 \1 \1 0 0.1 0.2 0.3 4 \0 0.3", "DU420_OE ",
        " 1024 255 5", "a.sif ", "65538 4", "text", "65540 \2 \0 \1 \0", coefficients, "0 1 0 0",
        "0 1 0 0", "785", "26", "26", "1", "10",
        "Wavelength6", f"Counts12\nPixel number65541 1 {height} {width} 1 1 1 {height * width} "
        f"{height * width}", f"65538 1 {height} {width} 1 1 1 0", "         0", "0",
    ]  # fmt: skip
    return ("\n".join(lines) + "\n").encode() + np.array(rows, "<f4").tobytes()


def asd(*, kind: int = 1, form: int = 2) -> bytes:
    """A field spectrum of four channels with its white reference."""
    dtype = {0: "<f4", 2: "<f8"}[form]
    head = bytearray(484)
    head[:3] = b"as7"
    struct.pack_into("<6h", head, 160, 1, 2, 3, 4, 5, 121)
    head[186], head[199], head[431] = kind, form, 4
    struct.pack_into("<ff", head, 191, 350.0, 1.0)
    struct.pack_into("<H", head, 204, 4)
    note = b"white"
    tail = struct.pack("<H16sH", 0xFFFF, b"", len(note)) + note
    return (
        bytes(head)
        + np.array([10, 20, 30, 40], dtype).tobytes()
        + tail
        + np.array([100, 100, 100, 0], dtype).tobytes()
    )


def perkinelmer(values: Sequence[float]) -> bytes:
    """A .sp file whose axis has its limits sorted and a negative step."""

    def block(number: int, content: bytes) -> bytes:
        return struct.pack("<Hi", number, len(content)) + content

    def text(number: int, word: str) -> bytes:
        raw = word.encode("latin-1")
        return block(number, struct.pack("<HH", 0x7523, len(raw)) + raw)

    data = np.array(values, "<f8").tobytes()
    inner = (
        block(35698, struct.pack("<Hdd", 0x751D, 400.0, 4000.0))
        + block(35700, struct.pack("<Hd", 0x751B, -1.0))
        + block(35701, struct.pack("<Hi", 0x752B, len(values)))
        + text(35703, "cm-1")
        + text(35704, "%T")
        + text(35713, "Probe \xe9")
        + block(35708, struct.pack("<HI", 0x7516, len(data)) + data)
    )
    return b"PEPE" + b"2D constant interval DataSet file".ljust(40, b"\0") + block(120, inner)


def ole(streams: dict[str, bytes]) -> bytes:
    """A compound document of sectors of 512 bytes; streams below 4096 bytes are small ones."""
    small = b""
    mini: list[int] = []
    entries: list[tuple[str, int, int, int]] = []
    large: list[tuple[str, bytes]] = []
    for name, raw in streams.items():
        if len(raw) >= 4096:
            large.append((name, raw))
            continue
        first = len(mini)
        count = -(-len(raw) // 64)
        mini += [*range(first + 1, first + count), 0xFFFFFFFE]
        small += raw.ljust(64 * count, b"\0")
        entries.append((name, 2, first, len(raw)))
    sectors: list[bytes] = []
    chain: list[int] = []

    def put(raw: bytes) -> int:
        first, count = len(sectors), max(1, -(-len(raw) // 512))
        sectors.extend(raw[512 * i : 512 * i + 512].ljust(512, b"\0") for i in range(count))
        chain.extend([*range(first + 1, first + count), 0xFFFFFFFE])
        return first

    small_at = put(small)
    mini_at = put(struct.pack(f"<{len(mini)}I", *mini))
    entries += [(name, 2, put(raw), len(raw)) for name, raw in large]
    directory = b""
    for name, kind, start, size in [("Root Entry", 5, small_at, len(small)), *entries]:
        label = name.encode("utf-16-le")
        directory += struct.pack(
            "<64sHBB3I36xIQ", label, len(label) + 2, kind, 1, 2**32 - 1, 2**32 - 1, 2**32 - 1,
            start, size,
        )  # fmt: skip
    directory_at = put(directory)
    table_at = len(sectors)
    table = struct.pack(f"<{len(chain)}I", *chain) + b"\xff" * (512 - 4 * len(chain))
    sectors.append(table)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    head += struct.pack("<5H6xI", 0x3E, 3, 0xFFFE, 9, 6, 0)
    head += struct.pack(
        "<9I", 1, directory_at, 0, 4096, mini_at, 1, 0xFFFFFFFE, 0, table_at
    ) + b"\xff" * 432  # fmt: skip
    return head + b"".join(sectors)


def jws() -> bytes:
    """Circular dichroism, voltage and absorbance from 350 to 200 nm."""
    n = 1400  # its values make one large stream
    info = struct.pack("<LLLLLLddd", 3, 1, 0, 3, 1, n, 350.0, 200.0, -150 / (n - 1))
    info += struct.pack("<4L", 0x10000103, 0x1001, 0x2001, 3)
    data = np.concatenate([np.full(n, 1.0), np.full(n, 2.0), np.full(n, 3.0)]).astype("<f4")
    module = "\0\0J-1500\0\0".encode("utf-16-le")
    return ole({"DataInfo": info, "Y-Data": data.tobytes(), "ModuleInfo": module})


def avantes8() -> bytes:
    """Reflectance of three pixels in the layout of AvaSoft 8."""
    head = bytearray(322)
    n = 3
    struct.pack_into("<IBB", head, 0, 322 + 16 * n - 10, 0, 3)
    head[8:12] = b"1904"
    struct.pack_into("<HHfII", head, 83, 10, 12, 50.0, 0, 20)
    lists = [[400, 500, 600], [6, 11, 1], [1, 1, 1], [11, 21, 1]]
    return b"AVS84\x01" + bytes(head) + np.array(lists, "<f4").tobytes()


def avantes6() -> bytes:
    """Transmittance of two pixels in the layout of AvaSoft 6."""
    head = np.zeros(100, "<f4")
    head[0] = 70
    head[1:5] = [ord(c) for c in "ABC1"]
    head[74:76] = [300.0, 2.0]
    head[79:81] = [5, 6]
    data = np.array([[6, 11, 1], [3, 5, 1]], "<f4")
    return head.tobytes() + data.tobytes() + struct.pack("<fff", 100.0, 20.0, 0.0)


def digitalsurf(*, packed: bool = False) -> bytes:
    """A map of 2 by 1 spectra of three points."""
    head = bytearray(512)
    head[:12] = b"DSCOMPRESSED" if packed else b"DIGITAL SURF"
    struct.pack_into("<hhhh", head, 12, 0, 1, 1, 21)
    struct.pack_into("<h", head, 86, 1)
    struct.pack_into("<Ihiiiii", head, 94, 3, 32, 10, 1000, 2, 1, 6)
    struct.pack_into("<fff", head, 120, 0.5, 1.0, 2.0)
    for index, word in enumerate([b"X", b"Y", b"Intensity", b"um", b"um", b"counts"]):
        head[132 + 16 * index : 132 + 16 * index + len(word)] = word
    struct.pack_into("<fff", head, 276, 1.0, 1.0, 1.0)
    struct.pack_into("<5f", head, 466, 7.0, 0.0, 5.0, 10.0, 300.0)
    head[486:496], head[499:501] = b"Wavelength", b"nm"
    data = np.array([10, 11, 8, 12, 13, 14], "<i4").tobytes()
    if not packed:
        return bytes(head) + data
    small = zlib.compress(data)
    return bytes(head) + struct.pack("<III", 1, len(data), len(small)) + small


def nircal(names: tuple[str, ...] = ("one", "two")) -> bytes:
    """A BUCHI project with two spectra of three points and one reference value."""

    def text(word: str) -> bytes:
        return f"{len(word)}/{word}\n".encode("latin-1")

    def texts(*words: str) -> bytes:
        return f"{len(words)} Values\n".encode() + b"".join(map(text, words)) + b"99\n"

    def numbers(*values: float) -> bytes:
        raw = np.array(values, "<f8").tobytes()
        return f"{len(values)} Values\nbegin\n".encode() + raw + b"\nend\n0\n"

    raw = b"NIRCAL Project File Version 2.23\n" + text("{56A081B2-5301-40A1-9194-93BB6CCA1C9F}")
    raw += text("2") + text("Spectra") + text("Spectra Selection") + numbers(0, 0) + texts(*names)
    raw += text("3") + text("1/cm") + text("Wavelength Selection")
    raw += numbers(1, 1, 1) + texts("4000", "5000", "6000")
    for index, name in enumerate(("one", "two")):
        raw += text(name) + text("") + text("Reflectance")
        raw += text(f"{{56A081B2-5301-40A1-9194-93BB6CCA1C9{index}}}")
        raw += texts("<<undef>>", "N") + numbers(0, 1.5 + index) + texts("", "Nitrogen")
        raw += texts("", "%") + numbers(0.1 + index, 0.2, 0.3)
    return raw


TVF = b"""\xef\xbb\xbf<!--TriVista-File.-->
<XmlMain Version="1"><Documents Count="1"><Document Label="Intensity" DataLabel="Counts"
 InfoSerialized="&lt;?xml version=&quot;1.0&quot; encoding=&quot;utf-16&quot;?&gt;&lt;Info/&gt;">
<xDim Length="3"><Calibration Unit="Nanometer" LaserWave="0" ValueArray="3|900|901|902.5"/></xDim>
<Data><Frame xDim="3" TimeStamp="638019455989096241">1;2;3</Frame>
<Frame xDim="3" TimeStamp="638019456089096241">4;5;6</Frame><Frame xDim="2">1;2</Frame></Data>
</Document></Documents></XmlMain>"""

LABSPEC = b"""<?xml version="1.0"?><LSX_Data><LSX_Tree><LSX ID="0x6C7469D9">map</LSX>
<LSX ID="0x7A74D9D6"><LSX ID="0x7B697861">
<LSX ID="0x0"><LSX ID="0x6D707974">Intens</LSX><LSX ID="0x7C696E75">Cnt</LSX></LSX>
<LSX ID="0x1"><LSX ID="0x7D6CD4DB">530 520 500</LSX><LSX ID="0x6D707974">Spectr</LSX>
<LSX ID="0x7C696E75">nm</LSX></LSX>
<LSX ID="0x2"><LSX ID="0x7D6CD4DB">-2 2</LSX><LSX ID="0x6D707974">X</LSX>
<LSX ID="0x7C696E75">um</LSX></LSX></LSX></LSX></LSX_Tree>
<LSX_Matrix><LSX_Row>1 2 3</LSX_Row><LSX_Row>4 5 6</LSX_Row></LSX_Matrix></LSX_Data>"""

ANIML = b"""<?xml version="1.0"?><AnIML xmlns="urn:org:astm:animl:schema:core:draft:0.90">
<SampleSet><Sample name="Caffeine" sampleID="c-1"/></SampleSet><ExperimentStepSet>
<ExperimentStep experimentStepID="s1" name="run"><Infrastructure><SampleReferenceSet>
<SampleReference sampleID="c-1"/></SampleReferenceSet></Infrastructure>
<Technique name="UV/Vis"/><Result><SeriesSet name="Spectrum" length="3">
<Series dependency="independent" seriesID="w" seriesType="Float32" name="Wavelength">
<AutoIncrementedValueSet><StartValue><F>200</F></StartValue><Increment><F>0.5</F></Increment>
</AutoIncrementedValueSet><Unit label="nm"/></Series>
<Series dependency="dependent" seriesID="a" seriesType="Float64" name="Absorbance">
<IndividualValueSet><D>0.1</D><D>0.2</D><D>0.3</D></IndividualValueSet></Series>
<Series dependency="dependent" seriesID="e" seriesType="Float32" name="Counts">
<EncodedValueSet>AACAPwAAAEAAAEBA</EncodedValueSet></Series>
</SeriesSet></Result></ExperimentStep></ExperimentStepSet></AnIML>"""

_PROCSPEC = """<com.oceanoptics.spectrasuite.processors.ProcessedSpectrum><sourceSpectra><Omni>
<integrationTime>60000</integrationTime><pixelValues><double>1.0</double><double>2.0</double>
</pixelValues><channelWavelengths><double>200.0</double><double>201.0</double>
</channelWavelengths><spectrometerSerialNumber>JAZ</spectrometerSerialNumber></Omni>
</sourceSpectra><certificates><C>
<processedPixels reference="../../../sourceSpectra/Omni/pixelValues"/>
<processedWavelengths reference="../../../sourceSpectra/Omni/channelWavelengths"/>
<yUnits class="a.CountsIntensityDescriptor"/></C><C><processedPixels><double>50.0</double>
<double>60.0</double></processedPixels>
<processedWavelengths reference="../../../sourceSpectra/Omni/channelWavelengths"/>
<darkSpectrum><pixelValues><double>0.0</double><double>0.5</double></pixelValues>
<channelWavelengths reference="../../../../sourceSpectra/Omni/channelWavelengths"/></darkSpectrum>
<yUnits class="a.TransmissionIntensityDescriptor"/></C><C>
<processedPixels reference="../../C[2]/processedPixels"/>
<processedWavelengths reference="../../../sourceSpectra/Omni/channelWavelengths"/>
<yUnits class="a.TransmissionIntensityDescriptor"/><sign>\u2030</sign></C></certificates>
</com.oceanoptics.spectrasuite.processors.ProcessedSpectrum>"""


def procspec() -> bytes:
    """An archive whose XML is in the code page of Windows, as Java wrote it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ps_1.xml", _PROCSPEC.encode("cp1252"))
        archive.writestr("OOISignatures.xml", "<a/>")
    return packed.getvalue()


ENVI_HEADER = """ENVI
description = { two }
samples = 3
lines = 2
bands = 1
header offset = 0
file type = ENVI Spectral Library
data type = 4
byte order = 1
wavelength units = Micrometers
spectra names = {quartz, clay}
wavelength = {0.4,
 0.5, 0.7}
"""


def envi() -> bytes:
    """Two big-endian spectra of three points."""
    return np.array([[1, 2, 3], [4, 5, 6]], ">f4").tobytes()


FILES: dict[str, bytes] = {
    "even.spc": spc_new([{"y": [1.0, 2.0, 3.0]}], log="[LOG]\r\nline"),
    "multi.spc": spc_new(
        [{"y": [1, 2], "z": 0.5, "exponent": 16}, {"y": [3, 4], "z": 1.5, "exponent": 20}],
        flags=0x05,
        exponent=16,
    ),
    "shared.spc": spc_new([{"y": [1.0, 2.0]}], flags=0x80, shared_x=[5.0, 7.5]),
    "own.spc": spc_new(
        [{"x": [3.0, 1.0], "y": [9.0, 8.0]}, {"x": [2.0], "y": [7.0]}],
        flags=0xC4,
        codes=(9, 4, 5),
    ),
    "big.spc": spc_new([{"y": [65536, -65536], "exponent": 31}], order=">", exponent=31),
    "old.spc": spc_old([[65536, -65536], [1, 2]], 32, 0x04),
    "ab.0": opus_ab(),
    "series.0": opus_series(),
    "one.spa": omnic([[0.1, 0.2, 0.3]]),
    "two.spg": omnic([[0.1, 0.2, 0.3], [0.4, 0.5]]),
    "run.srs": omnic_series([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "map.wdf": wdf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "line.sif": sif([[1.0, 2.0, 3.0]]),
    "image.sif": sif([[1.0, 2.0], [3.0, 4.0]], "0 1 0 0"),
    "field.asd": asd(),
    "raw.asd": asd(kind=0, form=0),
    "film.sp": perkinelmer([90.0, 80.0, 70.0]),
    "cd.jws": jws(),
    "r.rfl8": avantes8(),
    "t.trm": avantes6(),
    "map.sur": digitalsurf(),
    "packed.sur": digitalsurf(packed=True),
    "leaf.nir": nircal(),
    "frames.tvf": TVF,
    "map.xml": LABSPEC,
    "uv.animl": ANIML,
    "jaz.ProcSpec": procspec(),
    "lib.sli": envi(),
}
