"""Bruker OPUS files: a directory of blocks, of which some are spectra and some say how they were.

Every data block is a spectrum of its own, the result (AB, TR, RAM ...) first, then the single
beams (Sc), interferograms (Ig) and phases (Ph) of sample (Sm) and reference (Rf). The native id
and ``extra.block`` are the block's name, so that ``--where extra.block=AB`` chooses the result.

Source: the layout as described by the brukeropus project (MIT) and read off files.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout, even_axis, plain
from spectrakit.io.traces.units import axis_unit, modality_of
from spectrakit.spectrum import Modality, Spectrum

_MOST_BLOCKS = 4096
_MOST_PARAMETERS = 1000  # in one block; instruments write about fifty
_SAMPLE, _REFERENCE, _RATIO = 1, 2, 3
_KINDS = {  # of data: name, unit of the values
    1: ("Sc", "single beam"), 2: ("Ig", "interferogram"), 3: ("Ph", "phase"),
    4: ("AB", "absorbance"), 5: ("TR", "transmittance"), 6: ("KM", "Kubelka-Munk"),
    7: ("TRC", ""), 8: ("GCIG", "interferogram"), 9: ("GCSC", "single beam"),
    10: ("RAM", "arbitrary"), 11: ("EMI", "emission"), 12: ("RFL", "reflectance"),
    14: ("POW", "power"), 15: ("LRF", "log(1/R)"), 16: ("ATR", "absorbance"),
    17: ("PAS", "photoacoustic"), 18: ("ARTR", ""), 19: ("ARAB", ""),
}  # fmt: skip
_INTERFEROGRAM = 2
_RAW_KINDS = (1, 2, 3)
_DIRECTORY = 13
_SERIES = 2
_UNITS = {"WN": "cm-1", "RSH": "cm-1", "MI": "um", "PNT": "index", "MIN": "min", "SEC": "s"}
_SERIES_HEAD = "<6i"
_SERIES_TIME = 144  # byte of the end time within what follows each spectrum of a series

Parameters = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class _Block:
    """One entry of the directory, its type taken apart."""

    code: int
    offset: int
    size: int

    @property
    def part(self) -> int:
        """1 real, 2 imaginary, 3 amplitude."""
        return self.code & 3

    @property
    def origin(self) -> int:
        """1 sample, 2 reference, 3 their ratio."""
        return self.code >> 2 & 3

    @property
    def parameters(self) -> int:
        """0 data, 1 how data are stored, more: what the instrument did."""
        return self.code >> 4 & 63

    @property
    def kind(self) -> int:
        """What the data are, of which channel: 5 bits kind, 2 bits channel."""
        return self.code >> 10 & 127

    @property
    def extension(self) -> int:
        """0 plain, 2 a series; others are reports and the like."""
        return self.code >> 19 & 7

    @property
    def data_key(self) -> int:
        """What a data block and the block that describes it have in common."""
        return self.code & 0x7FFFF & ~(63 << 4)

    @property
    def is_data(self) -> bool:
        """Say whether this is a spectrum or a series of spectra."""
        kinds = self.kind and self.kind != _DIRECTORY
        return bool(kinds and self.part and not self.parameters and self.extension in (0, _SERIES))

    @property
    def name(self) -> str:
        """The name of the block as OPUS users know it: AB, ScSm, IgRf."""
        word = _KINDS.get(self.kind & 31, (f"type{self.kind & 31}", ""))[0]
        origin = {_SAMPLE: "Sm", _REFERENCE: "Rf"}.get(self.origin, "")
        part = {1: " real", 2: " imaginary"}.get(self.part, "")
        channel = f" channel {(self.kind >> 5) + 1}" if self.kind >> 5 else ""
        derivative = f" derivative {self.code >> 17 & 3}" if self.code >> 17 & 3 else ""
        return f"{word}{origin}{part}{channel}{derivative}"

    @property
    def rank(self) -> int:
        """Order among the spectra of a file: results before what they were computed from."""
        if self.kind & 31 in _RAW_KINDS:
            return 2 + (self.kind & 31 == _INTERFEROGRAM)
        return 0 if self.kind in _KINDS else 1


def read_bruker_opus(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield every data block, results first.

    Raises:
        InputError: the directory or a block lies outside the file.
    """
    layout = Layout.of(path, stream)
    drops = Drops(path, account)
    blocks = _directory(layout)
    described: dict[int, Parameters] = {}
    said: dict[int, Parameters] = {_SAMPLE: {}, _REFERENCE: {}}
    for block in blocks:
        if block.parameters == 1:
            described.setdefault(block.data_key, _parameters(layout, block))
        elif block.parameters and not block.kind and block.extension in (0, 4):
            of = said[_REFERENCE if block.origin == _REFERENCE else _SAMPLE]
            for key, value in _parameters(layout, block).items():
                of.setdefault(key, value)
    seen: Counter[str] = Counter()
    measured = Modality.IR  # what the interferograms of a file are of is seen by its spectra
    for block in sorted((one for one in blocks if one.is_data), key=lambda one: one.rank):
        seen[block.name] += 1
        name = block.name if seen[block.name] == 1 else f"{block.name} {seen[block.name]}"
        status = described.get(block.data_key)
        if status is None:
            drops.drop("no block describes the data", f"block {name}")
            continue
        parameters = said[_REFERENCE if block.origin == _REFERENCE else _SAMPLE]
        unit = _axis_unit(status, described)
        for label, y, more in _rows(layout, block, status, name):
            try:
                found = _spectrum(block, label, y, status | more, unit, parameters)
                if block.kind & 31 == _INTERFEROGRAM:
                    found = replace(found, modality=measured)
                measured = found.modality
                yield found
            except BadSpectrum as error:
                drops.drop(str(error), f"block {label}")
    if not seen:
        raise layout.bad("no block of this OPUS file is a spectrum", "Save the spectrum in OPUS.")


def _directory(layout: Layout) -> list[_Block]:
    start, _, count = layout.unpack("<3i", 12, "the OPUS header")
    if not 0 < count <= _MOST_BLOCKS:
        raise layout.bad(f"byte 20: the directory has {count} blocks")
    found: list[_Block] = []
    places: set[int] = set()
    for index in range(count):
        code, words, offset = layout.unpack("<IiI", start + 12 * index, "the directory")
        if not words or offset in places:
            continue  # an unused entry; no two blocks share a place
        places.add(offset)
        block = _Block(code, offset, 4 * words)
        layout.need(offset, block.size, f"block {block.name} of entry {index + 1}")
        found.append(block)
    return found


def _parameters(layout: Layout, block: _Block) -> Parameters:
    """Return the parameters of a block; one that breaks off gives those before."""
    data = Layout(layout.path, layout.raw(block.offset, block.size, "parameters"))
    found: Parameters = {}
    at = 0
    while at + 8 <= data.size and len(found) < _MOST_PARAMETERS:
        key = data.text(at, 3, "a parameter")
        kind, halves = data.unpack("<HH", at + 4, "a parameter")
        at += 8
        if key == "END" or at + 2 * halves > data.size:
            break
        if kind == 0 and halves >= 2:
            found[key] = data.number("<i", at, key)
        elif kind == 1 and halves >= 4:
            found[key] = data.number("<d", at, key)
        elif kind in (2, 3, 4):
            found[key] = plain(data.raw(at, 2 * halves, key))[:1000]
        at += 2 * halves
    return found


def _rows(
    layout: Layout, block: _Block, status: Parameters, name: str
) -> Iterator[tuple[str, NDArray[Any], Parameters]]:
    """Yield name, stored values and what is said of each spectrum of a block."""
    kind = "<i4" if status.get("DPF") == 2 else "<f4"
    n = int(status.get("NPT", 0))
    if block.extension != _SERIES:
        if not 0 <= 4 * n <= block.size:
            raise layout.bad(f"block {name} has {block.size} bytes for {n} points")
        yield name, layout.array(kind, block.offset, n, f"block {name}"), {}
        return
    head = layout.unpack(_SERIES_HEAD, block.offset, f"the series {name}")
    _, count, first, data_size, info_size, _ = head
    if min(first, info_size) < 0 or count < 1 or data_size < 4 or not 0 <= 4 * n <= data_size:
        raise layout.bad(f"the series {name} has {count} spectra of {data_size} bytes")
    for index in range(count):
        at = block.offset + first + index * (data_size + info_size)
        y = layout.array(kind, at, n, f"spectrum {index + 1} of the series {name}")
        more: Parameters = {"series_index": index + 1}
        if info_size >= _SERIES_TIME + 8:
            more["ERT"] = layout.number("<d", at + data_size + _SERIES_TIME, "the time")
        yield f"{name}/{index + 1}", y, more


def _axis_unit(status: Parameters, described: dict[int, Parameters]) -> str:
    """Return the unit of the axis; a block without one has that of a block on the same axis."""
    code = status.get("DXU", "")
    if not code:
        ends = [status.get(key) for key in ("FXV", "LXV", "NPT")]
        same = [p for p in described.values() if [p.get(k) for k in ("FXV", "LXV", "NPT")] == ends]
        code = next((p["DXU"] for p in same if p.get("DXU")), "")
    return _UNITS.get(str(code), axis_unit(str(code)))


def _spectrum(
    block: _Block, name: str, y: NDArray[Any], status: Parameters, unit: str, said: Parameters
) -> Spectrum:
    if not len(y):
        raise BadSpectrum("no points")
    x = even_axis(float(status.get("FXV", np.nan)), float(status.get("LXV", np.nan)), len(y))
    values = _KINDS.get(block.kind & 31, ("", ""))[1]
    laser = said.get("RLW")
    technique = " ".join(str(said.get(key, "")) for key in ("INS", "EXP", "HTY"))
    if block.name.startswith("RAM"):
        technique = "Raman"
    time = status.get("ERT")
    extra: dict[str, Any] = {
        "block": block.name,
        "date": f"{status.get('DAT', '')} {status.get('TIM', '')}".strip(),
        "resolution": said.get("RES"),
        "scans": said.get("NSS" if block.origin != _REFERENCE else "NSR", said.get("NSS")),
        "laser_wavenumber": laser,
        "operator": said.get("CNM"),
        "sample_form": said.get("SFM"),
        "series_index": status.get("series_index"),
        "parameters": {key: value for key, value in said.items() if _is_plain(value)},
    }
    return trace(
        x,
        unit,
        _scaled(block, y, status, extra),
        values,
        modality=modality_of(technique, axis=x, unit=unit, values=values),
        extra=extra,
        native_id=name,
        name=str(said.get("SNM", "")),
        sample=str(said.get("SNM", "")) if block.origin != _REFERENCE else "",
        instrument=str(said.get("INS", "")),
        rt_seconds=float(time) if time is not None else float("nan"),
    )


def _scaled(
    block: _Block, y: NDArray[Any], status: Parameters, extra: dict[str, Any]
) -> NDArray[Any]:
    """Multiply by CSF where the stored maximum MXY says that this was not done yet.

    Interferograms stay the numbers of the detector; their factor is in ``extra.scale_factor``.
    """
    factor, largest = status.get("CSF", 1.0), status.get("MXY")
    if not isinstance(factor, float) or factor in (0.0, 1.0) or not np.isfinite(factor):
        return y
    extra["scale_factor"] = factor
    if block.kind & 31 == _INTERFEROGRAM:
        return y
    with np.errstate(over="ignore", invalid="ignore"):
        top = float(np.max(y))
        stored = isinstance(largest, float) and abs(top - largest) <= abs(top * factor - largest)
        return y if stored else y.astype(np.float64) * factor


def _is_plain(value: object) -> bool:
    return value != "" and (not isinstance(value, float) or bool(np.isfinite(value)))
