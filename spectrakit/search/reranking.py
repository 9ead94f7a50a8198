"""Library compounds and candidate structures put in order by everything that is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spectrakit.search.confidence import share_out
from spectrakit.search.fragment_match import FragmentQuery, score_fragments
from spectrakit.search.fragmenter import Fragments, fragment_many
from spectrakit.search.learned import LearnedScorer, Singles
from spectrakit.search.queries import Query
from spectrakit.search.ranker import Ranker
from spectrakit.search.ranking import Evidence
from spectrakit.search.references import References
from spectrakit.search.structure_search import Candidate, fragment_query
from spectrakit.search.structures import StructureTable
from spectrakit.spectrum import FloatArray

SHORT_LIST = 30  # candidates of a spectrum that the dearer features are computed for


@dataclass(frozen=True, slots=True)
class Learned:
    """A model and the ranker that weighs what it says."""

    scorer: LearnedScorer
    ranker: Ranker

    def vectors(self, batch: Sequence[Query]) -> Singles:
        """Return the (n, B, d) vectors of queries, each with the precursor it is searched by."""
        return self.scorer.spectra(
            [
                replace(q.spectrum, precursor_mz=q.precursors[0].mz) if q.precursors else q.spectrum
                for q in batch
            ]
        )


def rank_library(batch: Sequence[Query], found: Sequence[list[Evidence]], ranker: Ranker) -> None:
    """Set strength and probability of library compounds from all their features, in place.

    Args:
        batch: the queries.
        found: for each the compounds of all libraries, best first.
        ranker: what weighs the features.
    """
    smiles = {item.hit.smiles for items in found for item in items[:SHORT_LIST]} - {""}
    place = {text: row for row, text in enumerate(sorted(smiles))}
    cut = fragment_many(list(place))
    for query, items in zip(batch, found, strict=True):
        if not items:
            continue
        explained = np.full(len(items), np.nan)
        peaks = fragment_query(query)
        for at, item in enumerate(items[:SHORT_LIST]):
            if item.hit.smiles in place:
                row = place[item.hit.smiles]
                explained[at] = _explained(cut.between(row, row + 1), peaks, item.hit.adduct)
        features = {
            "similarity": np.array([item.strength for item in items]),
            "fragmenter": explained,
            "embedding": np.array([item.hit.embedding for item in items]),
        }
        merits = ranker.library(features)
        none = ranker.none_of_library.merit([item.n_peaks for item in items])
        shares = share_out(np.zeros(len(items), np.int64), merits, none)
        for at, item in enumerate(items):
            item.hit.probability = float(shares[at])
            item.hit.similarity = float(features["similarity"][at])
            item.hit.fragmenter = float(explained[at])
        order = np.argsort(-merits, kind="stable").tolist()
        items[:] = [replace(items[at], strength=float(merits[at])) for at in order]


def _explained(cut: Fragments, peaks: FragmentQuery, adduct: str) -> float:
    if cut.rejected:
        return float("nan")
    return float(score_fragments(cut, replace(peaks, adduct=adduct)).evidence[0])


def rank_structures(
    vector: Singles,
    candidates: Sequence[Candidate],
    table: StructureTable,
    learned: Learned,
) -> list[Candidate]:
    """Return candidate structures by all their features, best first.

    The learned fingerprint is computed for the first of them; the others stand where their
    other features put them, with the least that one of the first got.

    Args:
        vector: (B, d) of the spectrum.
        candidates: best first without the model.
        table: the structures they are rows of.
        learned: model and ranker.
    """
    if not candidates:
        return []
    first = list(candidates[:SHORT_LIST])
    molecules = learned.scorer.molecules(table.text["smiles"].take([c.row for c in first]))
    said = learned.scorer.evidence(vector, molecules)
    fingerprint = np.full(len(candidates), said.min())
    fingerprint[: len(first)] = said
    merits = learned.ranker.structures(structure_features(candidates, fingerprint))
    order = np.argsort(-merits, kind="stable").tolist()
    return [
        replace(candidates[at], merit=float(merits[at]), fingerprint=float(fingerprint[at]))
        for at in order
    ]


def reference_features(
    query: Query, vector: Singles, candidates: Sequence[Candidate], references: References
) -> dict[str, FloatArray]:
    """Return the (n,) features of compounds that a model knows; ``vector`` is (D,), length 1."""
    rows = [c.row for c in candidates]
    return {
        "embedding": references.cosines(vector, query.spectrum.polarity, rows),
        "fragmenter": np.array([c.evidence for c in candidates]),
        "mass_error": -np.array([c.mass_penalty for c in candidates]),
        "adduct": -np.array([c.adduct_cost for c in candidates]),
    }


def structure_features(
    candidates: Sequence[Candidate], fingerprint: FloatArray
) -> dict[str, FloatArray]:
    """Return the (n,) features of candidate structures by name."""
    return {
        "fragmenter": np.array([c.evidence for c in candidates]),
        "fingerprint": fingerprint,
        "mass_error": -np.array([c.mass_penalty for c in candidates]),
        "adduct": -np.array([c.adduct_cost for c in candidates]),
    }
