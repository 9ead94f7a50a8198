"""Molecules with their spectra and candidates, for rankers that learn from train molecules."""

import csv
import gzip
import hashlib
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from _massbank import DATA, Records, read_records
from _retrieval import candidate_lists, queries_of, rows_by_molecule

from spectrakit.search.fragment_match import FragmentQuery, score_fragments
from spectrakit.search.fragmenter import Fragments, fragment_many

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "plugins"))
from spectrakit_kernelfp.data import measurement, training_set
from spectrakit_kernelfp.features import Merged, merge

from spectrakit.search.known_mass import neutral_mass

OPEN = ("CC0", "CC BY", "dl-de/by-2-0")
PER_MOLECULE = 4  # spectra of a molecule that stand alone


@dataclass
class Query:
    """Spectra to explain: merged for the kernel by polarity, and for the fragmenter."""

    spectra: dict[int, Merged]
    fragments: list[FragmentQuery]
    n_spectra: list[int]


@dataclass
class Unknown:
    """A molecule, all its spectra as one query, some alone, and its candidates."""

    key: str
    mass: float
    together: Query
    alone: list[Query]
    keys: list[str]
    smiles: list[str]
    truth: int
    fragments: Fragments | None = None


@cache
def molecules():
    """Return {InChIKey14: (SMILES, exact mass)} of the molecule table."""
    with gzip.open(DATA / "molecules.csv.gz", "rt", encoding="utf-8") as handle:
        return {
            row["inchikey14"]: (row["smiles"], float(row["exact_mass"]))
            for row in csv.DictReader(handle)
        }


@cache
def train_records():
    """Return the train spectra, those of BAFG (dl-de/by) among them."""
    parts = [read_records(f"massbank_{n}train_library.msp.gz") for n in ("", "bafg_")]
    columns = [np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])]
    return Records(*columns)


def query(records, rows, mass):
    """Return rows of one molecule as one query."""
    by_polarity = {}
    for row in rows:
        by_polarity.setdefault(int(records.polarity[row]), []).append(
            measurement(records.spectra[row], mass)
        )
    merged = {p: m for p, s in by_polarity.items() if (m := merge(s)) is not None}
    fragments, n_spectra = queries_of(records, rows)
    return Query(merged, fragments, n_spectra)


def some_rows(records, rows):
    """Return the rows of a molecule that stand alone as queries."""
    return sorted(rows, key=lambda r: _hash(f"one {records.accession[r]}"))[:PER_MOLECULE]


def load_unknowns(split, mode):
    """Return the molecules of ``massbank_<split>``; masses are those of the candidate list."""
    records = read_records(f"massbank_{split}.msp.gz")
    lists, by_mass = candidate_lists(split, mode), candidate_lists(split, "mass")
    found = []
    for key, rows in sorted(rows_by_molecule(records).items()):
        listed = [molecules()[k][1] for k, _ in by_mass[key] if k in molecules()]
        mass = float(np.median(listed))  # what a user knows: the mass that was searched
        some = some_rows(records, rows)
        keys = [k for k, _ in lists[key]]
        found.append(
            Unknown(
                key, mass, query(records, rows, mass),
                [query(records, [row], mass) for row in some],
                keys, [s for _, s in lists[key]], keys.index(key),
            )
        )  # fmt: skip
    return found


def load_held_out(n, ppm=10.0, most=63):
    """Return ``n`` train molecules with decoys that stand in no evaluation list."""
    records = train_records()
    banned = {
        key
        for split in ("valid", "test", "casmi_2016", "casmi_2012")
        for candidates in candidate_lists(split).values()
        for key, _ in candidates
    }
    usable = sorted((m, k, s) for k, (s, m) in molecules().items() if k not in banned)
    masses = np.array([m for m, _, _ in usable])
    rows = rows_by_molecule(records)
    _, smiles, _ = training_set(records.spectra)
    found = []
    for key in sorted(rows, key=lambda k: _hash(f"oof {k}"))[:n]:
        mass = neutral_mass(smiles[key])
        first, last = np.searchsorted(masses, [mass * (1 - ppm * 1e-6), mass * (1 + ppm * 1e-6)])
        decoys = [(k, s) for _, k, s in usable[first:last] if k != key]
        decoys = sorted(decoys, key=lambda c: _hash(f"decoy {c[0]}"))[:most]
        listed = sorted([(key, smiles[key]), *decoys], key=lambda c: _hash(f"shuffle {c[0]}"))
        keys = [k for k, _ in listed]
        found.append(
            Unknown(key, mass, query(records, rows[key], mass), [], keys,
                    [s for _, s in listed], keys.index(key))
        )  # fmt: skip
    return found


def fragmenter_evidence(unknown, asked):
    """Return (n_candidates,) evidence of the fragmenter, summed over merged spectra."""
    if unknown.fragments is None:
        unknown.fragments = fragment_many(unknown.smiles)
    total = np.zeros(len(unknown.smiles))
    for one, n in zip(asked.fragments, asked.n_spectra, strict=True):
        total += np.sqrt(n) * score_fragments(unknown.fragments, one).evidence
    return total


def _hash(text):
    return hashlib.sha256(text.encode()).digest()
