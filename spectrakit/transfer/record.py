"""The record of a transfer folder: who did what, to which files, why, as a chain of hashes.

One JSON object for each line of ``record.jsonl``. Each holds the hash of the line before it, and
its own: SHA-256 of its canonical JSON without ``hash``. A changed, removed, added or moved line
breaks the chain. Whoever can write the file can also write a whole new chain, or cut off its
end: that shows only against a head (the last hash) that was kept elsewhere. So heads are printed
and can be exported. This is a help for a lab's own quality control; it claims to meet no
regulation.

The host is left out: it says little beside the user, and its name is private.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spectrakit.accounting import file_sha256
from spectrakit.errors import InputError, UsageError
from spectrakit.log import say
from spectrakit.transfer.lock import locked

RECORD = "record.jsonl"
ACTIONS = ("fit", "predict", "verify", "revert", "drift")
START = "0" * 64  # what stands before the first line
_HASH = re.compile(r"[0-9a-f]{64}")
_KEYS = {
    "n", "previous", "hash", "when", "user", "action", "reason", "parameters", "versions",
    "inputs", "outputs", "result",
}  # fmt: skip
_PACKAGES = ("numpy", "scipy", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Entry:
    """What one command did.

    Attributes:
        action: fit, predict, verify, revert or drift.
        reason: why, as the person said it.
        parameters: what decides the result; a fit is repeated from them.
        inputs: ``path`` as given, ``sha256`` and ``bytes`` of each file read.
        outputs: ``path`` and ``sha256`` of each file written; inside the folder as seen from it.
        result: the main figures.
    """

    action: str
    reason: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    inputs: Sequence[Mapping[str, Any]] = ()
    outputs: Sequence[Mapping[str, Any]] = ()
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])


def file_facts(path: Path, shown: str = "") -> dict[str, Any]:
    """Return ``path``, ``sha256`` and ``bytes`` of a file, as the record holds them.

    Raises:
        InputError: it cannot be read.
    """
    try:
        size = path.stat().st_size
        return {"path": shown or str(path), "sha256": file_sha256(path), "bytes": size}
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}.", hint="Check the path."
        ) from error


def append(folder: Path, entry: Entry) -> str:
    """Write one more line, durably, and return its hash: the new head.

    What a killed writer left of a line was promised to nobody: it is cut off, and the new line
    says so under ``repaired``.

    Raises:
        InputError: the folder cannot be written, another writer keeps it, or its last line does
            not fit its hash.
    """
    if entry.action not in ACTIONS:
        raise UsageError(f"'{entry.action}' is none of {', '.join(ACTIONS)}.")
    path = folder / RECORD
    with locked(path):
        whole, torn = _split(_bytes(path))
        lines = whole.split(b"\n")[:-1]
        last: dict[str, Any] = {"n": 0, "hash": START}
        if lines:
            last = _fitting(path, len(lines), lines[-1])
        body: dict[str, Any] = {
            "n": last["n"] + 1,
            "previous": last["hash"],
            "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "user": _user(),
            "versions": versions(),
            **_plain(asdict(entry)),
        }
        if torn:
            digest = hashlib.sha256(torn).hexdigest()
            body["repaired"] = {"bytes": len(torn), "sha256": digest}
            say(f"{path}: {len(torn)} bytes of a line that was never finished are cut off")
        head = _hash(body)
        line = _canonical({**body, "hash": head}) + b"\n"
        _write(path, len(whole), line)
    return head


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the entries, oldest first, after checking the chain; [] where there is no record.

    Raises:
        InputError: as ``check``.
    """
    return check(folder) if (folder / RECORD).exists() else []


def check(folder: Path, head: str | None = None) -> list[dict[str, Any]]:
    """Return the entries if every line fits the one before it, and ``head`` is among them.

    Args:
        folder: with ``record.jsonl``.
        head: a hash that was kept elsewhere. Without it a record that was cut off at a line's
            end, or written anew as a whole, cannot be told from a true one.

    Raises:
        InputError: the first line that does not fit, and how; or the head is not there.
        UsageError: ``head`` is no hash.
    """
    if head is not None and not _HASH.fullmatch(head):
        raise UsageError(
            f"--head '{head}' is no SHA-256.", hint="Give the 64 digits that were printed."
        )
    path = folder / RECORD
    if not path.exists():
        raise InputError(
            f"{path}: is not there.", hint="Give a folder that `spectrakit transfer fit` made."
        )
    whole, torn = _split(_bytes(path))
    entries: list[dict[str, Any]] = []
    previous = START
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        entry = _fitting(path, number, line)
        if entry["n"] != number or entry["previous"] != previous:
            raise InputError(
                f"{path}: line {number} is entry {entry['n']} after {entry['previous'][:12]}..., "
                f"where entry {number} after {previous[:12]}... belongs: a line was removed, "
                "added or moved.",
                hint=_DISTRUST,
            )
        previous = entry["hash"]
        entries.append(entry)
    if torn:
        raise InputError(
            f"{path}: line {len(entries) + 1} breaks off after {len(torn)} bytes.",
            hint="A writer was killed, or the end was cut off. The lines before it hold; the next "
            "entry takes its place and says so.",
        )
    if head is not None and all(entry["hash"] != head for entry in entries):
        raise InputError(
            f"{path}: none of its {len(entries)} entries has the hash {head[:12]}...: the end was "
            "cut off or the record was written anew.",
            hint=_DISTRUST,
        )
    return entries


_DISTRUST = "Do not rely on this folder: take a copy whose head is the one you kept, or fit again."


def versions() -> dict[str, str]:
    """Return the versions that decide a result, of Python and of packages, without loading any."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from spectrakit import __version__

    found = {"spectrakit": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container whose user has no name
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def _bytes(path: Path) -> bytes:
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise InputError(f"{path}: is no plain file.", hint=_DISTRUST)
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}.", hint="Check its permissions."
        ) from error


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return the whole lines, and what a killed writer left of one."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _fitting(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """Return the entry of a line, whose hash fits and whose bytes are canonical."""
    try:
        entry: Any = json.loads(line)
        told = entry.get("hash") if isinstance(entry, dict) else None
    except (ValueError, RecursionError):
        entry = told = None
    if entry is None or told is None or not set(entry) >= _KEYS or not _is_entry(entry):
        raise InputError(f"{path}: line {number} is no entry of a record.", hint=_DISTRUST)
    body = {key: value for key, value in entry.items() if key != "hash"}
    expected = _hash(body)
    if told != expected or line != _canonical(entry):
        raise InputError(
            f"{path}: line {number} was changed: its hash is {expected[:12]}..., where it says "
            f"{str(told)[:12]}....",
            hint=_DISTRUST,
        )
    return entry


def _is_entry(entry: Mapping[str, Any]) -> bool:
    """Say whether the values are of the kinds that readers rely on, whoever wrote them."""
    texts = ("previous", "hash", "when", "user", "action", "reason")
    tables = ("parameters", "versions", "result")
    return (
        type(entry["n"]) is int
        and all(isinstance(entry[name], str) for name in texts)
        and all(isinstance(entry[name], dict) for name in tables)
        and all(_are_files(entry[name]) for name in ("inputs", "outputs"))
    )


def _are_files(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and isinstance(one.get("path"), str)
        and isinstance(one.get("sha256"), str)
        and isinstance(one.get("bytes", 0), int)
        for one in value
    )


def _canonical(body: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:  # NaN, which is no JSON but is read as such: not a line of ours
        return b""
    return text.encode("ascii")


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: NaN is null, names that are no text keep their look."""
    if isinstance(value, Mapping):
        return {_text(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return float(value) if abs(value) < float("inf") else None  # NaN compares false
    return _text(str(value))


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _write(path: Path, whole: int, line: bytes) -> None:
    """Put one line at the end of the whole ones; durable before it returns."""
    new = not path.exists()
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            os.ftruncate(handle, whole)
            os.lseek(handle, 0, os.SEEK_END)
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}.",
            hint="Check the folder's permissions and free space.",
        ) from error
    if new:
        _sync(path.parent)


def _sync(folder: Path) -> None:
    with suppress(OSError):  # Windows and some network shares cannot open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
