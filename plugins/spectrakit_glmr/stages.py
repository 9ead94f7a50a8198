"""The three stages of pretraining: molecules alone, spectra against molecules, generation."""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import numpy as np

from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.plugin import Job, LeaveOut
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.spectrum import Molecule
from spectrakit.train.checkpoint import Maker
from spectrakit.train.distributed import own_device
from spectrakit.train.loop import fit
from spectrakit.train.plan import Plan
from spectrakit_glmr.contrastive import PairBatches, Weights, judge, loss_of
from spectrakit_glmr.denoise import NoisyBatches, denoising, noisy, readable
from spectrakit_glmr.dual import build
from spectrakit_glmr.generate import Generator, GeneratorBatches, GeneratorConfig, generation
from spectrakit_glmr.language import LanguageConfig, SmilesModel
from spectrakit_glmr.load import load_dual, load_language
from spectrakit_glmr.plugin import PretrainOptions, plugin
from spectrakit_glmr.pool import SameMass, same_mass
from spectrakit_glmr.smiles import vocabulary
from spectrakit_glmr.spectra import Measured, measured

LEAST_STEPS = 20
LONGEST = 128  # tokens of a SMILES
JUDGED = 512  # held-out molecules that a validation looks at


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
        unused=True,
        stage=options.stage,
    )


def maker(architecture: Any) -> Maker:
    """Return what a checkpoint of this plugin belongs to."""
    return Maker(plugin.name, plugin.version, architecture)


def read(data: Any, options: PretrainOptions, leave_out: LeaveOut) -> Measured:
    """Return the spectra of a data set; ``leave_out`` is told what cannot be learned from."""
    found = measured(data, options.licences)
    leave_out(found.dropped)
    return found


def held_out(job: Job, options: PretrainOptions) -> Measured | None:
    """Return the held-out spectra; None, and a word, where none can be judged by."""
    if not len(job.valid):
        return None
    try:
        return read(job.valid, options, job.leave_out)
    except MismatchError as error:
        say(f"glmr: nothing is held out: {error}")
        return None


def molecules(job: Job, options: PretrainOptions) -> None:
    """Stage `molecules`: pretrain the SMILES encoder and decoder on structures alone."""
    smiles, refused = readable(known_molecules(job.train))
    if refused:
        say(f"glmr: {refused} molecules that RDKit rejects are left out")
    words = vocabulary(smiles)
    config = LanguageConfig(
        words, options.width, options.depth, options.heads, LONGEST, min(options.dropout, 0.1)
    )
    model = SmilesModel(config)
    kept = [text for text in smiles if model.tokenizer.encode(text) is not None]
    if len(kept) < len(smiles):
        say(f"glmr: {len(smiles) - len(kept)} molecules are longer than {LONGEST} tokens or rare")
    if not kept:
        raise MismatchError(
            "no molecule can be learned from.", hint="Give spectra or a list with SMILES."
        )
    batches = NoisyBatches(
        kept, model.tokenizer, share=options.masked, batch=options.batch,
        accumulate=options.accumulate, seed=job.seed, rank=job.rank, world=job.world,
    )  # fmt: skip
    judged = [
        text
        for text in readable(known_molecules(job.valid))[0]
        if model.tokenizer.encode(text) is not None
    ][:JUDGED]

    def validate(one: SmilesModel) -> dict[str, float]:
        device = next(one.parameters()).device
        batch = noisy(judged, one.tokenizer, options.masked, np.random.default_rng(0))
        loss, told = denoising(one, batch.to(device))
        return {"loss": float(loss), "token": float(told["token"])}

    plan = plan_of(options, batches.order.steps_per_epoch)
    architecture = {"stage": "molecules", "language": config.as_json()}
    fit(job, model, denoising, batches, plan, maker(architecture),
        validate=validate if judged else None)  # fmt: skip


def contrastive(job: Job, options: PretrainOptions) -> None:
    """Stage `contrastive`: train the spectrum encoder against the molecules."""
    train = read(job.train, options, job.leave_out)
    bits, _ = fingerprints(train.smiles)
    language = load_language(job.parent) if job.parent is not None else None
    if options.molecule != "fingerprint" and language is None:
        raise MismatchError(
            f"molecule={options.molecule} needs an encoder of SMILES.",
            hint="Give -m the run of `pretrain -m glmr -s stage=molecules`.",
        )
    pool = (
        same_mass(train, bits, structures(job), job.seed)
        if options.contrast
        else SameMass.empty(len(train.smiles))
    )
    model = build(
        train,
        bits,
        seed=job.seed,
        initial=options.initial,
        language=language,
        molecule=options.molecule,
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
    freeze(model, options)
    batches = PairBatches(
        train, pool, model, bits, batch=options.batch, accumulate=options.accumulate,
        negatives=options.negatives if options.contrast else 0,
        unfrozen=options.molecule_encoder == "unfrozen",
        seed=job.seed, rank=job.rank, world=job.world,
    )  # fmt: skip
    weights = Weights(
        options.regression, options.contrast, options.perturbed, options.fingerprint, options.cosine
    )
    loss = loss_of(model, train, bits, pool, weights, own_device(job.device))
    validate: Callable[[Any], dict[str, float]] | None = None
    known = held_out(job, options)
    if known is not None:
        validate = judge(known, fingerprints(known.smiles)[0])
    plan = plan_of(options, batches.order.steps_per_epoch)
    fit(job, model, loss, batches, plan, maker(model.config.as_json()), validate=validate)


def freeze(model: Any, options: PretrainOptions) -> None:
    """Leave out of the training what the options say, and what no loss reaches."""
    for table in model.spectrum.tables:
        table.weight.requires_grad_(options.embeddings == "learned")
    model.molecule.directions.requires_grad_(options.molecule_encoder == "unfrozen")
    model.scale.requires_grad_(options.contrast > 0)
    if model.language is not None:
        model.language.requires_grad_(False)


def generator(job: Job, options: PretrainOptions) -> None:
    """Stage `generator`: a decoder that reads the spectrum and its best candidates."""
    if job.parent is None:
        raise MismatchError(
            "stage generator begins from the encoders of stage contrastive.",
            hint="Give -m the run of `pretrain -m RUN -s stage=contrastive`.",
        )
    dual = load_dual(job.parent)
    if dual.language is None:
        raise MismatchError(
            f"{job.parent}: has no SMILES decoder to begin from.",
            hint="Begin stage contrastive from the run of stage molecules: -m RUN.",
        )
    train = read(job.train, options, job.leave_out)
    bits, _ = fingerprints(train.smiles)
    model = Generator(GeneratorConfig(dual.config, options.candidates), dual)
    pool = same_mass(train, bits, structures(job), job.seed)
    batches = GeneratorBatches(
        train, pool, model, batch=options.batch, accumulate=options.accumulate,
        seed=job.seed, rank=job.rank, world=job.world,
    )  # fmt: skip
    validate: Callable[[Any], dict[str, float]] | None = None
    known = held_out(job, options)
    if known is not None:
        own = same_mass(known, fingerprints(known.smiles)[0], structures(job), job.seed)
        some = GeneratorBatches(
            known, own, model, batch=min(JUDGED, len(known)), accumulate=1,
            seed=job.seed, rank=0, world=1,
        )  # fmt: skip
        validate = some.judge
    plan = plan_of(options, batches.order.steps_per_epoch)
    fit(job, model, generation, batches, plan, maker(model.config.as_json()), validate=validate)


def structures(job: Job) -> Iterator[Molecule]:
    """Yield the molecules of structure lists among the inputs."""
    return (molecule for part in job.train.structures for molecule in part)


def known_molecules(data: Any) -> Iterator[Molecule]:
    """Yield the molecules of a data set: of its spectra, then of structure lists."""
    for part in data.parts:
        wanted = np.unique(part.block.meta("molecule")[part.rows])
        for row in wanted[wanted >= 0].tolist():
            yield part.store.molecule(row)
    for part in data.structures:
        yield from part
