"""Candidates per CPU-second of the fragmenter: SMILES to score, one spectrum of 30 peaks.

    python tests/benchmarks/fragmenter_speed.py

The candidates are hmdb structures of 200-500 Da in batches of equal mass, as a search meets them
(200 neighbours in the table). In the same run: RDKit reading the same SMILES, which a toolkit-based
fragmenter must do first.
"""

import time

import numpy as np

from spectrakit.search.fragment_match import FragmentQuery, score_candidates
from spectrakit.search.structure_sources import load_structures
from spectrakit.spectrum import Tolerance


def main():
    """Print the table."""
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    table = load_structures("hmdb")
    inside = table.by_mass(350.0, Tolerance(150.0, "Da"))
    random = np.random.default_rng(0)
    batches = []
    for start in random.integers(inside.start, inside.stop - 200, 40).tolist():
        rows = slice(start, start + 200)
        smiles = table.smiles(rows)
        top = float(table.exact_mass[start])
        mz = np.sort(random.uniform(50.0, top, 30))
        batches.append((smiles, FragmentQuery(mz, random.uniform(0.01, 1.0, 30), 1)))
    n = sum(len(smiles) for smiles, _ in batches)
    score_candidates(*batches[0][:1], [batches[0][1]])  # caches of the reader are warm
    start = time.process_time()
    for smiles, query in batches:
        score_candidates(smiles, [query])
    ours = time.process_time() - start
    start = time.process_time()
    for smiles, _ in batches:
        for text in smiles:
            Chem.MolFromSmiles(text)
    rdkit = time.process_time() - start
    print(f"hmdb (HMDB2StructMapping.tsv in pyopenms), 200-500 Da, n = {n} candidates, one thread")
    print("| step | candidates per CPU-second |\n|---|---|")
    print(f"| fragmenter: read, cut, match 30 peaks, score | {n / ours:,.0f} |")
    print(f"| RDKit MolFromSmiles alone, same run | {n / rdkit:,.0f} |")


if __name__ == "__main__":
    main()
