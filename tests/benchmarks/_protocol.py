"""Library-search protocols on MassBank: tuning queries, symmetric hiding, recall tables.

The rule of ``data/ms/README.md``: per molecule, polarity and adduct, all spectra of the
contributor with fewest are queries where several measured it, else all of one energy. Here
it is applied to the library molecules that have no spectrum in ``massbank_query``, so that
choices can be made without looking at ``massbank_query``.
"""

import zlib
from dataclasses import dataclass

import numpy as np


@dataclass
class Task:
    """Queries and the library they are searched in, as records, with the kind of each query."""

    queries: object
    library: object
    kind: np.ndarray  # "cross_contributor" or "cross_energy"


def tuning_task(train, official_queries):
    """Apply the query rule to train molecules that are not among the official queries."""
    taken = set(official_queries.molecule.tolist())
    groups = {}
    for row in range(len(train)):
        if train.molecule[row] not in taken and np.isfinite(train.precursor_mz[row]):
            key = (train.molecule[row], int(train.polarity[row]), train.adduct[row])
            groups.setdefault(key, []).append(row)
    spectra_of = dict(zip(*np.unique(train.molecule, return_counts=True), strict=True))
    chosen, kinds = [], []
    for (molecule, polarity, adduct), rows in sorted(groups.items()):
        if spectra_of[molecule] < 3 or not adduct:
            continue
        by_contributor = _split(rows, train.contributor)
        if len(by_contributor) > 1:
            parts, kind = by_contributor, "cross_contributor"
            name = min(parts, key=lambda c: (len(parts[c]), c))
        else:
            parts, kind = _split(rows, train.energy), "cross_energy"
            if len(parts) < 2:
                continue
            names = sorted(parts)
            name = names[zlib.crc32(f"{molecule}{polarity}{adduct}".encode()) % len(names)]
        chosen += parts[name]
        kinds += [kind] * len(parts[name])
    hidden = np.zeros(len(train), dtype=bool)
    hidden[chosen] = True
    library_rows = np.flatnonzero(~hidden)
    known = _fingerprints(train, library_rows)
    by_molecule = _split(library_rows.tolist(), train.molecule)
    keep = []
    for number, row in enumerate(chosen):
        own = np.array(by_molecule.get(train.molecule[row], []), dtype=int)
        own = own[train.polarity[own] == train.polarity[row]]
        precursor = train.precursor_mz[row]
        near = np.abs(train.precursor_mz[own] - precursor) <= 1e-5 * precursor
        twin = (train.molecule[row], _fingerprint(train, row)) in known
        if near.any() and not twin:
            keep.append(number)
    return Task(train.take(np.array(chosen)[keep]), train.take(library_rows), np.array(kinds)[keep])


def _split(rows, values):
    parts = {}
    for row in rows:
        parts.setdefault(values[row], []).append(row)
    return parts


def _fingerprint(records, row):
    spectrum = records.spectra[row]
    if len(spectrum) < 3:
        return row  # short spectra are equal by chance
    return spectrum.mz.tobytes() + spectrum.intensity.tobytes()


def _fingerprints(records, rows):
    return {(records.molecule[row], _fingerprint(records, row)) for row in rows}


def official_task(train, queries, info):
    """Return massbank_query in massbank_train_library."""
    return Task(queries, train, np.array([info[a][0] for a in queries.accession]))


def first_place(n_queries, query, is_truth, score):
    """(n_queries,) bool: the truth scores above every other compound; ties are misses.

    Args:
        n_queries: number of queries.
        query: (k,) query of each scored compound (or spectrum).
        is_truth: (k,) whether it is the right compound.
        score: (k,) higher is better.
    """
    best_true = np.full(n_queries, -np.inf)
    best_wrong = np.full(n_queries, -np.inf)
    np.maximum.at(best_true, query[is_truth], score[is_truth])
    np.maximum.at(best_wrong, query[~is_truth], score[~is_truth])
    return best_true > best_wrong


def macro(correct, molecule):
    """Mean over molecules of the mean over their queries."""
    if not len(correct):
        return float("nan")
    _, code = np.unique(molecule, return_inverse=True)
    return float((np.bincount(code, correct) / np.bincount(code)).mean())
