"""A run: one training in one folder that holds everything needed to go on, or to use it.

``plan.toml`` (what was decided), ``env.json`` (on what), ``metrics.jsonl``, ``log.txt``,
``left_out.json`` (spectra that the plugin did not use), ``checkpoints/``,
``student/NAME@VERSION/`` and ``status`` (``running``, ``done``, ``stopped``, or ``failed: why``).
A checkpoint appears whole or not at all.
"""

import json
import logging
import math
import platform
import re
import signal
import sys
import tomllib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Self

from spectrakit import __version__
from spectrakit.atomic import atomic_folder, atomic_path, unwritable
from spectrakit.errors import InputError, MismatchError, UsageError
from spectrakit.toml import to_toml

PLAN, ENV, METRICS, LOG, STATUS = "plan.toml", "env.json", "metrics.jsonl", "log.txt", "status"
LEFT_OUT = "left_out.json"
CHECKPOINTS, STUDENT, DATA = "checkpoints", "student", "data"
FORMAT, FORMAT_VERSION = "spectrakit-run", 1
KEPT = 2  # checkpoints: the newest, and the one before in case it is not what one hoped
RUNNING, DONE, STOPPED, FAILED = "running", "done", "stopped", "failed"

_STEP = re.compile(r"step-(\d{9})")
_PACKAGES = ("numpy", "scipy", "h5py", "torch", "onnx", "onnxruntime", "onnxscript", "safetensors")
_NEEDED: dict[str, type] = {
    "verb": str, "plugin": dict, "options": dict, "data": list, "seed": int, "device": str,
}  # fmt: skip
_NEEDED_OF_DATA = ("role", "path", "store", "digest", "sha256", "format", "train", "valid")


def _misshapen(path: Path, key: str) -> InputError:
    return InputError(
        f"{path / PLAN}: '{key}' is missing or not what it should be.",
        hint="Start the run again; a plan is not meant to be edited.",
    )


def is_run(path: Path) -> bool:
    """Say whether a folder is a run."""
    return (path / PLAN).is_file()


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder and what its plan says."""

    path: Path
    plan: Mapping[str, Any]

    @classmethod
    def create(cls, path: Path, plan: Mapping[str, Any]) -> Self:
        """Make the folder with its plan and environment; ``refuse_taken`` was asked before.

        Raises:
            InputError: the folder cannot be made.
        """
        whole = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "spectrakit": __version__,
            **plan,
        }
        text = to_toml(whole)
        try:
            (path / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        run = cls(path, tomllib.loads(text))
        run._write(ENV, json.dumps(environment(), indent=1) + "\n")
        run.set_status(RUNNING)
        run._write(PLAN, text)  # last: with it the folder is a run
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the plan of a run.

        Raises:
            InputError: no run, or its plan cannot be read or is of a future version.
        """
        try:
            with (path / PLAN).open("rb") as handle:
                plan = tomllib.load(handle)
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(
                f"{path}: is no run: {PLAN} cannot be read: {reason}.",
                hint="Give the folder that pretrain, distill, adapt or ttt wrote.",
            ) from error
        if plan.get("format") != FORMAT or not isinstance(plan.get("format_version"), int):
            raise InputError(
                f"{path / PLAN}: is not the plan of a run.", hint="Give the folder of a run."
            )
        if plan["format_version"] > FORMAT_VERSION:
            raise InputError(
                f"{path}: is a run of format {plan['format_version']}; this spectrakit reads "
                f"{FORMAT_VERSION}.",
                hint=f"Update spectrakit to {plan.get('spectrakit', 'the version that wrote it')}.",
            )
        for key, kind in _NEEDED.items():
            if not isinstance(plan.get(key), kind):
                raise _misshapen(path, key)
        for told in plan["data"]:
            for key in _NEEDED_OF_DATA:
                if not isinstance(told, dict) or key not in told:
                    raise _misshapen(path, f"data.{key}")
        return cls(path, plan)

    def _write(self, name: str, text: str) -> None:
        with atomic_path(self.path / name) as part:
            part.write_text(text, encoding="utf-8", newline="\n")

    def leave_out(self, reasons: Mapping[str, int]) -> None:
        """Write how many spectra the plugin left out, and why."""
        self._write(LEFT_OUT, json.dumps(dict(sorted(reasons.items())), indent=1) + "\n")

    @property
    def left_out(self) -> dict[str, int]:
        """How many spectra the plugin left out, and why; empty where it said nothing of it."""
        try:
            found = json.loads((self.path / LEFT_OUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def status(self) -> str:
        """``running``, ``done``, ``stopped``, ``failed: why``, or "" where nothing is said."""
        try:
            return (self.path / STATUS).read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def set_status(self, status: str) -> None:
        """Write the status, on one line."""
        self._write(STATUS, " ".join(status.split()) + "\n")

    def data(self) -> tuple[Mapping[str, Any], ...]:
        """Return digest and row counts of each store, for the manifest of a bundle."""
        names = ("role", "digest", "train", "valid")
        return tuple({name: told[name] for name in names} for told in self.plan["data"])

    def student(self, name: str, version: str) -> Path:
        """Return where the bundle of a student is to be written.

        Raises:
            UsageError: the name or the version is that of a place, not of a bundle.
        """
        label = f"{name}@{version}"
        if {"/", "\\"} & set(label):
            raise UsageError(
                f"'{label}' is no name of a bundle: it holds a slash.",
                hint="Choose a plain name with -s name=NAME; --out says where it goes.",
            )
        return self.path / STUDENT / label

    def students(self) -> list[Path]:
        """Return the bundles that are there, sorted."""
        return sorted(path.parent for path in self.path.glob(f"{STUDENT}/*@*/bundle.json"))

    def record(self, step: int, **values: float) -> None:
        """Append numbers to ``metrics.jsonl``; what is not finite becomes null."""
        plain = {k: v if math.isfinite(v) else None for k, v in values.items()}
        line = json.dumps({"step": step, **plain}) + "\n"
        try:
            with (self.path / METRICS).open("a", encoding="utf-8", newline="\n") as stream:
                stream.write(line)
        except OSError as error:
            raise unwritable(self.path / METRICS, error) from error

    def metrics(self) -> list[dict[str, Any]]:
        """Return what was recorded; a line that a killed process broke off is left out."""
        found: list[dict[str, Any]] = []
        with suppress(FileNotFoundError):
            for line in (self.path / METRICS).read_text(encoding="utf-8").splitlines():
                with suppress(json.JSONDecodeError):
                    found.append(json.loads(line))
        return found

    @contextmanager
    def checkpoint(self, step: int) -> Generator[Path]:
        """Yield an empty folder to write into; it appears as ``checkpoints/step-NNNNNNNNN``.

        The two newest are kept. When writing fails (a full disk), those before are untouched.

        Raises:
            InputError: it cannot be written.
        """
        folder = self.path / CHECKPOINTS
        final = folder / f"step-{step:09d}"
        with atomic_folder(final, replace=True) as part:  # a resumed run may come here again
            yield part
        for old in self._checkpoints()[:-KEPT]:
            rmtree(old, ignore_errors=True)

    def _checkpoints(self) -> list[Path]:
        found = (self.path / CHECKPOINTS).glob("step-*")
        return sorted(path for path in found if _STEP.fullmatch(path.name) and path.is_dir())

    def last_checkpoint(self) -> Path | None:
        """Return the newest checkpoint, or None."""
        found = self._checkpoints()
        return found[-1] if found else None

    def resume_step(self) -> int:
        """Return the step of the newest checkpoint (0: none) and forget later metrics."""
        for broken in (self.path / CHECKPOINTS).glob("*.part-*"):  # of a process that was killed
            rmtree(broken, ignore_errors=True)
        newest = self.last_checkpoint()
        step = int(newest.name.removeprefix("step-")) if newest else 0
        rows = self.metrics() if newest else []  # without one it begins again, at step 0
        kept = [row for row in rows if row.get("step", 0) <= step]
        self._write(METRICS, "".join(json.dumps(row) + "\n" for row in kept))
        return step

    @contextmanager
    def logging(self) -> Generator[None]:
        """Copy what is said to people into ``log.txt``, with the time."""
        try:
            handler = logging.FileHandler(self.path / LOG, encoding="utf-8")
        except OSError as error:
            raise unwritable(self.path / LOG, error) from error
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log = logging.getLogger("spectrakit")
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)
            handler.close()


def refuse_taken(path: Path) -> None:
    """Refuse a place for a new run that holds something.

    Raises:
        UsageError: a run, other files, or a file of that name.
    """
    if is_run(path):
        raise _taken(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UsageError(f"{path}: is there already.", hint="Choose another --out.")


def _taken(path: Path) -> UsageError:
    """Return what is wrong with a folder that holds a run, and what can be done with this run."""
    try:
        status = Run.open(path).status
    except InputError:  # its plan cannot be read: `--resume` says why
        status = ""
    if status == DONE:
        said, hint = "holds a run that is done", f"Use it with `-m {path}`"
    elif status.startswith(FAILED):
        said = f"holds a run that {status}".rstrip(".")
        hint = "Remove it (`--resume` would only repeat it with the same data and settings)"
    else:
        said, hint = "holds a run already", f"Go on with `--resume {path}`"
    return UsageError(f"{path}: {said}.", hint=f"{hint}, or choose another --out.")


def environment() -> dict[str, Any]:
    """Return on what a run is made: versions of Python, the system and packages."""
    from importlib.metadata import PackageNotFoundError, version

    packages: dict[str, str] = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            packages[name] = version(name)
    return {
        "spectrakit": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "packages": packages,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def check_made_by(what: Path, made_by: Mapping[str, Any], name: str, version: str) -> None:
    """Refuse a run or bundle that another plugin, or another version of it, made.

    Raises:
        MismatchError: the message says both.
    """
    made_name, made_version = str(made_by.get("name", "")), str(made_by.get("version", ""))
    if (made_name, made_version) != (name, version):
        raise MismatchError(
            f"{what}: was made by plugin '{made_name}' version {made_version}, "
            f"installed is '{name}' version {version}.",
            hint="Install the version that made it, or train anew.",
        )


@contextmanager
def stop_on_signals() -> Generator[Callable[[], bool]]:
    """Yield ``should_stop()``: true once SIGTERM, SIGINT or SIGUSR1 came; a second one kills.

    Outside the main thread nothing is caught and the answer is always false.
    """
    asked = False
    before: dict[int, Any] = {}

    def note(number: int, frame: object) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True

    for name in ("SIGTERM", "SIGINT", "SIGUSR1"):
        if hasattr(signal, name):
            with suppress(ValueError):  # not the main thread
                number = getattr(signal, name)
                before[number] = signal.signal(number, note)
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
