"""Whether the names of an HDF5 file can be looked up: HDF5 itself loops on a damaged heap.

The names of a group lie in a local heap, whose free pieces are a chain. HDF5 follows the chain
when it first needs a name, and for ever where it runs in a circle; all else that can be wrong
with it HDF5 finds. Source: HDF5 File Format Specification, III.D, local heaps.
"""

from os import SEEK_END
from pathlib import Path

_MAGIC = b"\x89HDF\r\n\x1a\n"
_HEAP = b"HEAP\0\0\0\0"  # how a local heap begins, version 0
_HEADER = 32  # bytes: the above, size of its data, first free piece, where its data are
_LAST = 1  # what stands for the place of the next free piece in the last one
ROOT = 1 << 16  # bytes at the beginning that hold the root group's heap
_MOST_DATA = 1 << 26  # bytes of one heap that are looked at


def names_can_be_read(path: Path, n_bytes: int) -> bool:
    """Say whether no heap that begins within the first bytes of a file has a circle.

    Args:
        path: an HDF5 file with 8-byte places and sizes, or any other, which passes.
        n_bytes: how far to look, e.g. ``ROOT``.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        n_all = stream.seek(0, SEEK_END)
        stream.seek(0)
        head = stream.read(n_bytes)
        base = max(0, head.find(_MAGIC))  # MATLAB puts a text before it
        at = head.find(_HEAP)
        while at >= 0:
            size, free, place = _numbers(head[at + 8 : at + _HEADER])
            if base + place < n_all:  # else HDF5 finds that there is nothing
                stream.seek(base + place)
                if _has_circle(stream.read(min(size, _MOST_DATA)), free):
                    return False
            at = head.find(_HEAP, at + 1)
    return True


def _numbers(raw: bytes) -> list[int]:
    padded = raw.ljust(24, b"\0")
    return [int.from_bytes(padded[i : i + 8], "little") for i in (0, 8, 16)]


def _has_circle(data: bytes, free: int) -> bool:
    """Say whether the chain of free pieces comes back to one of them."""
    seen: set[int] = set()
    while free != _LAST and free + 16 <= len(data):
        if free in seen:
            return True
        seen.add(free)
        free = int.from_bytes(data[free : free + 8], "little")
    return False
