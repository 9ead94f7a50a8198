"""What is known of a format of traces before any file of it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TraceFormat:
    """A format: its name in accounts, how its content is recognised, and what reads it.

    Attributes:
        name: lower case, as ``--summary`` shows it.
        says: takes the first 64 KiB and the path; the suffix may decide only where the content
            has no mark of its own.
        reader: ``module:function``, called with (path, stream, account).
        suffixes: lower case with their dot; folders are searched for them.
    """

    name: str
    says: Callable[[bytes, Path], bool]
    reader: str
    suffixes: tuple[str, ...] = ()
