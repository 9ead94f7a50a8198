"""``library list|info|check|remove``: the libraries that are installed."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.errors import InputError, SpectrakitError, UsageError
from spectrakit.log import say
from spectrakit.search.libraries import installed, kind_of, library_path
from spectrakit.search.library import INDEX_NAME, TRACE_INDEX, SpectralLibrary
from spectrakit.search.structure_sources import BUILT_IN, load_structures
from spectrakit.search.structures import STRUCTURE_INDEX, StructureTable
from spectrakit.search.traces.library import TraceLibrary
from spectrakit.store import Store
from spectrakit.verbs.library_embeddings import check_embeddings, described, forget_embeddings

_INDICES = (INDEX_NAME, TRACE_INDEX, STRUCTURE_INDEX)
LIST_COLUMNS = ("name", "kind", "spectra", "compounds", "bytes", "licence")


def info(name: str) -> dict[str, Any]:
    """Return what there is to know of a library: counts, licences, attribution, sources.

    Raises:
        UsageError: no such library.
        InputError: its file cannot be read.
    """
    if name in BUILT_IN and name not in installed():
        table = load_structures(name)
        return {
            "name": name,
            "kind": "structures",
            "compounds": len(table),
            "spectra": 0,
            "bytes": 0,
            "licence": table.about.get("license", ""),
            "attribution": "Wishart et al., Human Metabolome Database; tables in pyopenms",
            "release": table.about.get("release", ""),
            "dropped": table.about.get("dropped", {}),
        }
    path = library_path(name)
    kind = kind_of(path)
    with Store(path) as store:
        parts = [attrs for index in _INDICES if (attrs := store.index_attrs(index))]
        attrs = parts[0]
        sources = {column: list(map(str, values)) for column, values in store.sources.items()}
        known: dict[str, Any] = {
            "name": name,
            "kind": kind,
            "spectra": sum(int(part.get("spectra", 0)) for part in parts),
            "compounds": sum(int(part.get("compounds", 0)) for part in parts),
            "bytes": path.stat().st_size,
            "licence": attrs.get("licence", ""),
            "attribution": attrs.get("attribution", ""),
            "licences": dict(sum((Counter(p.get("licences", {})) for p in parts), Counter())),
            "digest": store.digest,
            "path": str(path),
            "sources": sources,
            "embeddings": described(path, store.digest),
        }
        if "peptides" in attrs:
            known["peptides"] = attrs["peptides"]
        if traces := store.index_attrs(TRACE_INDEX):
            known["traces"] = {key: traces[key] for key in ("spectra", "compounds", "families")}
    if not known["licence"]:
        known["licence"] = ", ".join(known["licences"])
    return known


def listing() -> Iterator[dict[str, Any]]:
    """Yield one record for each library, the built-in ones last.

    A library that cannot be read is listed with the reason, so that it can be removed.
    """
    for name in installed():
        try:
            yield {column: info(name).get(column) for column in LIST_COLUMNS}
        except SpectrakitError as error:
            yield {"name": name, "kind": f"unreadable: {error}"}
    for name in BUILT_IN:
        yield {
            "name": name,
            "kind": "structures (built in)",
            "licence": "free for non-commercial use",
        }


def check(name: str) -> dict[str, Any]:
    """Verify a library: its store whole and undamaged, its index and embeddings fitting.

    Raises:
        UsageError: no such library.
        InputError: something is damaged; the message says what.
    """
    from spectrakit.store.check import problems

    if name in BUILT_IN and name not in installed():
        table = load_structures(name)
        return {"name": name, "kind": "structures", "compounds": len(table), "whole": True}
    path = library_path(name)
    for problem in problems(path):
        raise InputError(problem, hint=f"Remove library '{name}' and build it again.")
    with Store(path) as store:
        held = list(store.blocks.values())
        n_mass = sum(block.n for block in held if block.encoding == "ragged")
        known: dict[str, Any] = {"name": name, "kind": kind_of(path), "spectra": len(store)}
        attrs, traces = store.index_attrs(INDEX_NAME), store.index_attrs(TRACE_INDEX)
        if traces:
            shelves = TraceLibrary.from_arrays(name, store.index(TRACE_INDEX), traces)
            if len(shelves) != len(store) - n_mass or (n_mass and not attrs):
                raise InputError(
                    f"{path}: the index does not hold every spectrum once.",
                    hint="Build the library again.",
                )
            if not attrs:
                return {**known, "whole": True, "embeddings": []}
        if attrs:
            library = SpectralLibrary.from_arrays(name, store.index(INDEX_NAME), attrs)
            rows = np.sort(np.asarray(library.index.store_row))
            if not np.array_equal(rows, np.arange(n_mass)):
                raise InputError(
                    f"{path}: the index does not hold every spectrum once.",
                    hint="Build the library again.",
                )
            embedded = check_embeddings(path, store.digest, n_mass)
            return {**known, "whole": True, "embeddings": embedded}
        attrs = store.index_attrs(STRUCTURE_INDEX)
        if attrs:
            table = StructureTable.from_arrays(store.index(STRUCTURE_INDEX), attrs, place=str(path))
            return {"name": name, "kind": "structures", "compounds": len(table), "whole": True}
    raise InputError(f"{path}: holds no search index.", hint="Build the library again.")


def remove(name: str) -> Path:
    """Delete an installed library and its embeddings.

    Raises:
        UsageError: no such library.
        InputError: the file cannot be deleted.
    """
    if name in BUILT_IN and name not in installed():
        raise UsageError(
            f"library '{name}' is built in and cannot be removed.",
            hint="Leave it out with `--structures none`.",
        )
    path = library_path(name)
    forget_embeddings(path)
    try:
        path.unlink()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be removed: {error.strerror}.", hint="Check its permissions."
        ) from error
    say(f"removed {path}")
    return path
