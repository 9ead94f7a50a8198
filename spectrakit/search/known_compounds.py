"""Compounds that a model knows by itself, proposed for spectra as a library's would be."""

from collections.abc import Sequence

import numpy as np

from spectrakit.search.confidence import share_out
from spectrakit.search.learned import Singles, unit_vectors
from spectrakit.search.queries import Query
from spectrakit.search.ranker import Ranker
from spectrakit.search.ranking import Evidence
from spectrakit.search.references import References
from spectrakit.search.reranking import reference_features
from spectrakit.search.structure_search import StructureSearch, structure_hit
from spectrakit.spectrum import Tolerance

MODE = "reference"
RECOGNISED = 0.75  # cosine from which a compound is one that the model knows: of queries held out
# two thirds reach it with their own compound, an eighth of the unknown ones with any other


class KnownCompounds:
    """Search the references of a model by precursor mass, and rank them by all evidence."""

    def __init__(self, references: References, ranker: Ranker, tolerance: Tolerance) -> None:
        self.references = references
        self.ranker = ranker
        self._by_mass = StructureSearch(references.table, tolerance)

    def evidence(self, batch: Sequence[Query], vectors: Singles) -> list[list[Evidence]]:
        """Return the compounds found for each query, best first.

        Args:
            batch: the queries.
            vectors: (n, B, d) of them.
        """
        table = self.references.table
        found: list[list[Evidence]] = []
        unit = unit_vectors(vectors)
        for query, vector, candidates in zip(batch, unit, self._by_mass.search(batch), strict=True):
            features = reference_features(query, vector, candidates, self.references)
            near = np.flatnonzero(features["embedding"] >= RECOGNISED).tolist()
            if not near:
                found.append([])
                continue
            candidates = [candidates[at] for at in near]
            features = {name: values[near] for name, values in features.items()}
            merits = self.ranker.references(features)
            n_peaks = len(query.spectrum)
            none = np.full(len(merits), self.ranker.none_of_references.merit(n_peaks))
            shares = share_out(np.zeros(len(merits), np.int64), merits, none)
            items: list[Evidence] = []
            for at in np.argsort(-merits, kind="stable").tolist():
                candidate = candidates[at]
                cosine = float(features["embedding"][at])
                (known,) = table.finish([candidate.row])
                hit = structure_hit(
                    candidate,
                    known,
                    table.source,
                    method="embedding",
                    score=max(cosine, 0.0),
                    probability=float(shares[at]),
                    embedding=cosine,
                )
                key = known.inchikey14
                items.append(Evidence(key, hit, float(merits[at]), True, MODE, n_peaks))
            found.append(items)
        return found
