"""The distilled kernel model against its teacher: what it keeps, how fast, how large.

    PYTHONPATH=$PWD:$PWD/plugins python tests/benchmarks/structure_student.py RUN BUNDLE \
        [--split valid|test] [--mode mass|formula]

RUN is what `pretrain -m kernelfp` wrote, BUNDLE what `distill -m RUN` made of it. The bundle is
run as the bench runs it (`LearnedScorer`): the spectra of a molecule with one precursor become
one peak list, their vectors are averaged within a polarity and then over polarities. The margin
is Recall@1 less that with the spectra of the molecule next in mass, which no chemistry earns.
Latency: CPU time of one query alone on one thread, from its peak lists to the evidence for its
candidates, whose fingerprints (teacher) or vectors (student) are at hand.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from _massbank import read_records
from _ranking import fragmenter_evidence, load_unknowns, some_rows
from _retrieval import ranks, rows_by_molecule
from spectrakit_kernelfp.data import measurement
from spectrakit_kernelfp.distill import checkpoint_of
from spectrakit_kernelfp.model import load
from spectrakit_kernelfp.pretrain import MODEL
from spectrakit_kernelfp.scoring import FRAGMENTER_WEIGHT, block_scores, merit
from structure_ranking import Ranker, next_in_mass, one_at_a_time, row

from spectrakit.bundle import Bundle
from spectrakit.search.learned import LearnedScorer, standardise
from spectrakit.spectrum import Axis, Modality, Spectrum

SAME_PPM = 20.0  # precursors nearer than this are one
N_TIMED = 60


def one_list(measured, polarity):
    """Return measurements of one precursor as one spectrum, each at sum 1."""
    mz = np.concatenate([one.mz for one in measured])
    weight = np.concatenate([one.intensity / one.intensity.sum() for one in measured])
    precursor = float(np.mean([one.precursor_mz for one in measured]))
    order = np.argsort(mz, kind="stable")
    return Spectrum(Modality.MSMS, Axis(mz[order], "m/z"), weight[order], polarity=polarity,
                    precursor_mz=precursor)  # fmt: skip


def query_spectra(records, rows, mass):
    """Return the spectra of one query, one for each precursor and polarity."""
    groups = []
    for r in rows:
        one, polarity = measurement(records.spectra[r], mass), int(records.polarity[r])
        if not (one.intensity > 0).any():
            continue
        for held, precursor, sign in groups:
            near = abs(one.precursor_mz - precursor) <= SAME_PPM * 1e-6 * precursor
            if sign == polarity and (near or np.isnan([one.precursor_mz, precursor]).all()):
                held.append(one)
                break
        else:
            groups.append(([one], one.precursor_mz, polarity))
    return [one_list(held, polarity) for held, _, polarity in groups]


class Student:
    """The bundle as a ranker of unknowns."""

    def __init__(self, bundle, unknowns):
        self.scorer = LearnedScorer(bundle)
        self.vectors = {u.key: self.scorer.molecules(u.smiles) for u in unknowns}

    def embed(self, queries):
        """Return (n, B, d): mean over spectra within a polarity, then over polarities."""
        flat = [one for query in queries for one in query]
        vectors = self.scorer.spectra(flat)
        found, start = [], 0
        for query in queries:
            own = vectors[start : start + len(query)]
            signs = np.array([one.polarity for one in query])
            means = [own[signs == sign].mean(axis=0) for sign in np.unique(signs)]
            found.append(np.mean(means, axis=0) if means else np.zeros(vectors.shape[1:]))
            start += len(query)
        return np.array(found, np.float32)

    def evidence(self, unknowns, embedded):
        """Return the evidence for the candidates of every list."""
        return [
            self.scorer.evidence(e, self.vectors[u.key])
            for u, e in zip(unknowns, embedded, strict=True)
        ]


def first(values, unknowns):
    """Return Recall@1."""
    return float(np.mean(ranks(values, unknowns) == 1))


def seconds(work, queries):
    """Return CPU seconds a query, the best of three passes."""
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        for one in queries:
            work(one)
        best = min(best, (time.process_time() - start) / len(queries))
    return best


def both(values, fragmenter):
    """Return learned evidence and the fragmenter's as one."""
    return [v + FRAGMENTER_WEIGHT * f for v, f in zip(values, fragmenter, strict=True)]


def alone(ranker, student, unknowns, records, rows):
    """Print Recall@1 of one spectrum for each query, each molecule counting once."""
    found, n = one_at_a_time(ranker, unknowns)
    print(f"| teacher, one spectrum ({n}) | {found[0][0]:.3f} | | |")
    print(f"| teacher + fragmenter, one spectrum | {found[1][0]:.3f} | | |")
    owner = [i for i, u in enumerate(unknowns) for _ in u.alone]
    asked = [q for u in unknowns for q in u.alone]
    spectra = [
        query_spectra(records, [r], u.mass)
        for u in unknowns
        for r in some_rows(records, rows[u.key])
    ]
    owners = [unknowns[i] for i in owner]
    values = student.evidence(owners, student.embed(spectra))
    fragmenter = [fragmenter_evidence(u, q) for u, q in zip(owners, asked, strict=True)]
    for name, told in (("student", values), ("student + fragmenter", both(values, fragmenter))):
        top = np.bincount(owner, ranks(told, owners) == 1) / np.bincount(owner)
        print(f"| {name}, one spectrum | {top.mean():.3f} | | |")


def latency(ranker, student, unknowns, queries):
    """Print what one query costs each."""
    some = list(range(0, len(unknowns), max(1, len(unknowns) // N_TIMED)))

    def exact(i):
        u = unknowns[i]
        surplus = ranker.model.combined(u.together.spectra)
        return merit(standardise(block_scores(surplus, ranker.bits[u.key], ranker.model.bounds)))

    def learned(i):
        u = unknowns[i]
        return student.scorer.evidence(student.embed([queries[i]])[0], student.vectors[u.key])

    slow, fast = seconds(exact, some), seconds(learned, some)
    print(
        f"One query alone: teacher {slow * 1e3:.2f} ms, student {fast * 1e3:.2f} ms of CPU: "
        f"{slow / fast:.1f} times lower."
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--split", default="test", choices=["valid", "test"])
    parser.add_argument("--mode", default="mass", choices=["mass", "formula"])
    options = parser.parse_args()
    unknowns = load_unknowns(options.split, options.mode)
    records = read_records(f"massbank_{options.split}.msp.gz")
    rows = rows_by_molecule(records)
    queries = [query_spectra(records, rows[u.key], u.mass) for u in unknowns]
    neighbour = next_in_mass(unknowns)
    swap = [neighbour[i] for i in range(len(unknowns))]
    fragmenter = [fragmenter_evidence(u, u.together) for u in unknowns]

    ranker = Ranker(load(checkpoint_of(options.run) / MODEL), unknowns)
    surplus = ranker.surplus([u.together for u in unknowns])
    teacher = [merit(s) for s in ranker.scores(unknowns, surplus)]
    teacher_swapped = [merit(s) for s in ranker.scores(unknowns, surplus[swap])]
    bundle = Bundle(options.bundle)
    student = Student(bundle, unknowns)
    embedded = student.embed(queries)
    learned = student.evidence(unknowns, embedded)
    learned_swapped = student.evidence(unknowns, embedded[swap])

    size = sum(one.stat().st_size for one in options.bundle.iterdir())
    print(
        f"\n{bundle.label}, {size / 1e6:.1f} MB; massbank_{options.split}, {options.mode} lists, "
        f"{len(unknowns)} molecules\n| method | Recall@1 (95 % interval) | Recall@5 | MRR |\n"
        "|---|---|---|---|"
    )
    row("teacher", teacher, unknowns)
    row("student", learned, unknowns)
    row("teacher + fragmenter", both(teacher, fragmenter), unknowns)
    row("student + fragmenter", both(learned, fragmenter), unknowns)
    alone(ranker, student, unknowns, records, rows)
    row("*spectra of the molecule next in mass*: teacher", teacher_swapped, unknowns)
    row("*spectra of the molecule next in mass*: student", learned_swapped, unknowns)
    kept = (first(learned, unknowns) - first(learned_swapped, unknowns)) / (
        first(teacher, unknowns) - first(teacher_swapped, unknowns)
    )
    print(f"\nThe student keeps {kept:.1%} of the teacher's margin over swapped spectra.")
    latency(ranker, student, unknowns, queries)


if __name__ == "__main__":
    main()
