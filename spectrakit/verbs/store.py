"""``spectrakit store``: look into stores, check them, merge them, write them as records."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from spectrakit.accounting import Summary, file_sha256
from spectrakit.atomic import atomic_path
from spectrakit.errors import InputError, UsageError
from spectrakit.log import progress, say
from spectrakit.output import STDOUT, open_records, standard_output
from spectrakit.spectrum import Modality, Spectrum
from spectrakit.store import dump as formats
from spectrakit.store.block import Block
from spectrakit.store.check import problems
from spectrakit.store.layout import FORMAT
from spectrakit.store.merge import Merged, refuse_overwriting
from spectrakit.store.merge import merge as merge_stores
from spectrakit.store.reader import Store

INFO_FIELDS = (
    "path", "bytes", "format", "writer", "content_digest", "spectra", "samples", "instruments",
    "sources", "molecules", "targets", "blocks", "index", "history",
)  # fmt: skip
INFO_COLUMNS = ("file", "field", "value")
CHECK_COLUMNS = ("file", "status", "spectra", "content_digest", "reason")
DUMP_FORMATS = ("tsv", "mgf", "jsonl")
NO_MASS_SPECTRUM = "no peaks of a mass spectrum"

Record = dict[str, Any]


def info(paths: Sequence[Path]) -> Iterator[Record]:
    """Yield what each store holds (``Store.info``).

    Raises:
        InputError: a file is no readable store; those before it were given.
    """
    for path in paths:
        with Store(path) as store:
            yield store.info()


def info_rows(record: Record) -> Iterator[Record]:
    """Yield one store's ``info`` as rows of ``INFO_COLUMNS``."""
    path = record["path"]
    for field, value in record.items():
        if field == "blocks":
            for block in value:
                for name, cell in block.items():
                    if name != "block":
                        yield {"file": path, "field": f"{block['block']}.{name}", "value": cell}
        elif field != "path":
            text = " ".join(value) if isinstance(value, list) else value
            yield {"file": path, "field": field, "value": text}


def check(paths: Sequence[Path], out: Path, output_format: str) -> list[Record]:
    """Check stores from end to end and write a record (``CHECK_COLUMNS``) for each.

    Raises:
        InputError: after all of them, when one or more are damaged or no stores.
    """
    records: list[Record] = []
    with (
        open_records(out, output_format, CHECK_COLUMNS) as write,
        progress("store check", len(paths), "stores") as advance,
    ):
        for path in paths:
            records.append(_checked(path))
            write(records[-1])
            advance(1)
    wrong = [record for record in records if record["status"] != "ok"]
    if wrong:
        more = f" (and {len(wrong) - 1} more stores)" if len(wrong) > 1 else ""
        raise InputError(
            f"{wrong[0]['file']}: {wrong[0]['reason']}{more}",
            hint="Copy it again from where it was made, or make it again with convert.",
        )
    return records


def _checked(path: Path) -> Record:
    reasons = [reason.removeprefix(f"{path}: ") for reason in problems(path)]
    if reasons:
        return {"file": str(path), "status": "wrong", "reason": " ".join(reasons)}
    with Store(path) as store:
        return {
            "file": str(path),
            "status": "ok",
            "spectra": len(store),
            "content_digest": store.digest,
        }


def merge(
    paths: Sequence[Path],
    out: Path,
    *,
    same_sample: str,
    compression: str,
    summary: Summary,
) -> Merged:
    """Merge stores into one and say what was joined, renamed and left out.

    Raises:
        UsageError: ``out`` is an input, or samples contradict each other.
        InputError: an input cannot be read. Nothing was written.
    """
    for path in paths:
        with Store(path) as store:  # all of them open before anything is written
            account = summary.open_input(path)
            account.format, account.sha256 = FORMAT, file_sha256(path)
            account.keep(len(store))
    history = {"command": "store merge", "version": summary.version, "same_sample": same_sample}
    merged = merge_stores(
        paths, out, same_sample=same_sample, compression=compression, history=history
    )
    summary.outputs.append(str(out))
    if merged.joined:
        say(
            f"{len(merged.joined)} sample ids are in more than one store and were joined, "
            f"e.g. '{merged.joined[0]}' (--same-sample rename keeps them apart)."
        )
    for old, new in merged.renamed.items():
        say(f"{old}: renamed to '{new}'.")
    for name in merged.dropped_indexes:
        say(f"{name}: search index left out; spectrakit library builds it again.")
    say(f"{out}: {merged.spectra} spectra from {len(paths)} stores.")
    return merged


def dump(paths: Sequence[Path], out: Path, *, output_format: str, summary: Summary) -> None:
    """Write every spectrum as a record; ``mgf`` takes the mass spectra and counts the rest.

    Raises:
        InputError: a file is no readable store.
        UsageError: unknown format, or ``out`` is an input.
    """
    if output_format not in DUMP_FORMATS:
        raise UsageError(
            f"unknown format '{output_format}'.", hint=f"Formats: {', '.join(DUMP_FORMATS)}."
        )
    refuse_overwriting(paths, out)
    is_wanted = _is_mass_spectrum if output_format == "mgf" else None
    spectra = _accounted(paths, summary, is_wanted)
    if output_format == "mgf":
        from spectrakit.io.text_writers import write_mgf

        with _open_binary(out) as handle:
            write_mgf(handle, (spectrum for _, _, _, spectrum in spectra))
    else:
        tabular = output_format == "tsv"
        make = formats.table_record if tabular else formats.json_record
        columns = formats.COLUMNS if tabular else formats.JSON_COLUMNS
        with open_records(out, output_format, columns) as write:
            for placed in spectra:
                write(make(*placed))
    if str(out) != STDOUT:
        summary.outputs.append(str(out))


def _accounted(
    paths: Sequence[Path], summary: Summary, is_wanted: Callable[[Spectrum], bool] | None
) -> Iterator[tuple[Store, Block, int, Spectrum]]:
    """Yield (store, block, row, spectrum) of all stores; count what is not wanted."""
    for path in paths:
        with Store(path) as store:
            account = summary.open_input(path)
            account.format, account.sha256 = FORMAT, file_sha256(path)
            for block, row, spectrum in formats.placed(store):
                if is_wanted is not None and not is_wanted(spectrum):
                    account.drop(NO_MASS_SPECTRUM)
                    continue
                account.keep()
                yield store, block, row, spectrum


def _is_mass_spectrum(spectrum: Spectrum) -> bool:
    return spectrum.modality == Modality.MSMS and not spectrum.is_trace


@contextmanager
def _open_binary(out: Path) -> Generator[BinaryIO]:
    if str(out) == STDOUT:
        with standard_output() as stream:
            yield stream.buffer  # type: ignore[attr-defined]  # bytes below the text
        return
    with atomic_path(out) as part, part.open("wb") as handle:
        yield handle
