"""The ``spectrakit`` command, and ``python -m spectrakit``, which is the same."""

import signal
import sys
from types import FrameType

from spectrakit.errors import EXIT_INTERRUPTED


class SignalInterrupt(KeyboardInterrupt):
    """Ctrl-C, or the SIGTERM of a batch system: what is half written is removed, exit 130.

    A class of its own because Python kills the process, whatever its exit code, when a plain
    KeyboardInterrupt passed through ``exec`` (which dataclasses use).
    """


def _stop(number: int, frame: FrameType | None) -> None:
    raise SignalInterrupt


def run() -> None:
    """Run the command line of this process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and the shell's & ignore them
            signal.signal(number, _stop)
    try:
        from spectrakit.cli import main  # an interrupt may come while this is loading

        code = main()
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    run()
