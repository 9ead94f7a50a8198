"""One of several processes of a training: ``python -m spectrakit.verbs.worker VERB RUN LEVEL``."""

import sys
from pathlib import Path

from spectrakit import __version__
from spectrakit.accounting import Summary
from spectrakit.errors import SpectrakitError
from spectrakit.log import set_verbosity
from spectrakit.train.launch import leave_reason
from spectrakit.verbs.training import Request, train


def main(verb: str, run: str, level: str) -> int:
    """Go on with a run that the parent made; say nothing but what the first process does."""
    set_verbosity(int(level))
    try:
        train(verb, Request(resume=Path(run)), summary=Summary(verb, __version__))
    except SpectrakitError as error:
        leave_reason(error)
        return error.exit_code
    if "torch" in sys.modules:
        from spectrakit.train.distributed import leave

        leave()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
