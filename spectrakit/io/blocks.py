"""Text files cut into records as they stream by, and a short memory of what was dropped."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_LONGEST_RECORD = 1 << 28  # 256 MiB: ten million peaks as text
_SAID_PER_FILE = 5


def split_records(
    path: Path,
    stream: BinaryIO,
    separator: bytes,
    *,
    tidy: Callable[[bytes], bytes] | None = None,
) -> Iterator[bytes]:
    """Yield the bytes between separators, line ends made ``\\n``; the last piece may be empty.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        separator: what ends a record.
        tidy: makes other spellings of the separator this one; may see a piece of text again.

    Raises:
        InputError: one record is longer than 256 MiB.
    """
    for pieces in split_batches(path, stream, separator, tidy=tidy):
        yield from pieces


def split_batches(
    path: Path,
    stream: BinaryIO,
    separator: bytes,
    *,
    tidy: Callable[[bytes], bytes] | None = None,
) -> Iterator[list[bytes]]:
    """Yield what ``split_records`` does in lists, of about 1 MiB unless a record is longer."""
    carry = b""
    first = True
    while chunk := stream.read(max(_CHUNK, len(carry))):
        if first:
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
            first = False
        carry += chunk
        if b"\r" in carry:
            held = b"\r" if carry.endswith(b"\r") else b""  # its \n may be in the next chunk
            body = carry[: len(carry) - len(held)]
            carry = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        if tidy is not None:
            carry = tidy(carry)
        pieces = carry.split(separator)
        carry = pieces.pop()
        yield pieces
        if len(carry) > _LONGEST_RECORD:
            raise InputError(
                f"{path}: one record is longer than {_LONGEST_RECORD >> 20} MiB.",
                hint="This is hardly a spectrum; check how the file was made.",
            )
    yield [carry.replace(b"\r", b"\n")]


def decode(text: bytes) -> str:
    """Return text as UTF-8, or as Latin-1 where it is not."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


class Drops:
    """Counts dropped spectra in the account and names the first few in the log."""

    def __init__(self, path: Path, account: InputAccount) -> None:
        self.path = path
        self.account = account
        self._said = 0

    def drop(self, reason: str, place: str) -> None:
        """Count one spectrum under ``reason``; ``place`` says where in the file it is."""
        self.account.drop(reason)
        self._said += 1
        if self._said <= _SAID_PER_FILE:
            log.warning("%s: %s: dropped, %s.", self.path, place, reason)
        elif self._said == _SAID_PER_FILE + 1:
            log.warning("%s: further dropped spectra are only counted.", self.path)
