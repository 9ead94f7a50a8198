"""`spectrakit pretrain -m glmr`: one stage of the road, a run of its own."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path

import torch

from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.spectrum import Molecule
from spectrakit.train.checkpoint import Maker
from spectrakit.train.distributed import own_device
from spectrakit.train.loop import fit
from spectrakit.train.plan import Plan
from spectrakit_glmr.contrastive import PairBatches, Weights, judge, loss_of
from spectrakit_glmr.dual import DualEncoder, build
from spectrakit_glmr.plugin import PretrainOptions, plugin
from spectrakit_glmr.pool import same_mass
from spectrakit_glmr.spectra import Measured, measured

LEAST_STEPS = 20


def run(job: Job, options: PretrainOptions) -> Path:
    """Train one stage and return the run."""
    torch.manual_seed(job.seed)
    contrastive(job, options)
    return job.run.path


def plan_of(options: PretrainOptions, per_epoch: int) -> Plan:
    """Return how a stage is trained."""
    steps = options.steps or max(LEAST_STEPS, ceil(options.epochs * per_epoch))
    return Plan(
        steps=steps,
        rate=options.rate,
        accumulate=options.accumulate,
        warmup=min(20, steps // 5),
        decay=options.decay,
        average=options.average,
        record_every=max(1, min(10, steps // 4)),
        validate_every=max(1, min(100, steps)),
        checkpoint_every=500,
        stage=options.stage,
    )


def told(data: Measured) -> None:
    """Say what cannot be learned from."""
    if data.dropped:
        reasons = ", ".join(f"{n} {why}" for why, n in sorted(data.dropped.items()))
        say(f"glmr: spectra left out: {reasons}")


def contrastive(job: Job, options: PretrainOptions) -> DualEncoder:
    """Stage 1: train the spectrum encoder against the molecules."""
    train = measured(job.train, options.licences)
    told(train)
    bits, _ = fingerprints(train.smiles)
    pool = same_mass(train, bits, _structures(job) if options.contrast else (), job.seed)
    model = build(
        train,
        bits,
        seed=job.seed,
        initial=options.initial,
        head=options.fingerprint > 0,
        latent=options.latent,
        hidden=options.hidden,
        members=options.members,
        dimension=options.dimension,
        layers=options.layers,
        width=options.width,
        heads=options.heads,
        peak_dropout=options.peak_dropout,
        dropout=options.dropout,
    )
    for table in model.spectrum.tables:
        table.weight.requires_grad_(options.embeddings == "learned")
    model.molecule.directions.requires_grad_(False)
    model.scale.requires_grad_(options.contrast > 0)
    kept = model.molecule.kept.numpy() if options.fingerprint else []
    batches = PairBatches(
        train, pool, bits[:, kept], batch=options.batch, accumulate=options.accumulate,
        negatives=options.negatives if options.contrast else 0,
        seed=job.seed, rank=job.rank, world=job.world,
    )  # fmt: skip
    weights = Weights(
        options.regression, options.contrast, options.perturbed, options.fingerprint, options.cosine
    )
    encode = model.molecule.encode
    loss = loss_of(
        model.molecule.coordinates(bits),
        encode(bits),
        encode(pool.bits),
        weights,
        own_device(job.device),
    )
    validate = None
    if len(job.valid):
        held_out = measured(job.valid, options.licences)
        own = fingerprints(held_out.smiles)[0]
        validate = judge(held_out, model.molecule.coordinates(own), encode(own))
    plan = plan_of(options, batches.order.steps_per_epoch)
    maker = Maker(plugin.name, plugin.version, model.config.as_json())
    fit(job, model, loss, batches, plan, maker, validate=validate)
    return model


def _structures(job: Job) -> Iterator[Molecule]:
    return (molecule for part in job.train.structures for molecule in part)
