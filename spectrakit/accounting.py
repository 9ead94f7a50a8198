"""Every input spectrum is accounted for: ``read = kept + dropped``, with a reason for each drop.

The equality holds by construction: ``read`` is the sum, never a counter of its own.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOTHING_WRITTEN = "nothing was written"


@dataclass(slots=True)
class InputAccount:
    """What became of the spectra of one input file."""

    path: str
    sha256: str = ""
    format: str = ""
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter[str])
    treated: Counter[str] = field(default_factory=Counter[str])  # kept, but not as the file has it
    not_read: Counter[str] = field(default_factory=Counter[str])  # no spectra: chromatograms

    @property
    def read(self) -> int:
        """Spectra met in the input."""
        return self.kept + self.dropped.total()

    def keep(self, n: int = 1) -> None:
        """Count ``n`` spectra as used."""
        self.kept += n

    def drop(self, reason: str, n: int = 1) -> None:
        """Count ``n`` spectra as dropped for ``reason`` (a short, stable phrase)."""
        self.dropped[reason] += n

    def as_json(self) -> dict[str, Any]:
        """Return this input's entry in the summary."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "format": self.format,
            "read": self.read,
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())),
            "treated": dict(sorted(self.treated.items())),
            "not_read": dict(sorted(self.not_read.items())),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "InputAccount":
        """Return the account that ``as_json`` gave."""
        return cls(
            path=value["path"],
            sha256=value["sha256"],
            format=value["format"],
            kept=value["kept"],
            dropped=Counter(value["dropped"]),
            treated=Counter(value.get("treated", {})),
            not_read=Counter(value.get("not_read", {})),
        )

    def sentence(self) -> str:
        """Return the line that is shown to a person: counts, and the reasons for drops."""
        reasons = "; ".join(f"{n} {reason}" for reason, n in sorted(self.dropped.items()))
        tail = f" ({reasons})" if reasons else ""
        beside = ", ".join(
            f"{n} {what if n > 1 else what.removesuffix('s')}"
            for what, n in sorted(self.not_read.items())
        )
        tail += f"; not read: {beside}" if beside else ""
        return (
            f"{self.path}: read {self.read}, kept {self.kept}, dropped {self.dropped.total()}{tail}"
        )


@dataclass(slots=True)
class Summary:
    """The machine-readable account of one command (``--summary FILE``)."""

    command: str
    version: str
    inputs: list[InputAccount] = field(default_factory=list[InputAccount])
    outputs: list[str] = field(default_factory=list[str])
    library: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    model: dict[str, Any] | None = None
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    errors: list[str] = field(default_factory=list[str])

    def open_input(self, path: Path | str) -> InputAccount:
        """Start the account of one more input."""
        account = InputAccount(str(path))
        self.inputs.append(account)
        return account

    def nothing_written(self) -> None:
        """Count as dropped what was kept so far: the one output of all inputs was not made."""
        for account in self.inputs:
            if account.kept:
                account.drop(NOTHING_WRITTEN, account.kept)
                account.kept = 0

    def as_json(self, exit_code: int) -> dict[str, Any]:
        """Return the whole summary, as ``--summary`` writes it."""
        return {
            "command": self.command,
            "version": self.version,
            "inputs": [account.as_json() for account in self.inputs],
            "totals": {
                "read": sum(account.read for account in self.inputs),
                "kept": sum(account.kept for account in self.inputs),
                "dropped": sum(account.dropped.total() for account in self.inputs),
            },
            "outputs": self.outputs,
            "library": self.library,
            "model": self.model,
            "parameters": self.parameters,
            "errors": self.errors,
            "exit_code": exit_code,
        }


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
