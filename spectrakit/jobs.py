"""Many files: one function for each file, in this process or in several, results in order.

Work goes through the standard ``concurrent.futures.Executor`` interface. Results never depend
on the number of processes. ``spectrakit.ledger`` lets a rerun skip what is done.
"""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import Generic, TypeVar

from spectrakit.errors import EXIT_INTERRUPTED, InputError, SpectrakitError
from spectrakit.log import set_verbosity, verbosity

Result = TypeVar("Result")

_SECONDS_TO_CLEAN_UP = 5.0


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
        except SystemExit:  # a worker that was stopped has cleaned up; the pool would go on
            if parent_process() is None:
                raise
            os._exit(EXIT_INTERRUPTED)


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
    executor: Executor
    with ProcessPoolExecutor(
        min(jobs, len(paths)),
        mp_context=get_context("spawn"),
        initializer=_become_worker,
        initargs=(verbosity(),),
    ) as executor:
        try:  # not executor.map, which cancels what the end of a worker then cannot mark
            with _interrupts_ignored():
                futures = deque(executor.submit(guarded, path) for path in paths)
            while futures:  # what was handed on is forgotten
                yield futures.popleft().result()
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process was killed, perhaps because memory ran out.",
                hint="Use fewer --jobs; into a folder, a rerun skips what is done.",
            ) from error
        except BaseException:
            stop_workers()
            raise


def _become_worker(level: int) -> None:
    """Say as much as the parent does, and stop when it says so, once.

    Ctrl-C is ignored since the start of the process.
    """
    set_verbosity(level)

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # cleaning up is not to be interrupted
        sys.exit(EXIT_INTERRUPTED)

    signal.signal(signal.SIGTERM, stop)


@contextmanager
def _interrupts_ignored() -> Generator[None]:
    """Start processes that ignore Ctrl-C, which reaches all processes of a terminal."""
    if current_thread() is not main_thread():  # signals are not for us to set there
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stop_workers() -> None:
    """Stop the worker processes of this one; each removes what it had half written."""
    workers = active_children()
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(_SECONDS_TO_CLEAN_UP)
