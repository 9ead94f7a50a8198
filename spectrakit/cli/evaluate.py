"""``spectrakit evaluate``: check answers against a table of truth."""

from pathlib import Path
from typing import Annotated

import typer

from spectrakit.cli import verb_group
from spectrakit.cli.shared import STDOUT, OutOption, SeedOption

app = verb_group("Measure answers against a table of truth.")


@app.callback()
def evaluate() -> None:
    """Measure answers against a table of truth."""


@app.command()
def identify(
    hits: Annotated[
        Path, typer.Argument(metavar="HITS", help="Table that identify wrote; '-' is stdin.")
    ],
    truth: Annotated[
        Path,
        typer.Option(
            "--truth",
            metavar="TABLE",
            help="TSV or CSV with the columns spectrum and inchikey, and where there: molecule, "
            "known (0 for unknowns), file, smiles.",
        ),
    ],
    out: OutOption = STDOUT,
    seed: SeedOption = 0,
) -> None:
    """Compare the hits of identify with the truth: recall, calibration, false discoveries.

    Writes JSON. Ties count against the truth; a spectrum without a line in HITS is a miss.
    Intervals are 95 %, from 1,000 bootstraps over molecules.
    """
    from spectrakit.log import say
    from spectrakit.output import write_json
    from spectrakit.verbs.evaluate import evaluate_identify, table_lines

    result = evaluate_identify(hits, truth, seed=seed)
    for line in table_lines(result):
        say(line)
    write_json(out, result)
