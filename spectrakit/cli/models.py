"""``spectrakit models``."""

from pathlib import Path
from typing import Annotated

import typer

from spectrakit.cli import verb_group
from spectrakit.cli.shared import STDOUT, Format, FormatOption, OutOption

app = verb_group("Look after the models of this computer, and see the plugins.")

BundleArgument = Annotated[
    str, typer.Argument(metavar="BUNDLE", help="Installed NAME or NAME@VERSION, or a folder.")
]


@app.command("list")
def list_models(out: OutOption = STDOUT, record_format: FormatOption = Format.tsv) -> None:
    """List installed bundles and plugins; what is broken has its reason."""
    from spectrakit.output import open_records
    from spectrakit.verbs.models import LIST_COLUMNS, listing

    with open_records(out, record_format.value, LIST_COLUMNS) as write:
        for record in listing():
            write(record)


@app.command()
def show(bundle: BundleArgument, out: OutOption = STDOUT) -> None:
    """Show what a bundle says of itself, as JSON."""
    from spectrakit.output import write_json
    from spectrakit.verbs.models import show as run

    write_json(out, run(bundle))


@app.command()
def check(bundle: BundleArgument, out: OutOption = STDOUT) -> None:
    """Verify every file of a bundle and open its graphs; exit 3 says what was changed."""
    from spectrakit.output import write_json
    from spectrakit.verbs.models import check as run

    write_json(out, run(bundle))


@app.command()
def install(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a bundle.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of this very version.")
    ] = False,
) -> None:
    """Verify a bundle and copy it to the models of this computer."""
    from spectrakit.verbs.models import install as run

    run(folder, replace=replace)


@app.command()
def remove(bundle: BundleArgument) -> None:
    """Delete an installed bundle."""
    from spectrakit.verbs.models import remove as run

    run(bundle)
