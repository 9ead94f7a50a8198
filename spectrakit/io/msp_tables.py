"""Runs of plainly written MSP records as tables, several times as fast as one by one.

A record is plain when its header lines have keys seen before (``msp_shapes``), and its peaks are
two decimals a line with ascending m/z, as many as it declares. The peaks of a megabyte of records
are parsed together. Any other record is left to the reader of single records.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.decimals import parse_decimals
from spectrakit.io.msp_shapes import MODEL_FIELDS, Describe, Described, Shape, shape_of
from spectrakit.spectrum import FloatArray
from spectrakit.spectrum_table import NO_PEAKS, SpectrumTable

SHORTEST_RUN = 16  # records; a table of fewer costs more than they do one by one
_MOST_SHAPES = 64
_AT_ONCE = 128
_NUMBER = r"\d{1,16}(?:\.\d{0,16})?"
_PLAIN_PEAKS = re.compile(rf"(?:{_NUMBER}[ \t]{_NUMBER}(?:\n(?!\Z)|\Z))*")
_OF_MODEL = {name: attrgetter(name) for name in MODEL_FIELDS}


@dataclass(frozen=True, slots=True)
class Run:
    """Records ``start:stop`` of a batch as a table."""

    start: int
    stop: int
    table: SpectrumTable


class _Record(NamedTuple):
    said: Described
    declared: int
    body: str


class _Peaks(NamedTuple):
    mz: FloatArray  # (points,)
    intensity: FloatArray  # (points,)
    counts: NDArray[np.int64]  # (records,) 0 for those that are not plain
    is_plain: NDArray[np.bool_]  # (records,)


class TableReader:
    """Finds the runs of plain records in the batches of one file.

    Args:
        describe: returns the spectrum of header lines and its place in the file, without peaks.
        id_order: meanings of fields to take the native id from, best first.
    """

    def __init__(self, describe: Describe, id_order: tuple[str, ...]) -> None:
        self._describe = describe
        self._id_order = id_order
        self._shapes: dict[tuple[str, ...], Shape | None] = {}
        self._shape: Shape | None = None  # of the record before

    def runs(self, batch: Sequence[bytes], start: int, spelling: bytes) -> Iterator[Run]:
        """Yield the runs at or after ``start``; ``spelling`` ends the header of a record."""
        records: list[_Record | None] = []
        for at in range(start, len(batch), _AT_ONCE):  # few enough for the processor's cache
            records += self._records(batch[at : at + _AT_ONCE], spelling)
        peaks = _peaks(records)
        if peaks is None:  # not all are plain: find out which
            records = [r if r and _PLAIN_PEAKS.fullmatch(r.body) else None for r in records]
            peaks = _peaks(records)
        if peaks is None:
            return
        ends = np.concatenate([[0], np.cumsum(peaks.counts)])
        edges = np.flatnonzero(np.diff(peaks.is_plain, prepend=False, append=False)).tolist()
        for first, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - first >= SHORTEST_RUN:
                points = slice(int(ends[first]), int(ends[stop]))
                fields = _columns([r.said for r in records[first:stop] if r is not None])
                counts, mz, intensity = peaks.counts[first:stop], peaks.mz, peaks.intensity
                table = SpectrumTable(fields, counts, mz[points], intensity[points])
                yield Run(start + first, start + stop, table)

    def _records(self, batch: Sequence[bytes], spelling: bytes) -> list[_Record | None]:
        """Return every paragraph as a record, None for those that have to be read alone."""
        found: dict[Shape, list[tuple[int, re.Match[str]]]] = {}
        shape = self._shape
        for i, paragraph in enumerate(batch):
            text = _text(paragraph)
            match = shape.pattern.match(text) if shape is not None else None
            if match is None:
                shape = self._shape_of(text, spelling.decode("latin-1"))
                match = shape.pattern.match(text) if shape is not None else None
            if shape is not None and match is not None:
                found.setdefault(shape, []).append((i, match))
        self._shape = shape
        records: list[_Record | None] = [None] * len(batch)
        for shape, matches in found.items():
            rows = [match.groups() for _, match in matches]
            all_said = shape.read([row[:-1] for row in rows])
            for (i, match), said, row in zip(matches, all_said, rows, strict=True):
                if said is not None:
                    body = match.string[match.end() :].rstrip()
                    records[i] = _Record(said, int(row[-1]), body)
        return records

    def _shape_of(self, text: str, spelling: str) -> Shape | None:
        header = text.partition(spelling)[0].lstrip("\n")
        keys = tuple([line.partition(":")[0] for line in header.split("\n")])
        if keys not in self._shapes:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            self._shapes[keys] = shape_of(keys, spelling, self._id_order, self._describe)
        return self._shapes[keys]


def _text(paragraph: bytes) -> str:
    """Return text that has no shape where it is no UTF-8."""
    try:
        return paragraph.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _peaks(records: Sequence[_Record | None]) -> _Peaks | None:
    """Return the peaks of all records, or None if a line is not two plain decimals."""
    bodies = [record.body if record is not None else "" for record in records]
    counts = np.array([body.count("\n") + 1 if body else 0 for body in bodies], np.int64)
    declared = [record.declared if record is not None else -1 for record in records]
    is_plain = counts == np.array(declared)
    if not counts.any():
        return _Peaks(NO_PEAKS, NO_PEAKS, counts, is_plain)
    joined = "\n".join(filter(None, bodies))
    numbers = parse_decimals(joined.encode("ascii")) if joined.isascii() else None
    if numbers is None or len(numbers.value) != 2 * counts.sum():
        return None
    if numbers.ends_line[::2].any() or not numbers.ends_line[1::2].all():
        return None
    mz, intensity = numbers.value[::2], numbers.value[1::2]
    ends = np.cumsum(counts)
    falls = np.flatnonzero(mz[1:] < mz[:-1]) + 1
    owners = np.searchsorted(ends, falls, side="right")
    is_plain[owners[ends[owners] - counts[owners] != falls]] = False
    return _Peaks(mz, intensity, counts, is_plain)


def _columns(records: Sequence[Described]) -> Mapping[str, Sequence[Any]]:
    models, native_ids, names, molecules, precursors = zip(*records, strict=True)
    own: dict[str, Sequence[Any]] = {
        "native_id": native_ids,
        "name": names,
        "molecule": molecules,
        "precursor_mz": precursors,
    }
    return own | {name: list(map(get, models)) for name, get in _OF_MODEL.items()}
