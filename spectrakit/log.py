"""What people see while a command works: messages and progress, on stderr only.

A terminal gets a bar with rate and time left; a log file gets a line now and then.
"""

import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from spectrakit.errors import one_line

log = logging.getLogger("spectrakit")
_handler = logging.StreamHandler()  # ours: a host program or a test may add others

LINE_EVERY_SECONDS = 15.0


class _Lines(logging.Formatter):
    """Messages in one line of printable text: names may hold line breaks and control codes."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        lines = text.split("\n") if record.exc_info or record.stack_info else [text]
        return "\n".join(map(one_line, lines))


def set_verbosity(level: int) -> None:
    """Show errors only (-1), messages (0) or details as well (1)."""
    if _handler not in log.handlers:
        _handler.setFormatter(_Lines())
        log.addHandler(_handler)
        log.propagate = False
    _handler.stream = sys.stderr  # setStream would flush the old one, which may be closed
    log.setLevel({-1: logging.ERROR, 0: logging.INFO}.get(level, logging.DEBUG))


def verbosity() -> int:
    """Return what ``set_verbosity`` set, for a process that is to say as much as this one."""
    return {logging.ERROR: -1, logging.INFO: 0}.get(log.level, 1)


@contextmanager
def unsaid() -> Generator[None]:
    """Keep quiet but for errors: what is read here is read again, and said then."""
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def say(message: str) -> None:
    """Tell the person at the terminal something; silent with --quiet."""
    log.info(message)


@contextmanager
def progress(
    label: str, total: int | None, unit: str, *, alike: bool = True
) -> Generator[Callable[[int], None]]:
    """Yield ``advance(n)``; show how far the work is, its rate and the time left.

    Where the steps are not ``alike`` (the first of 15 may take most of the time) rate and time
    left would mean nothing, and only the steps are shown.
    """
    if not log.isEnabledFor(logging.INFO):
        yield lambda n: None
    elif sys.stderr.isatty():
        with _bar(label, total, unit, alike) as advance:
            yield advance
    else:
        yield _lines(label, total, unit, alike)


@contextmanager
def _bar(label: str, total: int | None, unit: str, alike: bool) -> Generator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit}{{task.fields[pace]}}"),
        TimeRemainingColumn() if alike and total else TimeElapsedColumn(),
    )
    done = 0
    start = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total, pace="")

        def advance(n: int) -> None:
            nonlocal done
            done += n
            rate = done / max(time.monotonic() - start, 1e-6)
            bar.update(task, advance=n, pace=f", {_number(rate)}/s" if alike else "")

        yield advance


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.2g}"


def _lines(label: str, total: int | None, unit: str, alike: bool) -> Callable[[int], None]:
    done = 0
    start = shown = time.monotonic()

    def advance(n: int) -> None:
        nonlocal done, shown
        done += n
        now = time.monotonic()
        if now - shown < LINE_EVERY_SECONDS:
            return
        shown = now
        rate = done / (now - start)
        left = f", {(total - done) / rate:.0f} s left" if total and rate else ""
        of = f" of {total}" if total else ""
        pace = f"{_number(rate)}/s{left}" if alike else f"{now - start:.0f} s"
        say(f"{label}: {done}{of} {unit}, {pace}")

    return advance
