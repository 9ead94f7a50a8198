"""The model and the ranker that ship, on molecules they have not seen, with every control.

    python tests/benchmarks/shipped.py [--split valid|test] [--mode mass|formula]

The bundles of spectrakit/assets are run as `identify` runs them: `LearnedScorer` for the vectors,
the fragmenter, and `Ranker` for the merit of both. All spectra of a molecule together, then one
spectrum for each query. Controls: the spectra of the molecule next in mass; no spectrum (the
vector of an average molecule, no peaks for the fragmenter); the fragmenter alone; random order.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "plugins"))

import numpy as np
from _massbank import read_records
from _ranking import fragmenter_evidence, load_unknowns, some_rows, train_records
from _retrieval import ranks, rows_by_molecule
from structure_ranking import next_in_mass, precision, row, without
from structure_student import Student, query_spectra

from spectrakit.bundle import Bundle
from spectrakit.bundle.models import find_shipped
from spectrakit.search.ranker import Ranker


class System:
    """What ships, as a ranker of unknowns."""

    def __init__(self, unknowns):
        self.student = Student(Bundle(find_shipped("msms")), unknowns)
        self.ranker = Ranker(Bundle(find_shipped("ranker")))

    def merits(self, learned, fragmenter):
        """Return the merits of the candidates of every list."""
        return [
            self.ranker.structures({"fingerprint": one, "fragmenter": other})
            for one, other in zip(learned, fragmenter, strict=True)
        ]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=["valid", "test"])
    parser.add_argument("--mode", default="mass", choices=["mass", "formula"])
    options = parser.parse_args()
    unknowns = load_unknowns(options.split, options.mode)
    records = read_records(f"massbank_{options.split}.msp.gz")
    rows = rows_by_molecule(records)
    system = System(unknowns)
    student = system.student
    label = f"{student.scorer.label} and {system.ranker.bundle.label}"
    print(
        f"\n{label}; massbank_{options.split}, {options.mode} lists, {len(unknowns)} molecules\n\n"
        "| method | Recall@1 (95 % interval) | Recall@5 | MRR |\n|---|---|---|---|",
        flush=True,
    )
    queries = [query_spectra(records, rows[u.key], u.mass) for u in unknowns]
    embedded = student.embed(queries)
    learned = student.evidence(unknowns, embedded)
    fragmenter = [fragmenter_evidence(u, u.together) for u in unknowns]
    merits = system.merits(learned, fragmenter)
    row("**what ships**", merits, unknowns)
    row("its model alone", learned, unknowns)
    row("fragmenter alone", fragmenter, unknowns)
    known = set(train_records().molecule.tolist())
    row("what ships, library molecules removed", without(merits, unknowns, known), unknowns)
    one_by_one(system, unknowns, records, rows)
    swap = next_in_mass(unknowns)
    others = [unknowns[swap[i]] for i in range(len(unknowns))]
    wrong = [
        fragmenter_evidence(u, other.together) for u, other in zip(unknowns, others, strict=True)
    ]
    swapped = student.evidence(unknowns, embedded[[swap[i] for i in range(len(unknowns))]])
    row("*spectra of the molecule next in mass*", system.merits(swapped, wrong), unknowns)
    blind = student.evidence(unknowns, [embedded.mean(axis=0)] * len(unknowns))
    nothing = [np.zeros(len(u.smiles)) for u in unknowns]
    row("*spectrum-blind*", system.merits(blind, nothing), unknowns)
    random = np.mean([1 / len(u.smiles) for u in unknowns])
    print(f"| *random* | {random:.3f} | | |")
    print(f"\nprecision at 50 % coverage: {precision(merits, unknowns, 0.5):.3f}")


def one_by_one(system, unknowns, records, rows):
    """Print Recall@1 of one spectrum for each query, each molecule counting once."""
    owner = [i for i, u in enumerate(unknowns) for _ in u.alone]
    owners = [unknowns[i] for i in owner]
    spectra = [
        query_spectra(records, [r], u.mass)
        for u in unknowns
        for r in some_rows(records, rows[u.key])
    ]
    learned = system.student.evidence(owners, system.student.embed(spectra))
    asked = [q for u in unknowns for q in u.alone]
    fragmenter = [fragmenter_evidence(u, q) for u, q in zip(owners, asked, strict=True)]
    right = ranks(system.merits(learned, fragmenter), owners) == 1
    top = np.bincount(owner, right) / np.bincount(owner)
    print(f"| what ships, one spectrum for each query ({len(owner)}) | {top.mean():.3f} | | |")


if __name__ == "__main__":
    main()
