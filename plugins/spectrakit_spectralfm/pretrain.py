"""`spectrakit pretrain -m spectralfm`: the model on spectra of any technique and axis."""

from collections.abc import Callable, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectrakit.errors import MismatchError, UsageError
from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit.train.checkpoint import Maker
from spectrakit.train.distributed import own_device
from spectrakit.train.loop import fit
from spectrakit.train.plan import Plan
from spectrakit_spectralfm.batches import Augmentation, ViewBatches, Views, views_of
from spectrakit_spectralfm.losses import Weights, loss_of, pretraining
from spectrakit_spectralfm.model import TECHNIQUES, ModelConfig, SpectralModel
from spectrakit_spectralfm.places import coordinate
from spectrakit_spectralfm.plugin import PretrainOptions, plugin
from spectrakit_spectralfm.spectra import Traces, traces_of
from spectrakit_spectralfm.switches import check_pretrain
from spectrakit_spectralfm.wavelet import pywavelets

JUDGED = 256  # held-out spectra that a validation looks at
JUDGED_AT_ONCE = 64
LEAST_STEPS = 20


def config_of(options: PretrainOptions) -> ModelConfig:
    """Return the architecture that the options ask for.

    Raises:
        UsageError: numbers that do not fit each other, or an unknown wavelet.
    """
    if options.points % 2**options.levels or options.points < 2 ** (options.levels + 2):
        raise UsageError(
            f"points={options.points} cannot be divided into tokens of {2**options.levels}.",
            hint="Choose a multiple of 2^levels with at least 4 tokens, such as points=512.",
        )
    if options.width % options.heads:
        raise UsageError(
            f"width={options.width} cannot be divided among {options.heads} heads.",
            hint="Choose a width that is a multiple of the heads.",
        )
    if options.wavelet and options.wavelet not in pywavelets().wavelist(kind="discrete"):
        raise UsageError(
            f"wavelet={options.wavelet} is unknown.",
            hint="haar, db2, db4 and sym5 are common; empty: plain patches.",
        )
    return ModelConfig(
        points=options.points, levels=options.levels, wavelet=options.wavelet,
        width=options.width, state_blocks=options.state_blocks, states=options.states,
        experts=options.experts, attention_blocks=options.attention_blocks, heads=options.heads,
        chem=options.chem, inst=options.inst, variational=options.bottleneck > 0,
        waves=options.waves,
    )  # fmt: skip


def maker(config: ModelConfig, **more: Any) -> Maker:
    """Return what a checkpoint of this plugin belongs to."""
    return Maker(plugin.name, plugin.version, {"model": config.as_json(), **more})


def judge(
    traces: Traces, config: ModelConfig, how: Augmentation, weights: Weights, device: str
) -> Callable[[Any], Mapping[str, float]]:
    """Return the mean parts of the loss on held-out spectra, the same views each time."""
    batches: list[Views] = []
    for start in range(0, min(len(traces), JUDGED), JUDGED_AT_ONCE):
        rows = np.arange(start, min(start + JUDGED_AT_ONCE, len(traces), JUDGED))
        batches.append(views_of(traces, rows, config, how, np.random.default_rng([0, start])))

    def validate(model: SpectralModel) -> dict[str, float]:
        sums: dict[str, float] = {}
        count = sum(map(len, batches))
        for batch in batches:
            total, parts = pretraining(model, batch.to(device), weights)
            for name, value in {"loss": total, **parts}.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch) / count
        return sums

    return validate


def seen_by_technique(traces: Traces) -> dict[str, list[float]]:
    """Return the range that each technique covers, log10 of the wavenumber; [] where not known."""
    found: dict[str, list[float]] = {}
    for one in traces.traces:
        ends = found.setdefault(TECHNIQUES[one.technique], [])
        where, known = coordinate(one.axis[[0, -1]], one.unit)
        if known:
            low, high = float(where.min()), float(where.max())
            ends[:] = [min(ends[0], low), max(ends[1], high)] if ends else [low, high]
    return found


def run(job: Job, options: PretrainOptions) -> Path:
    """Pretrain the model, or the operator, and return the run.

    Raises:
        UsageError: switches that do nothing, or numbers that do not fit each other.
        MismatchError: nothing to learn from.
    """
    check_pretrain(options, job.parent)
    if options.stage == "operator":
        from spectrakit_spectralfm.operator_pretrain import run as pretrain_operator

        return pretrain_operator(job, options)
    config = config_of(options)
    torch.manual_seed(job.seed)
    model = SpectralModel(config)
    train, valid = (traces_of(one, job.leave_out) for one in (job.train, job.valid))
    if not len(train):
        raise MismatchError("no spectrum can be learned from.", hint="The counts above say why.")
    weights = Weights(
        masked=options.reconstruction, invariance=options.invariance, denoise=options.denoise,
        bottleneck=options.bottleneck, balance=options.balance if options.experts > 1 else 0.0,
        transport=options.transport, linearity=options.linearity, smoothness=options.smoothness,
        curvature=options.curvature, negativity=options.negativity,
    )  # fmt: skip
    how = Augmentation(
        least=options.crop, masked=options.masked, strength=options.instruments,
        views=2 if options.invariance or options.transport else 1,
        shared=options.transport > 0, mixtures=options.linearity > 0,
    )  # fmt: skip
    batches = ViewBatches(
        train, config, how, batch=options.batch, accumulate=options.accumulate,
        seed=job.seed, rank=job.rank, world=job.world,
    )  # fmt: skip
    steps = options.steps or max(LEAST_STEPS, ceil(options.epochs * batches.order.steps_per_epoch))
    plan = Plan(
        steps=steps, rate=options.rate, accumulate=options.accumulate,
        warmup=min(100, steps // 5), floor=0.01, decay=options.decay, average=options.average,
        record_every=max(1, min(10, steps // 4)), validate_every=max(1, min(200, steps)),
        checkpoint_every=500, unused=True, stage="pretrain",
    )  # fmt: skip
    validate = None
    if len(valid):
        validate = judge(valid, config, how, weights, own_device(job.device))
    size = sum(p.numel() for p in model.parameters())
    say(f"spectralfm: {size:,} weights, {steps} steps of {batches.order.batch} spectra")
    about = maker(config, seen=seen_by_technique(train), lineage=["pretrain"])
    fit(job, model, loss_of(weights), batches, plan, about, validate=validate)
    return job.run.path
