"""What one process needs to name spectra: opened libraries and structures, and the steps.

The same settings give the same engine in every process and the same answer for a file whatever
batches it is searched in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.search.embedding_index import EmbeddingIndex
from spectrakit.search.hits import Hit
from spectrakit.search.index import SearchMode, SearchSettings
from spectrakit.search.known_compounds import KnownCompounds
from spectrakit.search.learned import LearnedScorer, unit_vectors
from spectrakit.search.libraries import open_spectral, open_structures
from spectrakit.search.library import SpectralLibrary
from spectrakit.search.library_embeddings import library_embeddings
from spectrakit.search.library_search import library_evidence
from spectrakit.search.prepared import DEFAULT_TOLERANCE
from spectrakit.search.prevalence import (
    LIBRARY_SHARE,
    STRUCTURE_SHARE,
    adapted,
    odds_factor,
)
from spectrakit.search.queries import Query
from spectrakit.search.ranker import Ranker
from spectrakit.search.ranking import Evidence, ranked_hits
from spectrakit.search.references import open_references
from spectrakit.search.reranking import Learned, rank_library, rank_structures
from spectrakit.search.similarity import Similarity
from spectrakit.search.structure_confidence import PRESENCE, probabilities
from spectrakit.search.structure_search import Candidate, StructureSearch, structure_hit
from spectrakit.search.structures import StructureTable
from spectrakit.search.unit_vectors import Singles
from spectrakit.spectrum import FloatArray, Tolerance

BATCH = 256  # spectra searched together; answers do not depend on it
RANKER = "ranker"  # the bundle that ships
AUTO = "auto"  # entropy, then everything that is known of a compound


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Everything that decides the answer for a spectrum; hashable, so engines are reused."""

    libraries: tuple[str, ...] = ()
    structures: str = "hmdb"
    method: str = AUTO
    mode: str = "precursor"
    precursor_tolerance: str = "10ppm"
    fragment_tolerance: str = ""  # 0.02Da, and wider for libraries of whole m/z
    min_score: float = 0.0
    min_matched_peaks: int = 0
    top: int = 10
    model: str = ""  # folder of a bundle; empty: none
    references: bool = False  # the compounds that the model knows stand in for a library


@dataclass
class Engine:
    """Opened sources and the search over them."""

    settings: EngineSettings
    libraries: list[SpectralLibrary]
    structures: StructureSearch | None
    learned: Learned | None = None
    known: KnownCompounds | None = None
    embeddings: list[EmbeddingIndex | None] = field(default_factory=list[EmbeddingIndex | None])
    about: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def identify(self, queries: Iterable[Query]) -> Iterator[tuple[Query, list[Hit]]]:
        """Yield the queries of one file, each with its ranked hits.

        All are searched before the first is given, because the probabilities are fitted to the
        share of known compounds in the file (``prevalence``).
        """
        found = list(self._search(queries))
        in_library = odds_factor(_positive(f.library_share for f in found), LIBRARY_SHARE)
        in_list = odds_factor(_positive(f.list_share for f in found), STRUCTURE_SHARE)
        for one in found:
            for item in one.library:
                item.hit.probability = adapted(item.hit.probability, one.library_share, in_library)
            rest = 1 - adapted(one.library_share, one.library_share, in_library)
            for item in one.structures:  # they have what no library compound takes
                fitted = adapted(item.hit.probability, one.list_share, in_list)
                item.hit.probability = fitted * max(rest, 0.0)
            evidence = [*one.library, *one.structures]
            yield one.query, ranked_hits(one.query, evidence, self.settings.top)

    def _search(self, queries: Iterable[Query]) -> Iterator["_Found"]:
        stream = iter(queries)
        while batch := list(islice(stream, BATCH)):
            vectors = self._vectors(batch)
            library = library_evidence(
                self.libraries,
                batch,
                self.search_settings(),
                widen_for_nominal=not self.settings.fragment_tolerance,
                embeddings=self.embeddings,
                vectors=None if vectors is None else unit_vectors(vectors),
            )
            if self.learned is not None and self._ranks_by_all_evidence:
                rank_library(batch, library, self.learned.ranker)
            if self.known is not None and vectors is not None:
                library = self.known.evidence(batch, vectors)
            structures = self._structure_evidence(batch, vectors)
            for query, known, (possible, share) in zip(batch, library, structures, strict=True):
                library_share = sum(item.hit.probability for item in known)
                yield _Found(query.without_peaks(), known, library_share, possible, share)

    def search_settings(self) -> SearchSettings:
        """Return the settings of the library search."""
        auto = self.settings.method == AUTO
        return SearchSettings(
            mode=SearchMode(self.settings.mode),
            method=Similarity.ENTROPY if auto else Similarity(self.settings.method),
            precursor_tolerance=Tolerance.parse(self.settings.precursor_tolerance),
            fragment_tolerance=(
                Tolerance.parse(self.settings.fragment_tolerance)
                if self.settings.fragment_tolerance
                else DEFAULT_TOLERANCE
            ),
            min_score=self.settings.min_score,
            min_matched_peaks=self.settings.min_matched_peaks,
        )

    @property
    def _ranks_by_all_evidence(self) -> bool:
        return self.settings.method == AUTO and self.settings.mode == SearchMode.PRECURSOR

    def _vectors(self, batch: list[Query]) -> Singles | None:
        """(n, B, d) vectors of queries, where structures or embeddings are to be compared."""
        wanted = self.structures is not None or self.known is not None
        wanted = wanted or any(one is not None for one in self.embeddings)
        return self.learned.vectors(batch) if self.learned is not None and wanted else None

    def _structure_evidence(
        self, batch: list[Query], vectors: Singles | None
    ) -> list[tuple[list[Evidence], float]]:
        """Return the evidence to show for each query, and the probability of all its candidates."""
        if self.structures is None:
            return [([], 0.0) for _ in batch]
        table, lists = self.structures.table, self.structures.search(batch)
        if self.learned is not None and vectors is not None:
            lists = [
                rank_structures(vector, candidates, table, self.learned)
                for vector, candidates in zip(vectors, lists, strict=True)
            ]
        return [
            self._structure_hits(table, candidates, len(query.spectrum))
            for query, candidates in zip(batch, lists, strict=True)
        ]

    def _structure_hits(
        self, table: StructureTable, candidates: list[Candidate], n_peaks: int
    ) -> tuple[list[Evidence], float]:
        found: list[Evidence] = []
        presence = self.learned.ranker.presence if self.learned else PRESENCE
        shares = probabilities(candidates, n_peaks, presence)
        for candidate, probability in zip(candidates, shares, strict=True):
            if len(found) == self.settings.top:
                break
            if candidate.score < self.settings.min_score:
                continue
            if candidate.matched_peaks < self.settings.min_matched_peaks:
                continue
            (structure,) = table.finish([candidate.row])
            hit = structure_hit(
                candidate,
                structure,
                table.source,
                method="fragmenter",
                score=candidate.score,
                probability=probability,
            )
            key = structure.inchikey14 or structure.inchikey[:14]
            found.append(Evidence(key, hit, candidate.merit, False, "precursor", 0))
        return found, sum(shares)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found for one query, before ranking."""

    query: Query
    library: list[Evidence]
    library_share: float  # probability that the compound is in a library
    structures: list[Evidence]
    list_share: float  # probability that it is in the structure list


def _positive(shares: Iterable[float]) -> FloatArray:
    """(n,) the shares of the spectra that have a candidate at all."""
    return np.array([share for share in shares if share > 0])


@lru_cache(maxsize=4)
def open_engine(settings: EngineSettings) -> Engine:
    """Open the libraries and structures that the settings name.

    Raises:
        UsageError: an unknown name.
        InputError: a library, or its embeddings, that cannot be read.
        MismatchError: embeddings that were made for another library or model.
    """
    tolerance = Tolerance.parse(settings.precursor_tolerance)
    if settings.fragment_tolerance:
        Tolerance.parse(settings.fragment_tolerance)
    opened = [open_spectral(word) for word in settings.libraries]
    structures = open_structures(settings.structures)
    libraries = [o.library for o in opened if isinstance(o.library, SpectralLibrary)]
    learned = open_learned(settings.model) if settings.model else None
    embeddings: list[EmbeddingIndex | None] = [None] * len(libraries)
    if learned is not None and settings.method == AUTO:
        embeddings = [
            library_embeddings(Path(o.about["path"]), o.about.get("digest", ""), learned.scorer)
            for o in opened
        ]
    about = [o.about for o in opened]
    search: StructureSearch | None = None
    if structures is not None and isinstance(structures.library, StructureTable):
        about.append(structures.about)
        search = StructureSearch(structures.library, tolerance)
    known: KnownCompounds | None = None
    if learned is not None and settings.references:
        references = open_references(learned.scorer.bundle)
        if references is not None:
            known = KnownCompounds(references, learned.ranker, tolerance)
            about.append({"name": learned.scorer.label, "kind": "compounds known to the model"})
    return Engine(settings, libraries, search, learned, known, embeddings, about)


@lru_cache(maxsize=2)
def open_learned(folder: str) -> Learned:
    """Open a model, and the ranker that ships.

    Raises:
        InputError: a bundle was changed.
        MismatchError: it does not encode spectra and molecules.
    """
    from spectrakit.bundle import Bundle, find_bundle

    return Learned(LearnedScorer(Bundle(Path(folder))), Ranker(Bundle(find_bundle(RANKER))))
