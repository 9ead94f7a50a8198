"""Any HDF5 file that is no store of ours: opened as carefully as one.

Links out of the file are not followed, data that lie elsewhere are refused, and what a dataset
declares is compared with the bytes that the file has for it.
"""

import mmap
from collections.abc import Iterator
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from h5py import h5d, h5l, h5o, h5t  # pyright: ignore[reportAttributeAccessIssue] -- compiled
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN, on_disk
from spectrakit.io.traces.arrays import check_bytes
from spectrakit.store.heaps import names_can_be_read

FAILURES = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
_FILTERS = frozenset({1, 2, 3, 5, 6, 32000})  # built into HDF5 and h5py: no plug-in is loaded
_MOST_DEFLATE = 1100  # deflate cannot exceed 1032, shuffled or not
_MOST_CHUNK = 1 << 28
_MOST_OBJECTS = 100_000
_DEEPEST = 24
_ATTRIBUTE_BYTES = 1 << 16
_MOST_ATTRIBUTES = 64
_MOST_SEARCHED = 1 << 33  # bytes, over all heaps of a file
_HEAP = b"GCOL\x01\0\0\0"  # how a global heap begins, version 1
_NAMES_WITHIN = 1 << 26  # bytes in which heaps of names are looked for: 0.05 s
_HOSTILE = "Do not use a file from a source that you do not trust."


class ForeignFile:
    """An HDF5 file, read-only, without locks, with every dataset checked before it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = on_disk(path).stat().st_size
        if not names_can_be_read(on_disk(path), _NAMES_WITHIN):
            raise self.wrong("/", "has names that cannot be read")
        try:
            self.file = h5py.File(on_disk(path), "r", locking=False)
        except FAILURES as error:
            raise self.wrong("/", f"HDF5 cannot open it ({_one_line(error)})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    @cached_property
    def _heaps_are_sound(self) -> bool:
        """Whether texts of variable length can be read: HDF5 itself loops on a damaged heap."""
        try:
            sizes = self.file.id.get_create_plist().get_sizes()
        except FAILURES:
            return False
        if tuple(sizes) != (8, 8):
            return False
        with (
            on_disk(self.path).open("rb") as raw,
            mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            heaps = {at: _heap(data, at) for at in _places(data, _HEAP)}
            if not all(heaps.values()):
                return False
            if len(heaps) * self.size > _MOST_SEARCHED:
                return True
            base = self.file.userblock_size
            return all(_fit(data, at - base, known) for at, known in heaps.items() if known)

    def wrong(self, key: str, reason: str, hint: str = COPY_AGAIN) -> InputError:
        """Return the error for something in this file."""
        return InputError(f"{self.path}: {key}: {reason}.", hint=hint)

    def walk(self) -> Iterator[tuple[str, Any]]:
        """Yield (name, object) of everything behind hard links, each object once.

        Raises:
            InputError: the links are damaged, or there are more objects than data ever need.
        """
        seen: set[Any] = set()
        waiting: list[tuple[str, Any]] = [("", self.file)]
        while waiting:
            name, group = waiting.pop()
            try:
                inside = list(self.members(name, group))
                fresh = [
                    (key, one)
                    for key, one in inside
                    if (address := (h5o.get_info(one.id).addr)) not in seen
                    and not seen.add(address)
                ]
            except FAILURES as error:
                raise self.wrong(name or "/", f"cannot be read ({_one_line(error)})") from error
            if len(seen) > _MOST_OBJECTS:
                raise self.wrong(name or "/", f"has more than {_MOST_OBJECTS} objects", _HOSTILE)
            for key, one in fresh:
                yield key, one
                if isinstance(one, h5py.Group) and key.count("/") < _DEEPEST:
                    waiting.append((key, one))

    def members(self, name: str, group: Any) -> Iterator[tuple[str, Any]]:
        """Yield (name, object) of the hard links of one group."""
        for count, leaf in enumerate(group):
            if count > _MOST_OBJECTS:
                raise self.wrong(name or "/", f"has more than {_MOST_OBJECTS} members", _HOSTILE)
            if not isinstance(leaf, str):
                continue
            encoded = leaf.encode("utf-8", "surrogatepass")
            if group.id.links.get_info(encoded).type != h5l.TYPE_HARD:
                continue
            one = group[leaf]
            if isinstance(one, h5py.Group | h5py.Dataset):
                yield (f"{name}/{leaf}" if name else leaf), one

    def attributes(self, target: Any) -> dict[str, str | float | int]:
        """Return the attributes that are one text or one number, bounded; others are passed by."""
        found: dict[str, str | float | int] = {}
        try:
            names = list(target.attrs)[:_MOST_ATTRIBUTES]
        except FAILURES:
            return found
        for name in names:
            try:
                value = self._attribute(target, name)
            except FAILURES:
                continue  # an attribute that cannot be read describes nothing
            if value is not None and isinstance(name, str):
                found[name] = value
        return found

    def _attribute(self, target: Any, name: str) -> str | float | int | None:
        handle = target.attrs.get_id(name)
        kind = handle.get_type()
        if prod(handle.shape) != 1 or kind.get_size() > _ATTRIBUTE_BYTES:
            return None
        if isinstance(kind, h5t.TypeStringID):
            if kind.is_variable_str() and not self._heaps_are_sound:
                return None
            value = np.asarray(target.attrs[name]).reshape(-1)[0]
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            return text.rstrip("\x00")[:_ATTRIBUTE_BYTES]
        if isinstance(kind, h5t.TypeIntegerID):
            return int(np.asarray(target.attrs[name]).reshape(-1)[0])
        if isinstance(kind, h5t.TypeFloatID):
            return float(np.asarray(target.attrs[name]).reshape(-1)[0])
        return None

    def kind_of(self, dataset: Any) -> str:
        """Say what a dataset holds: ``number``, ``text``, ``reference`` or ``other``."""
        try:
            kind = dataset.id.get_type()
            stored = dataset.id.get_storage_size()
            dtype = dataset.dtype
        except FAILURES:
            return "other"
        if dataset.shape is None or not prod(dataset.shape) or not stored:
            return "other"
        if isinstance(kind, h5t.TypeIntegerID | h5t.TypeFloatID):
            return "number" if dtype.kind in "iuf" and dtype.itemsize <= 8 else "other"
        if isinstance(kind, h5t.TypeStringID):
            return "text"
        return "reference" if isinstance(kind, h5t.TypeReferenceID) else "other"

    def check(self, key: str, dataset: Any) -> None:
        """Refuse a dataset whose data lie elsewhere or cannot be there.

        Raises:
            InputError: virtual or external data, a filter that needs a plug-in, or a size that
                the file cannot hold.
        """
        try:
            self._check(key, dataset)
        except FAILURES as error:
            raise self.wrong(key, f"cannot be read ({_one_line(error)})") from error

    def _check(self, key: str, dataset: Any) -> None:
        plan = dataset.id.get_create_plist()
        if plan.get_layout() == h5d.VIRTUAL:
            raise self.wrong(key, "is a virtual dataset, which is refused", _HOSTILE)
        if plan.get_external_count():
            raise self.wrong(key, "keeps its data in another file, which is refused", _HOSTILE)
        for place in range(plan.get_nfilters()):
            code = plan.get_filter(place)[0]
            if code not in _FILTERS:
                how = "Write the dataset again with gzip or without compression."
                raise self.wrong(key, f"uses the filter {code}, which is not read", how)
        stored: int = dataset.id.get_storage_size()
        item = 1 if dataset.dtype.kind == "O" else dataset.dtype.itemsize
        held = min(stored, self.size)
        ratio = 1 if dataset.chunks is None else _MOST_DEFLATE
        check_bytes(self.path, key, prod(dataset.shape) * item, held, ratio)
        most = min(_MOST_CHUNK, max(held * ratio, 1 << 20))
        if dataset.chunks is not None and prod(dataset.chunks) * item > most:
            raise self.wrong(key, f"has chunks of shape {dataset.chunks}", _HOSTILE)

    def read(self, key: str, dataset: Any) -> NDArray[Any]:
        """Return the numbers or the texts of a dataset, checked.

        Raises:
            InputError: as ``check``; or the data are damaged.
        """
        self.check(key, dataset)
        try:
            kind = dataset.id.get_type()
            if isinstance(kind, h5t.TypeStringID):
                if kind.is_variable_str() and not self._heaps_are_sound:
                    raise self.wrong(key, "points into a damaged heap of texts")
                values = np.asarray(dataset.asstr(errors="replace")[()], dtype=object)
                return values.reshape(dataset.shape)
            return np.asarray(dataset[()])
        except FAILURES as error:
            raise self.wrong(key, f"cannot be read ({_one_line(error)})") from error

    def rows(self, key: str, dataset: Any, start: int, stop: int) -> NDArray[Any]:
        """Return rows ``start:stop`` of a dataset of numbers or bytes that passed ``check``.

        Raises:
            InputError: the data are damaged.
        """
        try:
            return np.asarray(dataset[start:stop])
        except FAILURES as error:
            raise self.wrong(key, f"cannot be read ({_one_line(error)})") from error


def _places(data: mmap.mmap, pattern: bytes) -> Iterator[int]:
    at = data.find(pattern)
    while at >= 0:
        yield at
        at = data.find(pattern, at + 1)


def _heap(data: mmap.mmap, at: int) -> dict[int, int] | None:
    """Return {object: bytes} of one heap, walked as HDF5 does; None when that would not end."""
    end = at + int.from_bytes(data[at + 8 : at + 16], "little")
    place = at + 16
    found = {0: 0}
    if not place < end <= len(data):
        return None
    while place + 16 <= end:
        number = int.from_bytes(data[place : place + 2], "little")
        size = int.from_bytes(data[place + 8 : place + 16], "little")
        step = 16 + -(-size // 8) * 8 if number else size
        if step < 16 or place + step > end:
            return None
        if number:
            found[number] = size
        place += step
    return found


def _fit(data: mmap.mmap, address: int, sizes: dict[int, int]) -> bool:
    """Say whether no text claims to be longer than the object of the heap that holds it.

    A text is stored as its length, the address of its heap and the number of its object.
    """
    for at in _places(data, address.to_bytes(8, "little")):
        length = int.from_bytes(data[max(at - 4, 0) : at], "little")
        number = int.from_bytes(data[at + 8 : at + 12], "little")
        if number and length > sizes.get(number, length):
            return False
    return True


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
