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

Without a sample column each row is a sample of its own, ``FILE#ROW``. What may stand above and
below the header is in ``tidy_layout``.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.columns import facts_of
from spectrakit.io.traces.kept import unpack
from spectrakit.io.traces.text import (
    NO_VALUES,
    decode_head,
    first_no_number,
    lines_of,
    numbers,
    say_open_end,
    trace,
)
from spectrakit.io.traces.tidy_layout import NATIVE_ID, TidyLayout, find_layout, with_units
from spectrakit.io.traces.tidy_samples import Row, Samples
from spectrakit.io.traces.units import value_unit
from spectrakit.log import say
from spectrakit.spectrum import FloatArray, Modality, Molecule, Spectrum

_CELLS = 1 << 31  # bytes of values held of one table
_SHORT = "a row with fewer cells than the header"
_LONG = "a row with more cells than the header"
_DECIMAL_COMMA = re.compile(r"\s*[+-]?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))(?:[eE][+-]?\d{1,3})?\s*")


def says_tidy(head: bytes, path: Path) -> bool:
    """Say whether one of the first lines of a text names channels by their positions."""
    return find_layout(decode_head(head[: 1 << 16]).split("\n")) is not None


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
    layout = find_layout(lines)  # what is left begins below the header
    if layout is None:
        raise InputError(
            f"{path}: its first lines name no channels.", hint="Save the table with its header."
        )
    first = 1
    second = next(lines, "")
    if (with_them := with_units(layout, second)) is not None:
        layout, first = with_them, 2
    else:
        lines = chain([second] if second else [], lines)
    _say_order(path, layout.channels.positions)
    rows = list(_rows(path, lines, layout, drops, first))
    samples = Samples(layout.header, layout.facts, rows, path)
    said = facts_of(layout.above)
    for row in rows:
        try:
            yield _spectrum(layout, row, samples, said)
        except BadSpectrum as error:
            drops.drop(str(error), f"row {row.number}")


def _say_order(path: Path, positions: FloatArray) -> None:
    """Tell the person that an axis turns or repeats; it is kept as it is."""
    steps = np.diff(positions)
    turns = (steps <= 0) if (steps > 0).sum() >= (steps < 0).sum() else (steps >= 0)
    if turns.any():
        at = int(turns.argmax())
        say(
            f"{path}: its channels neither rise nor fall throughout: {positions[at]:g} is followed "
            f"by {positions[at + 1]:g}"
        )


def _rows(
    path: Path, lines: Iterator[str], layout: TidyLayout, drops: Drops, first: int
) -> Iterator[Row]:
    start, stop = layout.channels.start, layout.channels.stop
    last = ""

    def remembered() -> Iterator[str]:
        nonlocal last
        for line in lines:
            last = line
            yield line

    reader = csv.reader(remembered(), delimiter=layout.delimiter)
    csv.field_size_limit(1 << 26)
    held = n_lines = 0
    try:
        for at, cells in enumerate(reader, first):
            several, n_lines = reader.line_num - n_lines > 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(layout.header) and several:
                raise InputError(
                    f"{path}: row {at} opens a quote and goes on to line {n_lines} below the "
                    "header.",
                    hint="Close the quote in this row, or remove it.",
                )
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
            found = cells[start:stop]
            try:
                values = _numbers(found, layout.delimiter)
                if np.isnan(values).all():
                    raise BadSpectrum(NO_VALUES)
            except BadSpectrum as error:
                drops.drop(str(error), f"row {at}{_place(layout, found)}")
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
    say_open_end(path, last)


def _numbers(cells: Sequence[str], delimiter: str) -> FloatArray:
    if delimiter != ",":
        return numbers(cells, comma=True)
    try:
        return numbers(cells)
    except BadSpectrum:
        if not _has_commas(cells):
            raise
        return numbers(cells, comma=True)


def _has_commas(cells: Sequence[str]) -> bool:
    """Say whether quoted cells between commas have decimal commas, and not commas of thousands."""
    return any(map(_DECIMAL_COMMA.fullmatch, cells)) and not any("." in cell for cell in cells)


def _place(layout: TidyLayout, cells: Sequence[str]) -> str:
    """Return the column and text of the first cell that is no number; empty when there is none."""
    at = first_no_number(cells)
    if at is None:
        return ""
    return f", column '{layout.header[layout.channels.start + at].strip()}' ('{cells[at][:40]}')"


def _spectrum(layout: TidyLayout, row: Row, samples: Samples, said: Mapping[str, str]) -> Spectrum:
    def cell(meaning: str) -> str:
        return row.cells[samples.by_meaning[meaning]] if meaning in samples.by_meaning else ""

    about, extra = samples.about(row)
    extra = {**said, **extra}
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
        values=value_unit(cell("value_unit")) or layout.values,
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
