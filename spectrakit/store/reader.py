"""Reading a store: opened when first used, once in each process, never trusted."""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import Molecule, ReferenceValue, SampleInfo, Spectrum
from spectrakit.store.block import Block
from spectrakit.store.columns import Table, Texts
from spectrakit.store.guard import SafeFile
from spectrakit.store.layout import MOLECULES, link_name, name_of_link
from spectrakit.store.text import as_objects

MOLECULE_WINDOW = 16
MOLECULE_WINDOWS_KEPT = 4096
_EXACT_MASS = [column.name for column in MOLECULES].index("exact_mass")


class Store:
    """One store, read-only. Usable in a ``with`` block or without; can be pickled.

    Args:
        path: the file.

    Raises:
        InputError: (on first use) missing, unreadable, no store, or of a future version.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._forget()

    def _forget(self) -> None:
        self._file: SafeFile | None = None
        self._pid = os.getpid()
        self._blocks: dict[str, Block] | None = None
        self._tables: dict[str, Table] = {}
        self._names: dict[str, list[str]] = {}
        self._sample_info: list[SampleInfo | None] | None = None
        self._molecules: OrderedDict[int, list[Molecule]] = OrderedDict()

    def __enter__(self) -> Self:
        _ = self.file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._forget()

    def close(self) -> None:
        """Close the file; it opens again when it is used again."""
        if self._file is not None and self._pid == os.getpid():
            self._file.close()
        self._forget()

    @property
    def file(self) -> SafeFile:
        """The open file of this process: an HDF5 handle must not cross a fork."""
        if self._pid != os.getpid():
            self._forget()
        if self._file is None:
            self._file = SafeFile(self.path)
        return self._file

    @property
    def digest(self) -> str:
        """The content digest as the file states it (``store check`` computes it again)."""
        return str(self.file.attributes("/").get("content_digest", ""))

    @property
    def blocks(self) -> Mapping[str, Block]:
        """The blocks by name, in alphabetical order."""
        file = self.file
        if self._blocks is None:
            names = sorted(name_of_link(link) for link in file.members("/blocks"))
            self._blocks = {name: Block(self, name) for name in names}
        return self._blocks

    def __len__(self) -> int:
        return sum(block.n for block in self.blocks.values())

    def __iter__(self) -> Iterator[Spectrum]:
        for block in self.blocks.values():
            yield from block

    def _table(self, name: str) -> Table:
        file = self.file
        if name not in self._tables:
            self._tables[name] = Table(file, name)
        return self._tables[name]

    @property
    def samples(self) -> Table:
        """``id``, ``group``, ``split`` and the user's own columns."""
        return self._table("samples")

    @property
    def instruments(self) -> Table:
        """``name`` and the user's own columns."""
        return self._table("instruments")

    @property
    def sources(self) -> Table:
        """``path``, ``sha256``, ``bytes``, ``format``, ``software`` of the input files."""
        return self._table("sources")

    @property
    def molecules(self) -> Table:
        """``name``, ``inchikey``, ``smiles``, ``inchi``, ``formula``, ``exact_mass``."""
        return self._table("molecules")

    def table_size(self, name: str) -> int:
        """Return the number of rows of a table."""
        return self._table(name).n

    def names(self, table: str) -> list[str]:
        """Return the names (samples: ids) of a table's rows."""
        if table not in self._names:
            key = "id" if table == "samples" else "name"
            self._names[table] = self._table(table)[key].tolist()
        return self._names[table]

    @property
    def targets(self) -> dict[str, NDArray[Any]]:
        """Reference values, or {} where there are none.

        ``property`` and ``unit`` (P,) text; ``value`` and ``reference_sd`` (samples, P)
        float64, NaN where missing; rows are those of ``samples``.
        """
        file = self.file
        n = file.count("/targets", "n")
        if not n:
            return {}
        shape = (self.samples.n, n)
        return {
            "property": as_objects(Texts(file, "/targets/property", n).read()),
            "unit": as_objects(Texts(file, "/targets/unit", n).read()),
            "value": file.need("/targets/value", shape, "f8").read(),
            "reference_sd": file.need("/targets/reference_sd", shape, "f8").read(),
        }

    def sample_info(self, row: int) -> SampleInfo | None:
        """Return what is known of a sample beside its id; None where that is nothing."""
        if self._sample_info is None:
            self._sample_info = list(self._all_sample_info())
        return self._sample_info[row] if 0 <= row < len(self._sample_info) else None

    def _all_sample_info(self) -> Iterator[SampleInfo | None]:
        samples, targets = self.samples, self.targets
        n = samples.n
        free = {name: samples[name].tolist() for name in samples.free}
        group, split = samples["group"].tolist(), samples["split"].tolist()
        names, units = targets.get("property", ()), targets.get("unit", ())
        nothing = np.full((n, 0), np.nan)
        values = targets.get("value", nothing).tolist()
        spread = targets.get("reference_sd", nothing).tolist()
        for k in range(n):
            told = {
                str(name): ReferenceValue(value, str(unit), sd)
                for name, unit, value, sd in zip(names, units, values[k], spread[k], strict=True)
                if value == value
            }
            columns = {
                name: cells[k]
                for name, cells in free.items()
                if cells[k] != "" and cells[k] == cells[k]
            }
            known = group[k] or split[k] or columns or told
            yield SampleInfo(group[k], split[k], columns, told) if known else None

    @property
    def sample_molecules(self) -> dict[str, NDArray[Any]]:
        """What samples hold, or {} where nothing is said.

        ``indptr`` (samples + 1,), ``molecule`` rows, ``amount`` and its ``unit``.
        """
        file = self.file
        n = file.count("/sample_molecules", "n")
        if not n:
            return {}
        root = "/sample_molecules"
        indptr = file.positions(f"{root}/indptr", self.samples.n)
        molecule = file.need(f"{root}/molecule", (n,), "i8").read()
        if indptr[-1] != n:
            raise file.wrong(f"{root}/indptr", f"ends at {indptr[-1]} of {n} entries")
        if molecule.min() < 0 or molecule.max() >= self.molecules.n:
            raise file.wrong(f"{root}/molecule", "points outside /molecules")
        return {
            "indptr": indptr,
            "molecule": molecule,
            "amount": file.need(f"{root}/amount", (n,), "f8").read(),
            "unit": as_objects(Texts(file, f"{root}/unit", n).read()),
        }

    def molecule(self, row: int) -> Molecule:
        """Return one molecule by its row."""
        window = row // MOLECULE_WINDOW * MOLECULE_WINDOW
        known = self._molecules.get(window)
        if known is None:
            table = self.molecules
            stop = min(window + MOLECULE_WINDOW, table.n)
            columns = [list(table.rows(column.name, window, stop)) for column in MOLECULES]
            columns[_EXACT_MASS] = np.asarray(columns[_EXACT_MASS], np.float64).tolist()
            known = [Molecule(*fields) for fields in zip(*columns, strict=True)]
            self._molecules[window] = known
            if len(self._molecules) > MOLECULE_WINDOWS_KEPT:
                self._molecules.popitem(last=False)
        return known[row - window]

    def molecules_at(self, rows: Sequence[int]) -> list[Molecule | None]:
        """Return the molecules of rows; None for -1."""
        return [None if row < 0 else self.molecule(row) for row in rows]

    @property
    def history(self) -> list[dict[str, Any]]:
        """What was done to make this store, oldest first."""
        file = self.file
        if file.object("/history") is None:
            return []
        starts = file.values("/history/indptr")
        n = 0 if starts is None else max(0, len(starts) - 1)
        return [file.json("/history", text) for text in Texts(file, "/history", n).read()]

    @property
    def index_names(self) -> list[str]:
        """Names of the derived data that ``index`` gives."""
        return [name_of_link(link) for link in self.file.members("/index")]

    def index(self, name: str) -> dict[str, NDArray[Any]]:
        """Return derived data as read-only views of the file's bytes; {} where there is none."""
        file = self.file
        root = f"/index/{link_name(name)}/arrays"
        made: dict[str, NDArray[Any]] = {}
        for link in file.members(root):
            key = f"{root}/{link}"
            values = file.values(key)
            if values is None or not values.is_mapped:
                raise file.wrong(key, "is not contiguous, so it cannot be mapped")
            array = values.read()
            is_bool = file.attributes(key).get("logical-type") == "bool"
            made[name_of_link(link)] = array.view(np.bool_) if is_bool else array
        return made

    def index_attrs(self, name: str) -> dict[str, Any]:
        """Return the attributes of derived data; {} where there is none."""
        key = f"/index/{link_name(name)}/attributes"
        values = self.file.values(key)
        return {} if values is None else self.file.json(key, values.read().tobytes())

    def info(self) -> dict[str, Any]:
        """Return what the store holds, as JSON."""
        file = self.file
        root = file.attributes("/")
        return {
            "path": str(self.path),
            "bytes": file.size,
            "format": f"{root['format']} {root['format_version']}",
            "writer": root.get("writer", ""),
            "content_digest": self.digest,
            "spectra": len(self),
            "samples": self.samples.n,
            "instruments": self.instruments.n,
            "sources": self.sources.n,
            "molecules": self.molecules.n,
            "targets": [str(name) for name in self.targets.get("property", ())],
            "blocks": [
                {
                    "block": block.name,
                    "modality": str(block.modality),
                    "encoding": block.encoding,
                    "domain": block.domain,
                    "spectra": block.n,
                    "points": int(block.indptr[-1]),
                    "components": block.components,
                    "axis_unit": block.axis_unit,
                    "value_unit": block.value_unit,
                }
                for block in self.blocks.values()
            ],
            "index": self.index_names,
            "history": len(self.history),
        }
