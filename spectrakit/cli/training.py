"""What the verbs that train share: their options, and help that shows a plugin's own."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

InputsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT...",
        help="Stores, or files that convert reads, folders, globs, @list.txt; also structure "
        "lists (CSV, TSV, SMILES, SDF).",
        show_default=False,
    ),
]
PluginOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|RUN|BUNDLE",
        help="Plugin, or the run or bundle to begin from.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="RUN|BUNDLE",
        help="Run folder, bundle folder or installed model to begin from.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Option of the plugin; repeatable. With -m, --help shows them.",
        show_default=False,
    ),
]
ValidOption = Annotated[
    list[str] | None,
    typer.Option(
        "--valid",
        metavar="INPUT",
        help="Hold these out; repeatable. [default: what the stores mark as valid, else a tenth "
        "of the molecules]",
        show_default=False,
    ),
]
RunOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="RUN", help="Folder of the run, made new.", show_default=False
    ),
]
ResumeOption = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        help="Go on with a run that was stopped; everything else is read from it.",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda|cuda:N", help="Where to compute.")
]


def named_model(args: list[str]) -> str:
    """Return the word after ``-m`` or ``--model`` in a command line, or an empty string."""
    for before, word in zip(["", *args], [*args, ""], strict=True):
        if before in ("-m", "--model"):
            return word
        if word.startswith("--model="):
            return word.partition("=")[2]
        if word.startswith("-m") and len(word) > 2:
            return word[2:]
        if word == "--":
            break
    return ""


class ModelCommand(TyperCommand):
    """A command whose help shows the options of the plugin that ``-m`` names."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note which model is named before ``--help`` ends the parsing."""
        ctx.meta["model"] = named_model(list(args))
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write our options, then those of the plugin."""
        super().format_options(ctx, formatter)
        model = ctx.meta.get("model", "")
        if not model:
            return
        from spectrakit.verbs.choose import options_of

        plugin, options = options_of(model, str(self.name))
        rows = [
            (f"{one.name}={one.shown(one.default)}", f"{one.help} ({one.limits()})")
            for one in options
        ]
        with formatter.section(f"Options of {plugin.name}, for --set ({plugin.summary})"):
            formatter.write_dl(rows or [("none", "")])
