"""Several stores into one: every spectrum, table row and record of history is kept.

Molecules that are equal become one. A sample id that occurs in several stores is one sample
where their columns and targets agree (that is how paired NMR and MS, or two instruments, come
together), and it is said how many were joined; where they contradict each other nothing is
written, unless the caller asks for different names. Search indexes are left out: they belong to
the rows of one store.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any

from spectrakit.errors import InputError, UsageError
from spectrakit.spectrum import Axis
from spectrakit.store.block import Block
from spectrakit.store.layout import SAMPLES, SOURCES
from spectrakit.store.reader import Store
from spectrakit.store.writer import StoreWriter

JOIN, RENAME, REFUSE = COLLISIONS = ("join", "rename", "refuse")


@dataclass(slots=True)
class Merged:
    """What a merge did."""

    spectra: int = 0
    joined: list[str] = field(default_factory=list[str])  # sample ids in more than one store
    renamed: dict[str, str] = field(default_factory=dict[str, str])  # "store: id" -> new id
    dropped_indexes: list[str] = field(default_factory=list[str])


def merge(
    paths: Sequence[Path],
    out: Path,
    *,
    same_sample: str = JOIN,
    compression: str = "gzip",
    history: dict[str, Any] | None = None,
) -> Merged:
    """Write all stores into one.

    Args:
        paths: stores, in the order their rows will have.
        out: the new store; none of ``paths``.
        same_sample: a sample id in several stores: ``join`` them, ``rename`` the later ones to
            ``<stem>/<id>``, or ``refuse``.
        compression: as ``StoreWriter`` takes it.
        history: record of this merge, after the records of the inputs.

    Raises:
        UsageError: ``out`` is an input, or samples contradict each other.
        InputError: an input cannot be read.
    """
    if same_sample not in COLLISIONS:
        raise UsageError(f"'{same_sample}' is not one of {', '.join(COLLISIONS)}.")
    refuse_overwriting(paths, out)
    merged = Merged()
    seen: set[str] = set()
    with StoreWriter(out, compression=compression) as writer:
        for path in paths:
            with Store(path) as store:
                names = _sample_names(store, seen, same_sample, merged)
                seen.update(names.values())
                _copy(store, writer, names)
                merged.spectra += len(store)
                merged.dropped_indexes += [f"{path}: {name}" for name in store.index_names]
        if history is not None:
            writer.add_history(history)
    _compare_counts(merged, out)
    return merged


def refuse_overwriting(inputs: Iterable[Path], out: Path) -> None:
    """Refuse an output that is one of the inputs.

    Raises:
        UsageError: it is, under whatever name.
    """
    for path in inputs:
        if path.resolve() == out.resolve() or (
            out.exists() and path.exists() and path.samefile(out)
        ):
            raise UsageError(f"{out}: is an input and the output.", hint="Choose another --out.")


def _compare_counts(merged: Merged, out: Path) -> None:
    with Store(out) as store:
        if len(store) != merged.spectra:
            raise InputError(f"{out}: holds {len(store)} spectra of {merged.spectra}.")


def _sample_names(store: Store, seen: set[str], rule: str, merged: Merged) -> dict[str, str]:
    """Return the id that each sample of a store has in the merged one."""
    names: dict[str, str] = {}
    for sample in store.samples["id"].tolist():
        names[sample] = sample
        if sample not in seen:
            continue
        if rule == REFUSE:
            raise UsageError(
                f"{store.path}: sample '{sample}' is also in a store before it.",
                hint="Choose --same-sample join if it is one sample, rename if it is not.",
            )
        if rule == JOIN:
            merged.joined.append(sample)
            continue
        new, number = f"{store.path.stem}/{sample}", 1
        while new in seen or new in names.values():
            number += 1
            new = f"{store.path.stem}/{sample}-{number}"
        names[sample] = merged.renamed[f"{store.path}: {sample}"] = new
    return names


def _copy(store: Store, writer: StoreWriter, names: dict[str, str]) -> None:
    """Add everything of one store to the writer."""
    for record in store.history:
        writer.add_history(record)
    first_source = _copy_sources(store, writer)
    for row in range(store.molecules.n):
        writer.add_molecule(store.molecule(row))
    try:
        _copy_samples(store, writer, names)
        _copy_instruments(store, writer)
    except UsageError as error:
        raise UsageError(
            f"{store.path}: {error}", hint="Use --same-sample rename if they are not one sample."
        ) from error
    for block in store.blocks.values():
        _copy_block(block, writer, names, first_source)


def _copy_sources(store: Store, writer: StoreWriter) -> int:
    """Add the sources and return by how much their rows moved."""
    first = -1
    columns = [store.sources[column.name].tolist() for column in SOURCES]
    for row in zip(*columns, strict=True):
        added = writer.add_source(*row)
        first = added if first < 0 else first
    return max(first, 0)


def _copy_samples(store: Store, writer: StoreWriter, names: dict[str, str]) -> None:
    table = {name: values.tolist() for name, values in store.samples.items()}
    fixed = [column.name for column in SAMPLES]
    ids = table["id"]
    for row, sample in enumerate(ids):
        free = {name: table[name][row] for name in table if name not in fixed}
        given = {name: None if value == "" else value for name, value in free.items()}
        writer.add_sample(names[sample], table["group"][row], table["split"][row], **given)
    targets = store.targets
    for column, name in enumerate(targets.get("property", ())):
        unit = str(targets["unit"][column])
        for row, sample in enumerate(ids):
            value = float(targets["value"][row, column])
            deviation = float(targets["reference_sd"][row, column])
            if not (isnan(value) and isnan(deviation)):
                writer.add_target(names[sample], str(name), value, unit, deviation)
    held = store.sample_molecules
    for row, (a, b) in enumerate(pairwise(held["indptr"].tolist()) if held else ()):
        for k in range(a, b):
            molecule = store.molecule(int(held["molecule"][k]))
            amount, unit = float(held["amount"][k]), str(held["unit"][k])
            writer.add_sample_molecule(names[ids[row]], molecule, amount, unit)


def _copy_instruments(store: Store, writer: StoreWriter) -> None:
    table = {name: values.tolist() for name, values in store.instruments.items()}
    for row, name in enumerate(table["name"]):
        free = {key: table[key][row] for key in table if key != "name"}
        given = {key: None if value == "" else value for key, value in free.items()}
        writer.add_instrument(name, **given)


def _copy_block(
    block: Block, writer: StoreWriter, names: dict[str, str], first_source: int
) -> None:
    indirect: Axis | None = block.axis_indirect
    # A block of planes on other axes gets another number; every other block keeps its name.
    name = None if indirect is not None else block.name
    for batch in block.batches():
        for spectrum, source in zip(batch, batch.meta("source").tolist(), strict=True):
            sample = names.get(spectrum.sample, "")
            moved = spectrum if sample == spectrum.sample else replace(spectrum, sample=sample)
            row = -1 if source < 0 else source + first_source
            writer.add(moved, source=row, block=name, indirect=indirect)
