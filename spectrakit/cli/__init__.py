"""The command line: one thin file for each verb, loaded when the verb is typed.

The root help comes from the table below, so that it imports no verb; a test compares the
table with the verbs' own docstrings.
"""

import sys
from collections.abc import Iterator, MutableMapping
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from spectrakit import __version__
from spectrakit.cli.shared import guarded, state
from spectrakit.errors import EXIT_BUG, InputError, SpectrakitError

SECTIONS: dict[str, dict[str, str]] = {  # heading -> verb -> first line of its help
    "Spectra": {
        "convert": "Put spectra of any known format into a store, or write them in another format.",
        "identify": "Name the molecules behind spectra, best candidate first.",
        "transfer": "Make a calibration work on another instrument, and know when it does not.",
    },
    "Learning": {
        "pretrain": "Train a plugin's model on stores of spectra or molecules.",
        "distill": "Make a small student of a trained model: one bundle that needs no torch.",
        "adapt": "Fit a trained model to another instrument or contributor.",
        "ttt": "Train a model on the very spectra it is to be used on, without their answers.",
    },
    "Housekeeping": {
        "models": "Look after the models of this computer, and see the plugins.",
        "library": "Build and look after the libraries that identify searches.",
        "store": "Look into, check and merge stores.",
        "evaluate": "Measure answers against a table of truth.",
    },
}
_SETTINGS: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": False,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100},
}


@cache  # main() may run many times in one process; a group's commands are guarded once
def load_command(name: str) -> Any:
    """Import one verb and return its command."""
    from importlib import import_module

    module = import_module(f"spectrakit.cli.{name}")
    if hasattr(module, "app"):
        group: typer.Typer = module.app
        for registered in group.registered_commands:
            if registered.callback is not None:
                registered.callback = guarded(registered.callback)
    else:
        group = typer.Typer(**_SETTINGS)
        kind = getattr(module, "COMMAND", None)  # a command with help of its own
        group.command(name, cls=kind)(guarded(getattr(module, name)))
    command = typer.main.get_command(group)
    command.name = name
    return command


def verb_group(help_text: str) -> typer.Typer:
    """Return an empty group such as ``library``; its module fills it with commands."""
    return typer.Typer(help=help_text, no_args_is_help=True, **_SETTINGS)


class _Verbs(MutableMapping[str, Any]):
    """Verb names to commands, each imported when it is first asked for."""

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in set(self):
            raise KeyError(name)
        if name not in self.loaded:
            self.loaded[name] = load_command(name)
        return self.loaded[name]

    def __iter__(self) -> Iterator[str]:
        return (verb for verbs in SECTIONS.values() for verb in verbs)

    def __len__(self) -> int:
        return sum(map(len, SECTIONS.values()))

    def __setitem__(self, name: str, command: Any) -> None:
        self.loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self.loaded[name]


class Root(TyperGroup):
    """The ``spectrakit`` command itself; verbs stay unimported until one is typed."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Verbs()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the verbs in their sections without importing them."""
        for heading, verbs in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(list(verbs.items()))


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"spectrakit {__version__}")
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version)
    ] = False,
) -> None:
    """Mass, NMR and vibrational spectra: convert, identify, search libraries, offline."""


def root_command(argv: list[str]) -> typer.Typer:
    """Return the root for a command line.

    Where a verb comes first no option of the root can be meant, and its help and completion
    options are left out: checking their missing values would import pydantic, which is most of
    the time that the verb's own help takes.
    """
    verb_first = bool(argv) and argv[0] in set(_Verbs())
    own: dict[str, Any] = {
        **_SETTINGS,
        "add_completion": not verb_first,
        "add_help_option": not verb_first,
    }
    app = typer.Typer(cls=Root, no_args_is_help=True, **own)
    app.callback()(root)
    return app


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    state["debug"] = False
    try:
        app = root_command(sys.argv[1:] if argv is None else argv)
        app(args=argv, prog_name="spectrakit")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except SpectrakitError as error:
        if state["debug"]:
            raise
        _show(error)
        return error.exit_code
    except OSError as error:  # where no verb could say more: a full disk, a name too long
        if state["debug"]:
            raise
        _show(
            InputError(
                f"{error.filename or 'the system'}: {error.strerror or error}.",
                hint="Check the path, its permissions and the free space.",
            )
        )
        return InputError.exit_code
    except Exception as error:
        if state["debug"]:
            raise
        kind = type(error).__name__
        _show(
            SpectrakitError(
                f"this is our bug: {kind}: {error}",
                hint="Run it again with --debug and send us the traceback.",
            )
        )
        return EXIT_BUG
    return 0


def _show(error: SpectrakitError) -> None:
    from spectrakit.output import complain

    complain(f"spectrakit: error: {error}" + (f"\n  {error.hint}" if error.hint else ""))
