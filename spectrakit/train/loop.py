"""The training loop: one for every plugin, plain, exact when resumed.

Randomness in a step (dropout, augmentation with torch's global generators) comes from (seed,
rank, step) alone, and batches from their position: a checkpoint needs no generator states.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from spectrakit.log import say
from spectrakit.plugin import Job, Stopped
from spectrakit.train import checkpoint as on_disk
from spectrakit.train.averaging import lent, update_average
from spectrakit.train.checkpoint import AVERAGE, BEST, MODEL, OPTIMISER, Checkpoint, Maker
from spectrakit.train.curves import draw_curves
from spectrakit.train.distributed import from_first, join, own_device, summed
from spectrakit.train.failures import diverged, memory_told, named_number
from spectrakit.train.plan import Batches, Loss, LossModule, Plan, Validate, adamw
from spectrakit.train.schedule import learning_rate_factor


def fit(
    job: Job,
    model: torch.nn.Module,
    loss: Loss,
    batches: Batches,
    plan: Plan,
    maker: Maker,
    *,
    validate: Validate | None = None,
    optimiser: Callable[[torch.nn.Module, Plan], torch.optim.Optimizer] = adamw,
) -> None:
    """Train one stage of a run, or what is left of it.

    Afterwards the model is on the CPU, in evaluation mode, with the best weights if
    ``plan.choose`` is set, else their average, else the last; the run has its learning curves.
    A stage that a later one has followed is skipped.

    Args:
        job: of the action.
        model: its state dict is what is kept.
        loss: called with the model and a batch on the device; a mean over the batch.
        batches: of this process by position, ``plan.accumulate`` for each step.
        plan: how.
        maker: plugin, version and architecture, compared when resuming.
        validate: called with the model in evaluation mode, by the first process only.
        optimiser: makes it, once the model is on its device.

    Raises:
        Stopped: ``job.should_stop()`` said so; a checkpoint was written.
        DivergedError: a loss or gradient is not finite.
        DeviceMemoryError: the device has too little memory.
        MismatchError: the checkpoint is of another plugin version or architecture.
        InputError: a checkpoint cannot be read or written.
    """
    device = own_device(job.device)
    join(device, job.world)
    with memory_told(device, plan):
        model.to(device).train()
        stage = _Stage(job, model, batches, plan, maker, optimiser(model, plan), device)
        if stage.resume():
            stage.run(LossModule(model, loss), validate)
            stage.choose_weights()
            if job.rank == 0:
                draw_curves(job.run.path)
    model.to("cpu").eval()


class _Stage:
    def __init__(
        self,
        job: Job,
        model: torch.nn.Module,
        batches: Batches,
        plan: Plan,
        maker: Maker,
        optimiser: torch.optim.Optimizer,
        device: str,
    ) -> None:
        self.job, self.model, self.batches, self.plan = job, model, batches, plan
        self.optimiser, self.device = optimiser, device
        self.rates: list[float] = [group["lr"] for group in optimiser.param_groups]
        self.parameters = [p for group in optimiser.param_groups for p in group["params"]]
        self.at = Checkpoint(maker, plan.stage, plan.start, plan.start, {})
        self.saved = -1
        self.average: dict[str, torch.Tensor] = {}
        self.best: dict[str, torch.Tensor] = {}

    def resume(self) -> bool:
        """Go to where the newest checkpoint was; false where a later stage has begun."""
        if self.job.rank == 0:
            self.job.run.resume_step()
        folder = self.job.run.last_checkpoint()
        if folder is not None:
            found = on_disk.read_checkpoint(folder)
            on_disk.check_plugin(folder, found.maker, self.at.maker)
            if found.start > self.plan.start:
                return False
            if found.stage == self.plan.stage:
                on_disk.check_architecture(folder, found.maker, self.at.maker)
                on_disk.load_weights(folder, self.model, found, MODEL)
                on_disk.restore_optimiser(self.optimiser, found.tensors[OPTIMISER])
                kept = found.tensors.get(AVERAGE, {})
                self.average = {name: value.to(self.device) for name, value in kept.items()}
                self.best = dict(found.tensors.get(BEST, {}))
                self.at = replace(found, tensors={}, maker=self.at.maker)
                self.saved = found.step
        if self.plan.average and not self.average:
            self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        return True

    def run(self, whole: torch.nn.Module, validate: Validate | None) -> None:
        plan, job = self.plan, self.job
        if job.world > 1:
            whole = DistributedDataParallel(whole, find_unused_parameters=plan.unused)
        with job.progress(plan.stage, plan.stop - self.at.step, "steps") as advance:
            while self.at.step < plan.stop and not self._waited_enough():
                stop = self._step(whole)
                advance(1)
                step = self.at.step
                if step % plan.record_every == 0 or step == plan.stop:
                    self._record()
                if validate and (step % plan.validate_every == 0 or step == plan.stop):
                    self._validate(validate)
                if stop or step % plan.checkpoint_every == 0:
                    self._save()
                if stop:
                    summed([0.0], self.device)  # the others wait until the checkpoint is whole
                    raise Stopped
        self._save()

    def _step(self, whole: torch.nn.Module) -> bool:
        """Do one optimiser step; say whether any process was asked to stop."""
        plan, step = self.plan, self.at.step
        position = (step - plan.start) * plan.accumulate
        torch.manual_seed(_seed_of(self.job.seed, self.job.rank, step))
        factor = learning_rate_factor(
            step - plan.start, steps=plan.steps, warmup=plan.warmup, floor=plan.floor
        )
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimiser.zero_grad()
        losses: list[torch.Tensor] = []
        more: dict[str, Any] = {}
        for part in range(plan.accumulate):
            batch = self.batches(position + part).to(self.device)
            is_last = part + 1 == plan.accumulate
            with nullcontext() if is_last else _no_sync(whole):
                with _precision(plan, self.device):
                    loss, numbers = whole(batch)
                (loss / plan.accumulate).backward()
            losses.append(loss.detach().float())
            for name, number in numbers.items():
                number = number.detach().to(loss.device, torch.float32)
                more[name] = more.get(name, 0.0) + number / plan.accumulate
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, plan.clip or math.inf)
        own = torch.stack([*losses, *more.values(), norm.float()]).tolist()  # waits for the device
        *sums, stops = summed([*own, float(self.job.should_stop())], self.device)
        n = plan.accumulate
        if not all(map(math.isfinite, [*sums[:n], sums[-1]])):
            raise diverged(step, position, own[:n], own[-1], self.batches)
        self.optimiser.step()
        update_average(self.average, self.model, plan.average)
        means = [value / self.job.world for value in sums]
        told = dict(zip([*more, "gradient"], means[n:], strict=True))
        self._add({"loss": sum(means[:n]) / n, **told})
        self.at = replace(self.at, step=step + 1)
        return stops > 0

    def _add(self, values: Mapping[str, float]) -> None:
        sums = self.at.sums
        added = {name: sums.get(name, 0.0) + value for name, value in values.items()}
        self.at = replace(self.at, sums={"steps": sums.get("steps", 0.0) + 1.0, **added})

    def _record(self) -> None:
        sums = dict(self.at.sums)
        n = sums.pop("steps")
        rate = self.optimiser.param_groups[0]["lr"]
        if self.job.rank == 0:
            means = {name: value / n for name, value in sums.items()}
            self.job.run.record(self.at.step, **means, rate=rate)
        self.at = replace(self.at, sums={})

    def _validate(self, validate: Validate) -> None:
        found: Mapping[str, float] = {}
        if self.job.rank == 0:
            with torch.no_grad(), lent(self.model, self.average):
                found = {name: float(value) for name, value in validate(self.model).items()}
            told = {f"valid_{name}": value for name, value in found.items()}
            self.job.run.record(self.at.step, **told)
        found = from_first(found, self.job.rank, self.device)
        if not self.plan.choose:
            return
        best, value = self.at.best, named_number(found, self.plan.choose)
        if value < best.get("value", math.inf):
            self.best = on_disk.plain_tensors(self.average or self.model.state_dict())
            best = {"step": self.at.step, "value": value, "waited": 0}
        else:
            best = {**best, "waited": best.get("waited", 0) + 1}
        self.at = replace(self.at, best=best)

    def _waited_enough(self) -> bool:
        return 0 < self.plan.patience <= self.at.best.get("waited", 0)

    def _save(self) -> None:
        if self.saved == self.at.step or self.job.rank != 0:
            return
        tensors = {
            MODEL: on_disk.plain_tensors(self.model.state_dict()),
            OPTIMISER: on_disk.optimiser_tensors(self.optimiser),
            AVERAGE: on_disk.plain_tensors(self.average),
            BEST: self.best,
        }
        tensors = {k: v for k, v in tensors.items() if v or k == OPTIMISER}
        with self.job.run.checkpoint(self.at.step) as folder:
            on_disk.write_checkpoint(folder, replace(self.at, tensors=tensors))
        self.saved = self.at.step

    def choose_weights(self) -> None:
        if self.best:
            say(f"{self.plan.stage}: the weights of step {self.at.best['step']} are the best")
        if self.best or self.average:
            self.model.load_state_dict(self.best or self.average)


def _precision(plan: Plan, device: str) -> Any:
    kind = torch.device(device).type
    bf16 = plan.precision == "bf16" or (plan.precision == "auto" and kind == "cuda")
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=bf16)


def _no_sync(whole: torch.nn.Module) -> Any:
    return whole.no_sync() if isinstance(whole, DistributedDataParallel) else nullcontext()


def _seed_of(seed: int, rank: int, step: int) -> int:
    digest = hashlib.sha256(f"{seed} {rank} {step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
