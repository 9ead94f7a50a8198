"""Read JCAMP-DX: one spectrum for each data table, in all forms and encodings.

The axis is what FIRSTX, LASTX and the number of points say (NMR and infrared programs write
the abscissas of lines rounded, raw or scaled); where NPOINTS and the data disagree the data
count, the axis is the one that the lines' abscissas fit better, and the log says so. A file that
ends inside its data is an error.
"""

import logging
import re
from collections.abc import Iterator
from math import isnan, nan
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum, tidy_peaks
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.jcamp.facts import about, moment_of, private_record
from spectrakit.io.traces.jcamp.labels import Block, Record, blocks_of
from spectrakit.io.traces.jcamp.ntuples import Page, pages_of
from spectrakit.io.traces.jcamp.tables import Frame, Table, is_even_form, read_even, read_groups
from spectrakit.io.traces.kept import restored
from spectrakit.io.traces.text import bounded, decode_head, lines_of, number, trace
from spectrakit.io.traces.units import axis_unit, modality_of, value_unit
from spectrakit.spectrum import Axis, Modality, Spectrum

log = logging.getLogger(__name__)

_OPENING = re.compile(
    r"\s*(?:\$\$[^\n]*\n\s*)*##\s*(?:TITLE|JCAMP[-_ ]?DX|TITEL)\s*=", re.IGNORECASE
)
_NO_TABLE = "a block without a data table"
_PERCENT_ABOVE = 2.0  # transmittance and reflectance as fractions stay near or below 1


def says_jcamp(head: bytes, path: Path) -> bool:
    """Say whether a text opens with the TITLE of a JCAMP-DX block."""
    return _OPENING.match(decode_head(head)) is not None


def read_jcamp(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of a JCAMP-DX file; those of a compound file in the order of its blocks.

    Infrared, Raman, NMR and other data are traces (real and imaginary NMR pages together as
    (n, 2)); peak tables and mass spectra are peaks.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every block and page that cannot be given.

    Raises:
        InputError: the file ends inside its data, or holds no data at all.
    """
    drops = Drops(path, account)
    declared, met, any_table = -1, 0, False
    whole = True
    for block in blocks_of(lines_of(path, stream)):
        if block.is_link:
            declared = _declared_blocks(block, declared)
            whole = whole and block.closed
            continue
        met += 1
        if not any(record.is_data for record in block.records):
            drops.drop(_NO_TABLE, f"block {met}, line {block.line}")
            continue
        any_table = True
        yield from _of_block(block, met, path, drops)
    if not met or not any_table:
        raise InputError(
            f"{path}: is JCAMP-DX without any data table.",
            hint="Export the spectrum itself; parameter files of NMR programs hold none.",
        )
    if declared >= 0 and met != declared:
        if not whole and met < declared:
            raise InputError(
                f"{path}: is cut off: {met} of its {declared} blocks are there.", hint=COPY_AGAIN
            )
        log.warning("%s: BLOCKS says %d, the file has %d.", path, declared, met)


def _declared_blocks(block: Block, so_far: int) -> int:
    said = number(block.get("BLOCKS"))
    if isnan(said) or so_far >= 0 or not 0 <= said < 1e9:
        return so_far
    return int(said)


def _of_block(block: Block, position: int, path: Path, drops: Drops) -> Iterator[Spectrum]:
    """Yield the spectra of one block; the one that the end of the file cuts is an error."""
    tables = list(_tables(block))
    name = block.get("BLOCKID").strip() or str(position)
    for at, found in enumerate(tables, 1):
        native_id = name if len(tables) == 1 else f"{name}.{at}"
        last = at == len(tables) and not block.closed
        try:
            if not isinstance(found, Page):
                raise BadSpectrum(found[0])
            if last and 0 <= found.table.n_read < found.count:
                raise BadSpectrum(f"{found.table.n_read} of {found.count} points")
            if last and block.get("NTUPLES") and not block.has("ENDNTUPLES"):
                raise BadSpectrum("pages are missing")
            spectrum = _spectrum(block, found, native_id)
        except BadSpectrum as error:
            line = found.line if isinstance(found, Page) else found[1]
            if last:
                raise InputError(
                    f"{path}: the file ends inside the data of block {name} (line {line}): "
                    f"{error}.",
                    hint=COPY_AGAIN,
                ) from error
            drops.drop(str(error), f"block {name}, line {line}")
            continue
        if kept := private_record(block):
            spectrum = restored(spectrum, kept)
        for notice in found.table.notices:
            log.warning("%s: block %s: %s.", path, native_id, notice)
        yield spectrum


def _tables(block: Block) -> Iterator[Page | tuple[str, int]]:
    """Yield what the data records of a block hold; NTUPLES pages where there are some."""
    if any(record.label == "DATATABLE" for record in block.records):
        yield from pages_of(block)
    for record in block.records:
        if record.is_data and record.label != "DATATABLE":
            try:
                yield _plain_table(block, record)
            except BadSpectrum as error:
                yield str(error), record.line


def _plain_table(block: Block, record: Record) -> Page:
    letter = "R" if record.label == "RADATA" else "X"
    ordinate = "A" if record.label == "RADATA" else "Y"

    def said(label: str, default: float = nan) -> float:
        found = number(block.get(label))
        return default if isnan(found) else found

    count = said("NPOINTS", -1.0)
    frame = Frame(
        first=said(f"FIRST{letter}"),
        last=said(f"LAST{letter}"),
        delta=said(f"DELTA{letter}"),
        count=int(count) if 0 <= count < 1e9 else -1,
        x_factor=said(f"{letter}FACTOR", 1.0) or 1.0,
        y_factor=said(f"{ordinate}FACTOR", 1.0) or 1.0,
        first_y=said(f"FIRST{ordinate}"),
    )
    even = is_even_form(record.value) and record.label not in ("PEAKTABLE", "PEAKASSIGNMENTS")
    if even:
        table = read_even(record.lines, frame)
    else:
        table = read_groups(record.value, record.lines, frame)
    is_trace = record.label not in ("PEAKTABLE", "PEAKASSIGNMENTS")
    units = block.get(f"{letter}UNITS"), block.get(f"{ordinate}UNITS")
    return Page(table, letter, ordinate, *units, {}, is_trace, frame.count, record.line)


def _spectrum(block: Block, page: Page, native_id: str) -> Spectrum:
    facts, extra = about(block)
    unit, values = axis_unit(page.x_unit), value_unit(page.y_unit)
    x, y = page.table.x, page.table.y
    if not len(x):
        raise BadSpectrum("no points")
    if not np.isfinite(x).all():
        raise BadSpectrum("the axis has a gap")
    values = _fraction_or_percent(values, y)
    said = f"{block.get('DATATYPE')} {block.get('NTUPLES')}"
    modality = modality_of(
        said, axis=x, unit=unit, values=values, nucleus=block.get(".OBSERVENUCLEUS")
    )
    if str(modality).startswith("nmr") and set(page.page) - {"N", "PAGE"}:
        modality = Modality.NMR  # pages along a second frequency or time
    if page.page:
        extra["page"] = ", ".join(f"{key}={value}" for key, value in page.page.items())
    facts |= {"native_id": native_id, "rt_seconds": moment_of(page.page, page.x_unit, block)}
    as_peaks = modality is Modality.MSMS or not page.is_even
    if not as_peaks:
        made = trace(x, y, unit=unit, values=values, modality=modality, extra=extra, **facts)
        return made
    return _peaks(page, modality, unit, values, facts | {"extra": bounded(extra)})


def _fraction_or_percent(values: str, y: Any) -> str:
    """Tell transmittance of 0 to 1 from percent: JCAMP-DX calls both TRANSMITTANCE."""
    if values in ("transmittance", "reflectance") and np.nanmedian(np.abs(y)) > _PERCENT_ABOVE:
        return f"percent {values}"
    return values


def _peaks(
    page: Page, modality: Modality, unit: str, values: str, facts: dict[str, Any]
) -> Spectrum:
    table: Table = page.table
    if table.y.ndim != 1:
        raise BadSpectrum("complex values in a mass spectrum")
    columns: dict[str, Any] = {}
    if any(table.notes):
        columns["annotation"] = np.array(table.notes, dtype=np.str_)
    x, y = table.x, table.y
    if modality is Modality.MSMS:
        if np.isnan(y).any():
            y = np.nan_to_num(y, nan=0.0)
        x, y, kept = tidy_peaks(x, y, columns)
        columns = dict(kept)
    return Spectrum(
        modality=modality,
        axis=Axis(x, unit),
        value=y,
        value_unit=values,
        columns=columns,
        **facts,
    )
