"""``spectrakit identify``."""

from enum import StrEnum
from typing import Annotated

import typer

from spectrakit.cli.shared import (
    Format,
    FormatOption,
    JobsOption,
    OutOrFolderOption,
    SeedOption,
    SummaryOption,
    WhereOption,
    accounted,
)
from spectrakit.cli.training import DeviceOption, SetOption


class Method(StrEnum):
    """How library compounds are ranked: by everything, or by one similarity."""

    auto = "auto"
    entropy = "entropy"
    cosine = "cosine"
    sqrt_cosine = "sqrt-cosine"
    modified_cosine = "modified-cosine"
    neutral_loss = "neutral-loss"
    hybrid = "hybrid"
    combined = "combined"
    correlation = "correlation"
    derivative = "derivative"


class Search(StrEnum):
    """Which library spectra a query meets."""

    precursor = "precursor"
    open = "open"
    analogue = "analogue"


def identify(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Spectra: mzML, mzXML, MGF, MSP and the others that convert reads (also .gz, "
            ".bz2), of mass, IR, Raman or NIR, a store, a folder, a glob, @list.txt, or '-' for "
            "stdin.",
        ),
    ],
    out: OutOrFolderOption = "-",
    record_format: FormatOption = Format.tsv,
    library: Annotated[
        list[str] | None,
        typer.Option(
            "--library",
            metavar="NAME|PATH|none",
            help="Spectral library; repeatable. [default: all installed]",
            show_default=False,
        ),
    ] = None,
    structures: Annotated[
        str,
        typer.Option(metavar="NAME|PATH|none", help="Structures that may explain a spectrum."),
    ] = "hmdb",
    method: Annotated[
        Method,
        typer.Option(
            help="Ranks library compounds: auto (entropy, then all evidence), or one similarity. "
            "Traces (IR, Raman, NIR): auto is combined, the mean of correlation and derivative."
        ),
    ] = Method.auto,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|BUNDLE|RUN|none",
            help="Learned model. [default: the one that ships]",
            show_default=False,
        ),
    ] = "",
    options: SetOption = None,
    search: Annotated[
        Search,
        typer.Option(help="Library spectra compared: same precursor, all, or all with shifts."),
    ] = Search.precursor,
    precursor_tolerance: Annotated[
        str, typer.Option(metavar="TOLERANCE", help="Precursor window, such as 10ppm or 0.01Da.")
    ] = "10ppm",
    fragment_tolerance: Annotated[
        str,
        typer.Option(
            metavar="TOLERANCE",
            help="Fragment window of the library search, such as 0.01Da or 20ppm. "
            "[default: 0.02Da; 0.4Da where a library has whole m/z only]",
            show_default=False,
        ),
    ] = "",
    min_score: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Hits below this score are left out; above 0 it replaces the limit of 'unknown' "
            "for traces.",
        ),
    ] = 0.0,
    min_matched_peaks: Annotated[
        int,
        typer.Option(
            min=0, help="Hits with fewer matched peaks are left out; 0 keeps mass alone (level 5)."
        ),
    ] = 0,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOW-HIGH",
            help="Range left out where traces are compared, such as 2280-2400 (cm-1; NIR in nm) "
            "or 1880-1960nm; repeatable.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Compounds kept for each spectrum.")] = 10,
    fdr: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Keep only spectra whose best hit has at most this q-value."
        ),
    ] = None,
    where: WhereOption = None,
    jobs: JobsOption = 1,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    summary: SummaryOption = None,
) -> None:
    """Name the molecules behind spectra, best candidate first."""
    from spectrakit.search.engine import EngineSettings
    from spectrakit.verbs.identify import identify as run

    settings = EngineSettings(
        structures=structures,
        method=method.value,
        mode=search.value,
        precursor_tolerance=precursor_tolerance,
        fragment_tolerance=fragment_tolerance,
        min_score=min_score,
        min_matched_peaks=min_matched_peaks,
        top=top,
    )
    filled_in = ("libraries", "model", "references")
    parameters = {
        name: getattr(settings, name) for name in settings.__slots__ if name not in filled_in
    } | {"model": model, "set": options or [], "exclude": exclude or []}
    with accounted("identify", summary, **parameters, fdr=fdr, where=where or []) as account:
        run(
            inputs,
            out,
            libraries=library or (),
            settings=settings,
            exclude=exclude or (),
            model=model,
            options=options or (),
            device=device,
            seed=seed,
            record_format=record_format.value,
            jobs=jobs,
            fdr=fdr,
            where=where or (),
            summary=account,
        )
