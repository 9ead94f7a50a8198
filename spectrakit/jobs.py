"""Many files: one function for each file, in this process or in several, results in order.

Work goes through the standard ``concurrent.futures.Executor`` interface. Results never depend
on the number of processes. A ledger in the output folder lets a rerun skip what is done.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from spectrakit.accounting import InputAccount
from spectrakit.atomic import atomic_path
from spectrakit.errors import InputError, SpectrakitError, UsageError

Result = TypeVar("Result")

LEDGER_NAME = "spectrakit-ledger.json"


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """What became of one file: a result, or the error that stopped it."""

    path: Path
    result: Result | None = None
    error: SpectrakitError | None = None


@dataclass(frozen=True)
class _Guarded(Generic[Result]):
    work: Callable[[Path], Result]

    def __call__(self, path: Path) -> "Done[Result]":
        try:
            return Done(path, result=self.work(path))
        except SpectrakitError as error:
            return Done(path, error=error)


def run_files(
    work: Callable[[Path], Result], paths: Sequence[Path], jobs: int = 1
) -> Iterator[Done[Result]]:
    """Yield what ``work`` made of each file, in the order of ``paths``.

    Args:
        work: picklable when ``jobs`` is above 1 (a ``functools.partial`` of a module function).
        paths: the files.
        jobs: processes.
    """
    guarded = _Guarded(work)
    if jobs <= 1 or len(paths) <= 1:
        yield from map(guarded, paths)
        return
    from multiprocessing import get_context

    executor: Executor
    with ProcessPoolExecutor(min(jobs, len(paths)), mp_context=get_context("spawn")) as executor:
        yield from executor.map(guarded, paths)


@dataclass
class Ledger:
    """What a folder of results already holds, and with which parameters it was made."""

    path: Path
    parameters: Mapping[str, Any]
    files: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    @classmethod
    def open(cls, folder: Path, parameters: Mapping[str, Any]) -> "Ledger":
        """Read the ledger of a folder, or start one.

        Raises:
            UsageError: the folder holds results of other parameters.
            InputError: the ledger cannot be read.
        """
        path = folder / LEDGER_NAME
        ledger = cls(path, dict(parameters))
        if not path.is_file():
            return ledger
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            before, files = dict(held["parameters"]), dict(held["files"])
            for entry in files.values():
                InputAccount.from_json(entry["account"])
                if Path(entry["output"]).name != entry["output"]:
                    raise ValueError(entry["output"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: the ledger cannot be read.", hint="Use another --out folder."
            ) from error
        now = json.loads(json.dumps(ledger.parameters))
        if before != now:
            changed = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
            raise UsageError(
                f"{folder}: holds results made with another {', '.join(changed)}.",
                hint="Use another --out folder, or the same parameters to go on.",
            )
        ledger.files = files
        return ledger

    def done(self, path: Path, sha256: str) -> dict[str, Any] | None:
        """Return the entry of an input whose result is there and whose bytes are the same."""
        entry = self.files.get(str(path))
        if entry is None or entry["account"]["sha256"] != sha256:
            return None
        return entry if (self.path.parent / entry["output"]).is_file() else None

    def made(self, path: Path) -> bool:
        """Say whether a file is one of the results in this folder."""
        outputs = {entry["output"] for entry in self.files.values()}
        return path.name in outputs and path.absolute().parent == self.path.parent.absolute()

    def add(self, path: Path, output: str, account: Mapping[str, Any]) -> None:
        """Note one finished input, durably."""
        self.files[str(path)] = {"output": output, "account": dict(account)}
        value = {"parameters": self.parameters, "files": self.files}
        with atomic_path(self.path) as part:
            part.write_text(json.dumps(value, indent=1), encoding="utf-8")
