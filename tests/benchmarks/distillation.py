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

    python tests/benchmarks/distillation.py [--steps 1200] [--rows none,match] [--test ROW]

``--test ROW`` also reports one row on test; it is chosen on valid and looked at once.
"""

import argparse
import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
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
from spectrakit_kernelfp.scoring import merit
from structure_ranking import Ranker, next_in_mass

from spectrakit.bundle import Bundle
from spectrakit.plugin import Job
from spectrakit.run import Run
from spectrakit.search.learned import LearnedScorer
from spectrakit.train.distillation import Card, StudentOptions
from spectrakit.train.distillation.distilling import learn, prepare
from spectrakit.train.distillation.views import join, precursor_of
from spectrakit.train.distillation.writing import write_student

ROWS = {  # name -> weights of the losses; the truth has a part in all
    "none": {},
    "hint": {"hint": 1.0},
    "vid": {"vid": 1.0},
    "kl": {"kl": 0.7},
    "flow": {"flow": 0.3},
    "flow+kl": {"flow": 0.3, "kl": 0.7},
    "match": {"match": 1.0},
    "all": {"hint": 1.0, "vid": 1.0, "kl": 0.7, "flow": 0.3, "match": 1.0},
    "match, teacher not held out": {"match": 1.0},
}
OFF = dict.fromkeys(("match", "hint", "vid", "kl", "flow"), 0.0)
TIMED = 200  # spectra


@contextmanager
def progress(label, total, unit):
    """Show nothing."""
    yield lambda n: None


def make_job(folder, train, valid):
    """Return a job as `spectrakit distill` makes it, of spectra in memory."""
    plan = {"verb": "distill", "plugin": {"name": "kernelfp", "version": "1"}, "options": {},
            "data": [], "seed": 0, "device": "cpu"}  # fmt: skip
    return Job(
        train=train, valid=valid, parent=None, run=Run.create(folder, plan), device="cpu", seed=0,
        rank=0, world=1, progress=progress, should_stop=lambda: False,
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
        ranker = Ranker(model, self.unknowns)
        surplus = ranker.surplus([u.together for u in self.unknowns])
        told = [ranker.scores(self.unknowns, s) for s in (surplus, surplus[self._swapped()])]
        self.teacher = [ranks([merit(s) for s in scores], self.unknowns) for scores in told]

    @staticmethod
    def _told(spectrum, mass):
        return replace(spectrum, precursor_mz=precursor_of(spectrum, mass))

    def _swapped(self):
        return [self.neighbour[i] for i in range(len(self.unknowns))]

    def ranked(self, scorer):
        """Return ranks of the truth, with its spectra and with those next in mass."""
        embedding = []
        for spectra in self.spectra:
            found = scorer.spectra(spectra)
            sign = np.array([s.polarity for s in spectra])
            means = [found[sign == p].mean(axis=0) for p in np.unique(sign)]
            embedding.append(np.mean(means, axis=0))
        swapped = [embedding[i] for i in self._swapped()]
        return [
            ranks(
                [scorer.evidence(e, scorer.molecules(u.smiles))
                 for e, u in zip(vectors, self.unknowns, strict=True)],
                self.unknowns,
            )
            for vectors in (embedding, swapped)
        ]  # fmt: skip


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
    whole = (split.teacher[0] == 1).mean() - (split.teacher[1] == 1).mean()
    share = (r1 - control) / whole
    random = np.random.default_rng(0)
    draws = random.integers(0, len(own), (1000, len(own)))
    gain = (own == 1).astype(float) - (swapped == 1)
    teacher = (split.teacher[0] == 1).astype(float) - (split.teacher[1] == 1)
    ends = np.quantile(gain[draws].mean(axis=1) / teacher[draws].mean(axis=1), [0.025, 0.975])
    print(
        f"| {name} | {r1:.3f} ({low:.3f} to {high:.3f}) | {mrr:.3f} | {control:.3f} | "
        f"{share:.1%} ({ends[0]:.0%} to {ends[1]:.0%}) | {rest}",
        flush=True,
    )


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--rows", default=",".join(ROWS), help="rows of the table")
    parser.add_argument("--student", default="bag")
    parser.add_argument("--test", default="", help="row that is also reported on test")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    train = list(train_records().spectra)
    spectra, smiles, used = training_set(train)
    model = fit(spectra, smiles)
    valid = list(read_records("massbank_valid.msp.gz").spectra)
    base = StudentOptions(
        student=asked.student, steps=asked.steps, every=max(1, asked.steps // 4), int8_loss=0.002
    )
    split = Split("valid", model, base.max_peaks)
    print(
        f"massbank_valid.msp.gz, candidates_valid_mass.csv.gz, n = {len(split.unknowns)} molecules;"
        f" trained on {used} spectra of {len(smiles)} molecules; {asked.student} student, "
        f"{asked.steps} steps of {base.batch}\n"
        "| losses | Recall@1 (95 % interval) | MRR | swapped | share of the teacher's margin | "
        "CPU s | ms per spectrum (teacher / student) | MB |\n|---|---|---|---|---|---|---|---|"
    )
    show("*teacher*: kernelfp", split.teacher, split, "| | |")
    lessons, bundles = {}, {}
    with tempfile.TemporaryDirectory() as place:
        for name in [row for row in ROWS if row in asked.rows.split(",")]:
            options = replace(base, **{**OFF, **ROWS[name]})
            held_out = "not held out" not in name
            teacher = KernelTeacher(model, held_out=held_out)
            job = make_job(Path(place) / name.replace(" ", "-"), train, valid)
            if held_out not in lessons:
                lessons[held_out] = prepare(job, [teacher], replace(base, hint=1.0, kl=1.0))
            lesson = lessons[held_out]
            start = time.process_time()
            student = learn(job, lesson, options, CARD)
            cost = time.process_time() - start
            path = write_student(
                job, student, lesson.directions, lesson.train, lesson.lists, [teacher], options,
                CARD,
            )  # fmt: skip
            bundle = bundles[name] = Bundle(path)
            scorer = LearnedScorer(bundle)
            found = split.ranked(scorer)
            slow, fast = latency(split, model, scorer)
            size = sum(one["bytes"] for one in bundle.files.values()) / 1e6
            told = f"{cost:.0f} | {slow:.1f} / {fast:.2f} = {slow / fast:.1f} | {size:.1f} |"
            show(name, found, split, told)
        if asked.test:
            final = Split("test", model, base.max_peaks)
            print(f"\nmassbank_test.msp.gz, n = {len(final.unknowns)} molecules, looked at once")
            show("*teacher*: kernelfp", final.teacher, final)
            for name in dict.fromkeys(("none", asked.test)):
                if name in bundles:
                    show(name, final.ranked(LearnedScorer(bundles[name])), final)


CARD = Card("kernelfp-network", "1", "kernelfp", "1", "Student of kernelfp.")

if __name__ == "__main__":
    main()
