"""``pretrain``, ``distill``, ``adapt`` and ``ttt``: data and options into a run, by a plugin."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from shutil import rmtree
from typing import Any

from spectrakit.accounting import Summary
from spectrakit.bundle import is_bundle
from spectrakit.errors import (
    Interrupted,
    MismatchError,
    SpectrakitError,
    UsageError,
)
from spectrakit.log import log, progress, say, set_verbosity
from spectrakit.plugin import Action, Job, Plugin, Stopped
from spectrakit.registry import (
    EXTRAS,
    action_of,
    need_requirements,
)
from spectrakit.run import (
    DONE,
    FAILED,
    RUNNING,
    STOPPED,
    Run,
    is_run,
    refuse_taken,
    stop_on_signals,
)
from spectrakit.store.split import Split
from spectrakit.train.device import AUTO, resolve_device
from spectrakit.train.launch import (
    as_seen_by,
    check_devices,
    is_one_of_several,
    launch,
    place,
    wait_for_run,
)
from spectrakit.train.parent import check_same_parent, digest_of
from spectrakit.verbs.choose import choose, maker_of
from spectrakit.verbs.training_data import TrainingData


@dataclass(frozen=True, slots=True)
class Request:
    """What a command line asks for."""

    inputs: Sequence[str] = ()
    model: str = ""
    settings: Sequence[str] = ()
    valid: Sequence[str] = ()
    where: Sequence[str] = ()
    out: Path | None = None
    resume: Path | None = None
    device: str = AUTO
    devices: int = 1
    seed: int = 0

    def parameters(self) -> dict[str, Any]:
        """Return what the summary says of the command line."""
        plain: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name != "inputs":
                plain[one.name] = list(value) if isinstance(value, list | tuple) else value
        return plain


def train(verb: str, request: Request, *, summary: Summary) -> Path:
    """Start a run, or go on with one, and return what it made.

    Raises:
        UsageError: options that are missing, unknown or contradict each other.
        InputError: an input, the run or the bundle cannot be read, or the run not written.
        MismatchError: nothing to learn from, or the model was made by another plugin version.
        MissingExtraError: no plugin can do it, or an extra or device is missing.
        Interrupted: a signal came; the run can be resumed.
    """
    if place()[0] > 0:
        set_verbosity(-1)
    if request.resume is not None:
        return _resume(verb, request, request.resume, summary)
    if request.out is not None and place()[0] > 0:  # the first process makes the run
        wait_for_run(request.out)
        return _resume(verb, Request(), request.out, summary)
    return _start(verb, request, summary)


def _start(verb: str, request: Request, summary: Summary) -> Path:
    chosen = choose(request.model, verb)
    plugin, action = chosen.plugin, action_of(chosen.plugin, verb)
    options = action.parse(request.settings)
    need_requirements(plugin, verb)
    action.load()  # what cannot be imported is said before there is a folder
    out = request.out
    if out is None:
        raise UsageError(f"{verb} writes a run.", hint="Say --out FOLDER.")
    refuse_taken(out)
    device = resolve_device(request.device, uses_torch=_uses_torch(plugin, action))
    check_devices(device, request.devices)
    if not request.inputs:
        raise UsageError(f"{verb} has nothing to learn from.", hint="Name stores or files.")
    was_there = out.is_dir()
    try:
        data = TrainingData.gather(out, request.inputs, request.valid, request.where, summary)
        split = data.split(plugin.modalities, action.needs)
        plan = {
            "verb": verb,
            "seed": request.seed,
            "device": device,
            "devices": request.devices,
            "plugin": {"name": plugin.name, "version": plugin.version},
            "parent": {"path": str(chosen.parent), "digest": digest_of(chosen.parent)}
            if chosen.parent
            else None,
            "options": {one.name: getattr(options, one.name) for one in fields(options)},
            **data.plan(split),
        }
        run = Run.create(out, plan)
    except BaseException:
        _take_back(out, was_there)
        raise
    try:
        return _execute(run, plugin, action, options, split, summary)
    except UsageError:  # what an action refuses at once: the corrected command takes this place
        if run.last_checkpoint() is None and not run.metrics():
            _take_back(out, was_there)
        raise


def _take_back(out: Path, was_there: bool) -> None:
    """Remove a run that was only begun: it holds nothing but what was written here."""
    rmtree(out, ignore_errors=True)
    if was_there:
        out.mkdir()


def _uses_torch(plugin: Plugin, action: Action) -> bool:
    needed = (*plugin.requires, *action.requires)
    return any("torch" in EXTRAS.get(word, (word,)) for word in needed)


def _resume(verb: str, request: Request, path: Path, summary: Summary) -> Path:
    given = [
        name
        for name in ("inputs", "model", "settings", "valid", "where", "out")
        if getattr(request, name)
    ]
    given += ["device"] * (request.device != AUTO) + ["seed"] * (request.seed != 0)
    given += ["devices"] * (request.devices != 1)
    if given:
        raise UsageError(
            f"--resume reads everything from {path}; leave out {', '.join(given)}.",
            hint="To change something, start another run with -m and --out.",
        )
    run = Run.open(path)
    if run.plan["verb"] != verb:
        raise UsageError(
            f"{path}: is a run of {run.plan['verb']}, not of {verb}.",
            hint=f"spectrakit {run.plan['verb']} --resume {path}",
        )
    if run.status == DONE:
        raise UsageError(
            f"{path}: is done; there is nothing to resume.",
            hint=f"Use it: -m {path}.",
        )
    plugin = maker_of(path, run.plan["plugin"])
    action = action_of(plugin, verb)
    options = action.restore(run.plan["options"])
    need_requirements(plugin, verb)
    parent = run.plan.get("parent")
    if parent is not None:
        check_same_parent(Path(parent["path"]), str(parent.get("digest", "")))
    data = TrainingData.reopen(run, summary)
    return _execute(
        run, plugin, action, options, data.split(plugin.modalities, action.needs), summary
    )


def _execute(
    run: Run, plugin: Plugin, action: Action, options: Any, split: Split, summary: Summary
) -> Path:
    verb = str(run.plan["verb"])
    parent = run.plan.get("parent")
    told: dict[str, Any] = {"plugin": plugin.name, "version": plugin.version, "parent": parent}
    summary.model = told
    device = resolve_device(str(run.plan["device"]))
    count = int(run.plan.get("devices", 1))
    if count > 1 and not is_one_of_several():
        result = _in_several(run, verb, count)
        told["left_out"] = run.left_out
        summary.outputs.append(str(result))
        return result
    rank, world = place()
    run = as_seen_by(rank, run)
    with run.logging(), stop_on_signals() as should_stop:
        say(
            f"{verb} with {plugin.name} on {device}: {len(split.train)} spectra to learn from, "
            f"{len(split.valid)} held out (by {split.by})"
        )
        left_out = _LeftOut(plugin.name)
        job = Job(
            train=split.train,
            valid=split.valid,
            parent=Path(parent["path"]) if parent else None,
            run=run,
            device=device,
            seed=int(run.plan["seed"]),
            rank=rank,
            world=world,
            progress=progress,
            should_stop=should_stop,
            leave_out=left_out,
        )
        try:
            result = _guarded(run, plugin, action, job, options)
        finally:
            if left_out.counts and rank == 0:
                run.leave_out(left_out.counts)
            told["left_out"] = run.left_out
        run.set_status(DONE)
        say(f"{verb}: done, {result}")
    summary.outputs.append(str(result))
    return result


class _LeftOut:
    """Says what a plugin leaves out, and counts it."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self.counts: Counter[str] = Counter()

    def __call__(self, reasons: Mapping[str, int]) -> None:
        some = {why: n for why, n in sorted(reasons.items()) if n}
        self.counts.update(some)
        if some:
            told = ", ".join(f"{n} {why}" for why, n in some.items())
            say(f"{self._plugin}: spectra left out: {told}")


def _in_several(run: Run, verb: str, count: int) -> Path:
    """Let several processes go on with a run; this one waits and tells how they ended."""
    level = -1 if not log.isEnabledFor(logging.INFO) else int(log.isEnabledFor(logging.DEBUG))
    say(f"{verb} in {count} processes")
    try:
        launch(count, "spectrakit.verbs.worker", (verb, str(run.path), str(level)))
    except Interrupted as stop:
        run.set_status(STOPPED)
        again = f"Go on with `spectrakit {verb} --resume {run.path}`."
        raise Interrupted(f"{verb} was stopped; {run.path} can be resumed.", hint=again) from stop
    except SpectrakitError as error:
        run.set_status(f"{FAILED}: {error}")  # a process that only lost its partner wrote another
        raise
    return run.students()[-1] if run.students() else run.path


def _guarded(run: Run, plugin: Plugin, action: Action, job: Job, options: Any) -> Path:
    """Run the action; whatever ends it is written into the run's status."""
    verb = str(run.plan["verb"])
    run.set_status(RUNNING)
    again = f"Go on with `spectrakit {verb} --resume {run.path}`."
    try:
        result = action.load()(job, options)
        if not isinstance(result, Path) or not (is_run(result) or is_bundle(result)):
            raise SpectrakitError(
                f"plugin '{plugin.name}' returned {result!r} from {verb}, no run and no bundle.",
                hint="Tell its author.",
            )
    except (Stopped, KeyboardInterrupt) as stop:
        run.set_status(STOPPED)
        raise Interrupted(f"{verb} was stopped; {run.path} can be resumed.", hint=again) from stop
    except SpectrakitError as error:
        run.set_status(f"{FAILED}: {error}")
        raise
    except Exception as error:  # the plugin's own code: it may raise anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        run.set_status(f"{FAILED}: {reason}")
        if type(error).__name__ in ("MemoryError", "OutOfMemoryError"):  # Python's and torch's
            raise MismatchError(
                f"{verb} with '{plugin.name}' ran out of memory: {reason}.",
                hint="Set a smaller batch (and more accumulation) with -s in another run.",
            ) from error
        raise SpectrakitError(
            f"plugin '{plugin.name}' failed in {verb}: {reason}.",
            hint=f"Tell its author; --debug shows where. {again}",
        ) from error
    return result
