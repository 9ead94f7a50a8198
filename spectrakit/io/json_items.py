"""The objects of a large JSON array one after the other, without the whole file in memory."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from spectrakit.errors import InputError

_CHUNK = 1 << 20
_LONGEST = 1 << 26  # characters of one object: 64 MiB
_SPACE = re.compile(r"[\s,]*")
_HINT = "Download it again, or check it with a JSON tool."
_DECODER = json.JSONDecoder()


def json_items(path: Path, stream: BinaryIO) -> Iterator[tuple[int, Any]]:
    """Yield (line, value) of each member of an array, or of each value outside of one.

    Files that were joined (one array after the other) and JSON lines (one object on each line)
    are read to their end.

    Raises:
        InputError: no JSON, cut off, nested too deeply, or one value above 64 MiB of text.
    """
    text = _Text(path, stream)
    in_array = is_begun = False
    while True:
        text.skip()
        if is_begun and not in_array and text.is_at_end():
            return
        is_begun = True
        if not in_array and text.peek() == "[":
            text.at += 1
            in_array = True
        elif in_array and text.peek() == "]":
            text.at += 1
            in_array = False
        else:
            line = text.line()
            yield line, text.value()


class _Text:
    """A window on the decoded file; ``at`` is where reading goes on."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        import codecs

        self._path = path
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._ended = False
        self._lines = 1
        self.held = ""
        self.at = 0

    def line(self) -> int:
        """Return the number of the line where reading goes on."""
        return self._lines + self.held.count("\n", 0, self.at)

    def more(self) -> bool:
        """Read on, more the longer the value is; return whether there was any."""
        if self._ended:
            return False
        data = self._stream.read(max(_CHUNK, len(self.held) - self.at))
        self._ended = not data
        fresh = self._decoder.decode(data, final=not data)
        if fresh:
            self._lines += self.held.count("\n", 0, self.at)
            self.held = self.held[self.at :] + fresh
            self.at = 0
        return bool(fresh) or not self._ended

    def skip(self) -> None:
        """Go past blanks and commas."""
        while True:
            match = _SPACE.match(self.held, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.held) or not self.more():
                return

    def is_at_end(self) -> bool:
        """Return whether nothing follows, after ``skip``."""
        return self.at >= len(self.held)

    def peek(self) -> str:
        """Return the next character.

        Raises:
            InputError: the file ends here.
        """
        if self.at >= len(self.held):
            raise InputError(f"{self._path}: line {self.line()}: the JSON breaks off.", hint=_HINT)
        return self.held[self.at]

    def value(self) -> Any:
        """Return the value that begins here, and go past it."""
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self.held, self.at)
            except RecursionError:
                raise InputError(
                    f"{self._path}: line {self.line()}: the JSON is nested too deeply.", hint=_HINT
                ) from None
            except ValueError as error:
                if len(self.held) - self.at > _LONGEST:
                    raise InputError(
                        f"{self._path}: line {self.line()}: one object is longer than "
                        f"{_LONGEST >> 20} MiB.",
                        hint="This is hardly a spectrum; check how the file was made.",
                    ) from None
                if self.more():
                    continue
                reason = getattr(error, "msg", "a number is too long")
                if isinstance(error, json.JSONDecodeError):
                    lines = self._lines + error.lineno - 1
                else:
                    lines = self.line()
                raise InputError(
                    f"{self._path}: line {lines}: no JSON: {reason[:80]}.", hint=_HINT
                ) from None
            if end == len(self.held) and isinstance(found, int | float) and self.more():
                continue  # a number may go on in the next piece
            self.at = end
            return found
