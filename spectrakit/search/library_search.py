"""Spectra against spectral libraries: the compounds that match, one evidence for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spectrakit.chemistry import known_adduct
from spectrakit.search.confidence import compound_probabilities
from spectrakit.search.embedding_index import EmbeddingIndex
from spectrakit.search.evidence import rank_compounds
from spectrakit.search.hits import Hit
from spectrakit.search.index import Matches, SearchMode, SearchSettings
from spectrakit.search.library import SpectralLibrary
from spectrakit.search.library_embeddings import Embedded, best_cosines, with_candidates
from spectrakit.search.prepared import Queries, prepare_spectra
from spectrakit.search.queries import Query
from spectrakit.search.ranking import Evidence
from spectrakit.search.unit_vectors import Singles
from spectrakit.spectrum import Tolerance


@dataclass(frozen=True, slots=True)
class _Asked:
    """Queries as they are put to an index: one for each reading of a precursor."""

    owner: list[int]  # position in the batch
    reading: list[int]  # position among the query's precursors; -1 none
    queries: Queries

    @property
    def has_precursor(self) -> np.ndarray:
        """(n,) bool."""
        return np.array([number >= 0 for number in self.reading], dtype=bool)


NOMINAL_TOLERANCE = Tolerance(0.4, "Da")  # for libraries of whole m/z (old GC-EI)
EMBEDDING_WEIGHT = 5.0  # evidence for a cosine of 1; 3 to 6 is flat (library_search.py --tune)


def library_evidence(
    libraries: Sequence[SpectralLibrary],
    batch: Sequence[Query],
    settings: SearchSettings,
    *,
    widen_for_nominal: bool = False,
    embeddings: Sequence[EmbeddingIndex | None] = (),
    vectors: Singles | None = None,
) -> list[list[Evidence]]:
    """Return the compounds found for each query of a batch.

    A spectrum without a precursor (electron ionisation) is compared with the whole library.
    ``widen_for_nominal`` compares with ``NOMINAL_TOLERANCE`` where a library has whole m/z only.

    Where a library has ``embeddings`` and the queries ``vectors`` (m, d) by the same model, hits
    say how near they are, and without a precursor window this weighs too and proposes spectra.
    """
    found: list[list[Evidence]] = [[] for _ in batch]
    user_settings = settings
    asks: dict[str, _Asked] = {}
    held = embeddings or [None] * len(libraries)
    for library, index in zip(libraries, held, strict=True):
        settings = user_settings
        if widen_for_nominal and library.is_nominal:
            settings = replace(settings, fragment_tolerance=NOMINAL_TOLERANCE)
        tolerance = str(settings.fragment_tolerance)
        if tolerance not in asks:
            asks[tolerance] = _ask(batch, settings)
        asked = asks[tolerance]
        rows = np.arange(len(asked.queries))
        for part, mode in (
            (rows[asked.has_precursor], settings.mode),
            (rows[~asked.has_precursor], SearchMode.OPEN),
        ):
            if len(part) == 0:
                continue
            queries = asked.queries.take(part)
            asking = replace(settings, mode=mode)
            matches = library.index.search(queries, asking)
            embedded: Embedded | None = None
            if index is not None and vectors is not None:
                embedded = Embedded(index, vectors[[asked.owner[row] for row in part]])
                matches = with_candidates(embedded, library.index, queries, matches, asking)
            for evidence, query in _compounds(
                library, matches, batch, asked, part, asking, embedded
            ):
                found[query].append(evidence)
    best = [_weighed(_best_for_each_compound(evidence)) for evidence in found]
    _set_probabilities(best)
    return best


def _set_probabilities(found: list[list[Evidence]]) -> None:
    """Share the probability of each query out among its compounds, of all libraries together."""
    by_mode: dict[str, list[tuple[int, Evidence]]] = {}
    for query, evidence in enumerate(found):
        for item in evidence:
            by_mode.setdefault(item.mode, []).append((query, item))
    for mode, items in by_mode.items():
        probability = compound_probabilities(
            np.array([query for query, _ in items]),
            np.array([item.strength for _, item in items]),
            np.array([item.n_peaks for _, item in items]),
            SearchMode(mode),
        )
        for (_, item), value in zip(items, probability.tolist(), strict=True):
            item.hit.probability = value


def _ask(batch: Sequence[Query], settings: SearchSettings) -> _Asked:
    owner: list[int] = []
    reading: list[int] = []
    mz: list[float] = []
    for number, query in enumerate(batch):
        for place, precursor in enumerate(query.precursors):
            owner.append(number)
            reading.append(place)
            mz.append(precursor.mz)
        if not query.precursors:
            owner.append(number)
            reading.append(-1)
            mz.append(np.nan)
    spectra = [batch[number].spectrum for number in owner]
    prepared = prepare_spectra(
        spectra, tolerance=settings.fragment_tolerance, precursor_mz=np.array(mz, np.float64)
    )
    polarity = np.array([s.polarity for s in spectra], dtype=np.int8)
    return _Asked(owner, reading, Queries(prepared, polarity, [batch[n].adduct for n in owner]))


def _compounds(
    library: SpectralLibrary,
    matches: Matches,
    batch: Sequence[Query],
    asked: _Asked,
    part: np.ndarray,
    settings: SearchSettings,
    embedded: Embedded | None,
) -> list[tuple[Evidence, int]]:
    """Return (evidence, position in the batch) of each compound matched."""
    index = library.index
    ranked = rank_compounds(
        index,
        asked.queries.spectra.take(part),
        matches,
        tolerance=settings.fragment_tolerance,
        charges=np.array([_charge(batch[asked.owner[row]]) for row in part], np.int64),
    )
    near = np.full(len(ranked), np.nan)
    if embedded is not None:
        near = best_cosines(embedded, index, matches, ranked.query, ranked.compound)
    method = str(settings.effective_method())
    n_peaks = asked.queries.spectra.counts.tolist()
    found: list[tuple[Evidence, int]] = []
    for number, at in enumerate(ranked.match.tolist()):
        question = int(part[ranked.query[number]])
        query = batch[asked.owner[question]]
        row = int(matches.row[at])
        identity = library.identity(row)
        precursor = query.precursors[asked.reading[question]] if query.precursors else None
        library_mz = float(index.spectra.precursor_mz[row])
        error = (precursor.mz - library_mz) / library_mz * 1e6 if precursor else np.nan
        by_vector = embedded is not None and not matches.matched_peaks[at]  # no peak agrees
        cosine = max(float(near[number]), 0.0)
        hit = Hit(
            name=identity["name"],
            inchikey=identity["inchikey"],
            smiles=identity["smiles"],
            formula=identity["formula"],
            adduct=identity["adduct"],
            mz_error_ppm=float(error),
            method="embedding" if by_vector else method,
            score=cosine if by_vector else float(matches.score[at]),
            matched_peaks=int(matches.matched_peaks[at]),
            source=library.name,
            source_id=identity["source_id"],
            note=precursor.note if precursor else "",
            embedding=float(near[number]),
        )
        evidence = Evidence(
            key=index.compound_key(int(ranked.compound[number])),
            hit=hit,
            strength=float(ranked.evidence[number]),
            is_library=True,
            mode=str(settings.mode),
            n_peaks=n_peaks[question],
        )
        found.append((evidence, asked.owner[question]))
    return found


def _charge(query: Query) -> int:
    """Return the charge of a query's precursor without its sign; 1 where it is not said."""
    ion = known_adduct(query.adduct) if query.adduct else None
    return abs(query.spectrum.charge) or (abs(ion.charge) if ion else 1)


def _weighed(evidence: list[Evidence]) -> list[Evidence]:
    """Return the compounds found without a precursor window by evidence and embedding together.

    What lacks an embedding, because its library has none, is as far behind as its rivals are.
    """
    near = np.array([item.hit.embedding for item in evidence])
    known = np.isfinite(near)
    if not known.any():
        return evidence
    behind = np.where(known, near, near[known].mean()) - near[known].max()
    return [
        item
        if item.mode == SearchMode.PRECURSOR
        else replace(item, strength=item.strength + EMBEDDING_WEIGHT * float(less))
        for item, less in zip(evidence, behind, strict=True)
    ]


def _best_for_each_compound(evidence: list[Evidence]) -> list[Evidence]:
    best: dict[str, Evidence] = {}
    for item in sorted(evidence, key=lambda e: (-e.strength, -e.hit.score)):
        best.setdefault(item.key, item)
    return list(best.values())
