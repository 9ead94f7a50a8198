"""``bundle.json``: what a bundle says of itself, as typed fields and as bytes with a digest.

The file is one canonical text, so that any changed byte of it shows, like those of the graphs.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from spectrakit.errors import InputError, UsageError

MANIFEST = "bundle.json"
FORMAT, FORMAT_VERSION = "spectrakit-bundle", 1
LARGEST_MANIFEST = 16 << 20  # bytes
TASKS = ("embed", "rank", "classify", "regress")
INPUT_KINDS = ("peaks", "trace", "molecule", "features")
ROLES = {  # role -> inputs that its graph may have
    "encode_spectrum": ("spectrum", "mz", "intensity", "mask", "precursor"),
    "fingerprint": ("mz", "intensity", "mask", "precursor", "embedding"),
    "encode_molecule": ("fingerprint", "tokens", "mask"),
    "rank": ("features",),
    "predict": ("spectrum", "mz", "intensity", "mask", "precursor"),
}

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,31}")


@dataclass(frozen=True, slots=True)
class Graph:
    """One ONNX file. ``inputs`` and ``outputs``: names to ``[type, dimension, ...]``."""

    file: str
    inputs: Mapping[str, list[Any]]
    outputs: Mapping[str, list[Any]]
    units: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Step:
    """One named, versioned step of ``spectrakit.preprocess``: ``steps`` or ``trace_steps``."""

    step: str
    version: int
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        name: lower-case letters, digits, '.', '_' and '-'.
        version: begins with a digit.
        task: embed, rank, classify or regress.
        modality: of the spectra, as in ``Modality``.
        input: ``kind`` "peaks" (``max_peaks``, ``precursor``: fields of a spectrum) or "trace"
            (``axis``, ``axis_unit``; ``resample`` true: another axis that covers this one is
            resampled before the graph).
        graphs: role to graph.
        summary: one line.
        plugin: ``name`` and ``version`` of the plugin that made it, or empty.
        preprocessing: steps before the graph, in order.
        properties: what a regression answers: ``name`` and ``unit`` of each.
        classes: what a classification answers.
        calibration: ``coverage`` and ``half_width`` of each property, or what a task needs.
        gate: limits beyond which an answer is refused.
        data: digests of the data it learned from.
        metrics: ``name``, ``value``, ``split``, ``n`` of each.
        licence: of the bundle.
        attributions: whom to name.
    """

    name: str
    version: str
    task: str
    modality: str
    input: Mapping[str, Any]
    graphs: Mapping[str, Graph]
    summary: str = ""
    plugin: Mapping[str, str] = field(default_factory=dict[str, str])
    preprocessing: tuple[Step, ...] = ()
    properties: tuple[Mapping[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    calibration: Mapping[str, Any] = field(default_factory=dict[str, Any])
    gate: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data: tuple[Mapping[str, Any], ...] = ()
    metrics: tuple[Mapping[str, Any], ...] = ()
    licence: str = ""
    attributions: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        from dataclasses import asdict

        return asdict(self)


def split_label(label: str) -> tuple[str, str]:
    """Return name and version of ``NAME@VERSION``.

    Raises:
        UsageError: not of that form.
    """
    name, _, version = label.partition("@")
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version) or ".." in label:
        raise UsageError(
            f"'{label}' is no name of a bundle.",
            hint="Write NAME@VERSION: lower-case letters, digits, '.', '_', '-'; then a number.",
        )
    return name, version


def manifest_bytes(manifest: Manifest, files: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return ``bundle.json`` with the digests of files and its own; NaN becomes null."""
    body = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **manifest.as_json(),
        "files": dict(files),
    }
    body = json.loads(json.dumps(_plain(body), allow_nan=False))
    return _canonical({**body, "digest": _digest(body)})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _canonical(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", "replace")


def _digest(body: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(_canonical(body)).hexdigest()}"


def read_manifest(folder: Path) -> tuple[Manifest, dict[str, dict[str, Any]], str]:
    """Return manifest, files with their digests, and the digest of it all.

    Raises:
        InputError: missing, unreadable, changed, of a future version, or not of this form.
    """
    path = folder / MANIFEST
    body, raw = _read_json(path)
    if body.get("format") != FORMAT or not isinstance(body.get("format_version"), int):
        raise InputError(f"{path}: is not the manifest of a bundle.", hint="Give a bundle folder.")
    if body["format_version"] > FORMAT_VERSION:
        raise InputError(
            f"{path}: is of bundle format {body['format_version']}; this spectrakit reads "
            f"{FORMAT_VERSION}.",
            hint="Update spectrakit.",
        )
    digest = body.pop("digest", "")
    if digest != _digest(body) or raw != _canonical({**body, "digest": digest}):
        raise InputError(
            f"{path}: was changed after it was written.", hint="Copy the bundle again."
        )
    files = body.pop("files", None)
    try:
        manifest = _from_json(body)
        _check_files(manifest, files)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: is not of the form of a bundle: {error}.", hint="Export the bundle again."
        ) from error
    return manifest, files, digest


def _read_json(path: Path) -> tuple[dict[str, Any], bytes]:
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is no plain file.", hint="Copy the bundle again.")
        if path.stat().st_size > LARGEST_MANIFEST:
            raise InputError(
                f"{path}: has more than {LARGEST_MANIFEST} bytes.", hint="It is no bundle."
            )
        raw = path.read_bytes()
        body = json.loads(raw)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}.", hint="Give the folder of a bundle."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON.", hint="Copy the bundle again.") from error
    if not isinstance(body, dict):
        raise InputError(f"{path}: is no JSON object.", hint="Copy the bundle again.")
    return body, raw


def _from_json(body: Mapping[str, Any]) -> Manifest:
    known = {**body}
    for key in ("format", "format_version"):
        known.pop(key)
    known["graphs"] = {str(role): Graph(**graph) for role, graph in body["graphs"].items()}
    known["preprocessing"] = tuple(Step(**step) for step in body["preprocessing"])
    for key in ("properties", "classes", "data", "metrics", "attributions"):
        known[key] = tuple(body[key])
    manifest = Manifest(**known)
    check_manifest(manifest)
    return manifest


def check_manifest(manifest: Manifest) -> None:
    """Refuse what no reader could use.

    Raises:
        ValueError: a value that is not allowed; the message names it.
    """
    try:
        split_label(f"{manifest.name}@{manifest.version}")
    except UsageError as error:
        raise ValueError(str(error).rstrip(".")) from None
    _check_types(manifest)
    if manifest.task not in TASKS:
        raise ValueError(f"the task '{manifest.task}' is none of {', '.join(TASKS)}")
    if not manifest.graphs:
        raise ValueError("it has no graph")
    for role, graph in manifest.graphs.items():
        if role not in ROLES:
            raise ValueError(f"the role '{role}' is none of {', '.join(ROLES)}")
        for name in graph.inputs:
            if name not in ROLES[role]:
                raise ValueError(f"the graph '{role}' has an unknown input '{name}'")
        if not is_inside(graph.file):
            raise ValueError(f"the file '{graph.file}' is not inside the bundle")
    _check_input(manifest.input)
    if manifest.task == "regress" and not manifest.properties:
        raise ValueError("a regression names no property")
    if manifest.task == "classify" and not manifest.classes:
        raise ValueError("a classification names no class")


def _check_types(manifest: Manifest) -> None:
    for name in ("task", "modality", "summary", "licence"):
        _need(getattr(manifest, name), str, name)
    for name in ("input", "graphs", "plugin", "calibration", "gate"):
        _need(getattr(manifest, name), Mapping, name)
    for name in ("properties", "data", "metrics"):
        for item in getattr(manifest, name):
            _need(item, Mapping, name)
    for name in ("classes", "attributions"):
        for item in getattr(manifest, name):
            _need(item, str, name)
    for item in manifest.properties:
        _need(item.get("name"), str, "the name of a property")
    for step in manifest.preprocessing:
        _need(step.step, str, "a step")
        _need(step.version, int, "the version of a step")
        _need(step.parameters, Mapping, "the parameters of a step")
    for graph in manifest.graphs.values():
        for part in (graph.inputs, graph.outputs, graph.units):
            _need(part, Mapping, "a graph")
    for width in manifest.calibration.get("half_width") or ():
        _need(width, (int, float, type(None)), "a half_width")


def _need(value: Any, kind: Any, what: str) -> None:
    if not isinstance(value, kind):
        raise ValueError(f"{what} is {value!r}")


def _check_input(told: Mapping[str, Any]) -> None:
    kind = told.get("kind")
    if kind not in INPUT_KINDS:
        raise ValueError(f"the input kind '{kind}' is none of {', '.join(INPUT_KINDS)}")
    if kind == "trace":
        _need(told.get("axis_unit"), str, "axis_unit")
        _need(told.get("axis"), list | tuple, "axis")
        for value in told["axis"]:
            _need(value, int | float, "a value of axis")
        _need(told.get("resample", False), bool, "resample")
    _need(told.get("max_peaks", 0), int, "max_peaks")
    for name in told.get("precursor", ()):
        _need(name, str, "a precursor field")


def _check_files(manifest: Manifest, files: Any) -> None:
    for name, about in files.items():
        if not is_inside(name) or name == MANIFEST:
            raise ValueError(f"the file '{name}' is not inside the bundle")
        if not isinstance(about["sha256"], str) or not isinstance(about["bytes"], int):
            raise TypeError(f"the digest of '{name}' is no text")
    for graph in manifest.graphs.values():
        if graph.file not in files:
            raise ValueError(f"the file '{graph.file}' has no digest")


def is_inside(name: Any) -> bool:
    """Say whether a file name stays in its folder on every system."""
    if not isinstance(name, str) or not name or set(name) & set('\\:*?"<>|\0'):
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and str(path) == name
