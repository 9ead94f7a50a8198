"""``spectrakit transfer plan`` and ``fit``: before and when a new instrument is commissioned."""

import re
from pathlib import Path
from typing import Annotated

import typer

from spectrakit.cli.shared import SeedOption, SummaryOption, accounted
from spectrakit.errors import UsageError

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="Spectra with reference values of the old instrument: a file, store, folder, glob or "
        "@list.txt.",
    ),
]
TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="[TARGET]",
        help="Spectra of the new instrument; SOURCE again where --target-where selects from it.",
    ),
]
PropertyOption = Annotated[
    list[str],
    typer.Option("--property", "-p", metavar="NAME", help="Property to predict; repeatable."),
]
SourceWhereOption = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=VALUE", help="Take these source spectra only; repeatable."),
]
TargetWhereOption = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=VALUE", help="Take these target spectra only; repeatable."),
]
PreprocessOption = Annotated[
    str,
    typer.Option(
        metavar="CHAIN",
        help="Steps before everything else on both instruments, such as "
        "'cut(1100-2300),absorbance'; the methods try derivatives and SNV by themselves.",
    ),
]
DesignOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="How standards are chosen: kennard-stone, spxy, d-optimal, leverage or random.",
    ),
]


def fit(
    source: SourceArgument,
    target: TargetArgument = "",
    property: PropertyOption = [],  # noqa: B006 - Typer needs a list
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="OUT", help="Folder that takes everything.")
    ] = "transfer",
    standards: Annotated[
        str,
        typer.Option(
            metavar="N|IDS",
            help="How many samples measured on both instruments are the standards, or their ids "
            "with commas (or @list.txt). All of them when not given; 0 transfers without "
            "standards, from unlabelled spectra of the target.",
        ),
    ] = "",
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto (an average weighted by errors on standards left out), average, "
            "paired-average, difference-updating, none, mean-difference, bias, slope-bias, ds, "
            "pds, sst, epo, updating, jypls, cca, target-only or plain-ensemble; or a plugin "
            "that can transfer, with -m.",
        ),
    ] = "auto",
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="RUN|BUNDLE",
            help="Trained model of the plugin that --method names.",
            show_default=False,
        ),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="KEY=VALUE",
            help="Option of the plugin that --method names; repeatable.",
            show_default=False,
        ),
    ] = None,
    source_where: SourceWhereOption = None,
    target_where: TargetWhereOption = None,
    test_where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Target samples that are only measured on, never learned from; repeatable.",
        ),
    ] = None,
    preprocess: PreprocessOption = "",
    source_preprocess: Annotated[
        str, typer.Option(metavar="CHAIN", help="Steps for the source only, before --preprocess.")
    ] = "",
    target_preprocess: Annotated[
        str, typer.Option(metavar="CHAIN", help="Steps for the target only, before --preprocess.")
    ] = "",
    coefficients: Annotated[
        str,
        typer.Option(
            metavar="TABLE",
            help="Use this calibration of the source instead of fitting one: a CSV with the "
            "columns channel (one row is 'intercept') and one for each property.",
        ),
    ] = "",
    design: DesignOption = "kennard-stone",
    level: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Coverage of the prediction intervals.")
    ] = 0.8,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the bundle; else that of the properties.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Go on where a gate refuses; the record says so.")
    ] = False,
    png: Annotated[
        bool, typer.Option("--png", help="Also write the main figures as PNG, for slides.")
    ] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")] = "",
    seed: SeedOption = 0,
    summary: SummaryOption = None,
) -> None:
    """Make a calibration work on another instrument.

    SOURCE alone fits a calibration of that instrument. With TARGET every method is fitted to the
    same standards and measured on standards that it did not see; auto averages the best of them.
    Writes a bundle, metrics.json, report.html and a line of the record into OUT.
    """
    from spectrakit.verbs.transfer_fit import FitSettings
    from spectrakit.verbs.transfer_fit import fit as run

    asked = FitSettings(
        source=(source,),
        target=(target,) if target else (),
        properties=tuple(property),
        standards=standards_of(standards),
        method=method,
        source_where=tuple(source_where or ()),
        target_where=tuple(target_where or ()),
        test_where=tuple(test_where or ()),
        preprocess=preprocess,
        source_preprocess=source_preprocess,
        target_preprocess=target_preprocess,
        coefficients=coefficients,
        design=design,
        level=level,
        seed=seed,
        name=name,
        force=force,
        model=model,
        settings=tuple(settings or ()),
    )
    with accounted("transfer fit", summary, **asked.as_json()) as account:
        run(asked, out, account, reason, png)


def standards_of(text: str) -> int | tuple[str, ...] | None:
    """Return what ``--standards`` means: a number, ids, or None for all.

    Raises:
        UsageError: an empty id, or a list that cannot be read.
    """
    if not text:
        return None
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        return int(text)
    if text.startswith("@"):
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--standards {text}: the list cannot be read: {error}.",
                hint="Write one sample id on each line.",
            ) from error
        ids = tuple(line.strip() for line in lines if line.strip())
    else:
        ids = tuple(part.strip() for part in text.split(","))
    if not ids or not all(ids):
        raise UsageError(
            f"--standards '{text}' has an empty id.", hint="Write a number, or ids with commas."
        )
    return ids


def plan(
    source: SourceArgument,
    target: TargetArgument = "",
    property: PropertyOption = [],  # noqa: B006 - Typer needs a list
    standards: Annotated[
        int, typer.Option(min=2, metavar="N", help="How many samples to choose.")
    ] = 10,
    design: DesignOption = "kennard-stone",
    source_where: SourceWhereOption = None,
    target_where: TargetWhereOption = None,
    preprocess: PreprocessOption = "",
    curve: Annotated[
        bool,
        typer.Option("--curve/--no-curve", help="Also say how many are worth measuring."),
    ] = True,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where ids go; '-' is stdout.")
    ] = Path("-"),
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report (HTML).")
    ] = None,
    seed: SeedOption = 0,
    summary: SummaryOption = None,
) -> None:
    """Say which samples to measure on the new instrument, and how many are worth it.

    Writes a table of ids in order of choice. The learning curve comes from the target's spectra
    where some are there already, else from simulated instruments, and says which.
    """
    from spectrakit.verbs.transfer_plan import plan as run

    with accounted("transfer plan", summary, standards=standards, design=design) as account:
        run(
            source,
            target,
            tuple(property),
            standards=standards,
            design=design,
            source_where=tuple(source_where or ()),
            target_where=tuple(target_where or ()),
            preprocess=preprocess,
            curve=curve,
            out=out,
            report=report,
            seed=seed,
            summary=account,
        )
