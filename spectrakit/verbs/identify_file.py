"""``identify`` for one file: its mass spectra and its traces, each with its hits."""

from pathlib import Path

from spectrakit.accounting import InputAccount
from spectrakit.io import read_spectra
from spectrakit.io.select import Condition, selected
from spectrakit.search.engine import Engine, EngineSettings, open_engine
from spectrakit.search.hits import Hit, set_q_values
from spectrakit.search.queries import Centroider, searchable
from spectrakit.search.ranking import describe_query
from spectrakit.search.traces.search import TraceSettings, open_trace_search
from spectrakit.verbs.answering import Answers, within
from spectrakit.verbs.identify_traces import TracesAside


def identify_file(
    path: Path,
    settings: EngineSettings,
    traces: TraceSettings,
    fdr: float | None,
    where: tuple[Condition, ...] = (),
) -> Answers:
    """Search the spectra of one file: mass spectra, and traces where a library holds any.

    Raises:
        InputError: the file cannot be read to its end.
    """
    engine = open_engine(settings)
    account = InputAccount(str(path))
    centroid = Centroider()
    aside: TracesAside | None = None
    if traces.libraries:
        aside = TracesAside(
            path, open_trace_search(traces), account, alone=not searches_mass(engine)
        )
    queries = searchable(
        selected(read_spectra(path, account), where, account),
        account,
        centroid,
        survey_scans=_is_electron_ionisation(path, engine),
        needs_precursor=not engine.libraries,
        aside=aside.take if aside else None,
    )
    found: list[tuple[int, list[Hit]]] = []
    for query, hits in engine.identify(queries):
        for hit in hits:
            describe_query(hit, str(path), query)
        found.append((query.number, hits))
    if centroid.count:
        account.treated["profile spectra centroided"] = centroid.count
    set_q_values([hit for _, hits in found for hit in hits])
    found = [(number, list(within(hits, fdr))) for number, hits in found]
    if aside:
        found = sorted([*found, *aside.hits()], key=lambda one: one[0])
    return Answers(account, [hit.record() for _, hits in found for hit in hits])


def searches_mass(engine: Engine) -> bool:
    """Say whether mass spectra have anything to be compared with."""
    return bool(engine.libraries) or engine.structures is not None or engine.known is not None


def _is_electron_ionisation(path: Path, engine: Engine) -> bool:
    """Say whether a file of survey scans only meets a library without precursors (GC-EI)."""
    if not any(library.has_electron_ionisation for library in engine.libraries):
        return False
    levels = (spectrum.ms_level for spectrum in read_spectra(path, InputAccount(str(path))))
    return all(level <= 1 for level in levels)
