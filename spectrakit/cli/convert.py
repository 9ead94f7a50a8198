"""``spectrakit convert``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spectrakit.cli.shared import JobsOption, SummaryOption, WhereOption, accounted


class OutputFormat(StrEnum):
    """What convert writes."""

    h5 = "h5"
    mzml = "mzml"
    mgf = "mgf"
    msp = "msp"
    massbank = "massbank"
    jdx = "jdx"
    csv = "csv"


class Compression(StrEnum):
    """How the arrays of a store are packed."""

    gzip = "gzip"
    none = "none"


def convert(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Spectra: mzML, mzXML, imzML, MGF, MSP, MassBank, MoNA or GNPS JSON, mzSpecLib, "
            "MS2, JCAMP-DX, tables and exports of spectrometers (also .gz, .bz2), a store, a "
            "folder, a glob, @list.txt, or '-' for stdin.",
        ),
    ],
    out: Annotated[
        str,  # a Path would lose the slash that says folder
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|FOLDER/",
            help="NAME.h5: one store; NAME.mzML, .mgf, .msp, .txt (MassBank), .jdx or .csv "
            "(also .gz): an export; a folder: one file for each input.",
        ),
    ],
    output_format: Annotated[
        OutputFormat | None,
        typer.Option(
            "--format",
            help="Form of the output. [default: by the suffix; stores into a folder]",
            show_default=False,
        ),
    ] = None,
    compression: Annotated[
        Compression,
        typer.Option(help="Packing of stores; 'none' is larger and memory-mapped when read."),
    ] = Compression.gzip,
    samples: Annotated[
        Path | None,
        typer.Option(
            metavar="SHEET",
            help="CSV, TSV or .xlsx with the columns file, sample, type, batch, order.",
        ),
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="CSV, TSV or .xlsx with the column sample and one for each property: "
            "'moisture [%]'.",
        ),
    ] = None,
    axis_unit: Annotated[
        str,
        typer.Option(
            metavar="UNIT",
            help="Unit of the axis (nm, cm-1, um, ...) of traces whose file states none.",
            show_default=False,
        ),
    ] = "",
    modality: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="What traces are, where the file does not say: nir, ir, raman, reflectance, "
            "optical, nmr-1h, nmr-13c or nmr.",
            show_default=False,
        ),
    ] = "",
    where: WhereOption = None,
    jobs: JobsOption = 1,
    summary: SummaryOption = None,
) -> None:
    """Put spectra of any known format into a store, or write them in another format."""
    from spectrakit.verbs.convert import convert as run

    parameters = {
        "format": output_format.value if output_format else "",
        "compression": compression.value,
        "samples": str(samples or ""),
        "targets": str(targets or ""),
        "axis_unit": axis_unit,
        "modality": modality,
        "where": where or [],
    }
    with accounted("convert", summary, **parameters) as account:
        run(
            inputs,
            out,
            output_format=output_format.value if output_format else None,
            compression=compression.value,
            where=where or (),
            samples=samples,
            targets=targets,
            axis_unit=axis_unit,
            modality=modality,
            jobs=jobs,
            summary=account,
        )
