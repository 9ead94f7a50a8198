"""Any HDF5 file that is no store of ours: opened as carefully as one.

Links out of the file are not followed, data that lie elsewhere are refused, and what a dataset
declares is compared with the bytes that the file has for it.
"""

from collections.abc import Iterator
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

FAILURES = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
_FILTERS = frozenset({1, 2, 3, 5, 6, 32000})  # built into HDF5 and h5py: no plug-in is loaded
_MOST_DEFLATE = 1100  # deflate cannot exceed 1032, shuffled or not
_MOST_CHUNK = 1 << 30
_MOST_OBJECTS = 100_000
_DEEPEST = 24
_ATTRIBUTE_BYTES = 1 << 16
_MOST_ATTRIBUTES = 64
_HOSTILE = "Do not use a file from a source that you do not trust."


class ForeignFile:
    """An HDF5 file, read-only, without locks, with every dataset checked before it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = on_disk(path).stat().st_size
        try:
            self.file = h5py.File(on_disk(path), "r", locking=False)
        except FAILURES as error:
            raise self.wrong("/", f"HDF5 cannot open it ({_one_line(error)})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

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
        if dataset.chunks is not None and prod(dataset.chunks) * item > _MOST_CHUNK:
            raise self.wrong(key, f"has chunks of shape {dataset.chunks}", _HOSTILE)

    def read(self, key: str, dataset: Any) -> NDArray[Any]:
        """Return the numbers or the texts of a dataset, checked.

        Raises:
            InputError: as ``check``; or the data are damaged.
        """
        self.check(key, dataset)
        try:
            if isinstance(dataset.id.get_type(), h5t.TypeStringID):
                values = np.asarray(dataset.asstr(errors="replace")[()], dtype=object)
                return values.reshape(dataset.shape)
            return np.asarray(dataset[()])
        except FAILURES as error:
            raise self.wrong(key, f"cannot be read ({_one_line(error)})") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
