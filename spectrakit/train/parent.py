"""The model that a run began from, and whether it is still the same one when the run goes on."""

import hashlib
from pathlib import Path

from spectrakit.accounting import file_sha256
from spectrakit.bundle import Bundle, is_bundle
from spectrakit.errors import InputError, MismatchError
from spectrakit.run import Run, is_run


def digest_of(path: Path) -> str:
    """Return what tells a trained model from another: ``sha256:...`` of a bundle or a run.

    Of a run it covers what the next verb may read: the files of its newest checkpoint, and the
    digests of its bundles. Its log, times and place do not count: a run that was copied is the
    same.

    Raises:
        InputError: a file cannot be read.
    """
    if is_bundle(path):
        return Bundle(path).digest
    run = Run.open(path)
    lines = [f"{student.name} {Bundle(student).digest}" for student in run.students()]
    newest = run.last_checkpoint()
    files = sorted(newest.rglob("*")) if newest else []
    try:
        lines += [f"{one.relative_to(path).as_posix()} {file_sha256(one)}"
                  for one in files if one.is_file()]  # fmt: skip
    except OSError as error:
        raise InputError(
            f"{error.filename or newest}: cannot be read: {error.strerror}.",
            hint="Make the files of the run readable.",
        ) from error
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def check_same_parent(path: Path, digest: str) -> None:
    """Check that a model is what it was; a run of an older spectrakit noted no digest.

    Raises:
        MismatchError: it is gone, or another one.
    """
    if not is_run(path) and not is_bundle(path):
        raise MismatchError(
            f"{path}: the model that this run began from is gone.", hint="Put it back."
        )
    if digest and digest_of(path) != digest:
        raise MismatchError(
            f"{path}: the model that this run began from is another one now.",
            hint="Put it back, or start another run.",
        )
