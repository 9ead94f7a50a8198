"""``spectrakit library``."""

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

app = verb_group("Build and look after the libraries that identify searches.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the library.")]


@app.command()
def add(
    name: NameArgument,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Spectra (MSP, MGF, MassBank, MoNA or GNPS JSON, mzSpecLib, mzML, mzXML, IR, "
            "Raman or NIR as convert reads them, a store; peptides too), or one structure list "
            "(CSV, TSV, SMILES, SDF).",
        ),
    ],
    licence: Annotated[str, typer.Option(help="Licence of the whole, kept with it.")] = "",
    attribution: Annotated[str, typer.Option(help="Whom to name when it is used.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a library of this name.")
    ] = False,
    summary: SummaryOption = None,
) -> None:
    """Build a searchable library from files and install it."""
    from spectrakit.verbs.library_add import add as run

    with accounted("library add", summary, name=name) as account:
        run(
            name,
            inputs,
            licence=licence,
            attribution=attribution,
            replace=replace,
            summary=account,
        )


@app.command()
def embed(
    name: NameArgument,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|BUNDLE",
            help="Model that encodes spectra. [default: the one that ships]",
            show_default=False,
        ),
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Make vectors anew that are there and fit.")
    ] = False,
) -> None:
    """Keep the vectors of a library's spectra by a model, for identify with the same model."""
    from spectrakit.verbs.library_embed import embed as run

    run(name, model=model, replace=replace)


@app.command("list")
def list_libraries(out: OutOption = STDOUT, record_format: FormatOption = Format.tsv) -> None:
    """List the libraries that are installed or built in."""
    from spectrakit.output import open_records
    from spectrakit.verbs.library import LIST_COLUMNS, listing

    with open_records(out, record_format.value, LIST_COLUMNS) as write:
        for record in listing():
            write(record)


@app.command()
def info(name: NameArgument, out: OutOption = STDOUT) -> None:
    """Show counts, licence, attribution, sources and embeddings of a library as JSON."""
    from spectrakit.output import write_json
    from spectrakit.verbs.library import info as run

    write_json(out, run(name))


@app.command()
def check(name: NameArgument, out: OutOption = STDOUT) -> None:
    """Verify that a library and its embeddings are whole; exit 3 says what is damaged."""
    from spectrakit.output import write_json
    from spectrakit.verbs.library import check as run

    write_json(out, run(name))


@app.command()
def remove(name: NameArgument) -> None:
    """Delete an installed library and its embeddings."""
    from spectrakit.verbs.library import remove as run

    run(name)
