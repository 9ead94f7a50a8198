"""<spectrum> blocks of mzML that are written like one before but for their values.

A *template* is the text of a block with holes: its identifier, lengths, the values of parameters
and the arrays. A block with the same text around its holes means the same but for them, so it is
neither tokenised nor walked over. What a hole means is found by asking: ``Draft`` is built once
more with another value in it, and what has changed is where the value goes. A hole that changes
anything but one of a few plain destinations is closed: its value is part of the text.
"""

import re
from collections.abc import Callable, Sequence
from itertools import islice
from math import isnan
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from spectrakit.io.fields import number, possible_time
from spectrakit.io.mzml_arrays import INTENSITY_ARRAY, MZ_ARRAY, Packed, unpack
from spectrakit.io.mzml_spectrum import Draft, intensities
from spectrakit.io.record import BadSpectrum
from spectrakit.spectrum import FloatArray, Spectrum
from spectrakit.spectrum_table import SpectrumTable

_MOST_TEMPLATES = 64  # a file that needs more has no spectra that are written alike
_MOST_HOLES = 200  # each costs one look at the whole block; instruments write about fifty
_HOLE = re.compile(
    rb' (?:value|id|index|defaultArrayLength|encodedLength|spectrumRef)="([^"<]+)"'
    rb"|<binary>([^<]+)<"
)
_PROBE = "7654321.5"
_BASE64_PROBE = "AAAA"
_LARGEST_CHARGE = 1_000_000
_CONSTANT = (
    "ms_level", "polarity", "is_profile", "adduct", "collision_energy", "collision_energy_value",
    "collision_energy_unit", "activation", "instrument", "sample", "replicate", "molecule",
)  # fmt: skip
_constants = attrgetter(*_CONSTANT)
_VARYING = (
    "native_id", "name", "rt_seconds", "precursor_mz", "precursor_intensity", "charge",
    "isolation_lower", "isolation_upper", "extra",
)  # fmt: skip

Decode = Callable[[bytes], str | None]
Redraft = Callable[[bytes], Draft | None]
Hole = tuple[str, Any, str]  # where its value goes: kind, key, what follows the value there


class Row(NamedTuple):
    """One spectrum that fits a template."""

    block: bytes
    varying: tuple[Any, ...]  # in the order of _VARYING
    constants: tuple[Any, ...]
    mz: FloatArray  # not yet known to ascend
    intensity: FloatArray

    @property
    def native_id(self) -> str:
        """The identifier that the file gives."""
        return self.varying[0]


class Template:
    """The text of a block around its holes, and where the values in the holes go."""

    def __init__(self, texts: list[bytes], holes: list[Hole], draft: Draft, model: Spectrum):
        self._first, *self._texts = texts
        self._holes = holes
        self._draft = draft
        self._constants = _constants(model)
        self._extra = dict(draft.extra)

    def values(self, block: bytes) -> list[bytes] | None:
        """Return what a block has in the holes, or None if it does not fit."""
        if not block.startswith(self._first):
            return None
        at = len(self._first)
        values: list[bytes] = []
        for text in self._texts:
            end = block.find(text[:1], at)
            if end <= at or not block.startswith(text, end):
                return None
            values.append(block[at:end])
            at = end + len(text)
        return values if at == len(block) else None

    def row(self, block: bytes, values: list[bytes], decode: Decode) -> Row | None:
        """Return the spectrum with these values, or None where it needs a closer look."""
        draft, extra, arrays = self._draft, self._extra.copy(), dict[int, bytes]()
        for (kind, key, after), raw in zip(self._holes, values, strict=True):
            if kind == "array":
                if b"&" in raw or b">" in raw:
                    return None
                arrays[key] = raw
                continue
            text = decode(raw)
            if text is None or (b"<" in raw or b">" in raw):
                return None
            if kind == "extra":
                extra[key] = text + after
            elif kind == "native_id":
                draft.native_id = text
            elif kind == "title":
                draft.title = text
            elif kind == "length":
                if not text.isdecimal():
                    return None
                draft.length = int(text)
            elif kind != "nothing":
                value = number(text)
                if isnan(value):
                    return None
                if kind == "rt":
                    draft.rt = possible_time(value * key)
                    if isnan(draft.rt):
                        return None
                else:
                    draft.numbers[key] = value
        peaks = self._peaks(arrays)
        precursor = draft.precursor()
        if peaks is None or abs(precursor[2]) > _LARGEST_CHARGE:
            return None
        if not draft.native_id:
            return None  # its place in the file is its id
        draft.keep_target(precursor, extra)
        varying = (draft.native_id, draft.title, draft.rt, *precursor, extra)
        return Row(block, varying, self._constants, *peaks)

    def _peaks(self, texts: dict[int, bytes]) -> tuple[FloatArray, FloatArray] | None:
        found: dict[str, FloatArray] = {}
        for i, model in enumerate(self._draft.arrays):
            packed = Packed(
                model.dtype, model.zlib, model.numpress, model.unknown, model.role, model.name,
                self._draft.length, texts.get(i, b""),
            )  # fmt: skip
            try:
                found[model.role] = unpack(packed)
            except BadSpectrum:
                return None
            if packed.length and not len(found[model.role]):
                return None
        mz = found[MZ_ARRAY].astype(np.float64, copy=False)
        intensity = intensities(found[INTENSITY_ARRAY])
        return (mz, intensity) if len(mz) == len(intensity) else None


def template_of(block: bytes, draft: Draft, model: Spectrum, redraft: Redraft) -> Template | None:
    """Return the template of a block, or None if it has more than m/z and intensities.

    Args:
        block: the text.
        draft: what it says.
        model: its spectrum.
        redraft: tells what another text says; None where it is no plain block.
    """
    if sorted(array.role for array in draft.arrays) != [MZ_ARRAY, INTENSITY_ARRAY]:
        return None
    matches = list(islice(_HOLE.finditer(block), _MOST_HOLES + 1))
    if len(matches) > _MOST_HOLES:
        return None
    texts: list[bytes] = []
    holes: list[Hole] = []
    done = 0
    for match in matches:
        start, end = match.span(match.lastindex or 0)
        probe = _PROBE if match.lastindex == 1 else _BASE64_PROBE
        other = redraft(block[:start] + probe.encode() + block[end:])
        hole = None if other is None else _destination(draft, other, probe)
        if hole is not None:
            texts.append(block[done:start])
            holes.append(hole)
            done = end
    texts.append(block[done:])
    own_lengths = any(array.length != draft.length for array in draft.arrays)
    return None if own_lengths or not holes else Template(texts, holes, draft, model)


def _destination(draft: Draft, other: Draft, probe: str) -> Hole | None:
    """Return where the probe went in ``other``, or None if it is no plain destination."""
    changed = [
        name for name in Draft.__slots__ if _differ(getattr(draft, name), getattr(other, name))
    ]
    if not changed:
        return "nothing", None, ""
    if changed == ["native_id"] or changed == ["title"]:
        return (changed[0], None, "") if getattr(other, changed[0]) == probe else None
    if changed == ["rt"]:
        factor = other.rt / float(probe)
        return ("rt", factor, "") if factor in (1, 60, 3600) else None
    if changed == ["numbers"] and (key := _changed_key(draft.numbers, other.numbers)):
        return ("number", key, "") if other.numbers[key] == float(probe) else None
    if changed == ["extra"] and (key := _changed_key(draft.extra, other.extra)):
        text = other.extra[key]
        is_plain = isinstance(text, str) and text.startswith(probe)
        return ("extra", key, text[len(probe) :]) if is_plain else None
    if changed == ["arrays"] and len(draft.arrays) == len(other.arrays):
        pairs = enumerate(zip(draft.arrays, other.arrays, strict=True))
        places = [i for i, (mine, its) in pairs if mine != its]
        is_text = len(places) == 1 and other.arrays[places[0]].text == probe.encode()
        return ("array", places[0], "") if is_text else None
    return ("length", None, "") if changed == ["arrays", "length"] else None


def _differ(mine: Any, other: Any) -> bool:
    """Say whether two values differ; NaN does not differ from NaN."""
    return mine != other and (isinstance(mine, list) or repr(mine) != repr(other))


def _changed_key(mine: dict[str, Any], other: dict[str, Any]) -> str:
    """Return the one key whose value differs, or an empty text."""
    if list(mine) != list(other):
        return ""
    changed = [key for key in mine if _differ(mine[key], other[key])]
    return changed[0] if len(changed) == 1 else ""


class Templates:
    """The templates of one file, the last used first.

    Args:
        decode: returns an attribute's value as text, or None where it is not plain.
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._known: list[Template] = []
        self._n_learnt = 0

    def row(self, block: bytes) -> Row | None:
        """Return a block as a row if it fits a template."""
        for i, template in enumerate(self._known):
            values = template.values(block)
            if values is not None:
                if i:
                    self._known.insert(0, self._known.pop(i))
                return template.row(block, values, self._decode)
        return None

    def learn(self, block: bytes, draft: Draft, model: Spectrum, redraft: Redraft) -> None:
        """Remember how a block is written, unless it fits and needed a closer look all the same."""
        fits = any(template.values(block) is not None for template in self._known)
        if self._n_learnt < _MOST_TEMPLATES and not fits:
            self._n_learnt += 1
            template = template_of(block, draft, model, redraft)
            if template is not None:
                self._known.insert(0, template)


def table_of(rows: Sequence[Row]) -> SpectrumTable | None:
    """Return rows as a table, or None if the peaks of one are not tidy."""
    counts = np.fromiter((len(row.mz) for row in rows), np.int64, len(rows))
    mz = np.concatenate([row.mz for row in rows])
    intensity = np.concatenate([row.intensity for row in rows])
    falls = mz[1:] < mz[:-1]
    ends = np.cumsum(counts)[:-1]
    falls[ends[(ends > 0) & (ends < len(mz))] - 1] = False  # from one spectrum to the next
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(mz.sum()) and np.isfinite(intensity.sum(dtype=np.float64))
    if not finite or falls.any() or (len(mz) and mz.min() < 0):
        return None
    fields: dict[str, Sequence[Any]] = dict(
        zip(_VARYING, zip(*(row.varying for row in rows), strict=True), strict=True)
    )
    constants = zip(*(row.constants for row in rows), strict=True)
    return SpectrumTable(
        fields | dict(zip(_CONSTANT, constants, strict=True)), counts, mz, intensity
    )
