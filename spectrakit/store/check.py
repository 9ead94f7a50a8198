"""Checking a store from end to end: structure, links between tables, finite axes, digest."""

import hashlib
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.store.block import Block
from spectrakit.store.digest import SHA256_ATTRIBUTE, content_digest, object_line
from spectrakit.store.guard import SafeFile
from spectrakit.store.layout import TABLES
from spectrakit.store.reader import Store
from spectrakit.store.values import Values

PIECE_BYTES = 1 << 23


def problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with a store, one sentence for each fault; nothing for a whole one.

    Every object is visited, every dataset read once for its SHA-256, every spectrum built.
    """
    store = Store(path)
    try:
        file = store.file
        yield from _digest_problems(file)
        for part in _parts(store):
            part()
    except InputError as error:
        yield str(error)
    finally:
        store.close()


def _digest_problems(file: SafeFile) -> Iterator[str]:
    lines: dict[str, str] = {}
    changed: list[str] = []
    for key, found in file.walk():
        attributes = file.attributes(key)
        if isinstance(found, h5py.Group):
            if attributes:
                lines[key] = object_line(key, attributes)
            continue
        values = file.values(key)
        if values is None:
            raise file.wrong(key, "is missing")
        sha256 = _sha256(values)
        lines[key] = object_line(key, attributes, values.dtype.str, values.shape, sha256)
        if attributes.get(SHA256_ATTRIBUTE) != sha256:
            changed.append(key)
    for key in changed:
        yield f"{file.path}: {key}: the bytes are not those that were written (sha256 differs)."
    stated, found = file.attributes("/").get("content_digest"), content_digest(lines)
    if stated != found and not changed:
        yield f"{file.path}: the content digest is {found}, the file states {stated}."


def _sha256(values: Values) -> str:
    digest = hashlib.sha256()
    row_bytes = max(1, prod(values.shape[1:]) * values.dtype.itemsize)
    step = max(1, PIECE_BYTES // row_bytes)
    for start in range(0, len(values), step):
        piece = np.ascontiguousarray(values.read(start, min(start + step, len(values))))
        digest.update(piece.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _parts(store: Store) -> Iterator[Callable[[], None]]:
    """Yield one check after the other, so that the first fault ends them."""
    for name in TABLES:
        yield lambda name=name: _check_table(store, name)
    yield lambda: _read(store.targets)
    yield lambda: _read(store.sample_molecules)
    yield lambda: _read(store.history)
    for block in store.blocks.values():
        yield lambda block=block: _check_block(block)
    for name in store.index_names:
        yield lambda name=name: _read((store.index(name), store.index_attrs(name)))
    yield lambda: _check_counts(store)


def _read(value: object) -> None:
    """Use a value whose making is the check."""
    del value


def _check_table(store: Store, name: str) -> None:
    table: dict[str, NDArray[Any]] = dict(getattr(store, name).items())
    key = {"samples": "id", "instruments": "name"}.get(name)
    if key and len(set(table[key].tolist())) < len(table[key]):
        raise store.file.wrong(f"/{name}/{key}", "names one row twice")


def _check_block(block: Block) -> None:
    file = block.store.file
    for batch in block.batches():
        axis = batch.axis
        bad = np.flatnonzero(~np.isfinite(axis))
        if len(bad):
            row = batch.start + int(np.searchsorted(batch.indptr, bad[0], "right")) - 1
            raise file.wrong(
                f"/blocks/{block.name}/axis", f"spectrum {row} has a point at {axis[bad[0]]}"
            )
        source = batch.meta("source")
        if len(source) and (source.min() < -1 or source.max() >= block.store.sources.n):
            raise file.wrong(f"/blocks/{block.name}/meta/source", "points outside /sources")
        for _ in batch:
            pass
    _read(block.axis_indirect)


def _check_counts(store: Store) -> None:
    root = store.file.attributes("/")
    counted = {
        "n_spectra": len(store),
        "n_samples": store.samples.n,
        "n_molecules": store.molecules.n,
        "n_sources": store.sources.n,
    }
    for name, n in counted.items():
        if root.get(name) != n:
            raise store.file.wrong(f"/@{name}", f"is {root.get(name)}, and there are {n}")
