"""The text and JSON formats of spectral libraries: how each is recognised, and what reads it.

Readers are named by text and loaded when a file is read. MGF and MSP are older here and have
their places in ``sniff`` and ``reading``.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.spectrum import Spectrum

Reader = Callable[[Path, BinaryIO, InputAccount], Iterator[Spectrum]]

READERS = {
    "massbank": "spectrakit.io.massbank:read_massbank",
    "mona-json": "spectrakit.io.library_json:read_mona",
    "gnps-json": "spectrakit.io.library_json:read_gnps",
    "mzspeclib": "spectrakit.io.mzspeclib:read_mzspeclib",
    "psi-text": "spectrakit.io.mzspeclib:read_psi_text",
    "ms2": "spectrakit.io.ms2:read_ms2",
}
SUFFIXES = (".json", ".ms1", ".msl", ".mzspeclib", ".mzlib", ".sptxt", ".massbank")
_MASSBANK = re.compile(
    rb"^(?:RECORD_TITLE|CH\$NAME|AC\$INSTRUMENT|MS\$FOCUSED_ION|PK\$PEAK):", re.MULTILINE
)
_MS2_LINE = re.compile(rb"^(?:S[ \t]+\d+[ \t]+\d+|H[ \t]+\S)", re.MULTILINE)
_MS2_SCAN = re.compile(rb"^S[ \t]+\d+[ \t]+\d+", re.MULTILINE)


def recognise_library(head: bytes) -> str:
    """Return the name of a format by the first 64 KiB of a text file; empty when it is none.

    Args:
        head: line ends are ``\\n``, without a byte order mark.
    """
    text = head.lstrip()
    if text.startswith(b"<mzSpecLib"):
        return "mzspeclib"
    if text.startswith((b"#PSI Spectral Library", b"MS:1009003|", b"MS:1003061|")):
        return "psi-text"
    if text.startswith(b"ACCESSION:") and _MASSBANK.search(head):
        return "massbank"
    if text.startswith((b"{", b"[")):
        return _json_kind(text)
    if b"\x00" not in head and _MS2_LINE.match(text) and _MS2_SCAN.search(head):
        return "ms2"
    return ""


def _json_kind(text: bytes) -> str:
    if b'"peaks_json"' in text or (b'"spectruminfo"' in text and b'"annotations"' in text):
        return "gnps-json"
    if b'"metaData"' in text and (b'"compound"' in text or b'"spectrum"' in text):
        return "mona-json"
    return ""


def reader_of(name: str) -> Reader:
    """Return the function that reads a format."""
    from importlib import import_module

    module, _, function = READERS[name].partition(":")
    return getattr(import_module(module), function)
