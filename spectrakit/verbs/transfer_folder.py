"""The folder that ``transfer fit`` makes: versions of a bundle, which is in use, and the record.

``OUT/NAME@1/``, ``OUT/NAME@2/`` ... are bundles; ``OUT/current`` holds the label of the one in use;
``OUT/record.jsonl`` says how each came to be.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrakit.atomic import atomic_path
from spectrakit.bundle import Bundle, find_bundle, is_bundle
from spectrakit.bundle.manifest import MANIFEST, split_label
from spectrakit.bundle.models import version_key
from spectrakit.errors import InputError, MismatchError, UsageError, did_you_mean
from spectrakit.transfer.history import HISTORY
from spectrakit.transfer.record import RECORD, file_facts

CURRENT = "current"
_OWN = (CURRENT, RECORD, HISTORY, "metrics.json", "report.html")
_LONGEST = 200  # bytes of a label and its line end, with room


def is_transfer_folder(path: Path) -> bool:
    """Say whether ``transfer fit`` made a folder."""
    return (path / CURRENT).is_file() or (path / RECORD).is_file()


def _left(name: str) -> bool:
    """Say whether a killed fit left this: a lock, or a part of a file."""
    return name.endswith(".lock") or ".part-" in name


def check_folder(out: str | Path) -> Path:
    """Return the folder of a fit, after a look at whether it can take one. Nothing is made.

    Raises:
        UsageError: an empty name, or a folder with files of somebody else.
        InputError: it is a file, or cannot be written.
    """
    path = Path(out)
    if not str(out).strip():
        raise UsageError("--out is empty.", hint="Name a folder.")
    try:
        there = path.exists()
        if there and not path.is_dir():
            raise InputError(
                f"{path}: is a file, and a fit needs a folder.", hint="Choose another --out."
            )
        names = sorted(one.name for one in path.iterdir() if not _left(one.name)) if there else []
        nearest = next(one for one in (path, *path.absolute().parents) if one.exists())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: {reason}.", hint="Choose another --out.") from error
    # a fit that was killed leaves a lock, parts and bundles
    ours = [name for name in names if "@" in name or name == f"{CURRENT}.lock"]
    if names and not ours and not is_transfer_folder(path):
        raise UsageError(
            f"{path}: holds other files ('{names[0]}') and no transfer.",
            hint="Name a new or empty folder, or one that transfer fit made.",
        )
    if not os.access(nearest, os.W_OK) or not nearest.is_dir():
        raise InputError(
            f"{nearest}: cannot be written.", hint="Choose another --out, or check permissions."
        )
    return path


@dataclass(frozen=True, slots=True)
class TransferFolder:
    """A folder of versions. Opening one checks nothing but that it is there."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "TransferFolder":
        """Return the folder.

        Raises:
            UsageError: it is none that ``transfer fit`` made.
        """
        if is_transfer_folder(path):
            return cls(path)
        what = "is a bundle, not the folder around it" if is_bundle(path) else "is no such folder"
        raise UsageError(
            f"{path}: {what}.", hint="Give the folder that `spectrakit transfer fit -o` named."
        )

    def versions(self) -> list[str]:
        """Return the labels of the bundles here, oldest first."""
        labels = [path.name for path in self.path.glob("*@*") if is_bundle(path)]
        return sorted(labels, key=lambda label: (version_key(label.partition("@")[2]), label))

    def next_label(self, name: str) -> str:
        """Return the label of the next fit: its number is above that of every version here."""
        numbers = [label.partition("@")[2].partition(".")[0] for label in self.versions()]
        highest = max((int(number) for number in numbers if number.isdecimal()), default=0)
        return f"{name}@{highest + 1}"

    def current(self) -> str:
        """Return the label in use.

        Raises:
            InputError: ``current`` is missing or names no bundle here.
        """
        file = self.path / CURRENT
        try:
            if file.is_symlink() or file.stat().st_size > _LONGEST:
                raise InputError(f"{file}: is no label.", hint=_USE)
            label = file.read_text(encoding="utf-8").strip()
            split_label(label)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read: {error}.", hint=_USE) from error
        except UsageError as error:
            raise InputError(f"{file}: {error}", hint=_USE) from error
        if not is_bundle(self.path / label):
            raise InputError(f"{file}: names '{label}', which is not there.", hint=_USE)
        return label

    def use(self, label: str) -> None:
        """Put a version into use, whole or not at all."""
        with atomic_path(self.path / CURRENT) as part:
            part.write_text(f"{label}\n", encoding="utf-8", newline="\n")

    def bundle(self, label: str = "") -> Bundle:
        """Return a version (the one in use where none is named), its files verified.

        Raises:
            InputError: a file was changed, or the folder's name is not that of the bundle.
            UsageError: no such version.
        """
        label = label or self.current()
        if label not in self.versions():
            near = did_you_mean(label, self.versions())
            raise UsageError(
                f"{self.path}: has no version '{label}'. {near}".rstrip(),
                hint=f"It has {', '.join(self.versions()) or 'none'}.",
            )
        bundle = whole_bundle(self.path / label)
        if bundle.label != label:
            raise InputError(
                f"{bundle.path}: holds the bundle {bundle.label}.",
                hint="It was copied or renamed; take the folder from a copy.",
            )
        return bundle

    def refuse_output(self, *outputs: str | Path | None) -> None:
        """Refuse to write over a file that belongs to the transfer.

        Raises:
            UsageError: an output is one.
        """
        own = {(self.path / name).resolve() for name in _OWN}
        bundles = {(self.path / label).resolve() for label in self.versions()}
        for out in outputs:
            if out is None or str(out) == "-":
                continue
            place = Path(out).resolve()
            if place in own or bundles & {place, *place.parents}:
                raise UsageError(
                    f"{out}: belongs to the transfer {self.path}.", hint="Choose another name."
                )


_USE = "Name a version with `spectrakit transfer revert OUT --to NAME@V --reason ...`."


def whole_bundle(path: Path) -> Bundle:
    """Open a bundle and compare its files with their digests.

    Raises:
        InputError: a file was changed.
    """
    bundle = Bundle(path)
    bundle.verify()
    return bundle


def open_model(word: str) -> tuple[Bundle, TransferFolder | None]:
    """Return the bundle that a person named, and the transfer folder where it was named.

    Args:
        word: a transfer folder (its version in use), a bundle, or an installed ``name[@version]``.

    Raises:
        UsageError: nothing of this name.
        InputError: a file was changed.
        MismatchError: the bundle is no regression on traces.
    """
    folder = TransferFolder(Path(word)) if is_transfer_folder(Path(word)) else None
    bundle = folder.bundle() if folder is not None else whole_bundle(find_bundle(word))
    manifest = bundle.manifest
    if manifest.task != "regress" or manifest.input["kind"] != "trace":
        raise MismatchError(
            f"bundle {bundle.label} does not predict properties of traces (task {manifest.task}, "
            f"input {manifest.input['kind']}).",
            hint="Give a bundle that `spectrakit transfer fit` made.",
        )
    bundle.graph("predict")
    return bundle, folder


def outputs_of(folder: Path, label: str, others: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return what the record holds of the files of a version, and of others in the folder."""
    bundle = Bundle(folder / label)
    names = [f"{label}/{name}" for name in (MANIFEST, *bundle.files)]
    return [file_facts(folder / name, name) for name in (*names, *others)]


def recorded_fit(entries: Sequence[Mapping[str, Any]], label: str) -> Mapping[str, Any] | None:
    """Return the newest entry of the record that fitted a version; None where there is none."""
    fits = [e for e in entries if e["action"] == "fit" and e["result"].get("label") == label]
    return fits[-1] if fits else None
