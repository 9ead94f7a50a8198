"""Structure retrieval: the spectra of a molecule, its candidate list, and how ranks are counted."""

import csv
import gzip
import hashlib
from dataclasses import dataclass

import numpy as np
from _massbank import DATA, read_records

from spectrakit.search.fragment_match import FragmentQuery

GAP = 0.005  # Da; peaks of replicates closer than this are one
MAX_PEAKS = 150
FLOOR = 0.005  # of the base peak
ABOVE_PRECURSOR = 1.5  # Da


@dataclass
class Molecule:
    """The merged spectra of one molecule and the structures it may be."""

    key: str
    queries: list[FragmentQuery]  # one for each polarity, sodium adducts apart
    n_spectra: list[int]
    candidates: list[str]  # SMILES
    keys: list[str]
    truth: int


def merge(spectra):
    """Return (mz, intensity, n): each spectrum at sum 1, peaks within GAP joined."""
    mzs, intensities = [], []
    for s in spectra:
        mz, intensity = np.asarray(s.mz, float), np.asarray(s.intensity, float)
        keep = intensity > 0
        if s.precursor_mz == s.precursor_mz:
            keep &= mz < s.precursor_mz + ABOVE_PRECURSOR
        if not keep.any():
            continue
        keep &= intensity >= FLOOR * intensity[keep].max()
        mzs.append(mz[keep])
        intensities.append(intensity[keep] / intensity[keep].sum())
    if not mzs:
        return None
    mz, intensity = np.concatenate(mzs), np.concatenate(intensities)
    order = np.argsort(mz, kind="stable")
    mz, intensity = mz[order], intensity[order]
    group = np.concatenate([[0], np.cumsum(np.diff(mz) > GAP)])
    weight = np.bincount(group, intensity)
    centre = np.bincount(group, intensity * mz) / weight
    strongest = np.sort(np.argsort(-weight, kind="stable")[:MAX_PEAKS])
    return centre[strongest], weight[strongest] / len(mzs), len(mzs)


def queries_of(records, rows):
    """Return the merged queries of one molecule and how many spectra each was made of."""
    groups = {}
    for row in rows:
        adduct = records.adduct[row]
        sodium = "[M+Na]+" if records.polarity[row] > 0 and "Na]" in adduct else ""
        groups.setdefault((int(records.polarity[row]), sodium), []).append(records.spectra[row])
    queries, counts = [], []
    for (polarity, sodium), spectra in groups.items():
        merged = merge(spectra)
        if merged is not None:
            queries.append(FragmentQuery(merged[0], merged[1], polarity, sodium))
            counts.append(merged[2])
    return queries, counts


def rows_by_molecule(records):
    """Return {InChIKey14: rows}."""
    rows = {}
    for row, key in enumerate(records.molecule):
        rows.setdefault(key, []).append(row)
    return rows


def candidate_lists(split, mode="mass"):
    """Return {query InChIKey14: [(InChIKey14, SMILES)]}, shuffled by a hash of the key."""
    lists = {}
    with gzip.open(DATA / f"candidates_{split}_{mode}.csv.gz", "rt", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            lists.setdefault(row["query_inchikey14"], []).append(
                (row["candidate_inchikey14"], row["candidate_smiles"])
            )
    for candidates in lists.values():
        candidates.sort(key=lambda c: hashlib.sha256(f"shuffle {c[0]}".encode()).digest())
    return lists


def load_split(split, mode="mass"):
    """Return the molecules of ``massbank_<split>`` with their candidate lists."""
    records = read_records(f"massbank_{split}.msp.gz")
    lists = candidate_lists(split, mode)
    molecules = []
    for key, rows in sorted(rows_by_molecule(records).items()):
        queries, counts = queries_of(records, rows)
        keys = [k for k, _ in lists[key]]
        smiles = [s for _, s in lists[key]]
        molecules.append(Molecule(key, queries, counts, smiles, keys, keys.index(key)))
    return molecules


def ranks(scores, molecules):
    """Return (n,) ranks of the truth; whatever scores as high as the truth stands before it."""
    return np.array(
        [
            int(np.sum(np.asarray(score) >= score[m.truth]))
            for score, m in zip(scores, molecules, strict=True)
        ]
    )


def summary(rank, seed=0, n_boot=1000):
    """Return (Recall@1, low, high, Recall@5, MRR), the interval by bootstrap over molecules."""
    top = rank == 1
    random = np.random.default_rng(seed)
    boot = top[random.integers(0, len(top), (n_boot, len(top)))].mean(axis=1)
    low, high = np.quantile(boot, [0.025, 0.975])
    return top.mean(), low, high, (rank <= 5).mean(), (1 / rank).mean()
