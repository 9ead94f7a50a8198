"""Every format of traces: how its content is recognised, and which function reads it.

Nothing heavy is imported here: readers are named by text and loaded when a file is read. A reader
takes ``(path, stream, account)`` and yields spectra whose ``is_trace`` is true, with the axis as
the file has it (direction and unit kept, nothing resampled).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.io.traces.binary_formats import BINARY
from spectrakit.io.traces.container_formats import CONTAINERS
from spectrakit.io.traces.described import TraceFormat
from spectrakit.io.traces.text_formats import TEXT
from spectrakit.spectrum import Spectrum

Reader = Callable[[Path, BinaryIO, InputAccount], Iterator[Spectrum]]

FORMATS: tuple[TraceFormat, ...] = (*BINARY, *CONTAINERS, *TEXT)  # the first that matches is it
_BY_NAME = {one.name: one for one in FORMATS}
SUFFIXES = frozenset(suffix for one in FORMATS for suffix in one.suffixes)


def recognise_trace(head: bytes, path: Path) -> str:
    """Return the name of the format of a file by its first 64 KiB; empty when it is none."""
    return next((one.name for one in FORMATS if one.says(head, path)), "")


def is_trace_format(name: str) -> bool:
    """Say whether ``recognise_trace`` gives this name."""
    return name in _BY_NAME


def reader_of(name: str) -> Reader:
    """Return the function that reads a format."""
    from importlib import import_module

    module, _, function = _BY_NAME[name].reader.partition(":")
    return getattr(import_module(module), function)
