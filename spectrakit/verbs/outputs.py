"""Where results go: names in an output folder, what a rerun skips, what is never overwritten."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from spectrakit.accounting import InputAccount, Summary, file_sha256
from spectrakit.errors import InputError, SpectrakitError, UsageError
from spectrakit.io.streams import STDIN, on_disk
from spectrakit.jobs import Ledger
from spectrakit.log import say
from spectrakit.output import complain


def is_folder(out: Path | str) -> bool:
    """Say whether ``--out`` means a folder: one that is there, or a name with a slash at its end.

    Raises:
        UsageError: the name is empty, as a shell variable without a value is.
    """
    if not str(out):
        raise UsageError("--out is empty.", hint="Name a file or a folder.")
    return str(out).endswith(("/", "\\")) or Path(out).is_dir()


def make_folder(folder: Path) -> None:
    """Make the output folder where it is not there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made: {error.strerror}.", hint="Choose another --out."
        ) from error


def stem_of(path: Path) -> str:
    """Return the name of a file without its suffix and packing: ``run7`` of ``run7.mzML.gz``."""
    name = path.name
    for packing in (".gz", ".bz2"):
        if name.lower().endswith(packing):
            name = name[: -len(packing)]
    return Path(name).stem if path != STDIN else "stdin"


def output_names(paths: Sequence[Path], folder: Path, suffix: str) -> dict[Path, str]:
    """Return the file name in ``folder`` for each input.

    Raises:
        UsageError: two inputs would share an output, or an output is an input.
    """
    names: dict[Path, str] = {}
    taken: dict[str, Path] = {}
    for path in paths:
        name = stem_of(path) + suffix
        if name.lower() in taken:
            raise UsageError(
                f"{path} and {taken[name.lower()]} would both be written to {name}.",
                hint="Give them different output folders, or rename one.",
            )
        taken[name.lower()] = path
        names[path] = name
        refuse_own_input(folder / name, paths)
    return names


def refuse_own_input(out: Path, paths: Sequence[Path]) -> None:
    """Refuse an output that is one of the inputs, under whatever name.

    Raises:
        UsageError: it is.
    """
    for path in paths:
        with suppress(OSError):  # one of them is not there
            if out.samefile(on_disk(path)):
                raise UsageError(
                    f"{out}: is an input and the output.", hint="Choose another --out."
                )


def without_own_results(paths: Sequence[Path], ledger: Ledger) -> list[Path]:
    """Return the inputs that are not results of this very command from an earlier run."""
    inputs = [path for path in paths if not ledger.made(path)]
    if len(inputs) < len(paths):
        say(f"{len(paths) - len(inputs)} files are results of this command and no inputs")
    return inputs


def without_done(paths: Sequence[Path], ledger: Ledger, summary: Summary) -> list[Path]:
    """Return the inputs whose result is not there yet; account for the others."""
    todo: list[Path] = []
    for path in paths:
        entry = _entry(path, ledger)
        if entry is None:
            todo.append(path)
            continue
        summary.inputs.append(InputAccount.from_json(entry["account"]))
        summary.outputs.append(str(ledger.path.parent / entry["output"]))
    if len(todo) < len(paths):
        say(f"{len(paths) - len(todo)} files were done before and are skipped")
    return todo


def _entry(path: Path, ledger: Ledger) -> dict[str, Any] | None:
    try:
        return ledger.done(path, file_sha256(path)) if path.is_file() else None
    except OSError:  # reading it gives the error
        return None


def note_error(summary: Summary, error: SpectrakitError) -> None:
    """Show the error of one file, even with --quiet; the others go on."""
    summary.errors.append(str(error))
    complain(f"spectrakit: error: {error}\n  {error.hint}".rstrip())
