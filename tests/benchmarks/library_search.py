"""Library search on MassBank: Recall@1 of similarities and of the evidence of replicates.

Choices:  ``python tests/benchmarks/library_search.py --tune``   (tuning queries, _protocol.py)
Report:   ``python tests/benchmarks/library_search.py``          (massbank_query, once)
With ``--model BUNDLE`` open search also weighs the embeddings of a model, which must not have
seen the queries; ``--open`` prints the tables of open search only.

Ties are misses. Hard: at least two compounds in the 10 ppm window of the library as given.
XC and XE: queries of another contributor, of another energy. Symmetric: for XE queries the
competitors' spectra at the query's energy are hidden too. Micro (macro = mean over molecules).
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _massbank import build_library, read_query_info, read_records
from _protocol import first_place, macro, official_task, tuning_task

from spectrakit.bundle import Bundle
from spectrakit.search.embedding_index import EmbeddingIndex
from spectrakit.search.evidence import EvidenceWeights, rank_compounds
from spectrakit.search.index import SearchMode, SearchSettings
from spectrakit.search.learned import LearnedScorer, unit_vectors
from spectrakit.search.library_embeddings import Embedded, best_cosines, with_candidates
from spectrakit.search.library_search import EMBEDDING_WEIGHT
from spectrakit.search.prepared import DEFAULT_TOLERANCE, prepare_queries
from spectrakit.search.similarity import Similarity

PLAIN = ((10_000.0, 1.0),)  # one view: the whole spectrum
ABLATIONS = {
    "consensus of replicates": EvidenceWeights(PLAIN, 0.0, 1.0, 0.0, 1e6),
    "similarity-weighted mixture": EvidenceWeights(PLAIN, 0.0, 1.0, 20.0, 1e6),
    "best, peaks from 0.1 %": EvidenceWeights(PLAIN, 1.0, 0.0, 0.0, 1e6),
    "best + mixture": EvidenceWeights(PLAIN, 1.0, 1.0, 20.0, 1e6),
    "  + m/z closeness": EvidenceWeights(PLAIN, 1.0, 1.0, 20.0, 0.35),
    "evidence (+ view without precursor)": EvidenceWeights(),
}


class Bench:
    """One task: index, prepared queries, truth and the masks of the table's columns."""

    def __init__(self, task, model=None):
        self.task = task
        self.embedded = None
        self.index = build_library(task.library)
        queries = task.queries
        self.queries = prepare_queries(list(queries.spectra), adducts=list(queries.adduct))
        keys = self.index.compounds.astype(str)
        self.truth = np.searchsorted(keys, queries.molecule)
        self.energy = task.library.energy[self.index.store_row]
        cross_energy = task.kind == "cross_energy"
        hard = self._molecules_in_window() >= 2
        self.columns = {
            "all": np.ones(len(hard), dtype=bool),
            "hard": hard,
            "hard XC": hard & ~cross_energy,
            "hard XE": hard & cross_energy,
        }
        if model is not None:
            self.embedded = self._embed(LearnedScorer(Bundle(model)))

    def _embed(self, scorer):
        """Encode library and queries as `library embed` and `identify` do."""
        order, precursor = self.index.store_row, self.index.spectra.precursor_mz.tolist()
        library = self.task.library.spectra[order]
        asked = [replace(s, precursor_mz=mz) for s, mz in zip(library, precursor, strict=True)]
        vectors = unit_vectors(scorer.spectra(asked))
        about = {"library_digest": "", "model": scorer.label, "model_digest": ""}
        index = EmbeddingIndex.build(vectors, self.index.block_start, about)
        return Embedded(index, unit_vectors(scorer.spectra(list(self.task.queries.spectra))))

    def _molecules_in_window(self):
        """Count molecules within 10 ppm among library spectra that state a precursor."""
        given = np.isfinite(self.task.library.precursor_mz)[self.index.store_row]
        found = self.search(SearchSettings(match_adducts=False, min_matched_peaks=0))
        found = found.where(given[found.row])
        pairs = np.unique(np.column_stack([found.query, self.index.compound[found.row]]), axis=0)
        return np.bincount(pairs[:, 0], minlength=len(self.queries))

    def search(self, settings):
        return self.index.search(self.queries, settings)

    def symmetric(self, matches):
        """Hide the competitors' spectra at the energy of a cross-energy query."""
        wrong = self.index.compound[matches.row] != self.truth[matches.query]
        same = self.energy[matches.row] == self.task.queries.energy[matches.query]
        cross_energy = self.task.kind[matches.query] == "cross_energy"
        return matches.where(~(wrong & same & cross_energy))

    def correct(self, query, compound, score):
        return first_place(len(self.queries), query, compound == self.truth[query], score)

    def by_spectrum(self, matches, score):
        return self.correct(matches.query, self.index.compound[matches.row], score)

    def by_evidence(self, matches, weights):
        found = rank_compounds(
            self.index,
            self.queries.spectra,
            matches,
            tolerance=DEFAULT_TOLERANCE,
            weights=weights,
        )
        return self.correct(found.query, found.compound, found.evidence)

    def by_embedding(self, settings, matches, evidence_weight, embedding_weight):
        """Rank compounds by both; the vectors propose spectra too."""
        proposed = with_candidates(self.embedded, self.index, self.queries, matches, settings)
        found = rank_compounds(
            self.index, self.queries.spectra, proposed, tolerance=DEFAULT_TOLERANCE
        )
        near = best_cosines(self.embedded, self.index, proposed, found.query, found.compound)
        score = evidence_weight * found.evidence + embedding_weight * np.nan_to_num(near)
        return self.correct(found.query, found.compound, score)

    def by_mean(self, matches):
        key = matches.query * len(self.index.compounds) + self.index.compound[matches.row]
        groups, group = np.unique(key, return_inverse=True)
        mean = np.bincount(group, matches.score) / np.bincount(group)
        return self.correct(*np.divmod(groups, len(self.index.compounds)), mean)

    def line(self, name, correct):
        molecule = self.task.queries.molecule
        cells = [
            f"{correct[m].mean():.3f} ({macro(correct[m], molecule[m]):.3f})"
            for m in self.columns.values()
        ]
        print(f"{name:38s} " + "  ".join(f"{cell:15s}" for cell in cells))

    def gain(self, name, correct, reference):
        """Print the paired gain on hard queries, with 1,000 bootstraps over molecules."""
        hard = self.columns["hard"]
        difference = correct[hard].astype(float) - reference[hard]
        _, molecule = np.unique(self.task.queries.molecule[hard], return_inverse=True)
        total, n = np.bincount(molecule, difference), np.bincount(molecule)
        drawn = np.random.default_rng(0).integers(0, len(n), (1000, len(n)))
        low, high = np.percentile(total[drawn].sum(1) / n[drawn].sum(1), [2.5, 97.5])
        print(f"  {name}: hard {difference.mean():+.3f}, 95 % interval {low:+.3f} to {high:+.3f}")


def precursor_table(bench, settings, protocol, ablations):
    matches = bench.search(settings)
    if protocol == "symmetric":
        matches = bench.symmetric(matches)
    adducts = "adducts respected" if settings.match_adducts else "adducts ignored"
    print(f"\nprecursor search, 10 ppm, {protocol} protocol, {adducts}")
    print(f"{'':38s} " + "  ".join(f"{name:15s}" for name in bench.columns))
    rng = np.random.default_rng(0)
    bench.line("random", bench.by_spectrum(matches, rng.random(len(matches))))
    asked = bench.queries.spectra.precursor_mz[matches.query]
    held = bench.index.spectra.precursor_mz[matches.row]
    bench.line("precursor m/z alone", bench.by_spectrum(matches, -np.abs(asked - held)))
    if ablations:
        for method in (Similarity.COSINE, Similarity.SQRT_COSINE, Similarity.NEUTRAL_LOSS):
            found = bench.search(with_method(settings, method))
            if protocol == "symmetric":
                found = bench.symmetric(found)
            bench.line(f"best {method}", bench.by_spectrum(found, found.score))
        bench.line("mean entropy of all replicates", bench.by_mean(matches))
    best = bench.by_spectrum(matches, matches.score)
    bench.line("best entropy (peaks from 1 %)", best)
    chosen = ABLATIONS if ablations else dict(list(ABLATIONS.items())[-1:])
    for name, weights in chosen.items():
        correct = bench.by_evidence(matches, weights)
        bench.line(name, correct)
    bench.gain("evidence over best entropy", correct, best)


def with_method(settings, method):
    return SearchSettings(
        mode=settings.mode,
        method=method,
        min_matched_peaks=settings.min_matched_peaks,
        match_adducts=settings.match_adducts,
    )


def open_table(bench, match_adducts, tune):
    settings = SearchSettings(mode=SearchMode.OPEN, match_adducts=match_adducts)
    adducts = "adducts respected" if match_adducts else "adducts ignored"
    print(f"\nopen search (same polarity, no precursor filter), {adducts}")
    print(f"{'':38s} " + "  ".join(f"{name:15s}" for name in bench.columns))
    matches = bench.search(settings)
    best = bench.by_spectrum(matches, matches.score)
    bench.line("best entropy (peaks from 1 %)", best)
    evidence = bench.by_evidence(matches, EvidenceWeights())
    bench.line("evidence", evidence)
    bench.gain("evidence over best entropy", evidence, best)
    if bench.embedded is not None:
        bench.line("best embedding", bench.by_embedding(settings, matches, 0.0, 1.0))
        weights = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0) if tune else (EMBEDDING_WEIGHT,)
        for weight in weights:
            both = bench.by_embedding(settings, matches, 1.0, weight)
            bench.line(f"evidence + {weight:g} embedding", both)
        bench.gain("with the embedding over evidence", both, evidence)


def precursor_tables(bench, tune):
    for match_adducts in (True, False):
        settings = SearchSettings(min_matched_peaks=0, match_adducts=match_adducts)
        for protocol in ("official", "symmetric"):
            precursor_table(bench, settings, protocol, ablations=tune)
    precursor_table(bench, SearchSettings(), "official (at least 1 matched peak)", ablations=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true", help="tuning queries instead")
    parser.add_argument("--open", action="store_true", help="the tables of open search only")
    parser.add_argument("--model", type=Path, help="bundle whose embeddings open search weighs")
    options = parser.parse_args()
    tune = options.tune
    train = read_records("massbank_train_library.msp.gz")
    official = read_records("massbank_query.msp.gz")
    if tune:
        task = tuning_task(train, official)
        name = "tuning queries of massbank_train_library in the rest of it"
    else:
        task = official_task(train, official, read_query_info())
        name = "massbank_query in massbank_train_library"
    bench = Bench(task, options.model)
    molecules = len(set(task.queries.molecule))
    counts = ", ".join(f"{column} {mask.sum()}" for column, mask in bench.columns.items())
    print(f"{name}: {len(task.library)} library spectra, {molecules} query molecules; n: {counts}")
    if not options.open:
        precursor_tables(bench, tune)
    for match_adducts in (True, False):
        open_table(bench, match_adducts, tune)


if __name__ == "__main__":
    main()
