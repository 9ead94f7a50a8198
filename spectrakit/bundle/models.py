"""Installed bundles: folders ``NAME@VERSION`` under ``models/`` of the user's data folder.

Those that ship lie in ``spectrakit/assets``; an installed one of the same name and version comes
before them.
"""

import re
from pathlib import Path
from shutil import rmtree
from typing import Any

from spectrakit.atomic import atomic_folder
from spectrakit.bundle.folder import Bundle, is_bundle
from spectrakit.bundle.manifest import MANIFEST
from spectrakit.config import data_folder
from spectrakit.errors import InputError, UsageError, did_you_mean


def models_folder() -> Path:
    """Return where installed bundles live."""
    return data_folder() / "models"


def shipped_bundles() -> dict[str, Path]:
    """Return the bundles that come with spectrakit, by ``NAME@VERSION``."""
    folder = Path(__file__).resolve().parents[1] / "assets"
    return {path.name: path for path in sorted(folder.glob("*@*")) if is_bundle(path)}


def known_bundles() -> dict[str, Path]:
    """Return shipped and installed bundles by ``NAME@VERSION``, the newest version first."""
    return _sorted({**shipped_bundles(), **installed_bundles()})


def installed_bundles() -> dict[str, Path]:
    """Return installed bundles by ``NAME@VERSION``, by name, the newest version first."""
    return _sorted({path.name: path for path in models_folder().glob("*@*") if is_bundle(path)})


def _sorted(found: dict[str, Path]) -> dict[str, Path]:
    names = {label.partition("@")[0] for label in found}
    order = [label for name in sorted(names) for label in _versions(name, found)]
    return {label: found[label] for label in order}


def _versions(name: str, labels: Any) -> list[str]:
    mine = [label for label in labels if label.partition("@")[0] == name]
    return sorted(mine, key=lambda label: version_key(label.partition("@")[2]), reverse=True)


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return what orders versions: numbers as numbers, and 1.0rc1 before 1.0."""
    words = re.findall(r"\d+|[A-Za-z]+", version)
    keys = [(1, int(word), "") if word.isdigit() else (-1, 0, word) for word in words]
    return (*keys, (0, 0, ""))


def find_shipped(word: str) -> Path | None:
    """Return the newest shipped bundle of a name (or ``NAME@VERSION``), None if there is none."""
    held = shipped_bundles()
    labels = [word] if word in held else _versions(word, held)
    return held[labels[0]] if labels else None


def find_bundle(word: str) -> Path:
    """Return the folder of a bundle: a path, or a shipped or installed ``NAME[@VERSION]``.

    The folder of a run means the one student in it.

    Raises:
        UsageError: neither; the nearest installed name is suggested. Or a run with no student,
            or several.
    """
    held = known_bundles()
    if word in held:
        return held[word]
    newest = _versions(word, held)
    if newest:
        return held[newest[0]]
    if is_bundle(Path(word)):
        return Path(word)
    if Path(word).is_dir():
        students = sorted(p.parent for p in Path(word).glob(f"student/*@*/{MANIFEST}"))
        if len(students) == 1:
            return students[0]
        raise UsageError(
            f"{word}: holds {len(students) or 'no'} bundles.",
            hint="Name the folder of one, such as RUN/student/NAME@VERSION.",
        )
    names = [*held, *dict.fromkeys(label.partition("@")[0] for label in held)]
    near = did_you_mean(word, names)
    raise UsageError(
        f"'{word}' is no installed model and no bundle folder. {near}".rstrip(),
        hint=f"Installed: {', '.join(held) or 'none'}. "
        "Add one with `spectrakit models install FOLDER`.",
    )


def install_bundle(path: Path, *, replace: bool = False) -> Path:
    """Verify a bundle and copy it into the user's models; return where it is.

    Raises:
        UsageError: this version is installed already.
        InputError: it is damaged, or cannot be copied.
        MismatchError: onnxruntime cannot run one of its graphs.
    """
    bundle = Bundle(path)
    contents = {name: bundle.read(name) for name in bundle.files}
    for role in bundle.manifest.graphs:
        bundle.session(role)
    target = models_folder() / bundle.label
    if target.exists() and not replace:
        raise UsageError(
            f"model '{bundle.label}' is installed already.",
            hint="Remove it first, or say --replace.",
        )
    with atomic_folder(target, replace=replace) as part:
        for name, data in contents.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(data)
        (part / MANIFEST).write_bytes((path / MANIFEST).read_bytes())
    Bundle(target).verify()
    return target


def remove_bundle(word: str) -> Path:
    """Delete one installed version.

    Raises:
        UsageError: not installed, or a name with several versions.
        InputError: it cannot be deleted.
    """
    held = installed_bundles()
    versions = [word] if word in held else _versions(word, held)
    if not versions and find_shipped(word):
        raise UsageError(f"model '{word}' comes with spectrakit.", hint="It cannot be removed.")
    if not versions:
        raise UsageError(
            f"model '{word}' is not installed. {did_you_mean(word, held)}".rstrip(),
            hint="`spectrakit models list` shows those that are.",
        )
    if len(versions) > 1:
        raise UsageError(
            f"model '{word}' is installed in {len(versions)} versions.",
            hint=f"Name one: {', '.join(versions)}.",
        )
    path = held[versions[0]]
    try:
        rmtree(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be removed: {error.strerror}.", hint="Check its permissions."
        ) from error
    return path
