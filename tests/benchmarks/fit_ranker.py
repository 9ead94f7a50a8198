"""Fit the ranker that ships: out-of-fold features of train molecules under open licences.

    python tests/benchmarks/fit_ranker.py --work FOLDER --out spectrakit/assets/ranker@1

Spectra: massbank_train_library and massbank_bafg_train_library under CC0, CC BY or dl-de/by.
Every model that a feature comes from has not seen the molecule (structures: five folds by
clusters of similar molecules) or the spectrum (libraries: the queries of the rule of
data/ms/README.md, hidden from library and model). Structures are searched as `identify` does:
by precursor m/z with 2.5 ppm of error added, adduct hidden, in the molecules of toxcast, nci_hiv
and pubchem_*. In libraries the competitors' spectra at a query's energy are hidden too
(symmetric protocol), and half of the molecules are in no library. Models and features are kept
in --work: a run that was killed goes on.
"""

import argparse
import csv
import gzip
import hashlib
import os
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _massbank import DATA, build_library, read_records
from _protocol import tuning_task
from _ranking import OPEN, train_records
from spectrakit_kernelfp.compact import compact
from spectrakit_kernelfp.data import training_set
from spectrakit_kernelfp.distill import CLEANING
from spectrakit_kernelfp.graphs import PRECURSOR, molecule_graph, spectrum_graph
from spectrakit_kernelfp.model import fit
from spectrakit_kernelfp.scoring import BLOCK_WEIGHTS

from spectrakit.accounting import InputAccount
from spectrakit.bundle import Bundle, write_bundle
from spectrakit.search.evidence import rank_compounds
from spectrakit.search.fragment_match import score_fragments
from spectrakit.search.fragmenter import fragment_many
from spectrakit.search.index import SearchSettings
from spectrakit.search.known_compounds import RECOGNISED
from spectrakit.search.learned import LearnedScorer, unit_vectors
from spectrakit.search.libraries import open_structures
from spectrakit.search.molecular_fingerprints import BLOCKS, N_BITS, NAME, clusters, fingerprints
from spectrakit.search.prepared import DEFAULT_TOLERANCE, prepare_queries
from spectrakit.search.prevalence import LIBRARY_SHARE, STRUCTURE_SHARE
from spectrakit.search.queries import Centroider, searchable
from spectrakit.search.ranker import (
    LIBRARY_FEATURES,
    REFERENCE_FEATURES,
    STRUCTURE_FEATURES,
    filled,
)
from spectrakit.search.ranker_fit import Case, fit_none, fit_presence, fit_weights, write_ranker
from spectrakit.search.references import build_references, open_references, with_references
from spectrakit.search.reranking import SHORT_LIST, reference_features, structure_features
from spectrakit.search.structure_search import StructureSearch, fragment_query
from spectrakit.spectrum import Tolerance

FOLDS = 5
MASS_ERROR_PPM = 2.5
PER_MOLECULE = 3  # spectra of a molecule and polarity that are asked
COLUMNS = ("inchikey14", "smiles", "formula", "exact_mass")
SOURCES = ("toxcast", "nci_hiv", "pubchem_")


def say(*words):
    print(*words, flush=True)


def model(spectra, path):
    """Return the scorer of a kernelfp student fitted on these spectra; kept as a bundle."""
    if not path.exists():
        small = compact(fit(*training_set(spectra, OPEN)[:2]), whole=True)
        write_bundle(
            path,
            graphs={
                "encode_spectrum": spectrum_graph(small),
                "encode_molecule": molecule_graph(small, N_BITS),
            },
            task="embed",
            modality="msms",
            input={"kind": "peaks", "precursor": list(PRECURSOR), "fingerprint": NAME},
            preprocessing=CLEANING,
            calibration={"block_weights": BLOCK_WEIGHTS.tolist()},
        )
        say(f"fitted {path.name}")
    return LearnedScorer(Bundle(path))


def open_train():
    """Return the train records under open licences."""
    records = train_records()
    kept = [str(s.extra.get("LICENSE", "")) in OPEN for s in records.spectra]
    return records.take(np.flatnonzero(kept))


def hashed(text):
    """Return a number that looks random and is the same everywhere (crc32 is linear: no good)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def is_known(molecule):
    return hashed(f"known {molecule}") % 2 == 0


def weighted(cases, molecules):
    """Return cases weighted such that every molecule counts alike."""
    names, code = np.unique(molecules, return_inverse=True)
    n = np.bincount(code)
    return [replace(c, weight=1 / n[k]) for c, k in zip(cases, code, strict=True)], len(names)


def library_task(records, work, half):
    """Return queries, their library (with ``half``: half of their molecules), and a model."""
    task = tuning_task(records, read_records("massbank_query.msp.gz"))
    scorer = model(list(task.library.spectra), work / "library@1")
    known = np.array([is_known(m) for m in task.library.molecule]) | (not half)
    known |= ~np.isin(task.library.molecule, list(set(task.queries.molecule.tolist())))
    return task, task.library.take(np.flatnonzero(known)), scorer


def reference_cases(records, work, half):
    """Return cases of the compounds that a model recognises by itself, with their molecules."""
    task, library, scorer = library_task(records, work, half)
    data = build_references(library.spectra, scorer)
    references = open_references(
        Bundle(with_references(scorer.bundle, work / "references@1", data))
    )
    search = StructureSearch(references.table, Tolerance(10, "ppm"))
    rows = np.arange(len(task.queries))
    queries = asked(task.queries, rows, set(task.queries.molecule), np.random.default_rng(0))
    cases, molecules = [], []
    for start in range(0, len(queries), 256):
        batch = queries[start : start + 256]
        vectors = unit_vectors(scorer.spectra([q.spectrum for q in batch]))
        for query, vector, found in zip(batch, vectors, search.search(batch), strict=True):
            key = query.spectrum.molecule.inchikey[:14]
            own = [references.table.text["inchikey14"][c.row] for c in found]
            if all(one == key for one in own):  # an empty window says "known" by mass alone
                continue
            features = reference_features(query, vector, found, references)
            matrix = np.column_stack([filled(features[name]) for name in REFERENCE_FEATURES])
            cases.append(Case(matrix, own.index(key) if key in own else -1, len(query.spectrum)))
            molecules.append(key)
    return cases, molecules


def recognised(case):
    """Return a case with the compounds that `identify` would show; None without any."""
    near = np.flatnonzero(case.features[:, 0] >= RECOGNISED)
    truth = np.flatnonzero(near == case.truth)
    told = replace(case, features=case.features[near], truth=int(truth[0]) if len(truth) else -1)
    return told if len(near) else None


def only_recognised(cases, molecules):
    """Return the cases in which anything is recognised, with their molecules."""
    pairs = [(recognised(c), m) for c, m in zip(cases, molecules, strict=True)]
    return [c for c, _ in pairs if c], [m for c, m in pairs if c]


def library_cases(records, work, half):
    """Return cases of library compounds, with their molecules."""
    task, library, scorer = library_task(records, work, half)
    index = build_library(library)
    keys = index.compounds.astype(str)
    queries = prepare_queries(list(task.queries.spectra), adducts=list(task.queries.adduct))
    matches = index.search(queries, SearchSettings(min_matched_peaks=0))
    truth = task.queries.molecule[matches.query]
    own = keys[index.compound[matches.row]]
    energy = library.energy[index.store_row][matches.row]
    same = energy == task.queries.energy[matches.query]
    hidden = (own != truth) & same & (task.kind[matches.query] == "cross_energy")
    matches = matches.where(~hidden)
    found = rank_compounds(index, queries.spectra, matches, tolerance=DEFAULT_TOLERANCE)
    alike = likeness(scorer, index, library, task.queries, matches)
    smiles = {s.molecule.inchikey[:14]: s.molecule.smiles for s in library.spectra}
    names = sorted({keys[c] for c in found.compound})
    place = {name: row for row, name in enumerate(names)}
    cut = fragment_many([smiles.get(name, "") for name in names])
    cases, molecules = [], []
    for query in np.unique(found.query):
        rows = np.flatnonzero(found.query == query)[:SHORT_LIST]
        one = task.queries.spectra[query]
        (asking,) = searchable(
            [one], InputAccount("x"), Centroider(), survey_scans=False, needs_precursor=True
        )
        peaks = fragment_query(asking)
        compounds = [keys[c] for c in found.compound[rows]]
        explained = [
            float(score_fragments(cut.between(place[k], place[k] + 1), peaks).evidence[0])
            for k in compounds
        ]
        close = [alike[int(query), int(c)] for c in found.compound[rows]]
        right = [k == task.queries.molecule[query] for k in compounds]
        wrong = len(right) - sum(right)
        if wrong == 0:  # an empty window says "known" by mass alone
            continue
        cases.append(
            Case(
                np.column_stack([found.evidence[rows], explained, close]),
                right.index(True) if any(right) else -1,
                int(queries.spectra.counts[query]),
            )
        )
        molecules.append(task.queries.molecule[query])
    return cases, molecules


def likeness(scorer, index, library, queries, matches):
    """Return {(query, compound): cosine of the most alike spectrum in the model's space}."""
    rows, place = np.unique(matches.row, return_inverse=True)
    held = unit_vectors(scorer.spectra(list(library.spectra[index.store_row[rows]])))
    asked = unit_vectors(scorer.spectra(list(queries.spectra)))
    cosine = np.einsum("ij,ij->i", held[place], asked[matches.query])
    best = {}
    compound = index.compound[matches.row]
    for q, c, value in zip(matches.query.tolist(), compound.tolist(), cosine, strict=True):
        best[q, c] = max(best.get((q, c), -1.0), float(value))
    return best


def write_molecules(path, columns):
    """Write the molecules whose source may be used for what ships, unless they are there."""
    if path.exists():
        return path
    with gzip.open(DATA / "molecules.csv.gz", "rt", encoding="utf-8") as handle:
        rows = [
            row
            for row in csv.DictReader(handle)
            if any(one.startswith(SOURCES) for one in row["sources"].split("|"))
        ]
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def structure_cases(records, work, n_molecules):
    """Return cases of candidate structures, with their molecules."""
    path = write_molecules(work / "molecules.csv", COLUMNS)
    table = open_structures(str(path)).library
    search = StructureSearch(table, Tolerance(10, "ppm"))
    names = np.unique(records.molecule)
    smiles = {s.molecule.inchikey[:14]: s.molecule.smiles for s in records.spectra}
    bits = fingerprints([smiles[name] for name in names])[0]
    cluster = dict(zip(names, clusters(bits[:, BLOCKS[0].columns]), strict=True))
    fold = np.array([hashed(f"fold {cluster[m]}") % FOLDS for m in records.molecule])
    order = sorted(names, key=lambda m: hashed(f"asked {m}"))
    chosen = set(order[:n_molecules])
    random = np.random.default_rng(0)
    cases, molecules = [], []
    for number in range(FOLDS):
        scorer = model(list(records.spectra[fold != number]), work / f"fold{number}@1")
        queries = [
            q
            for q in asked(records, np.flatnonzero(fold == number), chosen, random)
            if q.precursors
        ]
        for start in range(0, len(queries), 256):
            batch = queries[start : start + 256]
            vectors = scorer.spectra(
                [replace(q.spectrum, precursor_mz=q.precursors[0].mz) for q in batch]
            )
            for query, vector, found in zip(batch, vectors, search.search(batch), strict=True):
                key = query.spectrum.molecule.inchikey[:14]
                case = structure_case(query, vector, found, key, table, scorer)
                if case is not None:
                    cases.append(case)
                    molecules.append(key)
        say(f"fold {number}: {len(cases)} cases so far")
    return cases, molecules


def asked(records, rows, chosen, random):
    """Return the queries of the chosen molecules among some rows, adduct hidden."""
    seen, held = {}, []
    for row in rows:
        key = (records.molecule[row], int(records.polarity[row]))
        seen[key] = seen.get(key, 0) + 1
        if key[0] in chosen and seen[key] <= PER_MOLECULE:
            error = random.normal(0, MASS_ERROR_PPM * 1e-6)
            one = records.spectra[row]
            held.append(replace(one, adduct="", precursor_mz=one.precursor_mz * (1 + error)))
    account = InputAccount("asked")
    return list(searchable(held, account, Centroider(), survey_scans=False, needs_precursor=True))


def structure_case(query, vector, found, key, table, scorer):
    if not found:
        return None
    first = found[:SHORT_LIST]
    vectors = scorer.molecules(table.text["smiles"].take([c.row for c in first]))
    said = scorer.evidence(vector, vectors)
    fingerprint = np.full(len(found), said.min())
    fingerprint[: len(first)] = said
    features = structure_features(found, fingerprint)
    own = [table.text["inchikey14"][c.row] for c in found]
    return Case(
        np.column_stack([features[name] for name in STRUCTURE_FEATURES]),
        own.index(key) if key in own else -1,
        len(query.spectrum),
    )


def at_share(cases, share):
    """Return cases reweighted so that this share of them has its truth among the candidates."""
    known = np.array([c.truth >= 0 for c in cases])
    weight = np.array([c.weight for c in cases])
    now = weight[known].sum() / weight.sum()
    factor = np.where(known, share / now, (1 - share) / (1 - now))
    return [replace(c, weight=float(c.weight * f)) for c, f in zip(cases, factor, strict=True)]


def recall(cases, weights):
    """Return the weighted share of truths ranked first among the cases that have one."""
    right = total = 0.0
    for case in cases:
        if case.truth >= 0:
            merit = case.features @ weights
            total += case.weight
            right += case.weight * (np.delete(merit, case.truth) < merit[case.truth]).all()
    return right / total


def given(names):
    """Return {column: weight} of what is not fitted.

    How far off a precursor is belongs to the instrument, and the error added here is made up:
    the user's tolerance, taken as two standard deviations, decides.
    """
    return {names.index("mass_error"): 1.0} if "mass_error" in names else {}


def ablation(cases, molecules, names):
    """Print Recall@1 by halves of the molecules, features added one by one and left out."""
    half = np.array([hashed(f"half {m}") % 2 for m in molecules])
    sets = [names[: n + 1] for n in range(len(names))]
    sets += [tuple(n for n in names if n != one) for one in names[:-1]] if len(names) > 2 else []
    for chosen in sets:
        columns = [names.index(name) for name in chosen]
        part = [replace(c, features=c.features[:, columns]) for c in cases]
        folds = []
        for side in (0, 1):
            train = [c for c, h in zip(part, half, strict=True) if h != side]
            judge = [c for c, h in zip(part, half, strict=True) if h == side]
            folds.append(recall(judge, fit_weights(train, fixed=given(chosen))))
        say(f"  {' + '.join(chosen):50s} {np.mean(folds):.4f}")


def kept(path, make):
    """Return what ``make`` gives, from a file if it was made before."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_bytes(pickle.dumps(make()))
        part.replace(path)
    return pickle.loads(path.read_bytes())  # our own scratch file


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--molecules", type=int, default=1500)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    records = open_train()
    say(f"{len(records)} spectra of {len(set(records.molecule))} molecules under open licences")
    work = options.work
    weights, fitted = {}, {}
    for kind, names, make, share in (
        ("library", LIBRARY_FEATURES, library_cases, LIBRARY_SHARE),
        ("reference", REFERENCE_FEATURES, reference_cases, LIBRARY_SHARE),
        ("structure", STRUCTURE_FEATURES, structure_cases, STRUCTURE_SHARE),
    ):
        sets = (False, True) if kind != "structure" else (options.molecules,)
        made = [kept(work / f"{kind}-{one}.pkl", partial(make, records, work, one)) for one in sets]
        if kind == "reference":
            made = [only_recognised(*one) for one in made]
        cases, n = weighted(*made[0])
        known = sum(c.truth >= 0 for c in cases)
        say(f"{kind}: {len(cases)} spectra of {n} molecules, {known} with their truth; Recall@1")
        ablation(cases, made[0][1], names)
        found = fit_weights(cases, fixed=given(names))
        judged, _ = weighted(*made[-1])  # for the constants: about half of them are unknown
        merits, judged = [c.features @ found for c in judged], at_share(judged, share)
        if kind == "structure":
            constants = fit_presence(merits, judged)
        else:
            scale, constants = fit_none(merits, judged)
            found = found * scale
        weights |= {f"{kind}.{name}": float(w) for name, w in zip(names, found, strict=True)}
        fitted[kind] = (constants, recall(cases, found), n)
        own = {name: round(value, 3) for name, value in weights.items() if name.startswith(kind)}
        say(f"  {own}\n  {fitted[kind][0]}")
    if options.out:
        metrics = [
            {"name": f"{kind}_recall_at_1", "value": value, "split": "train, out of fold", "n": n}
            for kind, (_, value, n) in fitted.items()
        ]
        write_ranker(
            options.out,
            weights,
            {kind: constants for kind, (constants, _, _) in fitted.items()},
            replace_old=True,
            metrics=tuple(metrics),
            summary="Library compounds and structures by all evidence, a conditional logit.",
            licence="CC BY 4.0",
            attributions=("MassBank, records under CC0, CC BY and dl-de/by; see msms",),
        )
        say(f"wrote {options.out}")


if __name__ == "__main__":
    main()
