"""Tables that a lab keeps beside its spectra: samples of files, and properties of samples."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING

from spectrakit.accounting import file_sha256
from spectrakit.errors import InputError, UsageError, did_you_mean
from spectrakit.log import say
from spectrakit.spectrum import ReferenceValue

if TYPE_CHECKING:
    from spectrakit.store import StoreWriter

_SHEET_COLUMNS = ("file", "sample", "type", "batch", "order")
_SAMPLE_IDS = ("sample", "sample_id", "id")
_ERROR = re.compile(r"(.+?)[ _.-](?:sd|sel)", re.IGNORECASE)
_UNIT = re.compile(r"(.+?)\s*(?:\[(.*)\]|\((.*)\))")


def _read_table(path: Path, *keys: str) -> tuple[list[str], list[dict[str, str]]]:
    """Return the header and the rows of a CSV or TSV file whose header has one of ``keys``.

    Raises:
        InputError: missing, not UTF-8 text, or a row longer than the header.
        UsageError: no column is called like one of ``keys``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: is no text in UTF-8.", hint="Save the table as UTF-8."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}.", hint="Check the path."
        ) from error
    lines = text.splitlines()
    head = lines[0] if lines else ""
    delimiter = max(("\t", ";", ","), key=head.count)
    reader = csv.DictReader(lines, delimiter=delimiter)
    header = [name.strip() for name in reader.fieldnames or []]
    low = [name.lower() for name in header]
    if not set(keys) & set(low):
        raise UsageError(
            f"{path}: has no column '{keys[0]}'. {did_you_mean(keys[0], header)}".rstrip(),
            hint=f"The first line must name the columns, '{keys[0]}' among them.",
        )
    if twice := [name for name in header if low.count(name.lower()) > 1]:
        raise InputError(f"{path}: has two columns '{twice[0]}'.", hint="Rename or remove one.")
    rows: list[dict[str, str]] = []
    for number, row in enumerate(reader, 2):
        if None in row:
            raise InputError(
                f"{path}: line {number} has more cells than the header.",
                hint="Quote cells that hold the separator.",
            )
        rows.append({str(k).strip(): (v or "").strip() for k, v in row.items()})
    return header, rows


def _number(path: Path, place: str, cell: str) -> float:
    """Return a cell as a number.

    Raises:
        InputError: it is none, or not finite.
    """
    try:
        value = float(cell)
    except ValueError:
        value = nan
    if not isfinite(value):
        raise InputError(
            f"{path}: {place}: '{cell}' is no number.",
            hint="Leave the cell empty where the value is not known.",
        )
    return value


@dataclass(frozen=True, slots=True)
class SampleSheet:
    """Which sample each file is, its type (sample, QC, blank), batch and order of injection."""

    path: Path
    sha256: str
    rows: dict[str, dict[str, str]]  # by file name, lower case

    @classmethod
    def read(cls, path: Path) -> "SampleSheet":
        """Read a CSV or TSV table with the columns file, sample, type, batch, order.

        Raises:
            InputError: it cannot be read, or names a file twice.
            UsageError: it has no column ``file``.
        """
        _, rows = _read_table(path, "file")
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            low = {key.lower(): value for key, value in row.items()}
            name = _file_key(low["file"])
            if not name:
                continue
            if name in found:
                raise InputError(
                    f"{path}: names the file '{low['file']}' twice.", hint="Remove one line."
                )
            found[name] = low
        return cls(path, file_sha256(path), found)

    def _row(self, path: Path) -> dict[str, str]:
        name = path.name.lower()
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
            columns["order"] = _number(self.path, f"order of {row['file']}", order)
        writer.add_sample(
            row["sample"], group=row.get("group", ""), split=row.get("split", ""), **columns
        )

    def say_unmatched(self, paths: Sequence[Path]) -> None:
        """Tell the person which inputs the sheet does not name."""
        missing = [path.name for path in paths if not self.sample_of(path)]
        if missing:
            shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
            say(f"{self.path}: names no sample for {len(missing)} of {len(paths)} inputs: {shown}")


def _file_key(text: str) -> str:
    return text.replace("\\", "/").rsplit("/", 1)[-1].lower()


def _stem(name: str) -> str:
    return Path(name.removesuffix(".gz").removesuffix(".bz2")).stem


@dataclass(frozen=True, slots=True)
class TargetTable:
    """Reference values: one row for each sample, one column for each property."""

    path: Path
    sha256: str
    values: list[tuple[str, str, ReferenceValue]]  # sample, property, value

    @classmethod
    def read(cls, path: Path) -> "TargetTable":
        """Read a CSV or TSV table with a column ``sample`` and others such as ``moisture [%]``.

        The column of the ids may be called sample, sample_id or id. ``moisture_sel`` or
        ``moisture_sd`` is the standard error of the reference values of ``moisture``.

        Raises:
            InputError: it cannot be read, a cell is no number, a row has no id, or a sample has
                two values of one property.
            UsageError: it has no column of sample ids.
        """
        header, rows = _read_table(path, *_SAMPLE_IDS)
        low = [name.lower() for name in header]
        key = header[low.index(next(name for name in _SAMPLE_IDS if name in low))]
        columns = {name: _name_and_unit(name) for name in header if name != key and name}
        errors = _error_columns(columns)
        found: dict[tuple[str, str], tuple[int, ReferenceValue]] = {}
        for number, row in enumerate(rows, 2):
            for column, (name, unit) in columns.items():
                if column in errors.values() or _is_absent(row.get(column, "")):
                    continue
                if not row[key]:
                    raise InputError(
                        f"{path}: line {number} has values and no {key}.",
                        hint="Fill in the sample of this line, or remove it.",
                    )
                value = _number(path, f"line {number}, column '{column}'", row[column])
                of = errors.get(column, "")
                cell = row.get(of, "")
                place = f"line {number}, column '{of}'"
                sd = nan if _is_absent(cell) else _number(path, place, cell)
                if sd < 0:
                    raise InputError(
                        f"{path}: {place}: '{cell}' is negative.",
                        hint="A standard error is zero or more.",
                    )
                mine = ReferenceValue(value, unit, sd)
                line, old = found.setdefault((row[key], name), (number, mine))
                if old.value != value or repr(old.sd) != repr(sd):
                    raise InputError(
                        f"{path}: line {number}: sample '{row[key]}' has {column} {_both(mine)}, "
                        f"and {_both(old)} in line {line}.",
                        hint="Average them before, or give the samples different ids.",
                    )
        values = [(sample, name, value) for (sample, name), (_, value) in found.items()]
        return cls(path, file_sha256(path), values)

    def add_to(self, writer: "StoreWriter", samples: set[str]) -> None:
        """Write the values of these samples into a store; what does not match is said."""
        listed = {sample for sample, *_ in self.values}
        for sample, name, known in self.values:
            if sample in samples:
                writer.add_target(sample, name, known.value, known.unit, known.sd)
        for missing, words in (
            (listed - samples, "have no spectra here and are left out"),
            (samples - listed, "with spectra here have no row in it"),
        ):
            if missing:
                shown = ", ".join(sorted(missing)[:3]) + (", ..." if len(missing) > 3 else "")
                say(f"{self.path}: {len(missing)} samples {words}: {shown}")


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
