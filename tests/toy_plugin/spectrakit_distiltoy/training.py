"""Pretrain: from the labels alone. Distill: from the bundle of such a run, and others."""

from spectrakit.run import Run, is_run
from spectrakit.train.distillation.distilling import distil
from spectrakit.train.distillation.teachers import BundleTeacher
from spectrakit.train.distillation.writing import Card
from spectrakit_distiltoy.plugin import plugin


def card(options):
    return Card(options.name, "1.0", plugin.name, plugin.version, plugin.summary, "CC0-1.0")


def pretrain(job, options):
    return distil(job, [], options, card=card(options))


def distill(job, options):
    own = Run.open(job.parent).students()[-1] if is_run(job.parent) else job.parent
    return distil(job, [BundleTeacher(own)], options, card=card(options))
