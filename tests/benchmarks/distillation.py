"""What a student keeps of its teacher: losses against each other, and against no teacher.

The teacher is kernelfp with held-out answers for its training molecules (one row asks it plainly
instead). All students are the same network, trained on massbank_train_library and
massbank_bafg_train_library for the same number of steps from the same seed; weights of the
network are chosen on valid molecules among those nearest in mass. Each molecule is ranked among
its candidates with all its spectra; ties count as misses. The control ranks every molecule with
the spectra of the one next in mass; a student is judged by how much of the teacher's margin over
this control it keeps. Latency: CPU time of one query spectrum from peaks to embedding (student,
onnxruntime) or to the surplus of all bits (teacher, numpy), one thread, median over 200 valid
spectra, in turns.

    python tests/benchmarks/distillation.py --work DIR [--rows none,match] [--bundle match [--test]]

``--bundle ROW`` exports one row; ``--test`` reports it on test too: chosen on valid, looked at
once.
"""

import argparse
import os
import pickle
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _massbank import read_records
from _ranking import load_unknowns, train_records
from _retrieval import ranks, rows_by_molecule, summary
from spectrakit_kernelfp.data import measurement, training_set
from spectrakit_kernelfp.features import merge
from spectrakit_kernelfp.model import fit
from spectrakit_kernelfp.network_student import KernelTeacher
from spectrakit_kernelfp.scoring import BLOCK_WEIGHTS, merit
from structure_ranking import Ranker, next_in_mass

from spectrakit.atomic import atomic_path
from spectrakit.bundle import Bundle
from spectrakit.plugin import Job
from spectrakit.run import Run, is_run
from spectrakit.search.known_mass import precursor_of
from spectrakit.search.learned import LearnedScorer, standardise
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.train.distillation.distilling import learn, prepare
from spectrakit.train.distillation.molecules import molecule_vectors
from spectrakit.train.distillation.options import StudentOptions
from spectrakit.train.distillation.views import join, peaks_of
from spectrakit.train.distillation.writing import Card, write_student

ROWS = {  # name -> weights of the losses; the truth has a part in all but one
    "none": {},
    "match": {"match": 1.0},
    "match without the truth": {"match": 1.0, "task": 0.0},
    "kl": {"kl": 0.7},
    "hint": {"hint": 1.0},
    "vid": {"vid": 1.0},
    "flow": {"flow": 0.3},
    "flow+kl": {"flow": 0.3, "kl": 0.7},
    "all": {"hint": 1.0, "vid": 1.0, "kl": 0.7, "flow": 0.3, "match": 1.0},
    "match of a teacher not held out": {"match": 1.0},
}
HEAD = (
    "| losses | Recall@1 (95 % interval) | MRR | swapped | share of teacher margin | CPU s |\n"
    "|---|---|---|---|---|---|"
)
OFF = dict.fromkeys(("match", "hint", "vid", "kl", "flow"), 0.0)
TIMED = 200  # spectra
CARD = Card("kernelfp-network", "1", "kernelfp", "1", "Student of kernelfp.")


@contextmanager
def progress(label, total, unit):
    """Show nothing."""
    yield lambda n: None


def make_job(folder, train, valid):
    """Return a job as `spectrakit distill` makes it, of spectra in memory."""
    plan = {"verb": "distill", "plugin": {"name": "kernelfp", "version": "1"}, "options": {},
            "data": [], "seed": 0, "device": "cpu"}  # fmt: skip
    return Job(
        train=train, valid=valid, parent=None, device="cpu", seed=0, rank=0, world=1,
        run=Run.open(folder) if is_run(folder) else Run.create(folder, plan),
        progress=progress, should_stop=lambda: False,
    )  # fmt: skip


class Split:
    """The unknown molecules of a split, their spectra joined, and the teacher's margin."""

    def __init__(self, name, model, max_peaks):
        records = read_records(f"massbank_{name}.msp.gz")
        self.name, self.unknowns = name, load_unknowns(name, "mass")
        rows = rows_by_molecule(records)
        self.spectra = [
            join([self._told(records.spectra[row], u.mass) for row in rows[u.key]], max_peaks)
            for u in self.unknowns
        ]
        self.neighbour = next_in_mass(self.unknowns)
        self.vectors = {}  # of candidates
        ranker = Ranker(model, self.unknowns)
        surplus = ranker.surplus([u.together for u in self.unknowns])
        told = [ranker.scores(self.unknowns, s) for s in (surplus, surplus[self._swapped()])]
        self.teacher = [ranks([merit(s) for s in scores], self.unknowns) for scores in told]

    @staticmethod
    def _told(spectrum, mass):
        return replace(spectrum, precursor_mz=precursor_of(spectrum, mass))

    def _swapped(self):
        return [self.neighbour[i] for i in range(len(self.unknowns))]

    def embeddings(self, encode):
        """Return the mean (B, d) of each molecule: over spectra, then over polarities."""
        flat = [one for spectra in self.spectra for one in spectra]
        vectors = np.concatenate([encode(flat[k : k + 64]) for k in range(0, len(flat), 64)])
        found, start = [], 0
        for spectra in self.spectra:
            own = vectors[start : start + len(spectra)]
            start += len(spectra)
            sign = np.array([s.polarity for s in spectra])
            found.append(np.mean([own[sign == p].mean(axis=0) for p in np.unique(sign)], axis=0))
        return found

    def ranked(self, embeddings, molecules, evidence):
        """Return ranks of the truth, with its spectra and with those next in mass."""
        swapped = [embeddings[i] for i in self._swapped()]
        return [
            ranks(
                [evidence(e, molecules[u.key]) for e, u in zip(given, self.unknowns, strict=True)],
                self.unknowns,
            )
            for given in (embeddings, swapped)
        ]


def in_torch(split, lesson, student):
    """Return what ``Split.ranked`` does with a student in torch; its bundle answers the same."""

    def encode(spectra):
        with torch.no_grad():
            return student(**peaks_of(spectra)).numpy()

    def evidence(vector, molecules):
        scores = np.einsum("bd,mbd->mb", vector, molecules).astype(np.float64)
        return standardise(scores) @ BLOCK_WEIGHTS

    if not split.vectors:
        for unknown in split.unknowns:
            bits = fingerprints(unknown.smiles)[0]
            split.vectors[unknown.key] = molecule_vectors(lesson.directions, bits)
    return split.ranked(split.embeddings(encode), split.vectors, evidence)


def as_bundle(split, scorer):
    """Return what ``Split.ranked`` does with a bundle."""
    molecules = {u.key: scorer.molecules(u.smiles) for u in split.unknowns}
    return split.ranked(split.embeddings(scorer.spectra), molecules, scorer.evidence)


def seconds(call, items):
    """Return the median CPU seconds of a call on each item."""
    found = []
    for item in items:
        start = time.process_time()
        call(item)
        found.append(time.process_time() - start)
    return np.median(found)


def latency(split, model, scorer):
    """Return CPU milliseconds of teacher and student for one spectrum."""
    spectra = [one for spectra in split.spectra for one in spectra][:TIMED]
    mass = float("nan")

    def teacher(spectrum):
        model.surplus(spectrum.polarity, [merge([measurement(spectrum, mass)])])

    for call in (teacher, lambda s: scorer.spectra([s])):  # once, so that nothing is loaded later
        call(spectra[0])
    return [1e3 * seconds(call, spectra) for call in (teacher, lambda s: scorer.spectra([s]))]


def show(name, found, split, rest=""):
    """Print one row."""
    own, swapped = found
    r1, low, high, _, mrr = summary(own)
    control = (swapped == 1).mean()
    draws = np.random.default_rng(0).integers(0, len(own), (1000, len(own)))
    gain, teacher = [(a == 1) * 1.0 - (b == 1) for a, b in (found, split.teacher)]
    share = gain.mean() / teacher.mean()
    ends = np.quantile(gain[draws].mean(axis=1) / teacher[draws].mean(axis=1), [0.025, 0.975])
    print(
        f"| {name} | {r1:.3f} ({low:.3f} to {high:.3f}) | {mrr:.3f} | {control:.3f} | "
        f"{share:.1%} ({ends[0]:.0%} to {ends[1]:.0%}) | {rest}",
        flush=True,
    )


def kept(path, make):
    """Return what was made before, or make it and keep it: a benchmark that was stopped goes on."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part:
            part.write_bytes(pickle.dumps(make()))
    return pickle.loads(path.read_bytes())


def fitted():
    """Return the teacher, as ``spectrakit pretrain -m kernelfp`` fits it."""
    spectra, smiles, _ = training_set(train_records().spectra)
    return fit(spectra, smiles)


def lesson_of(model, options, held_out, folder):
    """Return what the teacher says of the training spectra."""
    train = list(train_records().spectra)
    valid = list(read_records("massbank_valid.msp.gz").spectra)
    wanted = replace(options, hint=float(held_out))  # one row only needs the plain answers
    job = make_job(folder, train, valid)
    return prepare(job, [KernelTeacher(model, held_out=held_out)], wanted)


def export(row, student, lesson, model, options, split, folder):
    """Print the row of a bundle, its latency and sizes, and return its scorer."""
    path = write_student(
        make_job(folder, [], []), student, lesson.directions, lesson.train, lesson.lists,
        [KernelTeacher(model)], options, CARD,
    )  # fmt: skip
    scorer = LearnedScorer(Bundle(path))
    show(f"{row}, as a bundle", as_bundle(split, scorer), split, "|")
    print(timed(split, model, scorer), flush=True)
    return scorer


def timed(split, model, scorer):
    """Return a sentence on latency and size."""
    slow, fast = latency(split, model, scorer)
    size = sum(one["bytes"] for one in scorer.bundle.files.values()) / 1e6
    return (
        f"\nms per spectrum: teacher {slow:.1f}, {scorer.label} {fast:.2f}: "
        f"{slow / fast:.1f} x lower; {size:.1f} MB\n"
    )


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--rows", default=",".join(ROWS), help="rows of the table")
    parser.add_argument("--bundle", default="", help="row that is exported, timed and weighed")
    parser.add_argument("--test", action="store_true", help="report that row on test as well")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="other bundles")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    work = asked.work
    base = StudentOptions(steps=asked.steps, every=max(1, asked.steps // 4))
    model = kept(work / "teacher.pkl", fitted)
    split = kept(work / "valid.pkl", lambda: Split("valid", model, base.max_peaks))
    print(
        f"massbank_valid.msp.gz, candidates_valid_mass.csv.gz, n = {len(split.unknowns)} molecules;"
        f" trained on {len(model.keys)} molecules; bag student, "
        f"{asked.steps} steps of {base.batch}\n{HEAD}"
    )
    show("*teacher*: kernelfp", split.teacher, split, "|")
    for path in asked.beside:
        scorer = LearnedScorer(Bundle(path))
        show(f"{scorer.label}, as a bundle", as_bundle(split, scorer), split, "|")
        print(timed(split, model, scorer), flush=True)
    students, lesson = {}, None
    for name in [row for row in ROWS if row in asked.rows.split(",")]:
        options = replace(base, **{**OFF, **ROWS[name]})
        held_out = "not held out" not in name
        make = partial(lesson_of, model, base, held_out, work / "lesson")
        lesson = kept(work / f"lesson-bag-{held_out}.pkl", make)
        start = time.process_time()
        job = make_job(work / f"bag-{asked.steps}-{name.replace(' ', '-')}", [], [])
        students[name] = learn(job, lesson, options, CARD)
        cost = f"{time.process_time() - start:.0f} |"
        show(name, in_torch(split, lesson, students[name]), split, cost)
        if name == asked.bundle:
            scorer = export(name, students[name], lesson, model, options, split, work / "bundle")
    if asked.test:
        final = Split("test", model, base.max_peaks)
        print(f"\nmassbank_test.msp.gz, candidates_test_mass.csv.gz, n = {len(final.unknowns)} "
              f"molecules, looked at once\n{HEAD}")  # fmt: skip
        show("*teacher*: kernelfp", final.teacher, final, "|")
        if "none" in students:
            show("none", in_torch(final, lesson, students["none"]), final, "|")
        show(f"{asked.bundle}, as a bundle", as_bundle(final, scorer), final, "|")


if __name__ == "__main__":
    main()
