"""Write traces as a table: one row for each spectrum, one column for each channel.

The columns say what they are, so the table reads back whole: ``sample.NAME`` is a column of the
sample, ``NAME [UNIT]`` a reference value, ``NAME_sd [UNIT]`` its error, ``4000 cm-1`` a channel.
"""

import csv
import io
import shutil
import tempfile
from collections.abc import Iterable
from math import isnan
from typing import Any, BinaryIO

import numpy as np

from spectrakit.errors import UsageError, one_line
from spectrakit.io.traces.kept import pack
from spectrakit.spectrum import Spectrum

_IN_MEMORY = 1 << 26
_FIXED = ("native_id", "name", "sample", "instrument", "replicate", "split", "group", "modality",
          "value_unit")  # fmt: skip
_MOLECULE = ("compound", "inchikey", "smiles", "inchi", "formula")


def why_not(spectrum: Spectrum) -> str:
    """Return why a spectrum is no row of a table; empty when it is."""
    if not spectrum.is_trace:
        return "a peak list, which is no trace"
    if not len(spectrum):
        return "no points"
    return "complex values" if spectrum.value.ndim > 1 else ""


def write_tidy(handle: BinaryIO, spectra: Iterable[Spectrum]) -> int:
    """Write traces of one axis and return how many.

    Raises:
        UsageError: the spectra have different axes.
    """
    first: Spectrum | None = None
    facts: list[dict[str, str]] = []
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        for spectrum in spectra:
            first = first or spectrum
            _refuse_other_axis(first, spectrum)
            facts.append(_facts(spectrum))
            spool.write((",".join(map(_number, spectrum.value.tolist())) + "\n").encode())
        names = _in_order(facts)
        channels = _channels(first) if first is not None else []
        handle.write(_line([*names, *channels]))
        spool.seek(0)
        for row in facts:
            handle.write(_line([row.get(name, "") for name in names])[:-1] + b",")
            handle.write(spool.readline())
        shutil.copyfileobj(spool, handle)
    return len(facts)


def _refuse_other_axis(first: Spectrum, spectrum: Spectrum) -> None:
    a, b = first.axis, spectrum.axis
    if a.unit == b.unit and np.array_equal(a.values, b.values):
        return
    shown = [f"{x.values[0]:g} to {x.values[-1]:g} {x.unit} ({len(x)} points)" for x in (a, b)]
    names = [x.native_id or x.sample for x in (first, spectrum)]
    raise UsageError(
        f"spectra '{names[0]}' and '{names[1]}' have different axes, {shown[0]} and {shown[1]}: "
        "a CSV table has one.",
        hint="Choose those of one axis with --where (OPUS: extra.block=AB), write JCAMP-DX (--out "
        "NAME.jdx), or give a folder for one table per input.",
    )


def _facts(spectrum: Spectrum) -> dict[str, str]:
    """Return the cells of a row that are no channels, by the name of their column."""
    about = spectrum.sample_info
    row = {
        "native_id": spectrum.native_id,
        "name": spectrum.name,
        "sample": spectrum.sample,
        "instrument": spectrum.instrument,
        "replicate": str(spectrum.replicate or ""),
        "split": about.split if about else "",
        "group": about.group if about else "",
        "modality": str(spectrum.modality),
        "value_unit": spectrum.value_unit,
    }
    if molecule := spectrum.molecule:
        cells = (molecule.name, molecule.inchikey, molecule.smiles, molecule.inchi)
        row |= dict(zip(_MOLECULE, (*cells, molecule.formula), strict=True))
    if about:
        for name, value in about.columns.items():
            row[f"sample.{name}"] = value if isinstance(value, str) else _number(value)
        for name, known in about.targets.items():
            row[f"{name} [{known.unit}]"] = _number(known.value)
            if not isnan(known.sd):
                row[f"{name}_sd [{known.unit}]"] = _number(known.sd)
    if spectrum.extra:
        row["extra"] = pack(spectrum.extra)
    return row


def _in_order(facts: list[dict[str, str]]) -> list[str]:
    """Return the columns that any row fills: fixed ones first, the others as they come."""
    used = {name for row in facts for name, cell in row.items() if cell}
    order = dict.fromkeys([*_FIXED, *_MOLECULE])
    for row in facts:
        order |= dict.fromkeys(row)
    order.pop("extra", None)
    return ["native_id", *(n for n in [*order, "extra"] if n in used and n != "native_id")]


def _channels(spectrum: Spectrum) -> list[str]:
    unit = f" {spectrum.axis.unit}" if spectrum.axis.unit else ""
    return [f"{_number(x)}{unit}" for x in spectrum.axis.values.tolist()]


def _line(cells: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([one_line(str(cell)) for cell in cells])
    return text.getvalue().encode()


def _number(value: float) -> str:
    """Return the shortest text that reads back as the same float64; empty for a missing one."""
    number = float(value)
    return "" if number != number else repr(number).removesuffix(".0")
