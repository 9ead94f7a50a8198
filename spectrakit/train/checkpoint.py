"""Checkpoints: weights and optimiser as safetensors, the rest as JSON; nothing is unpickled.

``state.json`` says what made it (plugin, its version, the architecture) and where the training
was; ``model``, ``optimiser``, ``average`` and ``best`` are safetensors files. The states of
random generators are not among them: the loop seeds every step from (seed, rank, step), which
makes a resumed run equal to an unbroken one, on any number of processes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch as safe
import torch
from safetensors import SafetensorError

from spectrakit.atomic import unwritable
from spectrakit.errors import InputError, MismatchError
from spectrakit.run import Run, is_run

STATE = "state.json"
FORMAT, FORMAT_VERSION = "spectrakit-checkpoint", 1
MODEL, OPTIMISER, AVERAGE, BEST = "model", "optimiser", "average", "best"

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Maker:
    """What a checkpoint belongs to.

    Attributes:
        plugin: name of the plugin.
        version: of the plugin, as its manifest says.
        architecture: whatever the model is built from, as plain JSON values.
    """

    plugin: str
    version: str
    architecture: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a training was.

    Attributes:
        maker: what it belongs to.
        stage: name of the part of the run.
        start: step at which that part began.
        step: optimiser steps that are done, in the whole run.
        best: what was chosen so far: ``step``, ``value`` and ``waited`` validations since.
        tensors: by file (``model``, ``optimiser``, ...), on the CPU.
        sums: of numbers that are yet to be recorded.
    """

    maker: Maker
    stage: str
    start: int
    step: int
    tensors: Mapping[str, Tensors]
    best: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sums: Mapping[str, float] = field(default_factory=dict[str, float])


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into an empty folder, such as ``job.run.checkpoint`` yields.

    Raises:
        InputError: the disk refuses it.
    """
    state = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "plugin": {"name": checkpoint.maker.plugin, "version": checkpoint.maker.version},
        "architecture": dict(checkpoint.maker.architecture),
        "stage": checkpoint.stage,
        "start": checkpoint.start,
        "step": checkpoint.step,
        "best": dict(checkpoint.best),
        "sums": dict(checkpoint.sums),
        "files": sorted(checkpoint.tensors),
    }
    try:
        for name, tensors in checkpoint.tensors.items():
            (folder / f"{name}.safetensors").write_bytes(safe.save(tensors))
        (folder / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(folder, error) from error


def read_checkpoint(folder: Path, *files: str) -> Checkpoint:
    """Read a checkpoint; with ``files`` only these of its tensors.

    Raises:
        InputError: it is missing, damaged, or of a future version.
    """
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if state["format"] != FORMAT or state["format_version"] > FORMAT_VERSION:
            raise InputError(
                f"{folder}: is a {state['format']} of version {state['format_version']}; this "
                f"spectrakit reads {FORMAT} {FORMAT_VERSION}.",
                hint="Update spectrakit.",
            )
        names = [name for name in state["files"] if not files or name in files]
        made_by = state["plugin"]
        return Checkpoint(
            Maker(str(made_by["name"]), str(made_by["version"]), dict(state["architecture"])),
            stage=str(state["stage"]),
            start=int(state["start"]),
            step=int(state["step"]),
            tensors={name: _load(folder / f"{Path(name).name}.safetensors") for name in names},
            best=dict(state["best"]),
            sums=dict(state["sums"]),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"{folder}: the checkpoint cannot be read: {reason or type(error).__name__}.",
            hint="Remove this folder to go on from the checkpoint before it.",
        ) from error


def _load(path: Path) -> Tensors:
    return safe.load(path.read_bytes())


def plain_tensors(named: Mapping[str, Any]) -> Tensors:
    """Return a state as tensors on the CPU that share no memory (tied weights are written twice).

    Later changes of the model do not change them.
    """
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in named.items()
        if isinstance(value, torch.Tensor)
    }


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> Tensors:
    """Return the state of an optimiser: ``<parameter number>/<name>`` to tensor."""
    state: dict[int, dict[str, Any]] = optimiser.state_dict()["state"]
    flat = {
        f"{number}/{name}": value if isinstance(value, torch.Tensor) else torch.tensor(value)
        for number, values in state.items()
        for name, value in values.items()
        if value is not None
    }
    return plain_tensors(flat)


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Give an optimiser its state back; rates and other settings stay as they are."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition("/")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict(
        {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
    )


def check_plugin(folder: Path, found: Maker, wanted: Maker) -> None:
    """Refuse a checkpoint of another plugin or another version of it.

    Raises:
        MismatchError: the message says both.
    """
    if (found.plugin, found.version) != (wanted.plugin, wanted.version):
        raise MismatchError(
            f"{folder}: was made by plugin '{found.plugin}' version {found.version}, this is "
            f"'{wanted.plugin}' version {wanted.version}.",
            hint="Install the version that made it, or train anew.",
        )


def check_architecture(folder: Path, found: Maker, wanted: Maker) -> None:
    """Refuse a checkpoint of another architecture.

    Raises:
        MismatchError: the message says both.
    """
    before = dict(found.architecture)
    now = json.loads(json.dumps(dict(wanted.architecture)))  # tuples as lists, as in the file
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            raise MismatchError(
                f"{folder}: is of another architecture: {key} is {before.get(key)} there and "
                f"{now.get(key)} here.",
                hint="Build the model as the checkpoint says, or train anew.",
            )


def load_weights(folder: Path, model: torch.nn.Module, checkpoint: Checkpoint, which: str) -> None:
    """Give a model the weights of one file of a checkpoint.

    Raises:
        MismatchError: names or shapes differ; the first that does is named.
    """
    tensors = checkpoint.tensors[which]
    own = model.state_dict()
    for name in (*own, *tensors):
        there, here = tensors.get(name), own.get(name)
        if there is None or here is None or there.shape != here.shape:
            raise MismatchError(
                f"{folder}: is of another architecture: '{name}' is {_shape(there)} there and "
                f"{_shape(here)} here.",
                hint="Build the model as the checkpoint says, or train anew.",
            )
    model.load_state_dict(tensors)


def _shape(tensor: torch.Tensor | None) -> str:
    return "missing" if tensor is None else str(tuple(tensor.shape))


def trained(parent: Path) -> tuple[Path, Checkpoint, str]:
    """Return the newest checkpoint of a run, and which of its weights are to be used.

    These are the best on the held-out data if some were chosen, else the average, else the last.
    ``load_weights(folder, model, checkpoint, which)`` puts them into a model that was built from
    ``checkpoint.maker.architecture``.

    Args:
        parent: a run folder, as ``job.parent``.

    Raises:
        MismatchError: it is no run, or one without a checkpoint.
        InputError: the checkpoint is damaged.
    """
    folder = Run.open(parent).last_checkpoint() if is_run(parent) else None
    if folder is None:
        raise MismatchError(
            f"{parent}: holds no checkpoint.", hint="Give the folder of a run of pretrain or adapt."
        )
    checkpoint = read_checkpoint(folder, BEST, AVERAGE, MODEL)
    which = next(name for name in (BEST, AVERAGE, MODEL) if name in checkpoint.tensors)
    return folder, checkpoint, which
