"""``transfer revert``: another version of a transfer is used from now on."""

from pathlib import Path

from spectrakit.accounting import file_sha256
from spectrakit.bundle.manifest import MANIFEST
from spectrakit.errors import InputError, UsageError, one_line
from spectrakit.log import say
from spectrakit.transfer.lock import locked
from spectrakit.transfer.record import Entry, append, check
from spectrakit.verbs.transfer_folder import CURRENT, TransferFolder, recorded_fit


def revert(path: Path, *, to: str = "", reason: str) -> None:
    """Put a version into use and write why into the record.

    Args:
        path: the transfer folder.
        to: label; empty: the version before the one in use.
        reason: why; must not be empty.

    Raises:
        UsageError: no reason, no such version, or it is in use already.
        InputError: the version or the record is not what it was.
    """
    if not reason.strip():
        raise UsageError("--reason is empty.", hint="Say in a few words why; it is recorded.")
    folder = TransferFolder.open(path)
    with locked(path / CURRENT):
        versions = folder.versions()
        before = _in_use(folder, to)
        label = to or _before(folder, before)
        if label == before:
            raise UsageError(f"{path}: '{label}' is in use already.", hint="See OUT/current.")
        bundle = folder.bundle(label)
        fit = recorded_fit(check(path), label)
        if fit is None:
            raise InputError(
                f"{path}: the record knows no fit of '{label}'.",
                hint=f"Versions here: {', '.join(versions)}. Fit it again.",
            )
        told = {one["path"]: one["sha256"] for one in fit["outputs"]}
        name = f"{label}/{MANIFEST}"
        if told.get(name) != file_sha256(path / name):
            raise InputError(
                f"{path / name}: is not the one that was fitted: the record has another digest.",
                hint="It was replaced. Take the folder from a copy, or fit again.",
            )
        folder.use(label)
        head = append(
            path,
            Entry(
                "revert",
                reason=reason,
                parameters={"from": before, "to": label},
                outputs=[{"path": CURRENT, "sha256": file_sha256(path / CURRENT)}],
                result={"label": label, "digest": bundle.digest},
            ),
        )
    say(one_line(f"{path}: {label} is in use from now on (before: {before or 'none'})"))
    say(f"record: head {head}")


def _in_use(folder: TransferFolder, to: str) -> str:
    """Return the label in use; "" where it cannot be read and a version is named anyway."""
    try:
        return folder.current()
    except InputError:
        if not to:
            raise
        return ""


def _before(folder: TransferFolder, label: str) -> str:
    versions = folder.versions()
    place = versions.index(label)
    if place == 0:
        raise UsageError(
            f"{folder.path}: there is no version before '{label}'.",
            hint=f"It has {', '.join(versions)}; name one with --to.",
        )
    return versions[place - 1]
