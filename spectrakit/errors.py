"""The errors a user can meet, each with the exit code that scripts rely on.

An error says in one sentence what is wrong, with the value and the place, and in its hint
what to do. ``spectrakit.cli.main`` prints both and returns ``exit_code``; nothing else in the
package decides exit codes.
"""

from collections.abc import Iterable

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_INTERRUPTED = 130


class SpectrakitError(Exception):
    """Base of every error that is shown without a traceback."""

    exit_code = EXIT_BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(SpectrakitError):
    """The command line asks for something that cannot be meant (exit 2)."""

    exit_code = 2


class InputError(SpectrakitError):
    """An input is missing, unreadable, truncated or corrupt (exit 3)."""

    exit_code = 3


class MismatchError(SpectrakitError):
    """Model and data do not fit, or nothing in the inputs can be searched (exit 4)."""

    exit_code = 4


class MissingExtraError(SpectrakitError):
    """A package or device that this verb needs is not there (exit 5)."""

    exit_code = 5


class Interrupted(SpectrakitError):
    """The user or the system asked to stop (exit 130)."""

    exit_code = EXIT_INTERRUPTED


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'?"`` for the nearest known word, or an empty string."""
    from difflib import get_close_matches

    names = list(known)
    lower = {name.lower(): name for name in names}
    near = get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    return f"Did you mean '{lower[near[0]]}'?" if near else ""
