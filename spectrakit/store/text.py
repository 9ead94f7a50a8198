"""Text columns as one blob of UTF-8 bytes and the positions where each text begins."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int64]


def encode_texts(texts: Sequence[str]) -> tuple[bytes, Positions]:
    """Return (all texts as UTF-8, (n,) byte length of each).

    Lone surrogates (an undecodable byte of an odd file) are kept as ``surrogatepass`` bytes.
    """
    joined = "".join(texts)
    if joined.isascii():
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        return joined.encode("ascii"), lengths
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(parts), np.fromiter(map(len, parts), np.int64, len(parts))


def decode_texts(blob: bytes, starts: Positions) -> list[str]:
    """Return the texts of ``blob``; text k is ``blob[starts[k]:starts[k + 1]]``.

    Raises:
        UnicodeDecodeError: the bytes are no UTF-8.
    """
    bounds = starts.tolist()
    if len(bounds) < 2:
        return []
    if bounds[0] == bounds[-1]:
        return [""] * (len(bounds) - 1)
    if blob.isascii():
        whole = blob.decode("ascii")
        return [whole[a:b] for a, b in pairwise(bounds)]
    return [blob[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(bounds)]


def as_objects(texts: Sequence[str]) -> NDArray[Any]:
    """Return texts as an object array: a fixed-width one grows with its longest text."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def running_total(lengths: Positions) -> Positions:
    """Return (n + 1,) int64 positions from n lengths, beginning at 0."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts
