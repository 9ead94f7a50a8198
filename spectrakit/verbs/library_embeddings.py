"""What ``library info``, ``check``, ``add`` and ``remove`` do with a library's embeddings."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from spectrakit.bundle import Bundle
from spectrakit.bundle.models import known_bundles
from spectrakit.errors import InputError, SpectrakitError
from spectrakit.log import say
from spectrakit.search.embedding_file import embeddings_folder, embeddings_of, read_embeddings


def described(path: Path, digest: str) -> list[dict[str, Any]]:
    """Return what ``library info`` says of the embeddings of a library of this digest."""
    found: list[dict[str, Any]] = []
    for model, sidecar in embeddings_of(path).items():
        known: dict[str, Any] = {"model": model, "bytes": sidecar.stat().st_size}
        try:
            about = read_embeddings(sidecar).about
            known |= {
                "vectors": about["vectors"],
                "dimension": about["dimension"],
                "model_digest": about["model_digest"],
                "fits": about["library_digest"] == digest and _is_current(about),
            }
        except SpectrakitError as error:
            known |= {"fits": False, "problem": str(error)}
        found.append(known)
    return found


def _is_current(about: Mapping[str, Any]) -> bool:
    """Say whether the model of this name, where it is installed, is the one that made vectors."""
    path = known_bundles().get(str(about["model"]))
    return path is None or Bundle(path).digest == about["model_digest"]


def check_embeddings(path: Path, digest: str, n_spectra: int) -> list[str]:
    """Verify the embeddings of a library; return the models they were made with.

    Raises:
        InputError: one is damaged, or belongs to another content of the library.
    """
    for sidecar in embeddings_of(path).values():
        index = read_embeddings(sidecar, verify=True)
        if index.about["library_digest"] != digest or len(index) != n_spectra:
            raise InputError(
                f"{sidecar}: was made for another content of the library.",
                hint="Embed the library again with `spectrakit library embed`.",
            )
    return list(embeddings_of(path))


def forget_embeddings(path: Path, *, but: str = "") -> None:
    """Delete the embeddings of a library, except those made for the content of digest ``but``.

    Raises:
        InputError: one cannot be deleted.
    """
    for sidecar in embeddings_of(path).values():
        if but:
            with suppress(SpectrakitError):  # what cannot be read fits nothing
                if read_embeddings(sidecar).about["library_digest"] == but:
                    continue
            say(f"removed {sidecar}: it was made for another content of the library")
        try:
            sidecar.unlink()
        except OSError as error:
            raise InputError(
                f"{sidecar}: cannot be removed: {error.strerror}.", hint="Check its permissions."
            ) from error
    with suppress(OSError):  # not there, or not empty
        embeddings_folder(path).rmdir()
