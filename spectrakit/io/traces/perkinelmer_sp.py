"""PerkinElmer Spectrum files (.sp): one spectrum in nested blocks of tagged values.

Every block is a number, a length and its content; a value inside begins with a tag that says
what it is. Text is Latin-1.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout, even_axis, plain
from spectrakit.io.traces.units import axis_unit, modality_of, value_unit
from spectrakit.spectrum import Spectrum

MARK = b"PEPE"
_FIRST_BLOCK = 44
_HEAD = 6
_CONTAINERS = (120, 121, 122, 123, 124)
_PAIR, _NUMBER, _INTEGER, _TEXT, _ARRAY = 0x751D, 0x751B, 0x752B, 0x7523, 0x7516
_X_RANGE, _X_STEP, _N, _X_UNIT, _Y_UNIT, _VALUES = 35698, 35700, 35701, 35703, 35704, 35708
_SOURCE, _SAMPLE, _OPERATOR, _ORDINATE = 35709, 35713, 35698, 35699
_DEEPEST = 16
_MOST_BLOCKS = 10_000
_TEXTS = {
    35837: "instrument", 35838: "serial_number", 35839: "software", 35841: "detector",
    35842: "source", 35843: "beam_splitter", 35845: "apodization", 35846: "mode",
    35847: "processing", 35849: "ordinate_mode", 35854: "accessory", 35870: "ratio",
}  # fmt: skip

_Blocks = list[tuple[int, int, int]]  # number, byte of the content, length


def read_perkinelmer_sp(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectrum.

    Raises:
        InputError: the file is a map or another kind of PerkinElmer file, or ends too early.
    """
    layout = Layout.of(path, stream)
    title = layout.text(4, 40, "the description")
    if "2D" not in title and "interval" not in title.lower():
        raise layout.bad(
            f"is a PerkinElmer file of another kind ('{title}')",
            "Save its spectra as .sp or ASCII in PerkinElmer's software.",
        )
    number, length = layout.unpack("<Hi", _FIRST_BLOCK, "the first block")
    if number not in _CONTAINERS or length < 0:
        raise layout.bad("the first block is not a data set")
    layout.need(_FIRST_BLOCK + _HEAD, length, "the data set")
    blocks: _Blocks = []
    _walk(layout, _FIRST_BLOCK, layout.size, blocks, 0)
    try:
        yield _spectrum(layout, blocks)
    except BadSpectrum as error:
        Drops(path, account).drop(str(error), "the spectrum")


def _walk(layout: Layout, at: int, end: int, blocks: _Blocks, depth: int) -> None:
    """Add the blocks between two bytes, and those inside them; a rest that is none is let be."""
    while at + _HEAD <= end and len(blocks) < _MOST_BLOCKS:
        number, length = layout.unpack("<Hi", at, "a block")
        at += _HEAD
        if length < 0 or at + length > end:
            return
        if number in _CONTAINERS and depth < _DEEPEST:
            _walk(layout, at, at + length, blocks, depth + 1)
        else:
            blocks.append((number, at, length))
            if length > _HEAD and number > 35000 and _is_sequence(layout, at, at + length):
                _walk(layout, at, at + length, blocks, _DEEPEST)
        at += length


def _is_sequence(layout: Layout, at: int, end: int) -> bool:
    """Say whether the content of a block is a container such as the history."""
    number, length = layout.unpack("<Hi", at, "a block")
    return number in _CONTAINERS and 0 <= length <= end - at - _HEAD


def _find(layout: Layout, blocks: _Blocks, number: int, tag: int) -> tuple[int, int] | None:
    """Return where the first value of a number and tag is, after its tag, and how long."""
    for one, at, length in blocks:
        if one == number and length >= 2 and layout.number("<H", at, "a tag") == tag:
            return at + 2, length - 2
    return None


def _need(layout: Layout, blocks: _Blocks, number: int, tag: int, length: int) -> int:
    found = _find(layout, blocks, number, tag)
    if found is None or found[1] < length:
        raise layout.bad(f"block {number} with the tag {tag:#x} is missing")
    return found[0]


def _word(layout: Layout, blocks: _Blocks, number: int) -> str:
    found = _find(layout, blocks, number, _TEXT)
    if found is None or found[1] < 2:
        return ""
    length = layout.number("<H", found[0], "a text")
    return plain(layout.raw(found[0] + 2, min(length, found[1] - 2), "a text"))


def _spectrum(layout: Layout, blocks: _Blocks) -> Spectrum:
    first, last = layout.unpack("<dd", _need(layout, blocks, _X_RANGE, _PAIR, 16), "the axis")
    step = layout.number("<d", _need(layout, blocks, _X_STEP, _NUMBER, 8), "the step")
    n = layout.number("<i", _need(layout, blocks, _N, _INTEGER, 4), "the number of points")
    at = _need(layout, blocks, _VALUES, _ARRAY, 4)
    size = layout.number("<I", at, "the values")
    if n < 0 or size < 8 * n:
        raise layout.bad(f"the values have {size} bytes for {n} points")
    y = layout.array("<f8", at + 4, n, "the values")
    x = _axis(first, last, step, n)
    unit = axis_unit(_word(layout, blocks, _X_UNIT))
    values = value_unit(_word(layout, blocks, _Y_UNIT))
    extra: dict[str, Any] = {key: _word(layout, blocks, one) for one, key in _TEXTS.items()}
    instrument = extra.pop("instrument")
    extra["source_path"] = _word(layout, blocks, _SOURCE)
    extra["operator"] = _word(layout, blocks, _OPERATOR)
    extra["ordinate"] = _word(layout, blocks, _ORDINATE)
    return trace(
        x,
        unit,
        y,
        values,
        modality=modality_of(instrument, axis=x, unit=unit, values=values),
        extra=extra,
        native_id="1",
        name=_word(layout, blocks, _SAMPLE),
        sample=_word(layout, blocks, _SAMPLE),
        instrument=instrument,
    )


def _axis(first: float, last: float, step: float, n: int) -> NDArray[np.float64]:
    """Return the (n,) axis from its limits; they may be sorted, the step has the direction."""
    if step * (last - first) < 0:
        first, last = last, first
    return even_axis(first, last, n)
