"""Distil: teachers' answers into a student, and the student into a bundle for the bench.

    views (joined and single spectra) -> teachers -> training -> ONNX, checked -> int8 by ranks

The bundle follows the contract of learned models (``spectrakit.search.learned``). The run can be
resumed: teachers are asked again, which is deterministic, and training goes on where it was.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.errors import MismatchError, UsageError
from spectrakit.plugin import Job
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.train.checkpoint import Maker
from spectrakit.train.distillation.batches import Targets, ViewBatches
from spectrakit.train.distillation.bins import Vocabulary, count_bins, vocabulary
from spectrakit.train.distillation.molecules import Directions, aims, fit_directions
from spectrakit.train.distillation.options import StudentOptions
from spectrakit.train.distillation.pupil import Pupil, teach
from spectrakit.train.distillation.ranking import (
    Lists,
    block_scores,
    make_lists,
    reciprocal_ranks,
)
from spectrakit.train.distillation.students import Config, Student
from spectrakit.train.distillation.teachers import BundleTeacher, Teacher, ask
from spectrakit.train.distillation.views import Views, gather, peaks_of
from spectrakit.train.distillation.writing import Card, write_student
from spectrakit.train.loop import fit
from spectrakit.train.plan import Plan

MIN_ROWS = 8  # joined spectra that must show a bin
CHUNK = 256  # spectra encoded at once

log = logging.getLogger(__name__)


def distil(
    job: Job,
    teachers: Sequence[Teacher],
    options: StudentOptions,
    *,
    card: Card,
) -> Path:
    """Train a student and write its bundle into the run.

    Args:
        job: of the action; its spectra need molecules.
        teachers: any number beside those that the options name; without any the student learns
            from the truth alone. Their answers for ``job.train`` must be held out, and
            ``teachers.py`` says why.
        options: of the student, its training and its losses.
        card: what the bundle says of itself, and the plugin that makes it.

    Returns:
        The bundle, ``student/NAME@VERSION`` of the run.

    Raises:
        MismatchError: nothing to learn from, or the graph differs from torch.
        Stopped: ``job.should_stop()`` said so; a checkpoint was written.
    """
    teachers = [*teachers, *(BundleTeacher(Path(path)) for path in options.teachers)]
    lesson = prepare(job, teachers, options)
    student = learn(job, lesson, options, card)
    return write_student(
        job, student, lesson.directions, lesson.train, lesson.lists, teachers, options, card
    )


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What is there before training: the same for all students of a comparison.

    Attributes:
        train: views to learn from.
        directions: of the molecules' side.
        prior: (b,) share of the training molecules that have each learned bit.
        targets: truth and teachers' answers.
        vocabularies: bins that count, by kind of mass.
        lists: held-out molecules and candidates; None where nothing is held out.
    """

    train: Views
    directions: tuple[Directions, ...]
    prior: NDArray[np.float32]
    targets: Targets
    vocabularies: Mapping[str, Vocabulary]
    lists: Lists | None


def prepare(job: Job, teachers: Sequence[Teacher], options: StudentOptions) -> Lesson:
    """Return views, directions, lists and the teachers' answers.

    Raises:
        MismatchError: nothing to learn from.
        UsageError: no loss is on.
    """
    taught = teachers and (options.weights.of_features or options.weights.of_bits)
    if not options.task and not taught:
        raise UsageError(
            "no loss is on: there is no teacher to learn from, and task=0.",
            hint="Set -s task=1, or one of match, kl, hint, vid, flow where there is a teacher.",
        )
    train = gather(job.train, max_peaks=options.max_peaks, alone=options.alone, seed=job.seed)
    if not len(train):
        raise MismatchError(
            "no spectrum to learn from has a structure, a polarity and a peak.",
            hint="Distillation needs MS/MS spectra with their SMILES and polarity.",
        )
    valid = gather(job.valid, max_peaks=options.max_peaks, alone=0)
    log.info("distil: %d views of %d molecules", len(train), len(train.keys))
    bits, valid_bits = fingerprints(train.smiles)[0], fingerprints(valid.smiles)[0]
    directions = fit_directions(bits, options.dimension, seed=job.seed)
    lists = make_lists(valid, valid_bits, train, bits, directions) if len(valid) else None
    shares = np.asarray(bits.mean(axis=0), np.float32).ravel()
    columns = np.sort(np.argsort(-shares * (1 - shares), kind="stable")[: options.bits])
    answers = ask(
        teachers, train.spectra, bits[train.molecule_of_view], columns, directions, job.progress,
        with_features=options.weights.of_features, with_bits=options.weights.of_bits,
    )  # fmt: skip
    targets = Targets(bits[:, columns], aims(directions, bits), answers)
    vocabularies = vocabularies_of(train, options, job.seed)
    return Lesson(train, directions, shares[columns], targets, vocabularies, lists)


def learn(job: Job, lesson: Lesson, options: StudentOptions, card: Card) -> Student:
    """Train a student, or what is left of it; afterwards it has its best weights."""
    torch.manual_seed(job.seed)
    student = new_student(lesson.vocabularies, len(lesson.directions), options)
    size = lesson.targets.answers.feature.shape[1]
    pupil = Pupil(student, lesson.prior, size, options.weights, options.drop_peaks)
    batches = ViewBatches(
        lesson.train, lesson.targets, batch=options.batch, seed=job.seed, rank=job.rank,
        world=job.world,
    )  # fmt: skip
    lists = lesson.lists
    plan = Plan(
        steps=options.steps, rate=options.rate, warmup=max(1, options.steps // 20),
        decay=options.decay, average=options.average, validate_every=options.every,
        checkpoint_every=options.every, choose="miss" if lists else "", unused=True,
        stage="distil",
    )  # fmt: skip
    made_by = {**student.config.as_json(), "taught": sorted(pupil.heads), "bits": len(lesson.prior)}
    fit(
        job, pupil, teach, batches, plan, Maker(card.plugin, card.plugin_version, made_by),
        validate=(lambda model: validate(model, lists)) if lists else None,
    )  # fmt: skip
    return student


def vocabularies_of(train: Views, options: StudentOptions, seed: int) -> dict[str, Vocabulary]:
    """Return the bins of the training spectra that count, by kind; none for a transformer."""
    joined = [train.spectra[row] for row in train.joined]
    starts = range(0, len(joined), CHUNK)
    batches = [_Peaks(peaks_of(joined[start : start + CHUNK])) for start in starts]
    return {
        kind: vocabulary(
            count_bins(kind, batches), kind, width=options.bag_width, min_rows=MIN_ROWS, seed=seed
        )
        for kind in (options.kinds if options.student != "transformer" else ())
    }


def new_student(
    vocabularies: Mapping[str, Vocabulary], n_blocks: int, options: StudentOptions
) -> Student:
    """Return a student before training."""
    config = Config(
        student=options.student,
        rows={kind: len(one.vectors) - 1 for kind, one in vocabularies.items()},
        bag_width=options.bag_width,
        width=options.width,
        depth=options.depth,
        token_width=options.token_width,
        heads=options.heads,
        dropout=options.dropout,
        blocks=n_blocks,
        dimension=options.dimension,
    )
    student = Student(config)
    student.start_from(vocabularies)
    student.bags.requires_grad_(options.train_bags)
    return student


class _Peaks:
    def __init__(self, arrays: Mapping[str, torch.Tensor]) -> None:
        self.mz, self.intensity = arrays["mz"], arrays["intensity"]
        self.mask, self.precursor = arrays["mask"], arrays["precursor"]


def encode(student: Student, views: Views) -> NDArray[np.float32]:
    """Return the (groups, B, d) float32 embeddings of the joined views."""
    device = next(student.parameters()).device
    parts: list[NDArray[np.float32]] = []
    for start in range(0, len(views.joined), CHUNK):
        spectra = [views.spectra[row] for row in views.joined[start : start + CHUNK]]
        arrays = {name: value.to(device) for name, value in peaks_of(spectra).items()}
        with torch.no_grad():
            parts.append(student(**arrays).float().cpu().numpy())
    return np.concatenate(parts)


def validate(pupil: Pupil, lists: Lists) -> dict[str, float]:
    """Return ``miss``, 1 - mean reciprocal rank of held-out molecules, and ``recall_at_1``."""
    scores = block_scores(lists, encode(pupil.student, lists.views))
    found = reciprocal_ranks(scores, np.ones(pupil.student.config.blocks))
    return {"miss": float(1 - found.mean()), "recall_at_1": float((found == 1).mean())}
