"""Parquet tables: one spectrum in each row, read through pyarrow where it is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError, MissingExtraError
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.sheets import Table, columns_to_rows, spectra_of_tables
from spectrakit.io.traces.whole import read_whole
from spectrakit.spectrum import Spectrum

_MOST_CELLS = 100_000_000


def read_parquet(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Give the spectra of a Parquet table.

    Raises:
        MissingExtraError: pyarrow is not installed.
        InputError: damaged, too large, or without channels.
    """
    try:
        import pyarrow  # pyright: ignore[reportMissingImports] -- no dependency of ours
        import pyarrow.parquet as pq  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: Parquet is read through pyarrow, which is not installed.",
            hint="pip install pyarrow, or save the table as CSV.",
        ) from error
    known: Any = pyarrow
    failures = (known.ArrowException, OSError, ValueError, OverflowError, MemoryError)
    try:
        file: Any = pq.ParquetFile(known.BufferReader(read_whole(path, stream)))
        about = file.metadata
        if about.num_rows * about.num_columns > _MOST_CELLS:
            raise InputError(
                f"{path}: has {about.num_rows} rows of {about.num_columns} columns, too many.",
                hint="Split the table into several files.",
            )
        columns: dict[str, list[object]] = file.read().to_pydict()
    except failures as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: the Parquet file is cut off or damaged ({reason}).", hint=COPY_AGAIN
        ) from error
    columns = {name: values for name, values in columns.items() if not _is_nested(values)}
    table = Table("", list(columns), columns_to_rows(columns))
    yield from spectra_of_tables(path, [table], account)


def _is_nested(values: list[object]) -> bool:
    first = next((value for value in values if value is not None), None)
    return isinstance(first, list | dict)
