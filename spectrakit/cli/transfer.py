"""``spectrakit transfer``: one calibration on another instrument."""

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
    WhereOption,
    accounted,
)
from spectrakit.cli.transfer_fitting import fit, plan

app = verb_group("Make a calibration work on another instrument, and know when it does not.")
app.command()(plan)
app.command()(fit)

FolderArgument = Annotated[
    Path, typer.Argument(metavar="OUT", help="Folder that transfer fit made.")
]
SpectraArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="Spectra of the new instrument: files of any known format, stores, folders, globs, "
        "@list.txt, or '-' for stdin.",
    ),
]
ReasonOption = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")]
RecordOption = Annotated[
    bool,
    typer.Option(
        "--record/--no-record",
        help="Write a line of the record; without it the folder may be read-only.",
    ),
]


class Alarm(StrEnum):
    """From which verdict on ``drift`` ends with exit code 4."""

    watch = "watch"
    action = "action"


@app.command()
def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE",
            help="Folder that transfer fit made (its version in use), a bundle, or the name of an "
            "installed one.",
        ),
    ],
    inputs: SpectraArgument,
    out: OutOption = STDOUT,
    record_format: FormatOption = Format.tsv,
    where: WhereOption = None,
    average: Annotated[
        bool, typer.Option("--average", help="Average the spectra of a sample first.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Keep the values of spectra that are beyond a gate."),
    ] = False,
    reason: ReasonOption = "",
    record: RecordOption = True,
    summary: SummaryOption = None,
) -> None:
    """Predict properties of samples from spectra of the new instrument.

    One row for each spectrum and property. A spectrum that the model does not know (gate q or
    t2) has a row without value.
    """
    from spectrakit.verbs.transfer_predict import predict as run

    asked = {"where": where or [], "average": average, "force": force}
    with accounted("transfer predict", summary, **asked) as account:
        run(
            model,
            inputs,
            out,
            where=where or (),
            force=force,
            average=average,
            record_format=record_format.value,
            reason=reason,
            keep_record=record,
            summary=account,
        )


@app.command()
def verify(
    folder: FolderArgument,
    head: Annotated[
        str,
        typer.Option(
            metavar="HASH|FILE",
            help="Head of the record that was kept elsewhere, or a file that --export wrote.",
        ),
    ] = "",
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--inputs",
            metavar="FOLDER",
            help="Where inputs of the fit are now, if they were moved.",
        ),
    ] = None,
    rerun: Annotated[
        bool,
        typer.Option("--rerun/--no-rerun", help="Fit again and compare the predictions."),
    ] = True,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the head as JSON, to be kept elsewhere."),
    ] = None,
    out: OutOption = STDOUT,
    reason: ReasonOption = "",
    record: RecordOption = True,
) -> None:
    """Check record, files and inputs of a transfer, fit it again and compare.

    Writes JSON. Exit 3 says that something is not as it was.
    """
    from spectrakit.verbs.transfer_verify import verify as run

    run(
        folder,
        out,
        head=head,
        inputs=inputs,
        rerun=rerun,
        export=export,
        reason=reason,
        keep_record=record,
    )


@app.command()
def revert(
    folder: FolderArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="NAME@V",
            help="Version to use from now on. [default: the one before]",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Use another version of a transfer from now on."""
    from spectrakit.verbs.transfer_revert import revert as run

    run(folder, to=to, reason=reason)


@app.command()
def drift(
    folder: FolderArgument,
    inputs: SpectraArgument,
    targets: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Reference values by sample, to compare with instead of the fit.",
        ),
    ] = None,
    date: Annotated[
        str,
        typer.Option(
            metavar="YYYY-MM-DD",
            help="Day of the measurements. [default: as the files say]",
            show_default=False,
        ),
    ] = "",
    where: WhereOption = None,
    out: OutOption = STDOUT,
    record_format: FormatOption = Format.tsv,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write control charts as HTML.")
    ] = None,
    fail_on: Annotated[
        Alarm | None,
        typer.Option("--fail-on", help="Exit 4 where the verdict is this or worse."),
    ] = None,
    reason: ReasonOption = "",
    summary: SummaryOption = None,
) -> None:
    """Judge from a few standards measured again whether the transfer still holds.

    The verdict is keep, watch, bias correction (with the number) or transfer again. Days add up
    in OUT/drift.jsonl.
    """
    from spectrakit.verbs.transfer_drift import drift as run

    asked = {"targets": targets, "date": date, "where": where or []}
    with accounted("transfer drift", summary, **asked) as account:
        run(
            folder,
            inputs,
            out,
            targets=targets,
            date=date,
            where=where or (),
            record_format=record_format.value,
            report=report,
            fail_on=fail_on.value if fail_on else "",
            reason=reason,
            summary=account,
        )
