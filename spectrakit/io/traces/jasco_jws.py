"""JASCO Spectra Manager files (.jws): channels on one even axis in an OLE compound document.

The stream DataInfo has the number of channels and points, the limits of the axis and a code for
the axis and each channel; Y-Data has the float32 values, channel after channel.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout, even_axis
from spectrakit.io.traces.ole import CompoundFile
from spectrakit.io.traces.units import modality_of
from spectrakit.spectrum import Spectrum

_CODES_AT = 48
_MOST_CHANNELS = 64
_WAVELENGTH = 0x10000103
_CHANNELS = {  # code: name, unit, technique
    0x1001: ("CD", "mdeg", "CD"),
    0x2001: ("HT", "V", "CD"),
    3: ("absorbance", "absorbance", ""),
    14: ("fluorescence", "arbitrary", "fluorescence"),
}
_NO_TEXT = re.compile(r"[^ -~\xa0-\xff]+")


def read_jasco_jws(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the channels in the order of the file; the native id is the channel's name.

    Raises:
        InputError: the compound document is broken or is not of JASCO.
    """
    layout = Layout.of(path, stream)
    document = CompoundFile(layout)
    if "DataInfo" not in document.names or "Y-Data" not in document.names:
        raise layout.bad(
            "is an OLE document without the streams of a JASCO spectrum",
            "Give the .jws file that Spectra Manager saved, or export it as text.",
        )
    drops = Drops(path, account)
    info, data = document.stream("DataInfo"), document.stream("Y-Data")
    channels, _, n = info.unpack("<III", 12, "the stream DataInfo")
    first, last = info.unpack("<dd", 24, "the stream DataInfo")
    if not 0 < channels <= _MOST_CHANNELS or data.size < 4 * n * channels:
        raise layout.bad(f"Y-Data has {data.size} bytes for {channels} channels of {n} points")
    x_code, *codes = info.unpack(f"<{channels + 1}I", _CODES_AT, "the codes of the channels")
    words = {name: _words(document, name) for name in ("ModuleInfo", "SampleInfo", "MeasParam")}
    instrument = next(iter(words["ModuleInfo"]), "")
    unit = "nm" if x_code == _WAVELENGTH else "cm-1" if "FT/IR" in instrument else ""
    extra: dict[str, Any] = {
        "modules": words["ModuleInfo"],
        "parameters": words["MeasParam"],
        "organisation": next(iter(_words(document, "UserInfo")), ""),
        "source_path": next((w for w in _words(document, "BaseInfo") if "\\" in w), ""),
        "axis_code": None if unit else x_code,
    }
    for index, code in enumerate(codes):
        name, value_unit, technique = _CHANNELS.get(code, (f"channel {index + 1}", "", ""))
        try:
            if not n:
                raise BadSpectrum("no points")
            x = even_axis(first, last, n)
            yield trace(
                x,
                unit,
                data.array("<f4", 4 * n * index, n, f"channel {index + 1}"),
                value_unit,
                modality=modality_of(technique, axis=x, unit=unit, values=value_unit),
                extra=extra | {"block": name, "channel_code": code},
                native_id=name,
                name=next(iter(words["SampleInfo"]), ""),
                sample=next(iter(words["SampleInfo"]), ""),
                instrument=instrument,
            )
        except BadSpectrum as error:
            drops.drop(str(error), f"channel {index + 1}")


def _words(document: CompoundFile, name: str) -> list[str]:
    """Return the pieces of UTF-16 text in a stream; some streams put them at odd bytes."""
    if name not in document.names:
        return []
    stream = document.stream(name)
    raw = stream.raw(0, min(stream.size, 1 << 16), name)
    found: list[str] = []
    for start in (0, 1):
        text = raw[start:].decode("utf-16-le", "replace")
        found = [w.strip() for w in _NO_TEXT.split(text) if len(w.strip()) > 1]
        if found and max(map(len, found)) > 2:
            break
    return found[:50]
