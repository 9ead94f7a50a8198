"""Say what format a file is in by looking at its content; the suffix is not believed."""

import os
import re
from pathlib import Path
from typing import BinaryIO

from spectrakit.errors import InputError
from spectrakit.io.library_formats import READERS, recognise_library
from spectrakit.io.streams import (
    COPY_AGAIN,
    archive_error,
    is_compressed,
    is_zip,
    on_disk,
    open_bytes,
)
from spectrakit.io.vendor import vendor_error, vendor_file, vendor_folder

READABLE = ("mzml", "mzxml", "mzdata", "imzml", "mzmlb", "mgf", "msp", "store", *READERS)
_HEAD = 1 << 16
_MGF_HEAD = 1 << 20  # a Mascot file may open with a long list of search parameters
_XML_HEAD = 1 << 24  # comments may stand before the root, however long
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_MSP_LINE = re.compile(rb"^[ \t]*(?:name|num[ _]?peaks?)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_MGF_LINE = re.compile(rb"^[ \t]*BEGIN IONS[ \t]*$", re.MULTILINE | re.IGNORECASE)
_XML_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_XML_PROLOG = re.compile(rb"<\?.*?(?:\?>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_NOT_YET = {  # recognised -> (what it is, what makes it readable)
    "json": ("JSON of no known library", "the library's site, as MoNA or GNPS JSON, MSP or MGF"),
}


def sniff(path: Path) -> str:
    """Return the format of ``path``: one of ``READABLE`` or of ``io.traces.formats``.

    Raises:
        InputError: missing, empty, unreadable, a vendor's raw data, or no format that is read
            here; formats that are recognised get the command that converts them.
    """
    kind = recognise(path)
    if is_readable(kind):
        return kind
    if kind in _NOT_YET:
        what, how = _NOT_YET[kind]
        raise InputError(
            f"{path}: is {what}, which spectrakit does not read.",
            hint=f"Convert it to mzML, MGF or MSP first: {how.format(path=path)}.",
        )
    raise InputError(
        f"{path}: is in no known format.",
        hint="Export it from the instrument's software: mass spectra as mzML, others as JCAMP-DX "
        "or CSV; a table needs a header that names its channels: sample,1100,1110,...",
    )


def is_readable(kind: str) -> bool:
    """Say whether spectra are read from a format that ``recognise`` gave."""
    if kind in READABLE or not kind:
        return bool(kind)
    from spectrakit.io.traces.formats import is_trace_format

    return is_trace_format(kind)


def recognise(path: Path) -> str:
    """Return the format of ``path``, readable or not, or an empty string when unknown.

    Raises:
        InputError: missing, empty, unreadable, a vendor's raw data, or XML with a DOCTYPE.
    """
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        if kind := vendor_folder(path):
            raise vendor_error(path, kind)
        raise InputError(f"{path}: is a folder, not a file.", hint="Give the files inside it.")
    with open_bytes(path, archives=True) as stream:
        raw = stream.read(_HEAD)
        if raw[257:262] == b"ustar":
            raise archive_error(path)
        if is_compressed(raw):
            raise InputError(
                f"{path}: is compressed twice.", hint="Unpack it once and give what is inside."
            )
        if raw.startswith(_HDF5_MAGIC) and (known := _hdf5_kind(path)):
            return known
        head = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n")
        is_wide = _is_wide_text(raw)  # some tables of traces are
        kind = ""
        if not is_wide:
            is_xml = head.lstrip()[:1] == b"<"
            kind = _xml_kind(path, _with_root(head, stream)) if is_xml else _text_kind(head)
        if not kind and b"\x00" not in head and b"BEGIN IONS" in stream.read(_MGF_HEAD).upper():
            kind = "mgf"
    if not kind and path.suffix.lower() == ".ibd":
        raise InputError(
            f"{path}: is the binary half of an imzML, which says nothing without the other.",
            hint=f"Give {path.with_suffix('.imzML').name} instead, with this file beside it.",
        )
    if not kind:
        from spectrakit.io.traces.formats import recognise_trace

        kind = recognise_trace(raw, path)
    if not kind:
        if is_wide:
            raise InputError(
                f"{path}: is text in UTF-16 or UTF-32, as PowerShell's '>' writes it.",
                hint="Save it as UTF-8; in PowerShell: Get-Content IN | Set-Content -Encoding "
                "utf8 OUT.",
            )
        if is_zip(raw):
            raise archive_error(path)
        if vendor := vendor_file(path, head):
            raise vendor_error(path, vendor)
        if not head.strip():
            size = on_disk(path).stat().st_size
            raise InputError(f"{path}: is empty ({size} bytes, no spectra).", hint=COPY_AGAIN)
    return kind


def _is_wide_text(raw: bytes) -> bool:
    """Say whether every second or all but every fourth byte is NUL, as in wide plain text."""
    n = len(raw) // 4
    nuls = sorted(raw[start : 4 * n : 4].count(0) for start in range(4))
    return n > 0 and nuls[0] < 0.1 * n and nuls[2] > 0.9 * n


def _hdf5_kind(path: Path) -> str:
    """Return ``store``, ``mzmlb`` or nothing for an HDF5 file; one that is damaged is a store."""
    import h5py

    from spectrakit.store.heaps import ROOT, names_can_be_read

    try:
        if not names_can_be_read(on_disk(path), ROOT):
            return "store"
        with h5py.File(on_disk(path), "r", locking=False) as file:
            if "format" in file.attrs or "blocks" in file:
                return "store"
            return "mzmlb" if file.id.links.exists(b"mzML") else ""
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):
        return "store"


def _with_root(head: bytes, stream: BinaryIO) -> bytes:
    """Return the head of an XML file up to its root element, past long comments."""
    while len(head) < _XML_HEAD and not _XML_PROLOG.sub(b"", head).strip():
        if not (more := stream.read(_MGF_HEAD)):
            break
        head += more
    return head


def _xml_kind(path: Path, head: bytes) -> str:
    if kind := recognise_library(head):
        return kind
    body = _XML_PROLOG.sub(b"", head)
    root = _XML_ROOT.search(body)
    prolog = body[: root.start()] if root else body
    if b"<!" in prolog:
        raise InputError(
            f"{path}: the XML has a DOCTYPE or entities, which no mass spectrometer writes.",
            hint="Remove the DOCTYPE, or get the file from a source you trust.",
        )
    name = root[1].lower() if root else b""
    if name in (b"mzml", b"indexedmzml"):
        return "imzml" if b"IMS:1000080" in head or b'id="IMS"' in head else "mzml"
    return {b"mzxml": "mzxml", b"msrun": "mzxml", b"mzdata": "mzdata"}.get(name, "")


def _text_kind(head: bytes) -> str:
    text = head.lstrip()
    if text.startswith((b"{", b"[")):
        return recognise_library(head) or "json"
    if _MGF_LINE.search(head):
        return "mgf"
    if kind := recognise_library(head):
        return kind
    if b"\x00" not in head and b"\nFirst X Value:" not in head and _MSP_LINE.search(head):
        return "msp"
    return ""
