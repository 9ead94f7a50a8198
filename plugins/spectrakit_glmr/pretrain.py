"""`spectrakit pretrain -m glmr`: one stage of the road, a run of its own."""

from collections.abc import Callable
from pathlib import Path

import torch

from spectrakit.plugin import Job
from spectrakit_glmr.plugin import PretrainOptions
from spectrakit_glmr.stages import contrastive, generator, molecules

STAGES: dict[str, Callable[[Job, PretrainOptions], None]] = {
    "molecules": molecules,
    "contrastive": contrastive,
    "generator": generator,
}


def run(job: Job, options: PretrainOptions) -> Path:
    """Train one stage and return the run."""
    torch.manual_seed(job.seed)
    STAGES[options.stage](job, options)
    return job.run.path
