"""Where results go: names in an output folder, and what is never overwritten."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from spectrakit.accounting import Summary
from spectrakit.errors import InputError, SpectrakitError, UsageError
from spectrakit.io.streams import STDIN, on_disk
from spectrakit.ledger import plain_name
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


def result_name(path: Path, suffix: str) -> str:
    """Return what the result of an input is called in a folder of results."""
    return stem_of(path) + suffix


def output_names(paths: Sequence[Path], folder: Path, suffix: str) -> dict[Path, str]:
    """Return the file name in ``folder`` for each input.

    Raises:
        UsageError: two inputs would share an output, or an output is an input.
    """
    names: dict[Path, str] = {}
    taken: dict[str, Path] = {}
    for path in paths:
        name = result_name(path, suffix)
        plain = plain_name(name)
        if plain in taken:
            raise UsageError(
                f"{path} and {taken[plain]} would both be written to {name}.",
                hint="Give them different output folders, or rename one.",
            )
        taken[plain] = path
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


def note_error(summary: Summary, error: SpectrakitError) -> None:
    """Show the error of one file, even with --quiet; the others go on."""
    summary.errors.append(str(error))
    complain(f"spectrakit: error: {error}\n  {error.hint}".rstrip())
