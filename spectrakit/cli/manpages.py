"""Manual pages from the command line itself: ``python -m spectrakit.cli.manpages man``.

A test regenerates them and compares, so that a page can never differ from ``--help``.
"""

import sys
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from spectrakit import __version__
from spectrakit.cli import SECTIONS, load_command
from spectrakit.cli.manual import EXAMPLES, NOTES

EXIT_STATUS = (
    ("0", "done"),
    ("1", "a bug of ours"),
    ("2", "wrong usage"),
    ("3", "an input is missing, unreadable or corrupt; a batch finishes the good files first"),
    ("4", "model and data do not fit, or nothing in the inputs can be searched"),
    ("5", "a package or device is missing"),
    ("130", "interrupted"),
)


def escape(text: str) -> str:
    """Return text that troff prints as it stands."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join("\\&" + line if line.startswith(".") else line for line in text.split("\n"))


def _option(param: Any) -> list[str]:
    names = ", ".join([*param.opts, *param.secondary_opts])
    metavar = "" if getattr(param, "is_flag", False) else (param.metavar or _kind(param))
    default = getattr(param.default, "value", param.default)
    if isinstance(default, bool):
        default = param.opts[0] if default and param.secondary_opts else None
    shown = default not in (None, "", (), []) and "[default:" not in (param.help or "")
    note = f" [default: {default}]" if shown and not callable(default) else ""
    return [
        ".TP",
        f"\\fB{escape(names)}\\fR \\fI{escape(metavar)}\\fR".replace(" \\fI\\fR", ""),
        escape((param.help or "") + note),
    ]


def _kind(param: Any) -> str:
    """Return the words that an option takes, or its name where it takes any."""
    annotation = param.type_descriptor.annotation
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, Enum):
            return "|".join(str(word.value) for word in one)
    return param.name.upper()


def _more(param: Any) -> str:
    """Return the dots that say "one or more", unless the name has them already."""
    return "..." if param.nargs == -1 and not (param.metavar or "").endswith("...") else ""


def _command(title: str, command: Any, heading: str) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    synopsis = " ".join(
        f"\\fI{escape((p.metavar or p.name).upper())}\\fR{_more(p)}" for p in arguments
    )
    lines = [f"{heading} {escape(title)}", f"\\fB{escape(title)}\\fR [options] {synopsis}", ".PP"]
    lines += [escape(paragraph) for paragraph in (command.help or "").split("\n\n")]
    for param in arguments:
        lines += [".TP", f"\\fI{escape((param.metavar or param.name).upper())}\\fR"]
        lines.append(escape(param.help or ""))
    for param in options:
        lines += _option(param)
    return lines


def page(verb: str, summary: str) -> str:
    """Return the roff source of ``spectrakit-VERB.1``."""
    command = load_command(verb)
    lines = [
        f'.TH SPECTRAKIT\\-{verb.upper()} 1 "" "spectrakit {__version__}" "User Commands"',
        ".SH NAME",
        f"spectrakit\\-{verb} \\- {escape(summary.rstrip('.'))}",
    ]
    commands = getattr(command, "commands", None)
    if commands:
        lines += [".SH DESCRIPTION", escape(command.help or "")]
        for name, one in commands.items():
            lines += _command(f"spectrakit {verb} {name}", one, ".SH")
    else:
        lines += _command(f"spectrakit {verb}", command, ".SH")
    for heading, text in NOTES.get(verb, {}).items():
        lines += [f".SH {heading}", *(escape(p) + "\n.PP" for p in text.split("\n\n"))]
    lines += [".SH EXAMPLES", ".nf", *(escape(line) for line in EXAMPLES[verb]), ".fi"]
    lines.append(".SH EXIT STATUS")
    for code, meaning in EXIT_STATUS:
        lines += [".TP", f"\\fB{code}\\fR", escape(meaning)]
    lines += [".SH SEE ALSO", "spectrakit(1), spectrakit\\-store(5)"]
    return "\n".join(lines) + "\n"


def root_page() -> str:
    """Return the roff source of ``spectrakit.1``."""
    lines = [
        f'.TH SPECTRAKIT 1 "" "spectrakit {__version__}" "User Commands"',
        ".SH NAME",
        "spectrakit \\- mass, NMR and vibrational spectra on the command line",
        ".SH SYNOPSIS",
        "\\fBspectrakit\\fR \\fIVERB\\fR [options] [\\fIFILE\\fR...]",
    ]
    for heading, verbs in SECTIONS.items():
        lines.append(f".SH {heading.upper()}")
        for verb, summary in verbs.items():
            lines += [".TP", f"\\fBspectrakit\\-{verb}\\fR(1)", escape(summary)]
    for heading, text in NOTES[""].items():
        lines += [f".SH {heading}", *(escape(p) + "\n.PP" for p in text.split("\n\n"))]
    lines.append(".SH EXIT STATUS")
    for code, meaning in EXIT_STATUS:
        lines += [".TP", f"\\fB{code}\\fR", escape(meaning)]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Return every generated page by file name."""
    made = {"spectrakit.1": root_page()}
    for verbs in SECTIONS.values():
        for verb, summary in verbs.items():
            made[f"spectrakit-{verb}.1"] = page(verb, summary)
    return made


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for file_name, text in pages().items():
        (folder / file_name).write_text(text, encoding="utf-8")
