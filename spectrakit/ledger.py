"""The ledger of a folder of results: a killed command goes on where it was.

An input is skipped on a rerun when its bytes and its result's bytes are those of the ledger.
The names of the results are written down before the work begins, so that a file which was
finished in the moment before a kill is known to be a result and no input.
"""

import json
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectrakit.accounting import InputAccount, file_sha256
from spectrakit.atomic import atomic_path
from spectrakit.errors import InputError, UsageError

LEDGER_NAME = "spectrakit-ledger.json"
_SHARE_OF_TIME = 0.05  # spent at most on writing a ledger that grows with the folder

Entry = dict[str, Any]


def plain_name(name: str) -> str:
    """Return a file name as systems compare it that ignore case and how an umlaut is coded."""
    return unicodedata.normalize("NFC", name).casefold()


@dataclass
class Ledger:
    """What a folder of results already holds, and with which parameters it was made."""

    path: Path
    parameters: Mapping[str, Any]
    files: dict[str, Entry] = field(default_factory=dict[str, Entry])
    planned: set[str] = field(default_factory=set[str])  # names of results, finished or not
    _holders: dict[str, str] = field(default_factory=dict[str, str])  # input by plain result name
    _saved: float = 0.0  # when, on the monotonic clock
    _seconds: float = 0.0  # that the last saving took

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
            planned = {*map(_file_name, held.get("planned", ()))}
            for entry in files.values():
                InputAccount.from_json(entry["account"])
                _file_name(entry["output"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
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
        ledger.planned = planned | {entry["output"] for entry in files.values()}
        ledger._holders = {plain_name(entry["output"]): name for name, entry in files.items()}
        return ledger

    def done(self, path: Path, sha256: str) -> Entry | None:
        """Return the entry of an input whose bytes are the same, as are those of its result."""
        entry = self.files.get(str(path))
        if entry is None or entry["account"]["sha256"] != sha256:
            return None
        output = self.path.parent / entry["output"]
        whole = output.is_file() and file_sha256(output) == entry.get("output_sha256")
        return entry if whole else None

    def holder(self, path: Path, output: str) -> str:
        """Return the other input whose result has this name, or an empty string.

        An input that was moved or is called by another path is the same while its bytes are.
        """
        name = self._holders.get(plain_name(output))
        if name is None or self.files[name].get("where", name) == _whereabouts(path):
            return ""
        same = path.is_file() and file_sha256(path) == self.files[name]["account"]["sha256"]
        return "" if same else name

    def made(self, path: Path) -> bool:
        """Say whether a file is one of the results in this folder."""
        return path.name in self.planned and path.absolute().parent == self.path.parent.absolute()

    def plan(self, outputs: Sequence[str]) -> None:
        """Write down what is going to be made.

        Raises:
            InputError: the folder cannot be written.
        """
        self.planned |= set(outputs)
        self.save()

    def add(self, path: Path, output: str, account: Mapping[str, Any], **more: Any) -> None:
        """Note one finished input; ``save`` makes it durable, at the latest when all are done."""
        before = self._holders.get(plain_name(output))
        if before is not None:
            del self.files[before]
        self._holders[plain_name(output)] = str(path)
        self.files[str(path)] = {
            "output": output,
            "output_sha256": file_sha256(self.path.parent / output),
            "where": _whereabouts(path),
            "account": dict(account),
            **more,
        }
        if self._seconds < _SHARE_OF_TIME * (time.monotonic() - self._saved):
            self.save()

    def save(self) -> None:
        """Write the ledger, durably.

        Raises:
            InputError: the folder cannot be written.
        """
        start = time.monotonic()
        value = {
            "parameters": self.parameters,
            "planned": sorted(self.planned),
            "files": self.files,
        }
        with atomic_path(self.path) as part:
            part.write_text(json.dumps(value, indent=1), encoding="utf-8")
        self._saved = time.monotonic()
        self._seconds = self._saved - start


def _file_name(text: Any) -> str:
    if not isinstance(text, str) or not text or Path(text).name != text:
        raise ValueError(text)
    return text


def _whereabouts(path: Path) -> str:
    return str(path.absolute())
