"""mzML cut into <spectrum> blocks, and a tokeniser that knows the lines it has seen before.

Most of an mzML file is the same few hundred tags over and over, so a block is split at ``<``
and each piece looked up in a table; only what is new is parsed. The tokeniser is strict: a
piece it does not fully understand (comments, CDATA, entities, odd encodings, anything not
well-formed) makes it decline the block, and the caller gives the block to the XML parser.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from spectrakit.errors import InputError

_CHUNK = 1 << 20
_LONGEST_BLOCK = 1 << 30
_START = b"<spectrum"
_END = b"</spectrum>"
_TABLE_SIZE = 1 << 14
_ATTRIBUTE = rb"\s+([A-Za-z_][\w.-]*)\s*=\s*(?:\"([^\"<\t\r\n]*)\"|'([^'<\t\r\n]*)')"
_PIECE = re.compile(rb"(/?)([A-Za-z_][\w.-]*)((?:" + _ATTRIBUTE + rb")*)\s*(/?)>\s*")
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_CONTROL = re.compile(rb"[\x00-\x1f]")


class Param(NamedTuple):
    """A cvParam or userParam."""

    accession: str
    name: str
    value: str
    unit: str  # accession
    unit_name: str

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> "Param":
        """Read one parameter from its attributes."""
        get = attributes.get
        return cls(
            get("accession", ""),
            get("name", ""),
            get("value", ""),
            get("unitAccession", ""),
            get("unitName", ""),
        )

    def text(self) -> str:
        """Return the value with the name of its unit."""
        return f"{self.value} {self.unit_name}" if self.unit_name else self.value


# What a walk over a spectrum meets: a parameter, or another element with its attributes and
# the text inside.
Item = tuple[str, Param | Mapping[str, str], str | bytes | None]
PARAMS = ("cvParam", "userParam")


class Tag(NamedTuple):
    """One tag of a block."""

    kind: str  # local name
    closes: bool
    is_empty: bool  # closes itself
    item: Item


def split_blocks(path: Path, stream: BinaryIO) -> Iterator[tuple[bool, bytes]]:
    """Yield ``(is_spectrum, bytes)``: whole <spectrum> blocks and what lies between them.

    The parts joined are the file. A block that never ends comes as not a spectrum.

    Raises:
        InputError: one block is longer than 1 GiB.
    """
    buffer = b""
    while chunk := stream.read(max(_CHUNK, len(buffer))):
        buffer += chunk
        done = 0
        while True:
            start = _block_start(buffer, done)
            if start < 0:
                # A tag may straddle the chunks: keep the end that could begin one.
                keep = max(done, len(buffer) - len(_START))
                if keep > done:
                    yield False, buffer[done:keep]
                buffer = buffer[keep:]
                break
            end = _block_end(buffer, start)
            if end < 0:
                if start > done:
                    yield False, buffer[done:start]
                buffer = buffer[start:]
                break
            if start > done:
                yield False, buffer[done:start]
            yield True, buffer[start:end]
            done = end
        if len(buffer) > _LONGEST_BLOCK:
            raise InputError(
                f"{path}: one spectrum takes more than {_LONGEST_BLOCK >> 30} GiB of text.",
                hint="This is hardly a spectrum; check how the file was made.",
            )
    if buffer:
        yield False, buffer


def _block_start(buffer: bytes, at: int) -> int:
    while True:
        at = buffer.find(_START, at)
        if at < 0 or at + len(_START) == len(buffer):
            return -1
        if buffer[at + len(_START)] in b" \t\r\n>":
            return at
        at += len(_START)


def _block_end(buffer: bytes, start: int) -> int:
    first = buffer.find(b">", start)
    if first > 0 and buffer[first - 1] == ord("/"):
        return first + 1
    end = buffer.find(_END, start)
    return end + len(_END) if end >= 0 else -1


class Tokeniser:
    """Splits blocks into tags, remembering every piece it has understood.

    Args:
        encoding: of the file, one in which ASCII bytes mean themselves.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._pieces: dict[bytes, Tag] = {}
        # what is before the value -> what is after it, and the parameter
        self._shapes: dict[bytes, tuple[bytes, str, Param]] = {}

    def items(self, block: bytes) -> list[Item] | None:
        """Return what a block holds in its order, or None to decline it."""
        pieces = block.split(b"<")
        if pieces[0]:
            return None
        known = self._pieces.get
        items: list[Item] = []
        stack: list[str] = []
        for piece in pieces[1:]:
            tag = known(piece)
            if tag is None:
                if piece.startswith(b"binary>"):
                    if b"&" in piece or piece.find(b">", 7) >= 0:
                        return None
                    stack.append("binary")
                    items.append(("binary", {}, piece[7:]))
                    continue
                before, found, rest = piece.partition(b' value="')
                if found and (shape := self._shapes.get(before)) is not None:
                    value, _, after = rest.partition(b'"')
                    text = self.value(value)
                    if after == shape[0] and text is not None and b"<" not in value:
                        _, kind, old = shape
                        new = Param(old.accession, old.name, text, old.unit, old.unit_name)
                        items.append((kind, new, None))
                        continue
                tag = self._new(piece)
                if tag is None:
                    return None
            if tag.is_empty:
                items.append(tag.item)
            elif tag.closes:
                if not stack or stack.pop() != tag.kind:
                    return None
            else:
                stack.append(tag.kind)
                items.append(tag.item)
        return None if stack else items

    def _new(self, piece: bytes) -> Tag | None:
        """Parse a piece and remember it, or its shape: all but its value."""
        match = _PIECE.fullmatch(piece)
        if match is None:
            return None
        attributes: dict[str, str] = {}
        for key, double, single in _ATTRIBUTES.findall(match[3]):
            text = self.value(double or single)
            if text is None or key.decode() in attributes:
                return None
            attributes[key.decode()] = text
        kind, closes = match[2].decode(), bool(match[1])
        is_empty = match[match.re.groups] == b"/"
        if closes and (attributes or is_empty):
            return None
        param = Param.of(attributes) if kind in PARAMS else None
        tag = Tag(kind, closes, is_empty, (kind, attributes if param is None else param, None))
        before, found, rest = piece.partition(b' value="')
        value, _, after = rest.partition(b'"')
        room = len(self._shapes) < _TABLE_SIZE
        if param and found and is_empty and room and param.value == self.value(value):
            self._shapes[before] = after, kind, param
        if len(self._pieces) < _TABLE_SIZE:
            self._pieces[piece] = tag
        return tag

    def value(self, raw: bytes) -> str | None:
        """Decode an attribute; None for entities that XML does not predefine, or bad bytes."""
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError:
            return None
        if not text.isprintable() and _CONTROL.search(raw):
            return None
        if "&" not in text:
            return text
        if _STRANGE_ENTITY.search(text):
            return None
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
        return text


_STRANGE_ENTITY = re.compile(r"&(?!(?:lt|gt|quot|apos|amp);)")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
