"""What a model's vectors say of library spectra: made once, then candidates and evidence.

A library spectrum is encoded as it was measured, with the precursor that the library searches it
by. A compound's evidence is the cosine of its best spectrum: the mean over its spectra would ask
how many of them were measured far from the query's energy.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.embedding_file import embeddings_path, open_embeddings
from spectrakit.search.embedding_index import EmbeddingIndex, Neighbours
from spectrakit.search.index import Matches, SpectralIndex
from spectrakit.search.learned import LearnedScorer, Singles, unit_vectors
from spectrakit.search.library import SpectralLibrary
from spectrakit.search.precursor_search import adducts_agree
from spectrakit.search.prepared import Queries
from spectrakit.search.settings import SearchMode, SearchSettings
from spectrakit.search.similarity import score_pairs
from spectrakit.search.unit_vectors import FINE, Held, held
from spectrakit.spectrum import FloatArray
from spectrakit.store import Store

CANDIDATES = 50  # library spectra for each query that its vector proposes; 20 to 200 is flat
_OVER = 4  # times as many are looked up where the query says its adduct
_BATCH = 256  # spectra encoded together


@dataclass(frozen=True, eq=False)
class Embedded:
    """The embeddings of one library, and the vectors of the queries of a batch."""

    index: EmbeddingIndex
    vectors: Singles  # (n, d)

    def take(self, rows: IntArray) -> "Embedded":
        """Return the same with some of the queries, in that order."""
        return Embedded(self.index, self.vectors[rows])


def embed_library(
    store: Store, library: SpectralLibrary, scorer: LearnedScorer, advance: Callable[[int], None]
) -> EmbeddingIndex:
    """Encode every spectrum of a library.

    Args:
        store: where the spectra are.
        library: its index, which says polarity and precursor of each.
        scorer: the model.
        advance: told how many spectra are done.

    Raises:
        InputError: the store or the model is damaged.
        MismatchError: the model cannot encode the spectra.
    """
    index = library.index
    place = np.empty(len(index), np.int64)
    place[index.store_row] = np.arange(len(index))
    vectors: Held | None = None
    spectra, done = (one for one in store if not one.is_trace), 0
    while batch := list(islice(spectra, _BATCH)):
        rows = place[done : done + len(batch)]
        known = index.spectra.precursor_mz[rows].tolist()
        asked = [replace(s, precursor_mz=mz) for s, mz in zip(batch, known, strict=True)]
        made = held(unit_vectors(scorer.spectra(asked)), FINE)
        if vectors is None:
            vectors = np.zeros((len(index), made.shape[1]), np.int16)
        vectors[rows] = made
        done += len(batch)
        advance(len(batch))
    if vectors is None:
        raise MismatchError(
            f"library {library.name} holds no spectra to embed.", hint="Embed another library."
        )
    about = {
        "library_digest": store.digest,
        "model": scorer.label,
        "model_digest": scorer.bundle.digest,
    }
    return EmbeddingIndex.build(vectors, index.block_start, about)


def library_embeddings(path: Path, digest: str, scorer: LearnedScorer) -> EmbeddingIndex | None:
    """Return the embeddings that lie beside a library, or None where it has none by this model.

    Raises:
        InputError: they are damaged.
        MismatchError: they belong to another content of the library or of the model.
    """
    sidecar = embeddings_path(path, scorer.label)
    if not sidecar.is_file():
        return None
    return open_embeddings(sidecar, library=digest, model=scorer.bundle.digest)


def embedding_candidates(
    embedded: Embedded, library: SpectralIndex, queries: Queries, top: int = CANDIDATES
) -> Neighbours:
    """Return the library spectra that the vectors propose, ``top`` for each query.

    Polarities meet as in open search. Where a query says its adduct, those of another adduct are
    left out of four times as many, so that fewer than ``top`` may be left.
    """
    codes = library.adduct_codes(queries.adduct)
    parts: list[Neighbours] = []
    for said in (False, True):
        mine = np.flatnonzero((codes != -1) == said)
        if not len(mine):
            continue
        found = embedded.index.search(
            embedded.vectors[mine], queries.polarity[mine], top * _OVER if said else top
        )
        agree = adducts_agree(codes[mine][found.query], library.adduct[found.row])
        query, row, cosine = found.query[agree], found.row[agree], found.cosine[agree]
        first = np.arange(len(query)) - np.searchsorted(query, query, side="left") < top
        parts.append(Neighbours(mine[query[first]], row[first], cosine[first]))
    query = np.concatenate([part.query for part in parts])
    order = np.argsort(query, kind="stable")
    row = np.concatenate([part.row for part in parts])
    cosine = np.concatenate([part.cosine for part in parts])
    return Neighbours(query[order], row[order], cosine[order])


def with_candidates(
    embedded: Embedded,
    library: SpectralIndex,
    queries: Queries,
    matches: Matches,
    settings: SearchSettings,
) -> Matches:
    """Return the matches of a search and what the vectors propose, best first in each query.

    All are scored alike. Proposed are ``CANDIDATES`` spectra where the search has no precursor
    window; those below ``settings.min_score`` or with fewer than ``min_matched_peaks`` matching
    peaks are left out. In precursor mode the matches are complete and come back as they are.
    """
    if settings.mode is SearchMode.PRECURSOR or not CANDIDATES:
        return matches
    proposed = embedding_candidates(embedded, library, queries)
    n = np.int64(len(library))
    fresh = np.setdiff1d(proposed.query * n + proposed.row, matches.query * n + matches.row)
    query, row = np.divmod(fresh, n)
    scores = score_pairs(
        queries.spectra,
        library.merged_for(settings.fragment_tolerance).spectra,
        query,
        row,
        method=settings.effective_method(),
        tolerance=settings.fragment_tolerance,
    )
    keep = (scores.score >= settings.min_score) & (
        scores.matched_peaks >= settings.min_matched_peaks
    )
    both = Matches(
        np.concatenate([matches.query, query[keep]]),
        np.concatenate([matches.row, row[keep]]),
        np.concatenate([matches.score, scores.score[keep]]),
        np.concatenate([matches.matched_peaks, scores.matched_peaks[keep]]),
    )
    return both.where(np.lexsort((both.row, -both.score, both.query)))


def best_cosines(
    embedded: Embedded,
    library: SpectralIndex,
    matches: Matches,
    query: IntArray,
    compound: IntArray,
) -> FloatArray:
    """Return (k,) the cosine of the best matched spectrum of each (query, compound).

    NaN where the query has no vector: a spectrum of which the model sees no peak.
    """
    cosine = embedded.index.cosines(embedded.vectors, matches.query, matches.row)
    n = np.int64(len(library.compounds) + 1)
    key = matches.query * n + library.compound[matches.row]
    groups, group = np.unique(key, return_inverse=True)
    best = np.full(len(groups), -np.inf)
    np.maximum.at(best, group, cosine.astype(np.float64))
    found = best[np.searchsorted(groups, query * n + compound)]
    known: NDArray[np.bool_] = np.any(embedded.vectors, axis=1)
    return np.where(known[query], found, np.nan)
