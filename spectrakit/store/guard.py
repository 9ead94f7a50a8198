"""Opening a store that anyone may have made: what is not in the format is refused.

HDF5 can point at other files, run plug-in filters, declare terabytes that are not there and
loop through its own links. Every dataset passes ``SafeFile.values`` before a byte of it is read.
"""

import json
import mmap
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5l, h5o, h5t  # pyright: ignore[reportAttributeAccessIssue] -- compiled
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.store.heaps import ROOT, names_can_be_read
from spectrakit.store.layout import (
    FORMAT,
    MAX_DEPTH,
    VERSION,
)
from spectrakit.store.values import HOSTILE, Values, check_dataset

_ATTRIBUTE_BYTES = 1 << 16
_FAILURES = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
_DAMAGED = "The file is damaged or no store: copy it again, or make it again with convert."


class SafeFile:
    """A store's HDF5 file, opened read-only, without locks, with everything in it checked.

    Raises:
        InputError: missing, not HDF5, truncated, no store, or of a future version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = _check_head(path)
        if not names_can_be_read(path, ROOT):
            raise self.wrong("/", "has names that cannot be read")
        try:
            self.file = h5py.File(path, "r", locking=False)
        except _FAILURES as error:
            raise _unopenable(path, error) from error
        self._map: mmap.mmap | None = None
        self._values: dict[str, Values] = {}
        self._objects: dict[str, Any] = {}
        self._attributes: dict[str, dict[str, str | int]] = {}
        try:
            self._check_format()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; mapped arrays that are still in use keep their memory."""
        self._values.clear()
        self._objects.clear()
        self._map = None
        self.file.close()

    def _check_format(self) -> None:
        root = self.attributes("/")
        if root.get("format") != FORMAT:
            raise InputError(
                f"{self.path}: this HDF5 file is no {FORMAT}: the attribute 'format' is "
                f"'{root.get('format', '')}'.",
                hint="spectrakit convert makes stores from spectra.",
            )
        version = str(root.get("format_version", ""))
        major, _, minor = version.partition(".")
        if not (major.isdecimal() and minor.isdecimal()):
            raise self.wrong("/@format_version", f"'{version}' is no version")
        if int(major) > VERSION[0]:
            raise InputError(
                f"{self.path}: written by format {version}; this spectrakit reads up to "
                f"{VERSION[0]}.x.",
                hint="Update spectrakit.",
            )

    def wrong(self, key: str, reason: str, *, hint: str = _DAMAGED) -> InputError:
        """Return the error for something in this file."""
        return InputError(f"{self.path}: {key}: {reason}.", hint=hint)

    @contextmanager
    def reading(self, key: str) -> Generator[None]:
        """Turn whatever HDF5 says while ``key`` is read into one line that names it."""
        try:
            yield
        except _FAILURES as error:
            raise self.wrong(key, f"cannot be read ({_one_line(error)})") from error

    def mapped(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return a read-only view of the file's bytes as an array."""
        if self._map is None:
            with self.path.open("rb") as handle:
                self._map = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(self._map, dtype, prod(shape), offset).reshape(shape)

    def members(self, path: str) -> list[str]:
        """Return the names in a group; an absent group is empty."""
        group = self.object(path)
        if group is None:
            return []
        if not isinstance(group, h5py.Group):
            raise self.wrong(path, "is a dataset where a group belongs")
        with self.reading(path):
            return self._texts(path, list(group))

    def _texts(self, path: str, names: list[Any]) -> list[str]:
        """Refuse names that are no UTF-8: h5py gives those as bytes."""
        for name in names:
            if not isinstance(name, str):
                raise self.wrong(path, f"has a member with the name {name!r}")
        return names

    def object(self, path: str) -> Any:
        """Return the object at an absolute path, or None; every link on the way must be hard."""
        if path == "/":
            with self.reading(path):
                return self.file["/"]
        if path not in self._objects:
            above, _, name = path.rpartition("/")
            group = self.object(above or "/")
            self._objects[path] = None if group is None else self._member(group, path, name)
        return self._objects[path]

    def _member(self, group: Any, path: str, name: str) -> Any:
        if not isinstance(group, h5py.Group):
            raise self.wrong(path, "is inside something that is no group")
        encoded = name.encode("utf-8", "surrogatepass")
        with self.reading(path):
            if not group.id.links.exists(encoded):
                return None
            kind = group.id.links.get_info(encoded).type
        if kind != h5l.TYPE_HARD:
            words = "an external link" if kind == h5l.TYPE_EXTERNAL else "a soft link"
            raise self.wrong(path, f"is {words}, which is refused", hint=HOSTILE)
        with self.reading(path):
            return group[name]

    def attributes(self, path: str) -> Mapping[str, str | int]:
        """Return an object's attributes; only integers and fixed-length texts are read."""
        known = self._attributes.get(path)
        if known is not None:
            return known
        target = self.object(path)
        found: dict[str, str | int] = {}
        with self.reading(path):
            names = [] if target is None else self._texts(path, list(target.attrs))
        for name in names:
            with self.reading(f"{path}@{name}"):
                found[name] = self._attribute(target, path, name)
        self._attributes[path] = found
        return found

    def _attribute(self, target: Any, path: str, name: str) -> str | int:
        handle = target.attrs.get_id(name)
        kind, shape = handle.get_type(), handle.shape
        n_bytes = kind.get_size() * prod(shape)
        plain = isinstance(kind, h5t.TypeStringID) and not kind.is_variable_str()
        if prod(shape) != 1 or n_bytes > _ATTRIBUTE_BYTES:
            raise self.wrong(f"{path}@{name}", f"has shape {shape}", hint=HOSTILE)
        if plain:
            return bytes(target.attrs[name]).decode("utf-8", "surrogatepass")
        if isinstance(kind, h5t.TypeIntegerID):
            return int(target.attrs[name])
        raise self.wrong(f"{path}@{name}", "is neither an integer nor a text", hint=HOSTILE)

    def count(self, path: str, name: str) -> int:
        """Return a count that a group's attribute gives; 0 for an absent group."""
        if self.object(path) is None:
            return 0
        value = self.attributes(path).get(name, -1)
        if not isinstance(value, int) or value < 0:
            raise self.wrong(f"{path}@{name}", f"is no count: {value!r}")
        return value

    def values(self, key: str) -> Values | None:
        """Return a checked dataset, or None where there is none."""
        known = self._values.get(key)
        if known is None:
            dataset = self.object(key)
            if dataset is None:
                return None
            with self.reading(key):
                check_dataset(self, key, dataset)
                known = self._values[key] = Values(self, key, dataset)
        return known

    def need(self, key: str, shape: tuple[int, ...], dtypes: str) -> Values:
        """Return a dataset that must be there, with this shape and one of these dtypes."""
        values = self.values(key)
        if values is None:
            raise self.wrong(key, "is missing")
        if values.shape != shape:
            raise self.wrong(key, f"has shape {values.shape} where {shape} belongs")
        if values.dtype.str[1:] not in dtypes.split():
            raise self.wrong(key, f"has type {values.dtype}, not {dtypes}")
        return values

    def positions(self, key: str, n: int) -> NDArray[np.int64]:
        """Return an ``indptr``: (n + 1,) int64, from 0, never falling.

        Raises:
            InputError: it is missing, of another length, or not monotone.
        """
        values = self.need(key, (n + 1,), "i8").read()
        if values[0] != 0 or (values[1:] < values[:-1]).any():
            raise self.wrong(key, "does not rise from 0")
        return values

    def json(self, key: str, text: str | bytes) -> dict[str, Any]:
        """Return a JSON object that a store holds as text."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.wrong(key, f"is no JSON ({_one_line(error)})") from error
        if not isinstance(value, dict):
            raise self.wrong(key, "is no JSON object")
        return value

    def walk(self, path: str = "/") -> Iterator[tuple[str, Any]]:
        """Yield (path, object) of everything below a group, each object once.

        Raises:
            InputError: an object has two names, or groups nest deeper than any store's.
        """
        seen: set[Any] = set()
        waiting = [path]
        while waiting:
            here = waiting.pop()
            for name in self.members(here):
                key = f"{here.rstrip('/')}/{name}"
                found = self.object(key)
                if found is None:
                    raise self.wrong(key, "is listed and is not there")
                with self.reading(key):
                    address = h5o.get_info(found.id).addr
                if address in seen:
                    raise self.wrong(key, "is a second name of another object", hint=HOSTILE)
                if key.count("/") > MAX_DEPTH:
                    raise self.wrong(key, "is nested too deeply", hint=HOSTILE)
                seen.add(address)
                yield key, found
                if isinstance(found, h5py.Group):
                    waiting.append(key)


def _check_head(path: Path) -> int:
    """Return the size of a file that begins like HDF5."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, not a store.", hint="Name the file in it.")
        with path.open("rb") as handle:
            head = handle.read(8)
        size = path.stat().st_size
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{path}: cannot be opened: {reason}.", hint="Check the path and its permissions."
        ) from error
    if not head:
        raise InputError(f"{path}: the file is empty.", hint=_DAMAGED)
    if head != b"\x89HDF\r\n\x1a\n":
        raise InputError(
            f"{path}: not an HDF5 file: it begins with {head!r}.",
            hint="A store is made by spectrakit convert.",
        )
    return size


def _unopenable(path: Path, error: BaseException) -> InputError:
    words = _one_line(error)
    if "truncated" in words:
        return InputError(
            f"{path}: the file is truncated: {path.stat().st_size} bytes are there, its header "
            "says more.",
            hint="Copy it again from where it was made.",
        )
    return InputError(f"{path}: HDF5 cannot open it ({words}).", hint=_DAMAGED)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
