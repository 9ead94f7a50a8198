"""The spectra of a container of arrays, with their axis, units, samples and reference values."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.traces.array_rule import Sheet, find_sheets, measured
from spectrakit.io.traces.array_samples import PropertyTable, Samples, clip, samples_of
from spectrakit.io.traces.arrays import Arrays, Variable
from spectrakit.io.traces.units import axis_unit, known_axis_unit, modality_of, value_unit
from spectrakit.log import say
from spectrakit.spectrum import Axis, Spectrum

NO_AXIS = "no axis in the file: channel index"
NO_VALUE = "no finite value in the spectrum"
_SAID = ("technique", "modality", "method", "type", "title", "long_name", "standard_name",
         "spectroscopy", "description", "comment", "information")  # fmt: skip
_RANGE = re.compile(r"([\d.]+)\s*(?:-|–|to|\.\.)\s*([\d.]+)\s*(nm|um|µm|cm-1|cm\^-1)\b", re.I)
_TELLING = {"wn": "cm-1", "wns": "cm-1", "wvn": "cm-1", "cm1": "cm-1", "nm": "nm"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a container's own structure says of one matrix, where it has such (DataSet objects)."""

    instrument: str = ""
    names: Sequence[str] = ()  # of the spectra
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tables: Sequence[PropertyTable] = ()
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])


def spectra_of(
    arrays: Arrays,
    account: InputAccount,
    *,
    sheets: Sequence[Sheet] | None = None,
    told: Mapping[str, Told] | None = None,
) -> Iterator[Spectrum]:
    """Give every spectrum of a container in its order.

    Samples that the file does not name are numbered: ``FILE#1`` for the matrices that have the
    reference values (or the most rows), ``VARIABLE#1`` for the others. Matrices with equally many
    rows are taken to hold the same samples in the same order.

    Raises:
        InputError: no spectra, or it cannot be told which arrays they are.
    """
    sheets = find_sheets(arrays) if sheets is None else sheets
    taken: list[Variable] = [sheet.variable for sheet in sheets]
    taken += [sheet.axis_variable for sheet in sheets if sheet.axis_variable is not None]
    known = told or {}
    drops = Drops(arrays.path, account)
    joined: list[tuple[Sheet, Samples]] = []
    for sheet in sheets:
        mine = known.get(sheet.variable.name, Told())
        found = samples_of(arrays, sheet, taken, mine.tables, mine.names)
        joined.append((sheet, found))
    main = _main_set(joined)
    if not all(sheet.has_axis for sheet in sheets):
        say(f"{arrays.path}: gives no axis: the spectra are on the channel index")
    for sheet, samples in joined:
        is_main = (sheet.variable.group, len(sheet.rows)) == main
        stem = arrays.path.name.split(".")[0] if is_main else sheet.variable.name.replace("/", "-")
        mine = known.get(sheet.variable.name, Told())
        yield from _rows(arrays, sheet, samples, stem, mine, account, drops)


def _main_set(joined: Sequence[tuple[Sheet, Samples]]) -> tuple[str, int]:
    """Return the group and the number of rows of the samples that the file is about."""

    def weight(item: tuple[Sheet, Samples]) -> tuple[bool, int]:
        return any(info.targets for info in item[1].infos), len(item[0].rows)

    sheet, _ = max(joined, key=weight)
    return sheet.variable.group, len(sheet.rows)


def _rows(
    arrays: Arrays,
    sheet: Sheet,
    samples: Samples,
    stem: str,
    told: Told,
    account: InputAccount,
    drops: Drops,
) -> Iterator[Spectrum]:
    draft = _draft(arrays, sheet, told)
    single = len(sheet.rows) == 1
    for row, values in enumerate(sheet.rows):
        place = f"{sheet.variable.name}[{row + 1}]"
        if not np.isfinite(values).any():
            drops.drop(NO_VALUE, place)
            continue
        if not sheet.has_axis:
            account.treated[NO_AXIS] += 1
        name = told.names[row] if row < len(told.names) else ""
        columns = {key: cells[row] for key, cells in told.columns.items() if row < len(cells)}
        yield replace(
            draft,
            value=np.ascontiguousarray(values),
            native_id=place,
            name=name or samples.ids[row],
            sample=samples.ids[row] or ("" if single else f"{stem}#{row + 1}"),
            instrument=samples.instrument[row] or draft.instrument,
            replicate=samples.replicate[row],
            sample_info=samples.infos[row],
            extra={**draft.extra, **samples.extra[row], **columns},
        )  # fmt: skip


def _draft(arrays: Arrays, sheet: Sheet, told: Told) -> Spectrum:
    """Return what all spectra of a matrix share."""
    variable = sheet.variable
    unit = _unit_of(arrays, sheet)
    values = value_unit(variable.unit) or measured(variable.leaf)
    said = {**arrays.about, **variable.about}
    words = [variable.name, *(str(said[key])[:4096] for key in _SAID if key in said)]
    extra: dict[str, Any] = {"variable": variable.name, **told.extra}
    for key, text in said.items():
        if key != "instrument":
            extra.setdefault(key, text)
    return Spectrum(
        modality=modality_of(
            " ".join(words).replace("_", " "), axis=sheet.axis, unit=unit, values=values
        ),
        axis=Axis(sheet.axis, unit),
        value=sheet.axis[:0],
        value_unit=values,
        is_trace=True,
        instrument=told.instrument or clip(said.get("instrument", "")),
        extra=extra,
    )


def _unit_of(arrays: Arrays, sheet: Sheet) -> str:
    """Return the unit of an axis: its attribute, else its name, else a range in the file's text."""
    if not sheet.has_axis:
        return "index"
    source = sheet.axis_variable
    if source is not None:
        leaf = source.leaf.lower()
        if unit := axis_unit(source.unit) or _TELLING.get(leaf, "") or known_axis_unit(leaf):
            return unit
        tail = leaf.rpartition("_")[2]
        if unit := _TELLING.get(tail, "") or known_axis_unit(tail if tail != leaf else ""):
            return unit
    low, high = sorted((float(sheet.axis[0]), float(sheet.axis[-1])))
    for text in arrays.about.values():
        for first, last, unit in _RANGE.findall(str(text)):
            if _is(first, low) and _is(last, high):
                return axis_unit(unit)
    return ""


def _is(text: str, number: float) -> bool:
    try:
        return float(text) == number
    except ValueError:
        return False
