"""``spectrakit evaluate``: check answers against a table of truth."""

from pathlib import Path
from typing import Annotated

import typer

from spectrakit.cli import verb_group
from spectrakit.cli.shared import STDOUT, OutOption, SeedOption, SummaryOption, accounted
from spectrakit.errors import UsageError

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


@app.command()
def transfer(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Spectra of the old instrument.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The same of the new one.")],
    property: Annotated[
        list[str] | None,
        typer.Option("--property", "-p", metavar="NAME", help="Property; repeatable."),
    ] = None,
    standards: Annotated[
        str,
        typer.Option(
            metavar="N,N,...", help="Numbers of standards; 0 uses no labels and no pairs."
        ),
    ] = "0,5,10,30",
    seeds: Annotated[int, typer.Option(min=1, help="How many random splits.")] = 12,
    methods: Annotated[
        str, typer.Option(metavar="NAMES", help="all, auto, or names with commas.")
    ] = "all",
    source_where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Source spectra; repeatable.")
    ] = None,
    target_where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Target spectra; repeatable.")
    ] = None,
    test_where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Always the test; else a quarter at random."),
    ] = None,
    preprocess: Annotated[
        str, typer.Option(metavar="CHAIN", help="Steps before everything else.")
    ] = "",
    design: Annotated[
        str, typer.Option(metavar="NAME", help="How standards are chosen, as in transfer fit.")
    ] = "kennard-stone",
    level: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Coverage of the intervals.")
    ] = 0.8,
    out: OutOption = STDOUT,
    summary: SummaryOption = None,
) -> None:
    """Measure methods of calibration transfer on samples that two instruments have measured.

    Writes a row for each property, number of standards, split and method. Coverage and width of
    intervals need nested cross-validation, which --methods all and auto run.
    """
    from spectrakit.verbs.evaluate_transfer import evaluate_transfer

    with accounted("evaluate transfer", summary, standards=standards, seeds=seeds) as account:
        evaluate_transfer(
            source,
            target,
            tuple(property or ()),
            standards=numbers_of(standards),
            seeds=seeds,
            methods=methods,
            source_where=tuple(source_where or ()),
            target_where=tuple(target_where or ()),
            test_where=tuple(test_where or ()),
            preprocess=preprocess,
            design=design,
            level=level,
            out=out,
            summary=account,
        )


def numbers_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a list with commas.

    Raises:
        UsageError: a word is no number from 0 on, or 1.
    """
    found: list[int] = []
    for word in text.split(","):
        if not word.strip().isdecimal() or int(word) == 1:
            raise UsageError(
                f"--standards '{text}': '{word.strip()}' is no number of standards.",
                hint="Write numbers with commas, 0 or from 2 on: 0,5,10,30.",
            )
        found.append(int(word))
    return tuple(found)
