"""Unknown molecules: the right structure among all of its mass, by the fragmenter alone.

All spectra of a molecule together: merged per polarity, evidence weighted by the square root of
the number of spectra. Ties count as misses and candidate order is shuffled. Choices were made on
valid; test is for reporting.

    python tests/benchmarks/structure_retrieval.py [--split test] [--mode mass]

Rows beside it, from the same run: random; what the structure alone gives (the model's price for
being able to make anything, no spectrum; and a logistic regression on Morgan fingerprints, train
library molecules against decoys in no evaluation list); swapped spectra (each molecule ranked
with the spectra of the molecule next in mass).
"""

import argparse
import csv
import gzip
import time

import numpy as np
from _massbank import DATA, read_records
from _retrieval import candidate_lists, load_split, ranks, summary

from spectrakit.search.fragment_match import score_fragments
from spectrakit.search.fragment_model import FITTED
from spectrakit.search.fragmenter import fragment_many


def evidence(fragments, queries, n_spectra):
    """Return (n_candidates,) summed evidence of the merged spectra of a molecule."""
    total = np.zeros(len(fragments))
    for query, n in zip(queries, n_spectra, strict=True):
        total += np.sqrt(n) * score_fragments(fragments, query).evidence
    return total


def structure_only(molecules):
    """Return scores of a logistic regression that has never seen a spectrum."""
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=4096)

    def bits(smiles):
        indices, indptr = [], [0]
        for text in smiles:
            molecule = Chem.MolFromSmiles(text)
            on = list(generator.GetFingerprint(molecule).GetOnBits()) if molecule else []
            indices += on
            indptr.append(len(indices))
        return csr_matrix((np.ones(len(indices)), indices, indptr), (len(smiles), 4096))

    train = set(read_records("massbank_train_library.msp.gz").molecule)
    listed = {
        key
        for split in ("valid", "test", "casmi_2016", "casmi_2012")
        for candidates in candidate_lists(split).values()
        for key, _ in candidates
    }
    known, decoys = [], []
    with gzip.open(DATA / "molecules.csv.gz", "rt", encoding="utf-8") as handle:
        for number, row in enumerate(csv.DictReader(handle)):
            if row["inchikey14"] in train:
                known.append(row["smiles"])
            elif row["inchikey14"] not in listed and number % 20 == 0:
                decoys.append(row["smiles"])
    model = LogisticRegression(C=0.03, max_iter=300)
    model.fit(bits(known + decoys), [1] * len(known) + [0] * len(decoys))
    return [model.decision_function(bits(m.candidates)) for m in molecules]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=["valid", "test"])
    parser.add_argument("--mode", default="mass", choices=["mass", "formula"])
    options = parser.parse_args()
    molecules = load_split(options.split, options.mode)
    start = time.process_time()
    cut = [fragment_many(m.candidates) for m in molecules]
    scores = [evidence(f, m.queries, m.n_spectra) for f, m in zip(cut, molecules, strict=True)]
    seconds = time.process_time() - start
    by_mass = sorted(range(len(molecules)), key=lambda i: cut[i].mass.max())
    neighbour = dict(zip(by_mass, by_mass[1:] + by_mass[:1], strict=True))
    swapped = [
        evidence(f, molecules[neighbour[i]].queries, molecules[neighbour[i]].n_spectra)
        for i, f in enumerate(cut)
    ]
    price = [-np.log(f.abundance.sum(axis=1) + FITTED.background) for f in cut]
    random = np.array([1 / len(m.candidates) for m in molecules])
    n_candidates = sum(len(m.candidates) for m in molecules)
    print(
        f"massbank_{options.split}.msp.gz, candidates_{options.split}_{options.mode}.csv.gz; "
        f"n = {len(molecules)} molecules, {n_candidates} candidates; "
        f"cutting and scoring {seconds:.1f} CPU s"
    )
    print("| method | Recall@1 (95 % interval) | Recall@5 | MRR |\n|---|---|---|---|")
    rows = [
        ("fragmenter", scores),
        ("fragmenter, spectra of the molecule next in mass", swapped),
        ("fragmenter's price of the structure, no spectrum", price),
        ("structure-only logistic regression", structure_only(molecules)),
    ]
    for name, values in rows:
        r1, low, high, r5, mrr = summary(ranks(values, molecules))
        print(f"| {name} | {r1:.3f} ({low:.3f} to {high:.3f}) | {r5:.3f} | {mrr:.3f} |")
    print(f"| random | {random.mean():.3f} | | |")


if __name__ == "__main__":
    main()
