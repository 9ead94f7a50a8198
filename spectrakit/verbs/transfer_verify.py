"""``transfer verify``: is everything as the record says, and does the fit give the same again?"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spectrakit.accounting import file_sha256
from spectrakit.bundle import Bundle
from spectrakit.bundle.manifest import is_inside
from spectrakit.errors import InputError, MissingExtraError, SpectrakitError, UsageError
from spectrakit.log import say
from spectrakit.output import write_json
from spectrakit.transfer.history import HISTORY
from spectrakit.transfer.record import Entry, append, check, versions
from spectrakit.verbs.outputs import refuse_own_input
from spectrakit.verbs.transfer_compare import Comparison, compare
from spectrakit.verbs.transfer_folder import TransferFolder, recorded_fit

_HASH = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 20  # bytes of a file that holds a head

Refit = Callable[[Mapping[str, Any], Path], None]


@dataclass(slots=True)
class Verified:
    """What was checked: problems, each one sentence, and what the new fit gave."""

    folder: str
    head: str = ""
    entries: int = 0
    since_head: int | None = None  # entries after the head that was kept elsewhere
    current: str = ""
    versions_differ: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    checked: dict[str, int] = field(default_factory=dict[str, int])
    rerun: dict[str, Any] | None = None
    problems: list[str] = field(default_factory=list[str])


def verify(
    path: Path,
    out: str | Path,
    *,
    head: str = "",
    inputs: Path | None = None,
    rerun: bool = True,
    export: Path | None = None,
    reason: str = "",
    keep_record: bool = True,
) -> Verified:
    """Check a transfer folder and write what was found as JSON.

    Args:
        path: the transfer folder.
        out: a file, or ``-``.
        head: of the record, kept elsewhere; or a file that ``export`` wrote.
        inputs: folder with inputs of the fits that were moved.
        rerun: fit the version in use again and compare.
        export: file for the head as it is now.
        reason: why, for the record.
        keep_record: write a line of the record.

    Raises:
        InputError: something is not as it was; the first problem, after all were written.
    """
    folder = TransferFolder.open(path)
    folder.refuse_output(out, export)
    kept = _head(head)
    entries = check(path, kept or None)
    read = [Path(str(one["path"])) for entry in entries for one in entry["inputs"]]
    for output in (out, export):
        if output is not None:
            refuse_own_input(Path(output), read)
    found = Verified(str(path), entries=len(entries))
    if entries:
        found.head = str(entries[-1]["hash"])
    if kept:
        hashes = [one["hash"] for one in entries]
        found.since_head = len(hashes) - 1 - hashes.index(kept)
    _check_outputs(folder, entries, found)
    moved = _check_inputs(entries, inputs, found)
    _check_current(folder, entries, found)
    if rerun:
        _rerun(folder, entries, moved, found)
    passed = not found.problems
    if keep_record:
        result = {"passed": passed, "problems": found.problems, "rerun": found.rerun}
        told = {"head": kept, "rerun": rerun}
        found.head = append(path, Entry("verify", reason, told, result=result))
        found.entries += 1
    write_json(out, asdict(found))
    if export is not None:
        write_json(export, {"folder": str(path), "n": found.entries, "head": found.head})
    for problem in found.problems:
        say(problem)
    say(f"record: head {found.head}; keep it elsewhere, it shows later changes of the record")
    if not passed:
        raise InputError(
            f"{path}: {len(found.problems)} things are not as recorded; first: {found.problems[0]}",
            hint="All are in the JSON under problems.",
        )
    return found


def _head(word: str) -> str:
    """Return the hash that ``--head`` means, itself or in an exported file.

    Raises:
        UsageError: neither.
        InputError: the file cannot be read.
    """
    file = Path(word)
    if not word or _HASH.fullmatch(word) or not file.is_file():
        return word
    try:
        if file.stat().st_size > _LARGEST:
            raise ValueError("too large")
        found: Any = json.loads(file.read_text(encoding="utf-8"))["head"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{file}: holds no head.", hint="Give a file of `transfer verify --export`."
        ) from error
    return str(found)


def _check_outputs(
    folder: TransferFolder, entries: Sequence[Mapping[str, Any]], found: Verified
) -> None:
    """Compare every version with its fit, and other files with the newest entry that wrote them."""
    newest: dict[str, tuple[int, str]] = {}
    for entry in entries:
        for one in entry["outputs"] if entry["action"] in ("fit", "revert", "drift") else ():
            name = str(one["path"])
            if is_inside(name) and (entry["action"] != "drift" or name == HISTORY):
                newest[name] = (entry["n"], str(one["sha256"]))
    for name, (n, digest) in newest.items():
        file = folder.path / name
        try:
            same = file_sha256(file) == digest
        except OSError as error:
            found.problems.append(f"{file}: cannot be read: {error.strerror or error}.")
            continue
        if not same:
            found.problems.append(f"{file}: was changed since entry {n} of the record wrote it.")
    found.checked["files"] = len(newest)
    for label in folder.versions():
        try:
            Bundle(folder.path / label).verify()
        except InputError as error:
            found.problems.append(str(error))
        if recorded_fit(entries, label) is None:
            found.problems.append(f"{folder.path / label}: the record knows no fit of it.")
    found.checked["versions"] = len(folder.versions())


def _check_inputs(
    entries: Sequence[Mapping[str, Any]], elsewhere: Path | None, found: Verified
) -> dict[str, str]:
    """Return where the inputs of fits are now, by the path that was given; note what is amiss."""
    told = {str(i["path"]): i for e in entries if e["action"] == "fit" for i in e["inputs"]}
    if elsewhere is not None and not elsewhere.is_dir():
        raise UsageError(f"--inputs {elsewhere}: is no folder.", hint="Name where they are now.")
    moved: dict[str, str] = {}
    for name, facts in told.items():
        places = [Path(name)]
        if elsewhere is not None:
            last = name.replace("\\", "/").rsplit("/", 1)[-1]
            places += sorted(one for one in elsewhere.rglob("*") if one.name == last)
        there = [one for one in places if one.is_file()]
        same = next((one for one in there if _is(one, facts)), None)
        if same is not None:
            moved[name] = str(same)
        elif there:
            found.problems.append(f"{there[0]}: an input of the fit, was changed since.")
        else:
            found.problems.append(
                f"{name}: an input of the fit, is not there; say with --inputs where it is now."
            )
    found.checked["inputs"] = len(told)
    return moved


def _is(path: Path, facts: Mapping[str, Any]) -> bool:
    try:
        return path.stat().st_size == facts["bytes"] and file_sha256(path) == facts["sha256"]
    except OSError:
        return False


def _check_current(
    folder: TransferFolder, entries: Sequence[Mapping[str, Any]], found: Verified
) -> None:
    try:
        found.current = folder.current()
    except InputError as error:
        found.problems.append(str(error))
        return
    chosen = [e["result"].get("label") for e in entries if e["action"] in ("fit", "revert")]
    if chosen and chosen[-1] != found.current:
        found.problems.append(
            f"{folder.path / 'current'}: says {found.current}, where the record says {chosen[-1]}."
        )


def _rerun(
    folder: TransferFolder,
    entries: Sequence[Mapping[str, Any]],
    moved: Mapping[str, str],
    found: Verified,
) -> None:
    """Fit the version in use again, elsewhere, and compare the two graphs."""
    fit = recorded_fit(entries, found.current)
    if fit is None or any(str(one["path"]) not in moved for one in fit["inputs"]):
        found.rerun = {"done": False, "why": "the fit or its inputs are not there as recorded"}
        return
    now = versions()
    then: Mapping[str, str] = fit["versions"]
    found.versions_differ = {
        name: [then.get(name, ""), now.get(name, "")]
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    }
    try:
        known = folder.bundle(found.current)
    except SpectrakitError as error:
        found.rerun = {"done": False, "why": str(error)}
        if str(error) not in found.problems:
            found.problems.append(str(error))
        return
    say(f"{found.current} is fitted again, elsewhere, to compare")
    with TemporaryDirectory(prefix="spectrakit-verify-") as place:
        out = Path(place) / "again"
        try:
            _refit()(_with_paths(fit["parameters"], moved), out)
            again = TransferFolder.open(out).bundle()
            result = compare(known, again)
        except MissingExtraError as error:  # a plugin's method; its bundle needs no plugin
            found.rerun = {"done": False, "why": str(error)}
            say(f"{found.current} cannot be fitted again here; all else was checked: {error}")
            return
        except SpectrakitError as error:
            found.rerun = {"done": False, "why": str(error)}
            found.problems.append(f"the fit of {found.current} cannot be repeated: {error}")
            return
    found.rerun = {"done": True, "label": found.current, **asdict(result)}
    found.checked["spectra compared"] = result.spectra
    say(_sentence(found.current, result))
    if not result.same:
        differ = ", ".join(f"{k} {a} -> {b}" for k, (a, b) in found.versions_differ.items())
        found.problems.append(
            f"{_sentence(found.current, result)}"
            + (f" Versions differ: {differ}." if differ else "")
        )


def _refit() -> Refit:
    from importlib import import_module

    return import_module("spectrakit.verbs.transfer_fit").refit


def _with_paths(value: Any, moved: Mapping[str, str]) -> Any:
    """Return parameters with the inputs where they are now."""
    if isinstance(value, Mapping):
        return {key: _with_paths(item, moved) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_paths(item, moved) for item in value]
    return moved.get(value, value) if isinstance(value, str) else value


def _sentence(label: str, result: Comparison) -> str:
    if result.equal_bits:
        return f"{label} was fitted again: the graph is the same in every bit."
    largest = f"{result.largest_difference:.3g} of the spread of the answers"
    words = "differs by no more than" if result.same else "differs by"
    return f"{label} was fitted again: it {words} {largest} on {result.spectra} spectra."
