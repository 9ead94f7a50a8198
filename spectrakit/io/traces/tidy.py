"""Tables with one spectrum in each row: columns of facts, and one column for each channel.

The header names a channel by its position (``1100``, ``1100 nm``, ``X1100``, ``wn_4000.5``).
Of the other columns, those with a meaning fill it (sample, instrument, replicate, split, group,
name, native_id, modality, value_unit); of the rest

- numbers are reference values of the sample (``moisture [%]``; ``moisture_sd`` or
  ``moisture_sel`` is the error of the reference), an empty cell is missing,
- but columns of the sample when they are flags (only 0 and 1) or are called fold, batch, order
  and the like: nobody calibrates on those,
- text is a column of the sample,
- and whatever differs between the spectra of one sample belongs to the spectrum: ``extra``; for
  split, group and reference values that holds for the samples where it differs, and is said.

Without a sample column each row is a sample of its own, ``FILE#ROW``.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.channels import FEWEST, Channels, find_channels
from spectrakit.io.traces.kept import unpack
from spectrakit.io.traces.text import decode_head, lines_of, number, numbers, trace
from spectrakit.io.traces.tidy_samples import OURS, Row, Samples
from spectrakit.io.traces.units import value_unit
from spectrakit.spectrum import Modality, Molecule, Spectrum

NATIVE_ID = "native_id"  # the first column of the tables that we write
_MEANINGS = {
    "sample": "sample", "sampleid": "sample", "samplename": "sample", "id": "sample",
    "instrument": "instrument", "instrumentid": "instrument", "spectrometer": "instrument",
    "device": "instrument", "replicate": "replicate", "rep": "replicate", "split": "split",
    "group": "group", "name": "name", "nativeid": NATIVE_ID, "modality": "modality",
    "technique": "modality", "valueunit": "value_unit", "yunit": "value_unit",
    "extra": "extra", "compound": "compound", "inchikey": "inchikey", "smiles": "smiles",
    "inchi": "inchi", "formula": "formula",
}  # fmt: skip
_CELLS = 1 << 31  # bytes of values held of one table
_SHORT = "a row with fewer cells than the header"
_LONG = "a row with more cells than the header"


def says_tidy(head: bytes, path: Path) -> bool:
    """Say whether the first line of a text names channels by their positions."""
    return _layout(decode_head(head[: 1 << 16]).partition("\n")[0]) is not None


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the table is cut, and which of its columns are what."""

    delimiter: str
    header: list[str]
    channels: Channels
    facts: dict[int, str] = field(default_factory=dict[int, str])  # column -> meaning or ""
    is_ours: bool = False  # written by tidy_writer


def _layout(first: str) -> _Layout | None:
    best: _Layout | None = None
    for delimiter in (",", ";", "\t", "|"):
        if delimiter not in first and best is not None:
            continue
        try:
            header = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            continue
        ours = bool(header) and header[0].strip() == NATIVE_ID
        channels = find_channels(header, 1 if ours else FEWEST, at_end=ours)
        if channels is None or (channels.start == 0 and _is_data(header)):
            continue
        if best is None or len(channels.positions) > len(best.channels.positions):
            best = _Layout(delimiter, header, channels, _facts(header, channels), ours)
    return best


def _is_data(header: Sequence[str]) -> bool:
    """Say whether a line of nothing but numbers is a row of values and no header."""
    cells = [number(cell) for cell in header]
    if any(isnan(cell) for cell in cells):
        return False
    steps = np.diff(cells)
    return not ((steps > 0).all() or (steps < 0).all())


def _facts(header: Sequence[str], channels: Channels) -> dict[int, str]:
    """Return the meaning of each column that is no channel; a meaning is given once."""
    facts: dict[int, str] = {}
    rank = list(_MEANINGS)
    columns = [i for i in range(len(header)) if not channels.start <= i < channels.stop]
    plain = {
        i: "" if header[i].startswith(OURS) else re.sub(r"[\s_.-]", "", header[i]).lower()
        for i in columns
    }
    for i in sorted(columns, key=lambda i: rank.index(plain[i]) if plain[i] in rank else 99):
        meaning = _MEANINGS.get(plain[i], "")
        facts[i] = meaning if meaning not in facts.values() else ""
    return {i: facts[i] for i in columns}


def read_tidy(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield one trace for each row of a table, in its order.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every row that cannot be given.

    Raises:
        InputError: the last row is cut off, or the values need more than 2 GiB.
    """
    drops = Drops(path, account)
    lines = lines_of(path, stream)
    layout = _layout(next(lines, "").rstrip("\n"))
    if layout is None:
        raise InputError(
            f"{path}: its first line names no channels.", hint="Save the table with its header."
        )
    rows = list(_rows(path, lines, layout, drops))
    samples = Samples(layout.header, layout.facts, rows, path)
    for row in rows:
        try:
            yield _spectrum(layout, row, samples)
        except BadSpectrum as error:
            drops.drop(str(error), f"row {row.number}")


def _rows(path: Path, lines: Iterator[str], layout: _Layout, drops: Drops) -> Iterator[Row]:
    start, stop = layout.channels.start, layout.channels.stop
    last = ""

    def remembered() -> Iterator[str]:
        nonlocal last
        for line in lines:
            last = line
            yield line

    reader = csv.reader(remembered(), delimiter=layout.delimiter)
    csv.field_size_limit(1 << 26)
    comma = layout.delimiter != ","
    held = 0
    try:
        for at, cells in enumerate(reader, 1):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < len(layout.header):
                if not last.endswith("\n"):
                    raise InputError(
                        f"{path}: is cut off in row {at}: {len(cells)} of {len(layout.header)} "
                        "cells are there.",
                        hint=COPY_AGAIN,
                    )
                drops.drop(_SHORT, f"row {at}")
                continue
            if any(cell.strip() for cell in cells[len(layout.header) :]):
                drops.drop(_LONG, f"row {at}")
                continue
            try:
                values = numbers(cells[start:stop], comma=comma)
            except BadSpectrum as error:
                drops.drop(str(error), f"row {at}")
                continue
            held += values.nbytes
            if held > _CELLS:
                raise InputError(
                    f"{path}: holds more than {_CELLS >> 30} GiB of values.",
                    hint="Split the table into several files.",
                )
            yield Row(at, {i: cells[i].strip() for i in layout.facts}, values)
    except csv.Error as error:
        raise InputError(
            f"{path}: row {reader.line_num}: {error}.", hint="Check the quotes of this row."
        ) from error


def _spectrum(layout: _Layout, row: Row, samples: Samples) -> Spectrum:
    def cell(meaning: str) -> str:
        return row.cells[samples.by_meaning[meaning]] if meaning in samples.by_meaning else ""

    about, extra = samples.about(row)
    replicate = cell("replicate")
    if replicate and not replicate.isdecimal():
        extra["replicate"] = replicate
    extra |= unpack(cell("extra"))
    modality = cell("modality").lower()
    known = modality in list(Modality)
    return trace(
        layout.channels.positions,
        row.values,
        unit=layout.channels.unit,
        values=value_unit(cell("value_unit")),
        said=f"{cell('modality')} {cell('instrument')}",
        modality=Modality(modality) if known else None,
        native_id=cell(NATIVE_ID) if layout.is_ours else cell(NATIVE_ID) or str(row.number),
        name=cell("name"),
        sample=row.sample,
        instrument=cell("instrument"),
        replicate=int(replicate) if replicate.isdecimal() and len(replicate) < 10 else 0,
        molecule=_molecule(cell),
        sample_info=about,
        extra=extra,
    )


def _molecule(cell: Callable[[str], str]) -> Molecule | None:
    name, key, smiles, inchi, formula = map(
        cell, ("compound", "inchikey", "smiles", "inchi", "formula")
    )
    known = any((name, key, smiles, inchi, formula))
    return Molecule(name, key, smiles, inchi, formula) if known else None
