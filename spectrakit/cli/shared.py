"""Options that read the same in every verb, and the guard around each command.

Only ``typer`` and the standard library are imported here: ``--help`` must stay fast.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrakit.errors import Interrupted, SpectrakitError, UsageError, did_you_mean

if TYPE_CHECKING:
    from spectrakit.accounting import Summary

STDOUT = Path("-")


class Format(StrEnum):
    """How records are written."""

    tsv = "tsv"
    jsonl = "jsonl"


OutOption = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="Where records go; '-' is stdout.")
]
OutOrFolderOption = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE|FOLDER/",
        help="One file for all ('-' is stdout), or a folder for one file each.",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="Form of the records.")]
SummaryOption = Annotated[
    Path | None,
    typer.Option("--summary", metavar="FILE", help="Write the account of every input as JSON."),
]
JobsOption = Annotated[
    int, typer.Option("--jobs", "-j", min=1, help="Files worked on at the same time.")
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COLUMN=VALUE",
        help="Take only spectra with this value; repeatable.",
        show_default=False,
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]


state = {"debug": False}  # set by the common options, read by spectrakit.cli.main


def _set_quiet(value: bool) -> bool:
    from spectrakit.log import set_verbosity

    if value:
        set_verbosity(-1)
    return value  # typer hands the command what its callback returns


def _set_verbose(value: bool) -> bool:
    from spectrakit.log import set_verbosity

    if value:
        set_verbosity(1)
    return value


def _set_debug(value: bool) -> None:
    state["debug"] = value


def _use_config(context: typer.Context, path: Path | None) -> None:
    """Take option defaults from --config, or from the user's own file where there is one."""
    from spectrakit.config import load_config, user_config

    if context.resilient_parsing:
        return
    path = path or user_config()
    if not path.is_file() and path == user_config():
        return
    words = context.command_path.split()[1:]
    defaults: Any = load_config(path)
    for word in words:
        defaults = defaults.get(word, {})
        if not isinstance(defaults, dict):
            raise UsageError(
                f"{path}: '{word}' is no table.", hint=f'Write "[{".".join(words)}]" above it.'
            )
    names = {str(p.name).replace("_", "-"): str(p.name) for p in context.command.params}
    for param in context.command.params:  # --set may be called otherwise in the code
        names |= {word[2:]: str(param.name) for word in param.opts if word.startswith("--")}
    for key in defaults:
        if str(key).replace("_", "-") not in names:
            raise UsageError(
                f"{path}: '{key}' is no option of {' '.join(words)}. {did_you_mean(key, names)}",
                hint=f"See spectrakit {' '.join(words)} --help.",
            )
    context.default_map = {names[str(k).replace("_", "-")]: v for k, v in defaults.items()}


CommonOptions = {
    "config": (
        Path | None,
        None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="TOML file with defaults of these options.",
            callback=_use_config,
            is_eager=True,
        ),
    ),
    "quiet": (
        bool,
        False,
        typer.Option("--quiet", "-q", help="Say nothing but errors.", callback=_set_quiet),
    ),
    "verbose": (
        bool,
        False,
        typer.Option("--verbose", "-v", help="Say more.", callback=_set_verbose),
    ),
    "debug": (
        bool,
        False,
        typer.Option("--debug", help="Show the traceback of an error.", callback=_set_debug),
    ),
}


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the common options, exit code 130 on Ctrl-C and quiet under ``| head``."""
    signature = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        from spectrakit.log import log, set_verbosity

        if not log.handlers or not (arguments["quiet"] or arguments["verbose"]):
            set_verbosity(0)
        for name in CommonOptions:
            del arguments[name]
        try:
            command(**arguments)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise Interrupted("interrupted.", hint="Nothing unfinished was left behind.") from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        finally:
            set_verbosity(0)

    extra = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, option],
        )
        for name, (kind, default, option) in CommonOptions.items()
    ]
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values()]
    run.__signature__ = signature.replace(parameters=[*own, *extra])  # type: ignore[attr-defined]  # functions accept it
    return run


@contextmanager
def accounted(command: str, path: Path | None, **parameters: Any) -> Generator["Summary"]:
    """Yield the account that a verb fills; say it on stderr and write it to ``--summary``.

    The account is written whether the verb ends well or not, with the exit code.
    """
    from spectrakit import __version__
    from spectrakit.accounting import Summary
    from spectrakit.log import say
    from spectrakit.output import write_json

    plain = {k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()}
    summary = Summary(command=command, version=__version__, parameters=plain)
    code = 1
    try:
        yield summary
        code = 0
    except SpectrakitError as error:
        code = error.exit_code
        raise
    except KeyboardInterrupt:
        code = 130
        raise
    finally:
        for account in summary.inputs:
            say(account.sentence())
        if path is not None:
            write_json(path, summary.as_json(code))
