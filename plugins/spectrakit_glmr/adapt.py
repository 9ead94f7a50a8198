"""`spectrakit adapt -m RUN`: the spectrum encoder of stage 1 to another instrument or contributor.

Adapters and LoRA leave every trained weight as it is and add what starts as nothing; what comes
out is a run of stage contrastive like any other. ``full`` is the comparison: every weight of the
spectrum encoder is trained.
"""

from dataclasses import replace
from pathlib import Path

import torch

from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.train.distributed import own_device
from spectrakit.train.loop import fit
from spectrakit_glmr.contrastive import PairBatches, Weights, judge, loss_of
from spectrakit_glmr.dual import DualConfig, DualEncoder
from spectrakit_glmr.load import load_dual
from spectrakit_glmr.plugin import AdaptOptions, PretrainOptions
from spectrakit_glmr.pool import SameMass, same_mass
from spectrakit_glmr.stages import held_out, maker, plan_of, read, structures

RANKS = {"adapters": 64, "lora": 8, "full": 0}
NEGATIVES = 8


def extended(model: DualEncoder, how: str, rank: int) -> DualEncoder:
    """Return the model with room for what is trained; it answers as before.

    Everything else is frozen. ``full`` adds nothing and frees the spectrum encoder.
    """
    encoder = model.config.encoder
    if how == "adapters":
        encoder = replace(encoder, adapter=rank)
    elif how == "lora":
        encoder = replace(encoder, lora=rank)
    config: DualConfig = replace(model.config, encoder=encoder)
    grown = DualEncoder(config)
    before = model.state_dict()
    grown.load_state_dict({**grown.state_dict(), **before})
    grown.requires_grad_(False)
    for name, parameter in grown.named_parameters():
        if how == "full":
            parameter.requires_grad_(name.startswith("spectrum."))
        else:
            parameter.requires_grad_(name not in before)
    return grown


def shares(model: DualEncoder) -> tuple[int, int]:
    """Return how many numbers of the spectrum encoder are trained, and of how many."""
    own = list(model.spectrum.parameters())
    return sum(p.numel() for p in own if p.requires_grad), sum(p.numel() for p in own)


def run(job: Job, options: AdaptOptions) -> Path:
    """Adapt the model of the parent run and return the new run."""
    if job.parent is None:
        raise MismatchError("adapt needs a trained model.", hint="Give -m the run of pretrain.")
    torch.manual_seed(job.seed)
    parent = load_dual(job.parent)
    if parent.config.encoder.adapter or parent.config.encoder.lora:
        raise MismatchError(
            f"{job.parent}: was adapted already.", hint="Adapt the run of pretrain again."
        )
    model = extended(parent, options.how, options.rank or RANKS[options.how])
    n, whole = shares(model)
    say(f"glmr: {n} of {whole} numbers of the spectrum encoder are trained ({n / whole:.2%})")
    told = PretrainOptions(
        steps=options.steps, epochs=options.epochs, batch=options.batch, rate=options.rate,
        decay=options.decay, average=options.average, licences=options.licences,
    )  # fmt: skip
    train = read(job.train, told, job.leave_out)
    bits, _ = fingerprints(train.smiles)
    pool = SameMass.empty(len(train.smiles))
    if options.contrast:
        pool = same_mass(train, bits, structures(job), job.seed)
    batches = PairBatches(
        train, pool, model, bits, batch=options.batch, accumulate=1,
        negatives=NEGATIVES if options.contrast else 0, unfrozen=False,
        seed=job.seed, rank=job.rank, world=job.world,
    )  # fmt: skip
    loss = loss_of(
        model, train, bits, pool, Weights(contrast=options.contrast), own_device(job.device)
    )
    validate = None
    known = held_out(job, told)
    if known is not None:
        validate = judge(known, fingerprints(known.smiles)[0])
    plan = replace(plan_of(told, batches.order.steps_per_epoch), stage="adapt")
    fit(job, model, loss, batches, plan, maker(model.config.as_json()), validate=validate)
    return job.run.path
