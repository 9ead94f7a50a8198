"""Datasets: what must hold before a byte of one is read, and reading rows of it."""

from math import prod
from typing import TYPE_CHECKING, Any

import h5py
from h5py import h5d, h5t  # pyright: ignore[reportAttributeAccessIssue] -- compiled
from numpy.typing import NDArray

from spectrakit.store.layout import MAX_DEFLATE_RATIO, MAX_SAFE_CHUNK_BYTES

if TYPE_CHECKING:
    from spectrakit.store.guard import SafeFile

FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32"}
DTYPES = frozenset({"|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"})
HOSTILE = "Stores never hold this; do not use a store from a source that you do not trust."


class Values:
    """A dataset that passed the checks; ``read`` gives rows of it."""

    def __init__(self, owner: "SafeFile", key: str, dataset: h5py.Dataset) -> None:
        self.key = key
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype = dataset.dtype
        self._owner = owner
        self._dataset = dataset
        self._mapped: NDArray[Any] | None = None
        if dataset.chunks is None and prod(self.shape) and dataset.id.get_offset() is not None:
            self._mapped = owner.mapped(dataset.id.get_offset(), self.dtype, self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def is_mapped(self) -> bool:
        """Whether ``read`` gives views of the file, at no cost."""
        return self._mapped is not None or not prod(self.shape)

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows ``start:stop``; a read-only view of the file where it is contiguous."""
        stop = len(self) if stop is None else stop
        if self._mapped is not None:
            return self._mapped[start:stop]
        with self._owner.reading(self.key):
            return self._dataset[start:stop]


def check_dataset(file: "SafeFile", key: str, dataset: Any) -> None:
    """Refuse a dataset that is not in the format.

    Raises:
        InputError: virtual or external data, an unknown filter or type, an impossible size.
    """
    if not isinstance(dataset, h5py.Dataset):
        raise file.wrong(key, "is no dataset")
    plan = dataset.id.get_create_plist()
    if plan.get_layout() == h5d.VIRTUAL:
        raise file.wrong(key, "is a virtual dataset, which is refused", hint=HOSTILE)
    if plan.get_external_count():
        raise file.wrong(key, "keeps its data in another file, refused", hint=HOSTILE)
    for position in range(plan.get_nfilters()):
        code = plan.get_filter(position)[0]
        if code not in FILTERS:
            raise file.wrong(key, f"uses the unknown filter {code}", hint=HOSTILE)
    kind = dataset.id.get_type()
    numeric = isinstance(kind, h5t.TypeIntegerID | h5t.TypeFloatID)
    if not numeric or dataset.dtype.str not in DTYPES:
        raise file.wrong(key, "has a type that is no plain number", hint=HOSTILE)
    if not 1 <= len(dataset.shape) <= 4:
        raise file.wrong(key, f"has shape {dataset.shape}")
    _check_size(file, key, dataset)


def _check_size(file: "SafeFile", key: str, dataset: h5py.Dataset) -> None:
    """Compare what a dataset declares with what the file can hold."""
    declared = prod(dataset.shape) * dataset.dtype.itemsize
    stored: int = dataset.id.get_storage_size()
    if not declared:
        return
    if stored > file.size:
        raise file.wrong(key, f"declares {stored} stored bytes in a file of {file.size}")
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if stored != declared or (offset is not None and offset + declared > file.size):
            raise file.wrong(key, f"declares {declared} bytes and has {stored}")
        return
    chunk_bytes = prod(dataset.chunks) * dataset.dtype.itemsize
    expected = prod(-(-n // size) for n, size in zip(dataset.shape, dataset.chunks, strict=True))
    if chunk_bytes > MAX_SAFE_CHUNK_BYTES or declared > stored * MAX_DEFLATE_RATIO:
        raise file.wrong(key, f"declares {declared} bytes from {stored} stored", hint=HOSTILE)
    if dataset.id.get_num_chunks() != expected:
        raise file.wrong(key, f"has {dataset.id.get_num_chunks()} chunks of {expected}")
