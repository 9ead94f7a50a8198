"""The data of a run: stores as they are, other files converted into the run folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount, Summary, file_sha256
from spectrakit.errors import MismatchError
from spectrakit.io import sniff
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.select import Condition, parse_where
from spectrakit.io.streams import STDIN, on_disk
from spectrakit.log import say
from spectrakit.plugin import NEEDS
from spectrakit.run import DATA, Run
from spectrakit.search.structure_sources import load_structures
from spectrakit.store import Store, StoreWriter
from spectrakit.store.split import TRAIN, VALID, Split, split_stores
from spectrakit.verbs.convert import Conversion, convert_file
from spectrakit.verbs.library_add import molecules_of
from spectrakit.verbs.outputs import make_folder, stem_of
from spectrakit.verbs.structure_files import is_structure_list


@dataclass(frozen=True, slots=True)
class Source:
    """One input: how it was given, and the store that holds its spectra."""

    role: str  # TRAIN or VALID
    account: InputAccount
    store: Path
    stored: str  # as the plan says it: absolute, or relative to the run


@dataclass(frozen=True, slots=True)
class TrainingData:
    """All inputs of a run."""

    sources: tuple[Source, ...]
    where: tuple[str, ...]

    @classmethod
    def gather(
        cls,
        out: Path,
        inputs: Sequence[str],
        valid: Sequence[str],
        where: Sequence[str],
        summary: Summary,
    ) -> Self:
        """Open stores where they lie; convert other files into ``out/data``.

        Raises:
            InputError: an input cannot be read to its end. Nothing is trained then.
            UsageError: no input, or a condition that cannot be meant.
        """
        parse_where(where)
        sources: list[Source] = []
        for role, words in ((TRAIN, inputs), (VALID, valid)):
            paths = _expand(words) if words else []
            sources += [_source(role, path, out, len(sources) + k, summary)
                        for k, path in enumerate(paths)]  # fmt: skip
        return cls(tuple(sources), tuple(where))

    @classmethod
    def reopen(cls, run: Run, summary: Summary) -> Self:
        """Find the data that a plan names, unchanged.

        Raises:
            InputError: a store is gone.
            MismatchError: a store holds other data than when the run began.
        """
        sources: list[Source] = []
        for told in run.plan["data"]:
            store = run.path / str(told["store"])  # an absolute one stays as it is
            digest = Store(store).digest
            if digest != told["digest"]:
                raise MismatchError(
                    f"{store}: holds other data than when the run began "
                    f"({digest[:19]} instead of {told['digest'][:19]}).",
                    hint="Put the old store back, or start another run.",
                )
            account = summary.open_input(str(told["path"]))
            account.sha256, account.format = str(told["sha256"]), str(told["format"])
            account.dropped.update(told.get("unreadable", {}))
            sources.append(Source(str(told["role"]), account, store, str(told["store"])))
        return cls(tuple(sources), tuple(run.plan.get("where", ())))

    def split(self, modalities: frozenset[str], needs: Sequence[str]) -> Split:
        """Divide the rows and complete the accounts of the inputs.

        Raises:
            MismatchError: nothing is left to learn from.
        """
        conditions = parse_where(self.where)
        stores = {role: [s for s in self.sources if s.role == role] for role in (TRAIN, VALID)}
        split = split_stores(
            [Store(source.store) for source in stores[TRAIN]],
            valid=[Store(source.store) for source in stores[VALID]],
            modalities=modalities,
            needs={need: NEEDS[need] for need in needs},
            keep=[_masks(Store(source.store), conditions) for source in self.sources],
        )
        for source, counted in zip(self.sources, split.counted, strict=True):
            source.account.kept = counted.train + counted.valid
            source.account.dropped.update(counted.dropped)
        if not len(split.train) and not split.train.n_structures:
            raise MismatchError(
                "nothing in the inputs can be learned from.",
                hint=f"The counts above say why; the plugin reads "
                f"{', '.join(sorted(modalities)) or 'no spectra'}.",
            )
        if not len(split.valid) and not split.valid.n_structures:
            say("nothing is held out: there is only one molecule or sample, or none is marked")
        return split

    def plan(self, split: Split) -> dict[str, Any]:
        """Return what the plan says of the data."""
        data = [
            {
                "role": source.role,
                "path": source.account.path,
                "store": source.stored,
                "digest": Store(source.store).digest,
                "sha256": source.account.sha256,
                "format": source.account.format,
                "train": counted.train,
                "valid": counted.valid,
                "unreadable": dict(source.account.dropped - counted.dropped),
            }
            for source, counted in zip(self.sources, split.counted, strict=True)
        ]
        return {"split": split.by, "where": list(self.where), "data": data}


def _expand(words: Sequence[str]) -> list[Path]:
    lists = [Path(word) for word in words if is_structure_list(Path(word))]
    others = [word for word in words if not is_structure_list(Path(word))]
    return [*(expand_inputs(others) if others else []), *lists]


def _source(role: str, path: Path, out: Path, number: int, summary: Summary) -> Source:
    name = f"{number:03d}-{stem_of(path)}.h5"
    folder = out / DATA
    if is_structure_list(path):
        make_folder(folder)
        account = summary.open_input(path)
        _store_structures(path, folder / name, account)
        return Source(role, account, folder / name, f"{DATA}/{name}")
    if sniff(path) == "store":
        account = summary.open_input(path)
        account.format, account.sha256 = "store", file_sha256(on_disk(path))
        if path == STDIN:  # the copy of stdin goes with this process
            make_folder(folder)
            copyfile(on_disk(path), folder / name)
            return Source(role, account, folder / name, f"{DATA}/{name}")
        absolute = path.resolve()
        return Source(role, account, absolute, str(absolute))
    make_folder(folder)
    what = Conversion("h5", compression="none")
    account, _ = convert_file(path, folder / name, what)
    summary.inputs.append(account)
    return Source(role, account, folder / name, f"{DATA}/{name}")


def _store_structures(path: Path, target: Path, account: InputAccount) -> None:
    table = load_structures(path)
    counted = table.account()
    account.sha256, account.format = file_sha256(path), counted.format
    account.dropped = counted.dropped
    with StoreWriter(target, compression="none", history={"command": "structures"}) as writer:
        writer.add_source(str(path), account.sha256, path.stat().st_size, account.format)
        for molecule in molecules_of(table):
            writer.add_molecule(molecule)


def _masks(store: Store, conditions: Sequence[Condition]) -> list[NDArray[np.bool_]] | None:
    """Return which rows of each block are chosen; None: all."""
    if not conditions:
        return None
    return [
        np.array([all(c.holds(s) for c in conditions) for s in block], np.bool_)
        for block in store.blocks.values()
    ]
