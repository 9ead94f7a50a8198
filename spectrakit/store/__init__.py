"""The store: spectra and all that belongs to them in one HDF5 file, written once.

The format is specified in ``spectrakit-store(5)`` and, as code, in ``spectrakit.store.layout``.
Importing this package is cheap; h5py is loaded when a writer or a store is first named.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectrakit.store.batch import Batch
    from spectrakit.store.block import Block
    from spectrakit.store.reader import Store
    from spectrakit.store.writer import StoreWriter

__all__ = ["Batch", "Block", "Store", "StoreWriter", "is_store"]

_HOMES = {"Batch": "batch", "Block": "block", "Store": "reader", "StoreWriter": "writer"}
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_store(head: bytes) -> bool:
    """Tell by its first bytes whether a file is HDF5, the container of stores."""
    return head.startswith(_SIGNATURE)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"spectrakit.store.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
