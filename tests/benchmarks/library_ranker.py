"""Library search on MassBank with the ranker that ships, beside the evidence of spectra alone.

    python tests/benchmarks/library_ranker.py

Queries, columns and protocols are those of library_search.py; adducts are respected. The ranker
was fitted on other molecules (fit_ranker.py). *Embedding*: with the vectors of the model that
ships, as after `library embed`; its training set has the library, not the queries.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _massbank import read_query_info, read_records
from _protocol import official_task
from library_search import Bench

from spectrakit.accounting import InputAccount
from spectrakit.bundle import Bundle
from spectrakit.bundle.models import find_shipped
from spectrakit.search.evidence import rank_compounds
from spectrakit.search.fragment_match import score_fragments
from spectrakit.search.fragmenter import fragment_many
from spectrakit.search.index import SearchSettings
from spectrakit.search.learned import LearnedScorer, unit_vectors
from spectrakit.search.prepared import DEFAULT_TOLERANCE
from spectrakit.search.queries import Centroider, searchable
from spectrakit.search.ranker import Ranker
from spectrakit.search.structure_search import fragment_query


def explained(index, library, queries, found):
    """Return (k,) fragmenter's evidence of each (query, compound)."""
    keys = index.compounds.astype(str)
    smiles = {s.molecule.inchikey[:14]: s.molecule.smiles for s in library.spectra}
    codes, place = np.unique(found.compound, return_inverse=True)
    cut = fragment_many([smiles.get(keys[code], "") for code in codes])
    value = np.full(len(found), np.nan)
    peaks = {}
    for at, (query, row) in enumerate(zip(found.query.tolist(), place.tolist(), strict=True)):
        if query not in peaks:
            (asked,) = searchable(
                [queries.spectra[query]], InputAccount("x"), Centroider(),
                survey_scans=False, needs_precursor=False,
            )  # fmt: skip
            peaks[query] = fragment_query(asked)
        one = cut.between(row, row + 1)
        if not one.rejected:
            value[at] = score_fragments(one, peaks[query]).evidence[0]
    return value


def by_query(ranker, query, features):
    """Return (k,) merits of compounds; missing features are filled within a query."""
    merit = np.zeros(len(query))
    for one in np.unique(query):
        own = query == one
        merit[own] = ranker.library({name: value[own] for name, value in features.items()})
    return merit


def alike(bench, found, matches):
    """Return (k,) highest cosine of each (query, compound) in the space of the model."""
    scorer = LearnedScorer(Bundle(find_shipped("msms")))
    rows, place = np.unique(matches.row, return_inverse=True)
    spectra = bench.task.library.spectra[bench.index.store_row[rows]]
    held = unit_vectors(scorer.spectra(list(spectra)))
    asked = unit_vectors(scorer.spectra(list(bench.task.queries.spectra)))
    cosine = np.einsum("ij,ij->i", held[place], asked[matches.query])
    key = matches.query * len(bench.index.compounds) + bench.index.compound[matches.row]
    groups, group = np.unique(key, return_inverse=True)
    best = np.full(len(groups), -1.0)
    np.maximum.at(best, group, cosine)
    return best[np.searchsorted(groups, found.query * len(bench.index.compounds) + found.compound)]


def main():
    train = read_records("massbank_train_library.msp.gz")
    official = read_records("massbank_query.msp.gz")
    bench = Bench(official_task(train, official, read_query_info()))
    counts = ", ".join(f"{name} {mask.sum()}" for name, mask in bench.columns.items())
    ranker = Ranker(Bundle(find_shipped("ranker")))
    print(f"massbank_query in massbank_train_library; {ranker.bundle.label}; n: {counts}")
    for protocol in ("official", "symmetric"):
        matches = bench.search(SearchSettings(min_matched_peaks=0))
        if protocol == "symmetric":
            matches = bench.symmetric(matches)
        found = rank_compounds(bench.index, bench.queries.spectra, matches,
                               tolerance=DEFAULT_TOLERANCE)  # fmt: skip
        features = {"similarity": found.evidence}
        print(f"\n{protocol} protocol, adducts respected")
        print(f"{'':38s} " + "  ".join(f"{name:15s}" for name in bench.columns))
        plain = bench.correct(found.query, found.compound, found.evidence)
        bench.line("evidence of spectra", plain)
        for name, make in (
            (
                "fragmenter",
                lambda found=found: explained(
                    bench.index, bench.task.library, bench.task.queries, found
                ),
            ),
            ("embedding", lambda found=found, m=matches: alike(bench, found, m)),
        ):
            features[name] = make()
            merit = by_query(ranker, found.query, features)
            correct = bench.correct(found.query, found.compound, merit)
            bench.line(f"ranker, with {name}", correct)
            bench.gain(f"with {name} over the evidence of spectra", correct, plain)


if __name__ == "__main__":
    main()
