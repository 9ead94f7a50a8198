"""mzXML written out by hand from its schema (mzXML_idx_3.2.xsd), for the tests of its reader."""

import base64
import struct
import zlib
from collections.abc import Sequence

Pairs = Sequence[tuple[float, float]]


def packed(numbers: Sequence[float], precision: int = 32, *, zipped: bool = False) -> str:
    raw = struct.pack(f">{len(numbers)}{'f' if precision == 32 else 'd'}", *numbers)
    return base64.b64encode(zlib.compress(raw) if zipped else raw).decode()


def peaks_of(pairs: Pairs, precision: int = 32, *, zipped: bool = False) -> str:
    text = packed([number for pair in pairs for number in pair], precision, zipped=zipped)
    packing = (
        f'compressionType="zlib" compressedLen="{len(base64.b64decode(text))}"'
        if zipped
        else 'compressionType="none" compressedLen="0"'
    )
    return (
        f'<peaks {packing} precision="{precision}" byteOrder="network" '
        f'contentType="m/z-int">{text}</peaks>'
    )


def scan(
    num: int,
    pairs: Pairs = ((100.0, 1.0), (200.0, 2.0)),
    *,
    level: int = 1,
    attributes: str = "",
    before: str = "",
    after: str = "",
    precision: int = 32,
    zipped: bool = False,
    peaks: str | None = None,
    count: int | str | None = None,
) -> str:
    """Return one <scan>; ``before`` and ``after`` are what stands around its peaks."""
    n = len(pairs) if count is None else count
    inner = peaks_of(pairs, precision, zipped=zipped) if peaks is None else peaks
    return (
        f'<scan num="{num}" msLevel="{level}" peaksCount="{n}" {attributes}>'
        f"{before}{inner}{after}</scan>\n"
    )


HEAD = (
    '<msInstrument msInstrumentID="1"><msManufacturer category="msManufacturer" value="Maker"/>'
    '<msModel category="msModel" value="Model 1"/>'
    '<msIonisation category="msIonisation" value="ESI"/></msInstrument>'
)


def mzxml(*scans: str, head: str = HEAD, doctype: str = "", declared: int | None = None) -> str:
    """Return a whole file, with an index that is wrong on purpose."""
    body = "".join(scans)
    n = body.count("<scan ") if declared is None else declared
    return (
        f'<?xml version="1.0" encoding="ISO-8859-1"?>\n{doctype}'
        '<mzXML xmlns="http://sashimi.sourceforge.net/schema_revision/mzXML_3.2">\n'
        f'<msRun scanCount="{n}">{head}\n{body}</msRun>\n'
        '<index name="scan"><offset id="1">99999</offset></index><indexOffset>7</indexOffset>'
        "<sha1>0</sha1></mzXML>\n"
    )
