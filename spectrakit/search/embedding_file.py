"""Embeddings of a library as a sidecar: one file for each model, whole, checked, memory-mapped.

``NAME.embeddings/MODEL@VERSION.vectors`` lies beside the library ``NAME.h5`` and belongs to one
content of the library and one bundle: it names both digests, and is refused with any other.
Opening it costs the same for ten spectra and for ten million.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError, MismatchError
from spectrakit.search.cells import Cells, Rows
from spectrakit.search.embedding_index import ARRAYS, CELL_ARRAYS, EmbeddingIndex
from spectrakit.search.flat_arrays import open_arrays, write_arrays
from spectrakit.search.precursor_search import BLOCK_POLARITY

FORMAT, FORMAT_VERSION = "spectrakit-embeddings", 1
SUFFIX = ".vectors"


def embeddings_folder(library: Path) -> Path:
    """Return the folder beside a library where its embeddings lie."""
    return library.with_name(f"{library.stem}.embeddings")


def embeddings_path(library: Path, model: str) -> Path:
    """Return the file of a library's embeddings by ``NAME@VERSION`` of a model."""
    return embeddings_folder(library) / f"{model}{SUFFIX}"


def embeddings_of(library: Path) -> dict[str, Path]:
    """Return the files of embeddings of a library by model, sorted."""
    found = sorted(embeddings_folder(library).glob(f"*{SUFFIX}"))
    return {path.name.removesuffix(SUFFIX): path for path in found}


def write_embeddings(path: Path, index: EmbeddingIndex) -> None:
    """Write an index as a sidecar, whole or not at all.

    Raises:
        InputError: the folder refuses the file.
    """
    arrays = index.arrays()
    about = {"format": FORMAT, "version": FORMAT_VERSION, **index.about}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{path.parent}: cannot be made: {error.strerror}.", hint="Set SPECTRAKIT_HOME."
        ) from error
    write_arrays(path, arrays, {**about, "digest": _digest(arrays, about)})


def open_embeddings(path: Path, *, library: str, model: str) -> EmbeddingIndex:
    """Open a sidecar, memory-mapped.

    Args:
        path: the file.
        library: digest of the library it must belong to.
        model: digest of the bundle it must have been made with.

    Raises:
        InputError: it is damaged or of a later version.
        MismatchError: it belongs to another library or model.
    """
    index = read_embeddings(path)
    for name, digest in (("library", library), ("model", model)):
        if index.about[f"{name}_digest"] != digest:
            raise MismatchError(
                f"{path}: was made for another content of the {name}.",
                hint="Embed the library again: spectrakit library embed NAME -m MODEL.",
            )
    return index


def read_embeddings(path: Path, *, verify: bool = False) -> EmbeddingIndex:
    """Open a sidecar, whatever it belongs to; ``verify`` reads it whole against its digest.

    Raises:
        InputError: it is damaged or of a later version.
    """
    hint = "Embed the library again with `spectrakit library embed`."
    mapped, about = open_arrays(path, hint=hint)
    arrays = {name: np.asarray(array) for name, array in mapped.items()}  # memmap slices slowly
    if about.get("format") != FORMAT or about.get("version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: {about.get('format') or 'no embeddings'}, version {about.get('version')}; "
            f"this spectrakit reads {FORMAT}, version {FORMAT_VERSION}.",
            hint=hint,
        )
    stated = about.pop("digest", "")
    if verify and _digest(arrays, about) != stated:
        raise InputError(f"{path}: is not what its digest says: it was changed.", hint=hint)
    try:
        cells = tuple(
            Cells(*(arrays[f"cells{block}.{name}"] for name in CELL_ARRAYS))
            if f"cells{block}.start" in arrays
            else None
            for block in range(len(BLOCK_POLARITY))
        )
        held = {name: arrays[name] for name in ARRAYS}
        index = EmbeddingIndex(**held, cells=cells, about=about)
        _check_shapes(index)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise InputError(f"{path}: its arrays do not fit together ({error}).", hint=hint) from error
    return index


def _check_shapes(index: EmbeddingIndex) -> None:
    n, dimension = index.vectors.shape
    n_directions = len(index.directions)
    shapes = {
        "row": (n,), "place": (n,), "directions": (n_directions, dimension),
        "rough": (n, n_directions),
    }  # fmt: skip
    for name, shape in shapes.items():
        if getattr(index, name).shape != shape:
            raise ValueError(f"wrong {name}")
    if {index.vectors.dtype, index.rough.dtype, index.directions.dtype} != {np.dtype("i2")}:
        raise ValueError("wrong types of vectors")
    if {index.row.dtype, index.place.dtype} != {np.dtype("i4")}:
        raise ValueError("wrong types of rows")
    _check_edges(index.block_start, len(BLOCK_POLARITY), n)
    for cells, size in zip(index.cells, np.diff(index.block_start), strict=True):
        if cells is not None:
            _check_edges(cells.start, len(cells), int(size))
            if cells.mean.shape != (len(cells), n_directions):
                raise ValueError("wrong cells")
            if cells.mean.dtype != np.int16 or cells.spread.dtype != np.float32:
                raise ValueError("wrong types of cells")
    for name in ("library_digest", "model_digest", "model"):
        if not isinstance(index.about.get(name), str):
            raise KeyError(name)


def _check_edges(edges: Rows, n_parts: int, n: int) -> None:
    whole = edges.dtype == np.int64 and edges.shape == (n_parts + 1,)
    if not whole or edges[0] != 0 or edges[-1] != n or (np.diff(edges) < 0).any():
        raise ValueError("wrong edges")


def _digest(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> str:
    sha = hashlib.sha256(json.dumps(dict(about), sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        sha.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
