"""``library embed``: encode a library's spectra by a model and keep the vectors beside it."""

from contextlib import suppress
from pathlib import Path

from spectrakit.bundle import Bundle
from spectrakit.errors import SpectrakitError, UsageError
from spectrakit.log import progress, say
from spectrakit.search.embedding_file import embeddings_path, open_embeddings, write_embeddings
from spectrakit.search.learned import LearnedScorer
from spectrakit.search.libraries import kind_of, library_path
from spectrakit.search.library import INDEX_NAME, SpectralLibrary
from spectrakit.search.library_embeddings import embed_library
from spectrakit.store import Store
from spectrakit.verbs.answering import chosen_model


def embed(name: str, *, model: str = "", replace: bool = False) -> Path:
    """Encode the spectra of an installed library and keep the vectors beside it.

    Vectors made for another content of the library or of the model are replaced unasked.

    Args:
        name: of the library.
        model: bundle, installed name or run with a student; empty: the one that ships.
        replace: make them anew even if those there fit.

    Raises:
        UsageError: no such library or model, one of structures, or embedded already.
        InputError: the library or the model is damaged.
        MismatchError: the model does not encode spectra.
    """
    path = library_path(name)
    chosen = chosen_model(model)
    if chosen.bundle is None:
        raise UsageError(
            f"'{model or 'none'}' is no bundle that encodes spectra.",
            hint="Give -m an installed model or the folder of a bundle; distil a run first.",
        )
    scorer = LearnedScorer(chosen.bundle)
    target = embeddings_path(path, scorer.label)
    with Store(path) as store:
        attrs = store.index_attrs(INDEX_NAME)
        if not attrs:
            raise UsageError(
                f"library '{name}' holds {kind_of(path)}, no mass spectra.",
                hint="Embed one of mass spectra.",
            )
        if not replace and _fits(target, store.digest, chosen.bundle):
            raise UsageError(
                f"library '{name}' is embedded by {scorer.label} already.",
                hint="Say --replace to make the vectors anew.",
            )
        library = SpectralLibrary.from_arrays(name, store.index(INDEX_NAME), attrs)
        with progress("library embed", len(library.index), "spectra") as advance:
            index = embed_library(store, library, scorer, advance)
    write_embeddings(target, index)
    empty = int(index.about["empty"])
    say(
        f"library embed: {len(index)} spectra, {index.about['dimension']} numbers each, {target}"
        + (f" ({empty} without a vector: the model sees no peak)" if empty else "")
    )
    return target


def _fits(target: Path, digest: str, bundle: Bundle) -> bool:
    if target.is_file():
        with suppress(SpectrakitError):  # what is damaged or stale does not fit
            open_embeddings(target, library=digest, model=bundle.digest)
            return True
    return False
