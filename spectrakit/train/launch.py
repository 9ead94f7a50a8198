"""Several processes on this computer, started as torchrun starts them, and what each may write.

What ``python -m torch.distributed.run --standalone --nproc-per-node N`` does, called from here
so that a failing process gives one message and its own exit code. Processes that a user's own
``torchrun`` started (on several computers) find their place in the same way.
"""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from uuid import uuid4

from spectrakit.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    Interrupted,
    MissingExtraError,
    SpectrakitError,
)
from spectrakit.run import Run, is_run

PATIENCE_SECONDS = 60  # for a checkpoint, after a signal; then processes are killed
_ERROR_FILE = "TORCHELASTIC_ERROR_FILE"  # where torch's agent looks for the reason of a failure


def place() -> tuple[int, int]:
    """Return (rank, number of processes) of this process; (0, 1) where nobody started several."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def is_one_of_several() -> bool:
    """Say whether torchrun, or ``launch``, started this process."""
    return place()[1] > 1


def wait_for_run(path: Path) -> None:
    """Wait until the first process has made a run; torchrun ends this one if it cannot."""
    while not is_run(path):
        time.sleep(0.1)


def check_devices(device: str, count: int) -> None:
    """Refuse more GPUs than there are.

    Raises:
        MissingExtraError: there are fewer.
    """
    if not device.startswith("cuda") or count == 1:
        return
    import torch

    there = torch.cuda.device_count()
    if count > there:
        raise MissingExtraError(
            f"--devices {count}: this computer has {there}.",
            hint=f"Say --devices {there}, or --device cpu.",
        )


def launch(count: int, module: str, arguments: Sequence[str]) -> None:
    """Run ``python -m module arguments`` in several processes and wait for all of them.

    The first one shows what it does; SIGTERM and Ctrl-C reach all.

    Raises:
        Interrupted: they were stopped.
        SpectrakitError: a process failed; with its message and exit code.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    os.environ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] = str(PATIENCE_SECONDS)
    with TemporaryDirectory() as logs, _handlers_kept():
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            monitor_interval=0.2,
            logs_specs=DefaultLogsSpecs(
                log_dir=logs, redirects=dict.fromkeys(range(1, count), Std.ALL)
            ),
        )
        try:
            elastic_launch(config, sys.executable)("-m", module, *arguments)
        except ChildFailedError as error:
            raise _first_reason(error.failures.values()) from error
        except SignalException:
            raise Interrupted("the processes were stopped.") from None


@contextmanager
def _handlers_kept() -> Generator[None]:
    """Take back what torch's agent makes of signals."""
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    before = {n: signal.getsignal(getattr(signal, n)) for n in names if hasattr(signal, n)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _first_reason(failures: Any) -> SpectrakitError:
    """Return the failure that caused the others: those only lost their partner."""
    ordered = sorted(failures, key=lambda one: (one.exitcode in (1, -15, -9), one.timestamp))
    first = ordered[0]
    told = (first.error_file_data or {}).get("message", {})
    if not isinstance(told, dict):
        told = {}
    killed = f"process {first.local_rank} ended with exit code {first.exitcode}"
    message, hint = str(told.get("message", killed)), str(told.get("hint", ""))
    if first.exitcode == EXIT_INTERRUPTED:
        return Interrupted(message, hint=hint)
    reason = SpectrakitError(message, hint=hint)
    reason.exit_code = first.exitcode if first.exitcode > 0 else EXIT_BUG
    return reason


def leave_reason(error: SpectrakitError) -> None:
    """Write why this process fails to where ``launch`` finds it."""
    path = os.environ.get(_ERROR_FILE)
    if path:
        told = {
            "message": str(error),
            "hint": error.hint,
            "extraInfo": {"timestamp": str(int(time.time()))},
        }
        Path(path).write_text(json.dumps({"message": told}), encoding="utf-8")


class Follower(Run):
    """A run as processes after the first see it: they read it and write nothing into it."""

    def _write(self, name: str, text: str) -> None:
        pass

    def record(self, step: int, **values: float) -> None:
        """Leave it to the first process."""

    @contextmanager
    def checkpoint(self, step: int) -> Generator[Path]:
        """Yield a folder that is thrown away."""
        with TemporaryDirectory() as folder:
            yield Path(folder)

    def student(self, name: str, version: str) -> Path:
        """Return a place outside the run: the bundle of the first process is the one."""
        return Path(mkdtemp()) / f"{name}@{version}"

    def logging(self) -> Any:
        """Write no log."""
        return nullcontext()


def as_seen_by(rank: int, run: Run) -> Run:
    """Return a run for the process of a rank."""
    return run if rank == 0 else Follower(run.path, run.plan)
