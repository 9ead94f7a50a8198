"""Two stages: match spectra with their precursor among the batch, then predict its m/z."""

import os
import signal
import time

import torch
from torch.nn import functional

from spectrakit.train.checkpoint import Maker, load_weights, trained
from spectrakit.train.data import PeakBatches, PeakSource
from spectrakit.train.distributed import gather_with_grad, own_rows
from spectrakit.train.loop import fit
from spectrakit.train.plan import Plan
from spectrakit_torchtoy.model import UNIT, Config, Network
from spectrakit_torchtoy.plugin import plugin

STEPS = (
    ("clean_peaks", 1, {"tolerance": "0.01Da", "max_peaks": 32}),
    ("base_peak_one", 1, {}),
)


def match(network, batch):
    """InfoNCE among the spectra of all processes."""
    _, spectra = network(batch.mz, batch.intensity, batch.mask)
    precursor = network.precursor(batch.precursor / UNIT)
    one, other = (functional.normalize(x.float(), dim=-1) for x in (spectra, precursor))
    mine = own_rows(len(one))
    logits = gather_with_grad(one) @ gather_with_grad(other).T / 0.1
    target = torch.arange(len(logits), device=logits.device)
    loss = functional.cross_entropy(logits[mine], target[mine])
    loss = (loss + functional.cross_entropy(logits.T[mine], target[mine])) / 2
    return loss, {"hit": (logits[mine].argmax(1) == target[mine]).float().mean()}


def line(network, batch):
    value, _ = network(batch.mz, batch.intensity, batch.mask)
    return functional.mse_loss(value.float() / UNIT, batch.precursor / UNIT)


def trapped(loss, job, options):
    """Misbehave in one step, as the options say."""
    kind, _, at = options.trap.partition("@")
    calls = iter(range(1 << 30))

    def wrong(network, batch):
        time.sleep(float(os.environ.get("SPECTRAKIT_TORCHTOY_PAUSE", 0)))
        value = loss(network, batch)
        if not kind or next(calls) != int(at):
            return value
        if kind == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        if kind == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return value[0] * float("nan") if kind == "nan" else value

    return wrong


def batches_of(job, dataset, options, accumulate=1):
    source = PeakSource(dataset, steps=STEPS)
    return PeakBatches(
        source, batch=options.batch, accumulate=accumulate,
        seed=job.seed, rank=job.rank, world=job.world,
    )  # fmt: skip


def pretrain(job, options):
    torch.manual_seed(job.seed)
    config = Config(options.width, options.dropout)
    network = Network(config)
    if job.parent is not None:
        folder, checkpoint, which = trained(job.parent)
        load_weights(folder, network, checkpoint, which)
    held_out = PeakSource(job.valid, steps=STEPS)
    batches = batches_of(job, job.train, options, options.accumulate)
    losses = {"match": match, "line": line}
    for number, name in enumerate(list(losses)[: options.stages]):
        loss = losses[name]

        def validate(model, loss=loss):
            device = next(model.parameters()).device
            answer = loss(model, held_out.batch(torch.arange(len(held_out)).numpy()).to(device))
            return {"loss": float(answer[0] if isinstance(answer, tuple) else answer)}

        plan = Plan(
            steps=options.steps, rate=options.rate, accumulate=options.accumulate, warmup=3,
            average=options.average, record_every=3, validate_every=options.every,
            checkpoint_every=options.every, choose=options.choose, patience=options.patience,
            precision=options.precision, unused=True, stage=name, start=number * options.steps,
        )  # fmt: skip
        fit(
            job, network, trapped(loss, job, options) if number == 0 else loss, batches, plan,
            Maker(plugin.name, plugin.version, config.as_json()),
            validate=validate if len(job.valid) else None,
        )  # fmt: skip
    return job.run.path
