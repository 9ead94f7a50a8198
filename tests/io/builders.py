"""Small inputs for reader tests, written out so that a test shows what the file says."""

import base64
import struct
import zlib
from pathlib import Path

from spectrakit.accounting import InputAccount
from spectrakit.io import read_spectra
from spectrakit.spectrum import Spectrum


def read(path: Path) -> tuple[list[Spectrum], InputAccount]:
    """Read a whole file."""
    account = InputAccount(str(path))
    spectra = list(read_spectra(path, account))
    account.keep(len(spectra))
    return spectra, account


def read_text(tmp_path: Path, text: str | bytes, name: str = "in.txt"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path)


def cv(accession: str, name: str, value: str = "", unit: str = "") -> str:
    units = f' unitCvRef="UO" unitAccession="{unit}" unitName="unit"' if unit else ""
    return f'<cvParam cvRef="MS" accession="{accession}" name="{name}" value="{value}"{units}/>'


TYPES = {
    "d": cv("MS:1000523", "64-bit float"),
    "f": cv("MS:1000521", "32-bit float"),
    "i": cv("MS:1000519", "32-bit integer"),
    "q": cv("MS:1000522", "64-bit integer"),
}
MZ = cv("MS:1000514", "m/z array")
INTENSITY = cv("MS:1000515", "intensity array")
PLAIN = cv("MS:1000576", "no compression")
ZLIB = cv("MS:1000574", "zlib compression")


def array(values, role: str, kind: str = "d", *, zipped: bool = False, raw: bytes | None = None):
    data = struct.pack(f"<{len(values)}{kind}", *values) if raw is None else raw
    data = zlib.compress(data) if zipped else data
    text = base64.b64encode(data).decode()
    packing = ZLIB if zipped else PLAIN
    return binary(text, role + TYPES[kind] + packing)


def binary(text: str, params: str) -> str:
    return f"<binaryDataArray>{params}<binary>{text}</binary></binaryDataArray>"


def spectrum(inner: str, native_id: str = "scan=1", length: int = 2) -> str:
    return f'<spectrum index="0" id="{native_id}" defaultArrayLength="{length}">{inner}</spectrum>'


def peaks(mz=(100.0, 200.0), intensity=(1.0, 2.0)) -> str:
    return array(mz, MZ) + array(intensity, INTENSITY)


def mzml(*spectra: str, before: str = "", head: str = "") -> str:
    body = "\n".join(spectra)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n{head}'
        f'<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1.0">{before}'
        f'<run id="r"><spectrumList count="{len(spectra)}">\n{body}\n</spectrumList></run></mzML>'
    )
