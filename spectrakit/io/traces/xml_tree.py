"""Small XML documents as trees: no DOCTYPE, no entities, a bounded size."""

from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN

_LARGEST = 256 << 20  # bytes; the tree takes several times as much
_DEEPEST = 200

Element = ElementTree.Element


def read_tree(path: Path, stream: BinaryIO) -> Element:
    """Return the root of the document in a stream.

    Raises:
        InputError: the document is too large, not well-formed or has a DOCTYPE.
    """
    raw = stream.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise InputError(
            f"{path}: the XML is larger than {_LARGEST >> 20} MiB.",
            hint="Export fewer spectra into one file.",
        )
    return parse_tree(path, raw)


def parse_tree(path: Path, raw: bytes | str) -> Element:
    """Return the root of a document.

    Raises:
        InputError: it is not well-formed or has a DOCTYPE.
    """
    marks = ("<!DOCTYPE", "<!ENTITY")
    text = raw if isinstance(raw, str) else ""
    packed = b"" if isinstance(raw, str) else raw.replace(b"\0", b"")  # UTF-16 as well
    if any(mark in text or mark.encode() in packed for mark in marks):
        raise InputError(
            f"{path}: the XML has a DOCTYPE or entities, which no instrument writes.",
            hint="Get the file from a source you trust.",
        )
    parser = ElementTree.XMLParser(target=_ShallowBuilder(path))
    try:
        for start in range(0, len(raw), 1 << 16):
            parser.feed(raw[start : start + (1 << 16)])
        return parser.close()
    except (ElementTree.ParseError, UnicodeError, ValueError, LookupError) as error:
        raise InputError(f"{path}: the XML is damaged ({error}).", hint=COPY_AGAIN) from error


class _ShallowBuilder(ElementTree.TreeBuilder):
    """Builds the tree, but not one so deep that taking it down overflows the stack."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        """Open an element."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InputError(f"{self._path}: the XML is nested too deeply.", hint=COPY_AGAIN)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        """Close an element."""
        self._depth -= 1
        return super().end(tag)


def local_name(element: Element) -> str:
    """Return the tag without its namespace."""
    return element.tag.rpartition("}")[2]


def numbers(text: str | None, separator: str | None = None) -> NDArray[np.float64]:
    """Return the numbers of a list; empty where one of them is none.

    Returns:
        (n,) float64.
    """
    words = [word for word in (text or "").split(separator) if word.strip()]
    try:
        return np.array([float(word) for word in words], dtype=np.float64)
    except ValueError:
        return np.empty(0)
