"""``identify``: spectra in, ranked compounds out, every spectrum accounted for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from spectrakit import __version__
from spectrakit.accounting import Summary
from spectrakit.errors import InputError, MismatchError, UsageError
from spectrakit.io import sniff
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.select import parse_where
from spectrakit.jobs import Done, run_files
from spectrakit.log import progress, say
from spectrakit.output import open_records
from spectrakit.search.engine import Engine, EngineSettings, open_engine
from spectrakit.search.hits import COLUMNS
from spectrakit.search.traces.measures import Measure
from spectrakit.search.traces.opening import divided, stamp
from spectrakit.search.traces.search import TraceSearch, TraceSettings, open_trace_search
from spectrakit.train.device import CPU, resolve_device
from spectrakit.verbs.answering import (
    PROPERTY_COLUMNS,
    Answers,
    Chosen,
    chosen_model,
    predict_file,
    taught_by,
)
from spectrakit.verbs.identify_file import identify_file, searches_mass
from spectrakit.verbs.outputs import is_folder, note_error, refuse_own_input
from spectrakit.verbs.result_folder import ResultFolder


def identify(
    inputs: Sequence[str],
    out: str | Path,
    *,
    libraries: Sequence[str] = (),
    settings: EngineSettings,
    exclude: Sequence[str] = (),
    model: str = "",
    options: Sequence[str] = (),
    device: str = "auto",
    seed: int = 0,
    record_format: str = "tsv",
    jobs: int = 1,
    fdr: float | None = None,
    where: Sequence[str] = (),
    summary: Summary,
) -> None:
    """Identify every spectrum of the inputs and write the records.

    Args:
        inputs: files, folders, globs, ``@list.txt`` or ``-``.
        out: a file or ``-`` for all records; an existing folder, or a name that ends in a
            slash, takes one file of records for each input.
        libraries: names or paths; none: every installed library; ``none``: no library.
        settings: what decides the answers; ``libraries`` and ``model`` are filled in here.
        exclude: ranges that are left out where traces are compared.
        model: bundle, installed name, run, or ``none``; empty: the one that ships.
        options: ``KEY=VALUE`` for the plugin that made a run.
        device: where such a plugin computes.
        seed: of such a plugin.
        record_format: ``tsv`` or ``jsonl``.
        jobs: files worked on at the same time.
        fdr: keep only spectra whose best hit has at most this q-value.
        where: ``COLUMN=VALUE`` that a spectrum must have to be searched.
        summary: filled with accounts, outputs and errors.

    Raises:
        InputError: an input could not be read (after the good ones were finished).
        MismatchError: nothing in the inputs can be searched.
    """
    paths = expand_inputs(inputs)
    conditions = parse_where(where)
    chosen = chosen_model(model)
    summary.model = chosen.about()
    if options and chosen.run is None:
        raise UsageError(
            "--set is for the plugin of a run, and -m names none.",
            hint="Leave out --set, or give -m the run of pretrain or adapt.",
        )
    if chosen.run is None and resolve_device(device, uses_torch=False) != CPU:
        say(f"--device {device}: bundles are computed on the CPU; it is for the run of a plugin")
    columns = COLUMNS
    traces = TraceSettings()
    if chosen.predicts and chosen.bundle is not None:
        work = partial(predict_file, bundle=chosen.bundle, where=conditions)
        columns = (*COLUMNS, *PROPERTY_COLUMNS)
    elif chosen.run is not None:
        _say_left_aside(settings, libraries)
        offered = {
            "structures": settings.structures,
            "tolerance": settings.precursor_tolerance,
            "precursor_tolerance": settings.precursor_tolerance,
        }
        if settings.top != EngineSettings().top:  # else the plugin's own number
            offered["top"] = str(settings.top)
        teach = taught_by(chosen.run, options, offered, device, seed, fdr)
        work = partial(teach, where=conditions)
    else:
        settings, traces = _with_sources(settings, libraries, exclude, chosen, paths, summary)
        work = partial(identify_file, settings=settings, traces=traces, fdr=fdr, where=conditions)
    into_folder = is_folder(out)
    out = Path(out)
    if into_folder:
        parameters = {
            "version": __version__,
            "format": record_format,
            "fdr": fdr,
            "where": list(where),
            "library_digests": [a.get("digest", "") for a in summary.library],
            "model": summary.model,
            "set": list(options),
            "traces": {"measure": traces.measure, "exclude": list(exclude)},
            **{k: v for k, v in asdict(settings).items() if k not in ("model", "references")},
        }
        _into_folder(work, paths, out, parameters, record_format, columns, jobs, summary)
    else:
        refuse_own_input(out, paths)
        with open_records(out, record_format, columns) as write:
            for done in _each(work, paths, jobs, summary):
                if done.result is not None:
                    for record in done.result.records:
                        write(record)
            _stop_if_nothing(summary)
        if str(out) != "-":
            summary.outputs.append(str(out))
    _fail_if_any(summary)


def _say_left_aside(settings: EngineSettings, libraries: Sequence[str]) -> None:
    """Say which options a run does not obey: its plugin ranks structures by itself."""
    plain = EngineSettings()
    asked = {
        "--library": any(word != "none" for word in libraries),
        "--method": settings.method != plain.method,
        "--search": settings.mode != plain.mode,
        "--fragment-tolerance": settings.fragment_tolerance != plain.fragment_tolerance,
        "--min-score": settings.min_score != plain.min_score,
        "--min-matched-peaks": settings.min_matched_peaks != plain.min_matched_peaks,
    }
    if idle := [name for name, given in asked.items() if given]:
        say(f"{', '.join(idle)}: left aside, since -m names a run; distil it to use a bundle")


def _with_sources(
    settings: EngineSettings,
    libraries: Sequence[str],
    exclude: Sequence[str],
    chosen: Chosen,
    paths: Sequence[Path],
    summary: Summary,
) -> tuple[EngineSettings, TraceSettings]:
    """Return the settings for mass spectra and for traces, with libraries and model named.

    All are opened once before any file is read.

    Raises:
        UsageError: no such library, or a range that is none.
        MismatchError: nothing to search in, or the model does not encode spectra and molecules.
    """
    folder = str(chosen.bundle.path) if chosen.bundle is not None else ""
    words, of_traces = divided(list(libraries))
    traces = TraceSettings(
        libraries=tuple(of_traces),
        stamps=tuple(map(stamp, of_traces)),
        min_score=settings.min_score,
        top=settings.top,
        exclude=tuple(exclude),
    )
    if settings.method in set(Measure):
        traces = replace(traces, measure=settings.method)
        settings = replace(settings, method=EngineSettings().method)
    settings = replace(
        settings, libraries=tuple(words), model=folder, references=not libraries and not words
    )
    engine, search = open_engine(settings), open_trace_search(traces)
    summary.library = [*engine.about, *search.about]
    if not searches_mass(engine) and not search.libraries:
        for path in paths:
            sniff(path)  # an input that cannot be read is the graver error
        raise MismatchError(
            "no library and no structures to search in.",
            hint="Build a library with `spectrakit library add`, or leave out --structures none.",
        )
    _say_licences(engine, search)
    return settings, traces


def _each(
    work: Callable[[Path], Answers], paths: Sequence[Path], jobs: int, summary: Summary
) -> Iterator[Done[Answers]]:
    """Work through the files; keep accounts and errors."""
    with progress("identify", len(paths), "files") as advance:
        for done in run_files(work, paths, jobs):
            advance(1)
            if done.error is not None:
                if not isinstance(done.error, InputError):
                    raise done.error
                summary.open_input(done.path)
                note_error(summary, done.error)
            elif done.result is not None:
                summary.inputs.append(done.result.account)
            yield done


def _into_folder(
    work: Callable[[Path], Answers],
    paths: Sequence[Path],
    folder: Path,
    parameters: dict[str, Any],
    record_format: str,
    columns: Sequence[str],
    jobs: int,
    summary: Summary,
) -> None:
    suffix = f".hits.{record_format}"
    with ResultFolder.open(folder, paths, suffix, parameters, summary) as results:
        for done in _each(work, results.todo, jobs, summary):
            if done.result is None:
                continue
            with open_records(results.target(done.path), record_format, columns) as write:
                for record in done.result.records:
                    write(record)
            results.add(done.path, done.result.account, summary)
    _stop_if_nothing(summary)


def _say_licences(engine: Engine, search: TraceSearch) -> None:
    for about in (*engine.about, *search.about):
        if about.get("licence"):
            say(f"{about['name']}: {about['licence']}")


def _stop_if_nothing(summary: Summary) -> None:
    """Refuse to answer with an empty table where no input held anything to search."""
    if summary.errors or any(account.kept for account in summary.inputs):
        return
    raise MismatchError(
        "nothing in the inputs can be searched.",
        hint="See the counts above: MS2 spectra are read (MS1 of GC-EI data), traces where a "
        "library holds their kind, or what -m reads.",
    )


def _fail_if_any(summary: Summary) -> None:
    if summary.errors:
        raise InputError(
            f"{len(summary.errors)} of {len(summary.inputs)} inputs could not be read.",
            hint="The others are finished; the errors are above.",
        )
