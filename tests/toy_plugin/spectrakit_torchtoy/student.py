"""A smaller network that learns the teacher's answers, as a bundle."""

import torch
from torch.nn import functional

from spectrakit.bundle import Step, write_bundle
from spectrakit.train.checkpoint import Maker, load_weights, trained
from spectrakit.train.export import export_graph
from spectrakit.train.loop import fit
from spectrakit.train.plan import Plan
from spectrakit_torchtoy.model import UNIT, Config, Network, Student
from spectrakit_torchtoy.plugin import PretrainOptions, plugin
from spectrakit_torchtoy.training import STEPS, batches_of


def distill(job, options):
    torch.manual_seed(job.seed)
    folder, checkpoint, which = trained(job.parent)
    teacher = Network(Config(**checkpoint.maker.architecture))
    load_weights(folder, teacher, checkpoint, which)
    teacher.to(job.device).eval()
    config = Config(options.width, 0.0)
    student = Network(config)

    def imitate(network, batch):
        peaks = batch.mz, batch.intensity, batch.mask
        with torch.no_grad():
            wanted, _ = teacher(*peaks)
        return functional.mse_loss(network(*peaks)[0].float() / UNIT, wanted.float() / UNIT)

    batches = batches_of(job, job.train, PretrainOptions())
    plan = Plan(steps=options.steps, rate=0.01, unused=True, stage="distill")
    fit(job, student, imitate, batches, plan, Maker(plugin.name, plugin.version, config.as_json()))

    def sample(n):
        batch = batches.source.batch(torch.arange(n).numpy())
        return {"mz": batch.mz, "intensity": batch.intensity, "mask": batch.mask}

    peaks = ("batch", "peaks")
    graph = export_graph(
        Student(student, options.broken),
        sample,
        ["value"],
        dynamic={"mz": peaks, "intensity": peaks, "mask": peaks},
    )
    return write_bundle(
        job.run.student("torchtoy", "1.0"),
        graphs={"predict": graph},
        task="regress",
        modality="msms",
        input={"kind": "peaks"},
        preprocessing=tuple(Step(*step) for step in STEPS),
        properties=({"name": "precursor_mz", "unit": "m/z"},),
        plugin={"name": plugin.name, "version": plugin.version},
        data=job.run.data(),
        summary=plugin.summary,
        licence="CC0-1.0",
    )
