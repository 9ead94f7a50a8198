"""Which spectra to learn from and which to hold out, the same in every run and on every machine.

What ``/samples.split`` says is obeyed. Where it says nothing, a hash decides: of the molecule
(first InChIKey block, else the structure), else of the sample's group, else of the sample. The
hash knows no seed and no file, so a molecule is on the same side in all stores.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import Molecule
from spectrakit.store.block import Block
from spectrakit.store.dataset import BlockRows, Dataset, MoleculeRows
from spectrakit.store.reader import Store

VALID_SHARE = 0.1
TRAIN, VALID = "train", "valid"
OTHER = "marked for another split"  # why rows of test samples are dropped
_WORDS = {"train": TRAIN, "training": TRAIN, "valid": VALID, "validation": VALID, "val": VALID,
          "dev": VALID}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of the rows of one store."""

    train: int
    valid: int
    dropped: Counter[str]


@dataclass(frozen=True, slots=True)
class Split:
    """The two sides, and what became of the rows of each store (in the order given)."""

    train: Dataset
    valid: Dataset
    counted: tuple[Counted, ...]
    by: str  # "samples.split", "--valid" or "hash"


@dataclass(frozen=True, slots=True)
class _Rows:
    """Candidate rows of one block (``block`` empty: molecules), their sides and keys."""

    number: int  # of the store
    store: Store
    block: str
    rows: NDArray[np.int64]
    side: list[str]  # TRAIN, VALID, "" where nothing is said, or why the row is dropped
    key: list[str]


def split_stores(
    stores: Sequence[Store],
    *,
    valid: Sequence[Store] = (),
    modalities: Collection[str],
    keep: Sequence[Sequence[NDArray[np.bool_]] | None] = (),
) -> Split:
    """Divide the rows of stores into those to learn from and those held out.

    With ``valid`` stores these are held out, whatever the others say; rows of them that are
    marked for something else are dropped. A store without spectra gives its molecules.

    Args:
        stores: to learn from.
        valid: held out.
        modalities: those that are wanted; rows of others are dropped.
        keep: for each store (then each valid store) one mask for each block in alphabetical
            order, False for rows that the user did not choose; None: all.
    """
    everything = [*stores, *valid]
    dropped = [Counter[str]() for _ in everything]
    found: list[_Rows] = []
    for number, store in enumerate(everything):
        masks = keep[number] if number < len(keep) else None
        found += _rows_of(number, store, modalities, masks, dropped[number])
    by = "--valid" if valid else "samples.split"
    if valid:
        for rows in found:
            own, other = (VALID, TRAIN) if rows.number >= len(stores) else (TRAIN, VALID)
            misplaced = f"marked {other} where --valid is given"
            rows.side[:] = [{"": own, other: misplaced}.get(side, side) for side in rows.side]
    elif not any(side == VALID for rows in found for side in rows.side):
        by = "hash"
        _by_hash(found)
    counts = {TRAIN: Counter[int](), VALID: Counter[int]()}
    sides = {wanted: _side(found, wanted, counts[wanted]) for wanted in counts}
    for rows in found:
        dropped[rows.number].update(side for side in rows.side if side not in (TRAIN, VALID, ""))
    counted = tuple(
        Counted(counts[TRAIN][k], counts[VALID][k], dropped[k]) for k in range(len(everything))
    )
    return Split(sides[TRAIN], sides[VALID], counted, by)


def _side(found: Sequence[_Rows], wanted: str, count: Counter[int]) -> Dataset:
    """Gather the rows of one side; those of which nothing is said are to learn from."""
    parts: list[BlockRows] = []
    structures: list[MoleculeRows] = []
    for rows in found:
        chosen = rows.rows[[(side or TRAIN) == wanted for side in rows.side]]
        count[rows.number] += len(chosen)
        if len(chosen) and rows.block:
            parts.append(BlockRows(rows.store, rows.block, chosen))
        elif len(chosen):
            structures.append(MoleculeRows(rows.store, chosen))
    return Dataset(tuple(parts), tuple(structures))


def _rows_of(
    number: int,
    store: Store,
    modalities: Collection[str],
    masks: Sequence[NDArray[np.bool_]] | None,
    dropped: Counter[str],
) -> list[_Rows]:
    if not store.blocks:
        n = store.molecules.n
        keys = [molecule_key(store.molecule(k)) or f"row {k}" for k in range(n)]
        return [_Rows(number, store, "", np.arange(n, dtype=np.int64), [""] * n, keys)]
    found: list[_Rows] = []
    for position, block in enumerate(store.blocks.values()):
        keep = np.ones(block.n, np.bool_) if masks is None else masks[position].copy()
        dropped["not selected by --where"] += int((~keep).sum())
        if block.modality not in modalities:
            dropped[f"{block.modality}, which the plugin does not read"] += int(keep.sum())
            continue
        empty = keep & (np.diff(block.indptr) == 0)
        dropped["no peaks"] += int(empty.sum())
        rows = np.flatnonzero(keep & ~empty).astype(np.int64)
        if len(rows):
            found.append(_Rows(number, store, block.name, rows, *_sides_and_keys(block, rows)))
    for reason in [reason for reason, n in dropped.items() if not n]:
        del dropped[reason]
    return found


def _sides_and_keys(block: Block, rows: NDArray[np.int64]) -> tuple[list[str], list[str]]:
    store = block.store
    sample = block.meta("sample")[rows].tolist()
    molecule = block.meta("molecule")[rows].tolist()
    samples = store.samples
    splits = [str(v).strip().lower() for v in samples["split"].tolist()] if samples.n else []
    groups = [str(v) for v in samples["group"].tolist()] if samples.n else []
    ids = store.names("samples") if samples.n else []
    known: dict[int, str] = {-1: ""}
    sides: list[str] = []
    keys: list[str] = []
    for row, s, m in zip(rows.tolist(), sample, molecule, strict=True):
        if m not in known:
            known[m] = molecule_key(store.molecule(m))
        said = splits[s] if s >= 0 else ""
        sides.append(_WORDS.get(said, OTHER) if said else "")
        group = f"group {groups[s]}" if s >= 0 and groups[s] else ""
        alone = f"sample {ids[s]}" if s >= 0 and len(ids) > 1 else f"row {row}"
        keys.append(known[m] or group or alone)
    return sides, keys


def molecule_key(molecule: Molecule) -> str:
    """Return what tells molecules apart: the first InChIKey block, else what else is known."""
    if len(molecule.inchikey) >= 14:
        return molecule.inchikey[:14].upper()
    return molecule.inchi or molecule.smiles or molecule.name.casefold()


def share_of(key: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the text."""
    digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _by_hash(found: Sequence[_Rows]) -> None:
    """Hold out every key whose share is small; the smallest one where none is."""
    pairs = [pair for rows in found for pair in zip(rows.key, rows.side, strict=True)]
    shares = {key: share_of(key) for key, side in pairs if side != OTHER}
    held_out = {key for key, share in shares.items() if share < VALID_SHARE}
    if not held_out and len(shares) > 1:
        held_out = {min(shares, key=lambda key: (shares[key], key))}
    for rows in found:
        for k, (key, side) in enumerate(zip(rows.key, rows.side, strict=True)):
            if side != OTHER:
                rows.side[k] = VALID if key in held_out else TRAIN
