"""Which spectra to learn from and which to hold out, the same in every run and on every machine.

What ``/samples.split`` says is obeyed. Where it says nothing, a hash decides: of the molecule
(first InChIKey block, else the structure), else of the sample's group, else of the sample. The
hash knows no seed and no file, so a molecule is on the same side in all stores.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

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
    needs: Mapping[str, str] = MappingProxyType({}),
    keep: Sequence[Sequence[NDArray[np.bool_]] | None] = (),
) -> Split:
    """Divide the rows of stores into those to learn from and those held out.

    With ``valid`` stores these are held out, whatever the others say; rows of them that are
    marked for something else are dropped. A store without spectra gives its molecules.

    Args:
        stores: to learn from.
        valid: held out.
        modalities: those that are wanted; rows of others are dropped.
        needs: what a row must have ("ms2", "precursor", "molecule", "structure"), and the
            reason under which one without it is counted.
        keep: for each store (then each valid store) one mask for each block in alphabetical
            order, False for rows that the user did not choose; None: all.
    """
    everything = [*stores, *valid]
    dropped = [Counter[str]() for _ in everything]
    found: list[_Rows] = []
    for number, store in enumerate(everything):
        masks = keep[number] if number < len(keep) else None
        found += _rows_of(number, store, modalities, needs, masks, dropped[number])
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
    needs: Mapping[str, str],
    masks: Sequence[NDArray[np.bool_]] | None,
    dropped: Counter[str],
) -> list[_Rows]:
    if not store.blocks:
        rows: list[int] = []
        keys: list[str] = []
        if {"ms2", "precursor"} & needs.keys():
            dropped["a structure without a spectrum"] += store.molecules.n
            return []
        for row in range(store.molecules.n):
            molecule = store.molecule(row)
            if "structure" in needs and not _has_structure(molecule):
                dropped[needs["structure"]] += 1
                continue
            rows.append(row)
            keys.append(molecule_key(molecule) or f"row {row}")
        return [_Rows(number, store, "", np.array(rows, np.int64), [""] * len(rows), keys)]
    found: list[_Rows] = []
    for position, block in enumerate(store.blocks.values()):
        left = np.ones(block.n, np.bool_)
        chosen = left if masks is None else masks[position]
        _drop(left, ~chosen, "not selected by --where", dropped)
        if block.modality not in modalities:
            _drop(left, left, f"{block.modality}, which the plugin does not read", dropped)
            continue
        _drop(left, np.diff(block.indptr) == 0, "no peaks", dropped)
        for need, reason in needs.items():
            _drop(left, ~_has(block, need), reason, dropped)
        chosen_rows = np.flatnonzero(left).astype(np.int64)
        if len(chosen_rows):
            sides, keys = _sides_and_keys(block, chosen_rows)
            found.append(_Rows(number, store, block.name, chosen_rows, sides, keys))
    return found


def _drop(
    left: NDArray[np.bool_], unwanted: NDArray[np.bool_], reason: str, dropped: Counter[str]
) -> None:
    """Count the rows that are left and unwanted, and take them out."""
    lost = left & unwanted
    if lost.any():
        dropped[reason] += int(lost.sum())
        left &= ~lost


def _has(block: Block, need: str) -> NDArray[np.bool_]:
    """(n,) bool: which rows have what an action needs."""
    if need == "ms2":
        return block.meta("ms_level") != 1
    if need == "precursor":
        return np.isfinite(block.meta("precursor_mz")) & (block.meta("precursor_mz") > 0)
    molecules = block.meta("molecule")
    test = _has_structure if need == "structure" else molecule_key
    known = {m: bool(test(block.store.molecule(m))) for m in set(molecules.tolist()) if m >= 0}
    return np.array([known.get(m, False) for m in molecules.tolist()], np.bool_)


def _has_structure(molecule: Molecule) -> bool:
    return bool(molecule.smiles or molecule.inchi)


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
    """Hold out every key whose share is small; of two keys or more, some but never all."""
    pairs = [pair for rows in found for pair in zip(rows.key, rows.side, strict=True)]
    shares = {key: share_of(key) for key, side in pairs if side != OTHER}
    ordered = sorted(shares, key=lambda key: (shares[key], key))
    n_small = sum(share < VALID_SHARE for share in shares.values())
    held_out = set(ordered[: min(max(n_small, 1), len(ordered) - 1)] if ordered else [])
    for rows in found:
        for k, (key, side) in enumerate(zip(rows.key, rows.side, strict=True)):
            if side != OTHER:
                rows.side[k] = VALID if key in held_out else TRAIN
