"""``spectrakit store``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spectrakit.cli import verb_group
from spectrakit.cli.shared import (
    STDOUT,
    Format,
    FormatOption,
    OutOption,
    SummaryOption,
    accounted,
)

app = verb_group("Look into, check and merge stores.")

StoresArgument = Annotated[list[Path], typer.Argument(metavar="STORE...", help="Stores (.h5).")]


class DumpFormat(StrEnum):
    """What ``store dump`` writes."""

    tsv = "tsv"
    mgf = "mgf"
    jsonl = "jsonl"


class SameSample(StrEnum):
    """What ``store merge`` does with a sample id that occurs in several stores."""

    JOIN = "join"
    RENAME = "rename"
    REFUSE = "refuse"


class Compression(StrEnum):
    """How a store keeps its columns."""

    gzip = "gzip"
    none = "none"


@app.command()
def info(
    stores: StoresArgument, out: OutOption = STDOUT, record_format: FormatOption = Format.tsv
) -> None:
    """Show what stores hold: blocks, units, tables, digest. Reads no spectra."""
    from spectrakit.output import open_records
    from spectrakit.verbs.store import INFO_COLUMNS, INFO_FIELDS, info_rows
    from spectrakit.verbs.store import info as run

    columns = INFO_FIELDS if record_format == Format.jsonl else INFO_COLUMNS
    with open_records(out, record_format.value, columns) as write:
        for record in run(stores):
            for row in [record] if record_format == Format.jsonl else info_rows(record):
                write(row)


@app.command()
def check(
    stores: StoresArgument, out: OutOption = STDOUT, record_format: FormatOption = Format.tsv
) -> None:
    """Read stores from end to end and recompute their digests; exit 3 says what is wrong."""
    from spectrakit.verbs.store import check as run

    run(stores, out, record_format.value)


@app.command()
def merge(
    stores: StoresArgument,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The new store.")],
    same_sample: Annotated[
        SameSample,
        typer.Option(
            "--same-sample",
            help="A sample id in several stores: one sample, or two to be named apart.",
        ),
    ] = SameSample.JOIN,
    compression: Annotated[
        Compression,
        typer.Option("--compression", help="'none' is larger and can be memory-mapped."),
    ] = Compression.gzip,
    summary: SummaryOption = None,
) -> None:
    """Write several stores into one; nothing is lost but search indexes."""
    from spectrakit.verbs.store import merge as run

    with accounted("store merge", summary, same_sample=same_sample.value) as account:
        run(
            stores,
            out,
            same_sample=same_sample.value,
            compression=compression.value,
            summary=account,
        )


@app.command()
def dump(
    stores: StoresArgument,
    out: OutOption = STDOUT,
    record_format: Annotated[
        DumpFormat, typer.Option("--format", help="Form of the records; mgf: mass spectra only.")
    ] = DumpFormat.tsv,
    summary: SummaryOption = None,
) -> None:
    """Write the spectra of stores as records: all columns (tsv, jsonl) or MGF."""
    from spectrakit.verbs.store import dump as run

    with accounted("store dump", summary, format=record_format.value) as account:
        run(stores, out, output_format=record_format.value, summary=account)
