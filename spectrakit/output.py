"""Records for programs: tab-separated text or JSON lines, on stdout or in a file.

stdout carries records and nothing else. A file appears whole or not at all.
"""

import io
import json
import math
import os
import re
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from spectrakit.atomic import atomic_path
from spectrakit.errors import InputError

STDOUT = "-"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_JSON_CONTROL = re.compile(r"[\x7f-\x9f\u2028\u2029]")  # json escapes those below \x20

Record = Mapping[str, Any]


def cell(value: object) -> str:
    """Return one TSV cell: unquoted, missing values empty, control characters as a space."""
    if isinstance(value, str) and value.isprintable():
        return value  # neither control characters nor what UTF-8 cannot hold
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else format_number(value)
    return _utf8(_CONTROL.sub(" ", str(value)))


def _utf8(text: str) -> str:
    """Return text that UTF-8 can hold: a file name may carry bytes that are no text."""
    return text.encode("utf-8", "replace").decode("utf-8")


def format_number(value: float) -> str:
    """Return the shortest decimal text that reads back as this number."""
    text = repr(float(value))
    return text.removesuffix(".0")


def _tsv(stream: TextIO, columns: Sequence[str]) -> Callable[[Record], None]:
    stream.write("\t".join(columns) + "\n")

    def write(record: Record) -> None:
        stream.write("\t".join(cell(record.get(column)) for column in columns) + "\n")

    return write


def _jsonl(stream: TextIO, columns: Sequence[str]) -> Callable[[Record], None]:
    def write(record: Record) -> None:
        row = {column: _json_value(record.get(column)) for column in columns}
        stream.write(_json(row) + "\n")

    return write


def _json(value: object, indent: int | None = None) -> str:
    """Return JSON with its letters as they are, but no control character."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _JSON_CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _json_value(value: object) -> object:
    if isinstance(value, str):
        return _utf8(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


FORMATS = {"tsv": _tsv, "jsonl": _jsonl}


@contextmanager
def standard_output() -> Generator[TextIO]:
    """Yield stdout: UTF-8 and plain line ends, whatever the terminal's habits are.

    Raises:
        InputError: stdout is closed or takes no more (a full disk).
        BrokenPipeError: the reader went away, as ``head`` does.
    """
    stream = sys.stdout
    hint = "Give --out a file, or check the free space where stdout goes."
    if stream is None:  # type: ignore[unreachable]  # a shell closes it with >&-
        raise InputError("stdout is closed.", hint=hint)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output()
        reason = error.strerror or str(error)
        raise InputError(f"stdout: cannot be written: {reason}.", hint=hint) from error


def discard_output() -> None:
    """Let what stdout still holds vanish, so that Python's exit does not stumble over it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def open_records(
    out: str | Path, record_format: str, columns: Sequence[str]
) -> Generator[Callable[[Record], None]]:
    """Yield ``write(record)`` for records with these columns; ``-`` is stdout.

    Raises:
        InputError: the file or its folder cannot be written.
    """
    start = FORMATS[record_format]
    if str(out) == STDOUT:
        with standard_output() as stream:
            yield start(stream, columns)
        return
    with (
        atomic_path(Path(out)) as part,
        part.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        yield start(stream, columns)


def write_text(out: str | Path, text: str) -> None:
    """Write a whole text to stdout or, atomically, to a file."""
    if str(out) == STDOUT:
        with standard_output() as stream:
            stream.write(text)
        return
    with atomic_path(Path(out)) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(out: str | Path, value: object) -> None:
    """Write a value as readable JSON with a final newline; NaN becomes null."""
    write_text(out, _json(_no_nan(value), indent=2) + "\n")


def _no_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_utf8(str(key)): _no_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_no_nan(item) for item in value]
    return _json_value(value)


def complain(message: str) -> None:
    """Write an error for a person; shown even with --quiet."""
    if sys.stderr is not None:  # type: ignore[redundant-expr]  # closed by 2>&-; print would take stdout
        print(message, file=sys.stderr)
