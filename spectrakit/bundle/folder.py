"""A bundle on disk: written whole, verified before use, its sessions opened when asked for."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from spectrakit.atomic import atomic_folder
from spectrakit.bundle.manifest import (
    MANIFEST,
    Graph,
    Manifest,
    check_manifest,
    manifest_bytes,
    read_manifest,
    split_label,
)
from spectrakit.errors import InputError, MismatchError, UsageError


def is_bundle(path: Path) -> bool:
    """Say whether a folder is a bundle."""
    return (path / MANIFEST).is_file()


class Bundle:
    """One bundle. Opening reads the manifest only; files are verified before a session opens.

    Args:
        path: the folder.

    Raises:
        InputError: no bundle, or its manifest was changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.manifest, self.files, self.digest = read_manifest(self.path)
        self._sessions: dict[str, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (Bundle, (self.path,))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a bundle's manifest."""
        return cls(path)

    @property
    def label(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.manifest.name}@{self.manifest.version}"

    def verify(self) -> None:
        """Compare every file with its digest.

        Raises:
            InputError: a file is missing, is a link, or was changed.
        """
        for name in self.files:
            self.read(name)

    def read(self, name: str) -> bytes:
        """Return the bytes of one file, verified.

        Raises:
            InputError: it is missing, is a link, was changed, or is none of the bundle.
        """
        if name not in self.files:
            raise InputError(
                f"{self.path}: '{name}' is none of its files.", hint="Copy the bundle again."
            )
        path, about = self.path / name, self.files[name]
        parts = Path(name).parts
        if any(self.path.joinpath(*parts[: k + 1]).is_symlink() for k in range(len(parts))):
            raise InputError(f"{path}: is a link.", hint="A bundle holds its own files only.")
        try:
            size = path.stat().st_size
            data = path.read_bytes() if size == about["bytes"] else b""
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read: {error.strerror}.", hint="Copy the bundle again."
            ) from error
        if size != about["bytes"] or hashlib.sha256(data).hexdigest() != about["sha256"]:
            raise InputError(
                f"{path}: is not what its digest says: the file was changed or cut off.",
                hint="Copy the bundle again; nothing of it was run.",
            )
        return data

    def graph(self, role: str) -> Graph:
        """Return the graph of a role.

        Raises:
            MismatchError: the bundle has none.
        """
        if role not in self.manifest.graphs:
            raise MismatchError(
                f"bundle {self.label} has no '{role}'; it has "
                f"{', '.join(self.manifest.graphs)} (task {self.manifest.task}).",
                hint="Choose a bundle made for this; see `spectrakit models list`.",
            )
        return self.manifest.graphs[role]

    def session(self, role: str, *, threads: int = 1) -> Any:
        """Return the onnxruntime session of a role, opened once.

        Raises:
            InputError: a file was changed, or external data lie outside the folder.
            MismatchError: no such role, or onnxruntime cannot run the graph.
        """
        if role not in self._sessions:
            from spectrakit.bundle.graphs import open_session

            self.graph(role)
            self._sessions[role] = open_session(self, role, threads=threads)
        return self._sessions[role]

    def run(self, role: str, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run a graph on arrays by input name; return its outputs by name.

        Arrays are cast to the types of the graph. Inputs that the graph lacks are left out.

        Raises:
            MismatchError: an input is missing or has another shape.
        """
        from spectrakit.bundle.graphs import run_session

        return run_session(self, role, self.session(role), feeds)


def write_bundle(
    path: Path,
    *,
    graphs: Mapping[str, bytes | Path],
    units: Mapping[str, Mapping[str, str]] | None = None,
    files: Mapping[str, bytes] | None = None,
    replace_old: bool = False,
    **fields: Any,
) -> Path:
    """Write a bundle folder, whole or not at all, and return it.

    Every graph is opened with onnxruntime first; external data are put inside.

    Args:
        path: the final folder; its name is ``NAME@VERSION``.
        graphs: role to ONNX model, as bytes or a file.
        units: role to output name to unit.
        files: further files that the manifest vouches for (a vocabulary, an attribution).
        replace_old: take the place of a bundle that is there.
        fields: of ``Manifest``: task, modality, input, and what else applies.

    Raises:
        UsageError: the name is not ``NAME@VERSION``, is taken, or a field is not allowed.
        MismatchError: onnxruntime cannot run a graph.
        InputError: it cannot be written.
    """
    from spectrakit.bundle.graphs import describe, self_contained

    name, version = split_label(path.name)
    if path.exists() and not replace_old:
        raise UsageError(f"{path}: is there already.", hint="Raise the version, or remove it.")
    contents = dict(files or {})
    described: dict[str, Graph] = {}
    for role, source in graphs.items():
        model = self_contained(source, place=f"{path.name}/{role}.onnx")
        graph = describe(model, f"{role}.onnx", place=f"{path.name}/{role}.onnx")
        described[role] = replace(graph, units=dict((units or {}).get(role, {})))
        contents[f"{role}.onnx"] = model
    try:
        manifest = Manifest(name=name, version=version, graphs=described, **fields)
        check_manifest(manifest)
        digests = {
            one: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for one, data in sorted(contents.items())
        }
        text = manifest_bytes(manifest, digests)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"bundle {path.name}: {error}.", hint="See spectrakit-plugin(7), BUNDLES."
        ) from error
    with atomic_folder(path, replace=replace_old) as part:
        for one, data in contents.items():
            target = part / one
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        (part / MANIFEST).write_bytes(text)
    return path
