"""One folder with a result for each input, which a rerun goes on with."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from spectrakit.accounting import InputAccount, Summary, file_sha256
from spectrakit.errors import InputError, UsageError
from spectrakit.ledger import Entry, Ledger
from spectrakit.log import progress, say
from spectrakit.verbs.outputs import make_folder, output_names

_SHOWN = 3  # names in a message


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """What goes where, what is there already, and what is still to be done."""

    ledger: Ledger
    names: dict[Path, str]  # of the result of each input
    todo: list[Path]

    @classmethod
    def open(
        cls,
        folder: Path,
        paths: Sequence[Path],
        suffix: str,
        parameters: Mapping[str, Any],
        summary: Summary,
    ) -> Self:
        """Look at the folder, account for what is done, and claim the names of the others.

        Args:
            folder: made where it is not there.
            paths: the inputs; results of an earlier run among them are left out.
            suffix: of the results.
            parameters: all that decides what the results are.
            summary: gets the accounts and outputs of what is done.

        Raises:
            UsageError: the folder holds results of other parameters or of other inputs of the
                same name, two inputs would share a result, or a result is an input.
            InputError: the folder or its ledger cannot be read or written.
        """
        ledger = Ledger.open(folder, parameters)
        paths = _without_own_results(paths, ledger)
        names = output_names(paths, folder, suffix)
        for path, name in names.items():
            if other := ledger.holder(path, name):
                raise UsageError(
                    f"{folder / name}: is the result of {other}, and would be that of {path}.",
                    hint="Use another --out folder, or rename the input.",
                )
        make_folder(folder)
        results = cls(ledger, names, _without_done(paths, ledger, summary))
        if results.todo:
            planned = [names[path] for path in results.todo]
            ledger.plan(planned)
            _remove_parts(folder, [*planned, ledger.path.name])
        return results

    def target(self, path: Path) -> Path:
        """Return where the result of an input goes."""
        return self.ledger.path.parent / self.names[path]

    def add(self, path: Path, account: InputAccount, summary: Summary, **more: Any) -> None:
        """Note an input whose result is there."""
        self.ledger.add(path, self.names[path], account.as_json(), **more)
        summary.outputs.append(str(self.target(path)))

    def noted(self, key: str) -> list[Any]:
        """Return together what lists ``add`` noted of the inputs that are skipped."""
        skipped = self.names.keys() - set(self.todo)
        files = self.ledger.files
        return [value for path in skipped for value in files[str(path)].get(key, ())]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        """Make the ledger durable, whatever ended the work."""
        if self.todo:
            with suppress(*() if error is None else (InputError,)):
                self.ledger.save()


def _without_own_results(paths: Sequence[Path], ledger: Ledger) -> list[Path]:
    """Return the inputs that are not results of this very command from an earlier run."""
    inputs = [path for path in paths if not ledger.made(path)]
    if len(inputs) < len(paths):
        say(f"{len(paths) - len(inputs)} files are results of this command and no inputs")
    return inputs


def _without_done(paths: Sequence[Path], ledger: Ledger, summary: Summary) -> list[Path]:
    """Return the inputs whose result is not there yet; account for the others."""
    if not ledger.files:
        return list(paths)
    todo: list[Path] = []
    changed: list[Path] = []
    damaged: list[Path] = []
    with progress("check", len(paths), "files") as advance:
        for path in paths:
            advance(1)
            sha256 = _sha256(path)
            entry = ledger.done(path, sha256) if sha256 else None
            if entry is None:
                todo.append(path)
                if before := ledger.files.get(str(path)):
                    same = before["account"]["sha256"] == sha256
                    (damaged if same else changed).append(path)
                continue
            summary.inputs.append(_account(entry))
            summary.outputs.append(str(ledger.path.parent / entry["output"]))
    if len(todo) < len(paths):
        say(f"{len(paths) - len(todo)} files were done before and are skipped")
    for what, which in (
        ("inputs changed since they were done, and are done again", changed),
        ("results are missing or damaged, and are made again; of", damaged),
    ):
        if which:
            shown = ", ".join(map(str, which[:_SHOWN])) + (", ..." if which[_SHOWN:] else "")
            say(f"{len(which)} {what}: {shown}")
    return todo


def _account(entry: Entry) -> InputAccount:
    return InputAccount.from_json(entry["account"])


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path) if path.is_file() else ""
    except OSError:  # reading it gives the error
        return ""


def _remove_parts(folder: Path, names: Sequence[str]) -> None:
    """Remove what processes that were killed had half written of these results."""
    wanted = set(names)
    for part in folder.glob("*.part-*"):
        name, _, process = part.name.rpartition(".part-")
        if name in wanted and process.isdecimal() and not _is_alive(int(process)):
            with suppress(OSError):
                part.unlink()


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":  # asking would end it; a file that is open cannot be removed there
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number of a process
        return True
    try:  # one that was killed and whose parent does not look (in a container) is still listed
        about = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return about.rpartition(")")[2].split()[:1] != ["Z"]
