"""``spectrakit store``: look into stores, check them, merge them, write them as records."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from spectrakit.accounting import Summary, file_sha256
from spectrakit.errors import InputError, UsageError
from spectrakit.log import progress, say
from spectrakit.store import dump as formats
from spectrakit.store.check import problems
from spectrakit.store.layout import FORMAT
from spectrakit.store.merge import Merged
from spectrakit.store.merge import merge as merge_stores
from spectrakit.store.reader import Store

INFO_COLUMNS = ("file", "field", "value")
CHECK_COLUMNS = ("file", "status", "spectra", "content_digest", "reason")
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


def check(paths: Sequence[Path]) -> Iterator[Record]:
    """Check stores from end to end and yield a record (``CHECK_COLUMNS``) for each.

    Raises:
        InputError: at the end, when one or more were wrong.
    """
    wrong = 0
    with progress("store check", len(paths), "stores") as advance:
        for path in paths:
            reasons = [reason.removeprefix(f"{path}: ") for reason in problems(path)]
            record: Record = {"file": str(path), "status": "wrong" if reasons else "ok"}
            if reasons:
                wrong += 1
                record["reason"] = " ".join(reasons)
            else:
                with Store(path) as store:
                    record |= {"spectra": len(store), "content_digest": store.digest}
            yield record
            advance(1)
    if wrong:
        some = f"{paths[0]}: the store is" if len(paths) == 1 else f"{wrong} of {len(paths)} stores"
        raise InputError(
            f"{some} damaged; the reason is on stdout.",
            hint="Copy it again, or make it again with convert.",
        )


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


def dump(
    paths: Sequence[Path],
    *,
    output_format: str,
    summary: Summary,
    write: Callable[[Record], None] | None = None,
    write_line: Callable[[str], None] | None = None,
) -> None:
    """Hand every spectrum to ``write`` (tsv, jsonl) or its lines to ``write_line`` (mgf, jsonl).

    Raises:
        InputError: a file is no readable store.
        UsageError: unknown format.
    """
    with ExitStack() as opened:
        stores = [opened.enter_context(Store(path)) for path in paths]
        for store in stores:
            account = summary.open_input(store.path)
            account.format, account.sha256 = FORMAT, file_sha256(store.path)
            for block, row, spectrum in formats.placed(store):
                if output_format == "mgf" and not formats.is_for_mgf(spectrum):
                    account.drop(NO_MASS_SPECTRUM)
                    continue
                if output_format == "tsv" and write is not None:
                    write(formats.table_record(store, block, row, spectrum))
                elif output_format == "jsonl" and write_line is not None:
                    record = formats.json_record(store, block, row, spectrum)
                    write_line(json.dumps(record, ensure_ascii=False))
                elif output_format == "mgf" and write_line is not None:
                    for line in formats.mgf_lines(spectrum):
                        write_line(line)
                else:
                    raise UsageError(
                        f"unknown format '{output_format}'.",
                        hint=f"Formats: {', '.join(formats.FORMATS)}.",
                    )
                account.keep()
