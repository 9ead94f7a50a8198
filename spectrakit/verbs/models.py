"""``models``: list, show, check, install and remove bundles, and list the plugins beside them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spectrakit.bundle.folder import Bundle
from spectrakit.bundle.models import (
    find_bundle,
    install_bundle,
    known_bundles,
    remove_bundle,
    shipped_bundles,
)
from spectrakit.errors import SpectrakitError
from spectrakit.log import say
from spectrakit.registry import installed as installed_plugins

LIST_COLUMNS = (
    "name", "kind", "task", "modality", "can", "bytes", "licence", "summary", "problem",
)  # fmt: skip


def listing() -> Iterator[dict[str, Any]]:
    """Yield one record for each bundle and plugin; what is broken has its reason."""
    shipped = set(shipped_bundles().values())
    for label, path in known_bundles().items():
        kind = "bundle (spectrakit)" if path in shipped else "bundle"
        record: dict[str, Any] = {"name": label, "kind": kind}
        try:
            bundle = Bundle(path)
            manifest = bundle.manifest
            record |= {
                "task": manifest.task,
                "modality": manifest.modality,
                "can": ",".join(manifest.graphs),
                "bytes": sum(int(about["bytes"]) for about in bundle.files.values()),
                "licence": manifest.licence,
                "summary": manifest.summary,
            }
        except SpectrakitError as error:
            record["problem"] = str(error)
        yield record
    for one in installed_plugins():
        record = {"name": one.name, "kind": f"plugin ({one.package})", "problem": one.problem}
        if one.plugin is not None:
            record |= {
                "modality": ",".join(sorted(one.plugin.modalities)),
                "can": ",".join(one.plugin.actions),
                "summary": one.plugin.summary,
            }
        yield record


def show(word: str) -> dict[str, Any]:
    """Return what a bundle says of itself.

    Raises:
        UsageError: no such bundle.
        InputError: its manifest was changed.
    """
    bundle = Bundle(find_bundle(word))
    return {
        "path": str(bundle.path),
        "digest": bundle.digest,
        **bundle.manifest.as_json(),
        "files": bundle.files,
    }


def check(word: str) -> dict[str, Any]:
    """Verify a bundle: every digest, and that onnxruntime opens every graph.

    Raises:
        UsageError: no such bundle.
        InputError: a file was changed, is missing, or reaches outside.
        MismatchError: onnxruntime cannot run a graph.
    """
    from spectrakit.preprocess.steps import check_steps

    bundle = Bundle(find_bundle(word))
    bundle.verify()
    steps = bundle.manifest.preprocessing
    check_steps([(one.step, one.version, one.parameters) for one in steps])
    for role in bundle.manifest.graphs:
        bundle.session(role)
    return {
        "name": bundle.label,
        "digest": bundle.digest,
        "files": len(bundle.files),
        "graphs": list(bundle.manifest.graphs),
        "whole": True,
    }


def install(path: Path, *, replace: bool = False) -> Path:
    """Verify a bundle and copy it to the user's models.

    Raises:
        UsageError: the version is installed already.
        InputError: it is damaged.
        MismatchError: onnxruntime cannot run a graph.
    """
    target = install_bundle(path, replace=replace)
    say(f"installed {target}")
    return target


def remove(word: str) -> Path:
    """Delete an installed bundle.

    Raises:
        UsageError: not installed, or several versions.
    """
    path = remove_bundle(word)
    say(f"removed {path}")
    return path
