"""Tables that a lab keeps beside its spectra: samples of files, and properties of samples."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING

from spectrakit.accounting import file_sha256
from spectrakit.errors import InputError
from spectrakit.ledger import plain_name as plain_file_name
from spectrakit.log import say
from spectrakit.spectrum import ReferenceValue
from spectrakit.verbs.lab_tables import LabTable, plain_name

if TYPE_CHECKING:
    from spectrakit.store import StoreWriter

_SAMPLE_IDS = ("sample", "sampleid", "samplename", "sampleno", "samplenumber", "samplecode", "id")
_ERROR = re.compile(r"(.+?)[ _.-](?:sd|sel)", re.IGNORECASE)
_UNIT = re.compile(r"(.+?)\s*(?:\[(.*)\]|\((.*)\))")


@dataclass(frozen=True, slots=True)
class SampleSheet:
    """Which sample each file is, its type (sample, QC, blank), batch and order of injection."""

    path: Path
    sha256: str
    rows: dict[str, dict[str, str]]  # by file name, as _file_key gives it
    table: LabTable

    @classmethod
    def read(cls, path: Path) -> "SampleSheet":
        """Read a table (CSV, TSV, .xlsx) with the columns file, sample, type, batch, order.

        Raises:
            InputError: it cannot be read, or names a file twice.
            UsageError: it has no column ``file``.
        """
        table = LabTable.read(path, "file")
        found: dict[str, dict[str, str]] = {}
        for _, row in table.rows:
            low = {key.lower(): value for key, value in row.items()}
            name = _file_key(low["file"])
            if not name:
                continue
            if name in found:
                raise InputError(
                    f"{path}: names the file '{low['file']}' twice.", hint="Remove one line."
                )
            found[name] = low
        return cls(path, file_sha256(path), found, table)

    def _row(self, path: Path) -> dict[str, str]:
        name = _file_key(path.name)
        return self.rows.get(name) or self.rows.get(_stem(name)) or {}

    def sample_of(self, path: Path) -> str:
        """Return the sample of a file; empty when the sheet does not say."""
        return self._row(path).get("sample", "")

    def add_to(self, writer: "StoreWriter", path: Path) -> None:
        """Write what the sheet says of this file's sample into a store."""
        row = self._row(path)
        if not row.get("sample"):
            return
        free = {k: v for k, v in row.items() if k not in ("file", "sample", "group", "split") and v}
        order = free.get("order", "")
        columns: dict[str, str | float] = {**free}
        if order:
            columns["order"] = self.table.number(f"order of {row['file']}", order)
        writer.add_sample(
            row["sample"], group=row.get("group", ""), split=row.get("split", ""), **columns
        )

    def say_unmatched(self, paths: Sequence[Path]) -> None:
        """Tell the person which inputs the sheet does not name, and which lines name no input."""
        missing = [path.name for path in paths if not self.sample_of(path)]
        if missing:
            shown = _some(missing)
            say(f"{self.path}: names no sample for {len(missing)} of {len(paths)} inputs: {shown}")
        names = {_file_key(path.name) for path in paths}
        names |= {_stem(name) for name in names}
        idle = [row["file"] for name, row in self.rows.items() if name not in names]
        if idle:
            say(f"{self.path}: {len(idle)} files that it names are no inputs: {_some(idle)}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _file_key(text: str) -> str:
    """Return a file's name as a sheet may spell it: any case, umlauts coded either way."""
    return plain_file_name(text.replace("\\", "/").rsplit("/", 1)[-1])


def _stem(name: str) -> str:
    return Path(name.removesuffix(".gz").removesuffix(".bz2")).stem


@dataclass(frozen=True, slots=True)
class TargetTable:
    """Reference values: one row for each sample, one column for each property."""

    path: Path
    sha256: str
    values: list[tuple[str, str, ReferenceValue]]  # sample, property, value
    listed: set[str]  # samples that have a row, with values or without

    @classmethod
    def read(cls, path: Path) -> "TargetTable":
        """Read a table (CSV, TSV, .xlsx) with the column ``sample`` and such as ``moisture [%]``.

        The column of the ids may also be called sample id, sample no or id. ``moisture_sel`` or
        ``moisture_sd`` is the standard error of the reference values of ``moisture``. A column of
        nothing but text (an operator, a date) is left out, which is said.

        Raises:
            InputError: it cannot be read, a cell is no number, a row has no id, a property has
                two columns, or a sample has two values of one property.
            UsageError: it has no column of sample ids.
        """
        table = LabTable.read(path, *_SAMPLE_IDS)
        plain = [plain_name(name) for name in table.header]
        key = table.header[plain.index(next(name for name in _SAMPLE_IDS if name in plain))]
        columns = {name: _name_and_unit(name) for name in table.header if name != key}
        errors = _error_columns(columns)
        columns = {k: v for k, v in columns.items() if k not in errors.values()}
        columns = _with_numbers(table, columns)
        found: dict[tuple[str, str], tuple[int, ReferenceValue]] = {}
        for line, row in table.rows:
            for column, (name, unit) in columns.items():
                if _is_absent(row[column]):
                    continue
                if not row[key]:
                    raise InputError(
                        f"{path}: line {line} has values and no {key}.",
                        hint="Fill in the sample of this line, or remove it.",
                    )
                value = table.number(f"line {line}, column '{column}'", row[column])
                mine = ReferenceValue(value, unit, _error(table, line, row, errors.get(column)))
                before, old = found.setdefault((row[key], name), (line, mine))
                if old.value != value or repr(old.sd) != repr(mine.sd):
                    raise InputError(
                        f"{path}: line {line}: sample '{row[key]}' has {column} {_both(mine)}, "
                        f"and {_both(old)} in line {before}.",
                        hint="Average them before, or give the samples different ids.",
                    )
        values = [(sample, name, value) for (sample, name), (_, value) in found.items()]
        return cls(path, file_sha256(path), values, {row[key] for _, row in table.rows} - {""})

    def add_to(self, writer: "StoreWriter", samples: set[str]) -> None:
        """Write the values of these samples into a store."""
        for sample, name, known in self.values:
            if sample in samples:
                writer.add_target(sample, name, known.value, known.unit, known.sd)

    def say_unmatched(self, samples: set[str]) -> None:
        """Tell the person which samples have no spectra, no row, or a row without values."""
        valued = {sample for sample, *_ in self.values}
        for missing, words in (
            (self.listed - samples, "have no spectra here and are left out"),
            (samples - self.listed, "with spectra here have no row in it"),
            ((samples & self.listed) - valued, "with spectra here have a row without values"),
        ):
            if missing:
                say(f"{self.path}: {len(missing)} samples {words}: {_some(sorted(missing))}")


def _with_numbers(
    table: LabTable, columns: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """Return the columns that are properties: those with numbers, where there are any.

    Raises:
        InputError: two of them are called alike but for the unit.
    """
    texts: dict[str, str] = {}  # column -> its first cell
    for column, (_, unit) in columns.items():
        cells = [row[column] for _, row in table.rows if not _is_absent(row[column])]
        if cells and not unit and all(isnan(table.number_or_nan(cell)) for cell in cells):
            texts[column] = cells[0]
    if len(texts) == len(columns):  # numbers are meant, and refused where they are
        texts = {}
    kept: dict[str, tuple[str, str]] = {}
    for column, (name, unit) in columns.items():
        if column in texts:
            first = texts[column]
            say(f"{table.path}: column '{column}' is left out: it holds no number ('{first}')")
            continue
        if other := next((c for c, known in kept.items() if known[0] == name), ""):
            raise InputError(
                f"{table.path}: '{other}' and '{column}' are both '{name}'.",
                hint="Rename or remove one: a property has one unit.",
            )
        kept[column] = (name, unit)
    return kept


def _error(table: LabTable, line: int, row: Mapping[str, str], column: str | None) -> float:
    """Return the standard error that a row gives of a value; NaN when it gives none."""
    if column is None or _is_absent(row[column]):
        return nan
    place = f"line {line}, column '{column}'"
    sd = table.number(place, row[column])
    if sd < 0:
        raise InputError(
            f"{table.path}: {place}: '{row[column]}' is negative.",
            hint="A standard error is zero or more.",
        )
    return sd


def _both(known: ReferenceValue) -> str:
    return f"{known.value:g}" + ("" if known.sd != known.sd else f" ± {known.sd:g}")


def _is_absent(cell: str) -> bool:
    return cell.lower() in ("", "na", "nan", "n/a")


def _name_and_unit(column: str) -> tuple[str, str]:
    match = _UNIT.fullmatch(column)
    return (match[1], match[2] or match[3] or "") if match else (column, "")


def _error_columns(columns: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return {column of a property: column of its reference error}."""
    by_name = {name.lower(): column for column, (name, _) in columns.items()}
    found: dict[str, str] = {}
    for column, (name, _) in columns.items():
        match = _ERROR.fullmatch(name)
        if match and (of := by_name.get(match[1].lower())):
            found[of] = column
    return found
