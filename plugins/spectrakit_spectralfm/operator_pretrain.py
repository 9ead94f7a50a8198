"""`spectrakit pretrain -m spectralfm -s stage=operator`: the operator, on simulated transfers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit.run import is_run
from spectrakit.train.checkpoint import Maker, load_weights, trained
from spectrakit.train.loop import fit
from spectrakit.train.plan import Plan
from spectrakit_spectralfm.load import lineage, run_of
from spectrakit_spectralfm.model import TECHNIQUES
from spectrakit_spectralfm.operator import Operator, OperatorConfig
from spectrakit_spectralfm.operator_loss import Numbers, loss_of
from spectrakit_spectralfm.operator_tasks import OperatorTasks, TaskBatch
from spectrakit_spectralfm.places import coordinate
from spectrakit_spectralfm.plugin import PretrainOptions, plugin
from spectrakit_spectralfm.spectra import Traces, traces_of

STEPS = 1500
JUDGED = 48  # simulated transfers of held-out spectra that a validation looks at


def seen_ranges(traces: Traces) -> dict[str, list[float]]:
    """Return the range that each technique covers: log10 of the wavenumber in cm-1."""
    found: dict[str, list[float]] = {}
    for one in traces.traces:
        where, known = coordinate(one.axis[[0, -1]], one.unit)
        if not known:
            continue
        low, high = float(where.min()), float(where.max())
        ends = found.setdefault(TECHNIQUES[one.technique], [low, high])
        ends[:] = [min(ends[0], low), max(ends[1], high)]
    return found


def judge(traces: Traces, label: float) -> Callable[[Any], Mapping[str, float]] | None:
    """Return the mean loss on transfers of held-out spectra, or None where they are too few."""
    try:
        tasks = OperatorTasks(traces, batch=JUDGED, seed=1)
    except MismatchError:
        return None
    batch: TaskBatch = tasks(0)
    loss = loss_of(label)

    def validate(operator: Operator) -> Mapping[str, float]:
        total, parts = loss(operator, batch)
        told: Numbers = {"loss": total, **parts}
        return {name: float(value) for name, value in told.items()}

    return validate


def run(job: Job, options: PretrainOptions) -> Path:
    """Pretrain the operator and return the run."""
    torch.manual_seed(job.seed)
    config = OperatorConfig()
    operator = Operator(config).double()  # a posterior of 63 numbers: float32 is too coarse
    train, valid = (traces_of(one, job.leave_out) for one in (job.train, job.valid))
    tasks = OperatorTasks(train, batch=options.tasks, seed=job.seed, rank=job.rank)
    steps = options.steps or STEPS
    plan = Plan(
        steps=steps, rate=options.rate, warmup=min(100, steps // 5), floor=0.01,
        decay=1e-3, average=options.average, clip=1.0, record_every=max(1, min(10, steps // 4)),
        validate_every=max(1, min(500, steps)), checkpoint_every=250, stage="operator",
    )  # fmt: skip
    architecture = {
        "operator": config.as_json(), "seen": seen_ranges(train), "lineage": ["pretrain operator"],
    }  # fmt: skip
    size = sum(p.numel() for p in operator.parameters())
    say(
        f"spectralfm: operator of {size:,} weights, {steps} steps of {options.tasks} simulated "
        f"transfers of {sum(map(len, tasks.families))} spectra on {len(tasks.families)} axes"
    )
    about = Maker(plugin.name, plugin.version, architecture)
    validate = judge(valid, options.labelled)
    fit(job, operator, loss_of(options.labelled), tasks, plan, about, validate=validate)
    return job.run.path


def load_operator(parent: Path | None) -> tuple[Operator, Mapping[str, Any]]:
    """Return the operator of a run, in float64, and what its checkpoint says.

    Raises:
        MismatchError: no such run, or one of another stage; the message says which.
    """
    found = run_of(parent)
    if not is_run(found):
        raise MismatchError(f"{found}: is no run.", hint="Give -m a run of pretrain.")
    folder, checkpoint, which = trained(found)
    told = checkpoint.maker.architecture
    if "operator" not in told:
        raise MismatchError(
            f"{found}: holds no operator between instruments ({lineage(told)}); `spectrakit "
            "pretrain STORE -m spectralfm -s stage=operator` makes one.",
            hint="Give -m the run of such a pretrain.",
        )
    operator = Operator(OperatorConfig.from_json(told["operator"])).double()
    load_weights(folder, operator, checkpoint, which)
    return operator.eval(), told
