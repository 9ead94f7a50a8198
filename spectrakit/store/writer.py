"""Writing a store: spectra stream in, one whole file comes out or none."""

import json
from collections.abc import Mapping
from contextlib import suppress
from math import nan
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from spectrakit import __version__
from spectrakit.atomic import part_path, publish, unwritable
from spectrakit.errors import UsageError
from spectrakit.spectrum import Axis, Molecule, Spectrum
from spectrakit.spectrum_table import PROTOTYPE, SpectrumTable
from spectrakit.store.blockwriter import BlockWriter, refuse_misfit
from spectrakit.store.digest import content_digest
from spectrakit.store.emit import Emitter, set_attribute
from spectrakit.store.kinds import default_block, shape_kind
from spectrakit.store.layout import (
    COMPRESSIONS,
    CONTIGUOUS_BELOW,
    FORMAT,
    SOURCES,
    VERSION,
    link_name,
)
from spectrakit.store.partfile import PartFile
from spectrakit.store.spool import Spool, SpoolError
from spectrakit.store.tables import (
    FreeValue,
    MoleculeTable,
    NamedTable,
    SampleMolecules,
    TargetTable,
)

ALIGNMENT = 64  # bytes: memory-mapped columns begin on a cache line


class StoreWriter:
    """Writes one store; leaving the ``with`` block publishes it, an exception deletes it.

    Arrays of a spectrum must not change after ``add``: they are copied when the buffer is full
    (1,024 spectra or 1,048,576 values), not before. Memory stays below about 100 MB plus
    100 bytes for each molecule and sample, and 8 bytes for each spectrum; the disk holds the
    uncompressed columns once more while the file is laid out.

    Args:
        path: final name; the file is written as ``<name>.part-<pid>`` beside it.
        compression: ``gzip``, or ``none`` for contiguous datasets that readers memory-map.
        history: what is being done, as JSON; no time in it, so that reruns are byte-identical.

    Raises:
        InputError: the folder cannot be written to.
        UsageError: unknown compression.
    """

    def __init__(
        self, path: Path, *, compression: str = "gzip", history: Mapping[str, Any] | None = None
    ) -> None:
        if compression not in COMPRESSIONS:
            raise UsageError(f"unknown compression '{compression}'.", hint="Use 'gzip' or 'none'.")
        self.path = Path(path)
        self._compression = compression
        self._history: list[str] = []
        if history is not None:
            self.add_history(history)

    def __enter__(self) -> Self:
        self._part = part_path(self.path)
        try:
            self._disk = PartFile(self._part)
            self._file = h5py.File(
                self._disk,
                "w",
                driver="fileobj",
                libver=("earliest", "v110"),
                locking=False,
                track_order=False,
                alignment_threshold=CONTIGUOUS_BELOW,
                alignment_interval=ALIGNMENT,
            )
            self._spool = Spool(self.path.parent)
            self._emitter = Emitter(self._file, self._compression, self._disk.check)
            self._blocks: dict[str, BlockWriter] = {}
            self._samples = NamedTable("samples")
            self._instruments = NamedTable("instruments")
            self._molecules = MoleculeTable(self._spool)
            self._targets = TargetTable()
            self._sample_molecules = SampleMolecules()
            self._sources: list[tuple[str, str, int, str, str]] = []
        except BaseException as error:  # an interrupt as well: __exit__ is not called then
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise unwritable(self.path, error) from error
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                with self._disk.interrupts_kept():
                    self._finish()
                    self._file.close()
                self._disk.check()
                self._disk.close()
                publish(self._part, self.path)
            elif isinstance(error, SpoolError):
                raise error
            elif isinstance(error, Exception):
                self._disk.check()
        except Exception as failure:
            refusal = self._disk.refusal or failure
            if not isinstance(refusal, OSError):
                raise
            raise unwritable(self.path, refusal) from failure
        finally:
            self._spool.close()
            with suppress(OSError, RuntimeError), self._disk.interrupts_kept():
                self._file.close()
            with suppress(OSError):
                self._disk.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
            if not isinstance(self._disk.refusal, Exception | None):
                raise self._disk.refusal  # an interrupt, whatever HDF5 made of it

    def add_source(
        self, path: str, sha256: str, n_bytes: int, format: str, software: str = ""
    ) -> int:
        """Add an input file and return its row. The path is kept as given, outside the digest."""
        self._sources.append((str(path), sha256, n_bytes, format, software))
        return len(self._sources) - 1

    def add(
        self,
        spectrum: Spectrum,
        *,
        source: int = -1,
        block: str | None = None,
        indirect: Axis | None = None,
    ) -> int:
        """Add a spectrum and return its row within its block.

        Args:
            spectrum: peaks, or a trace; its sample, instrument and molecule are linked.
            source: row from ``add_source``, -1 for none.
            block: name of the block; the modality, with a suffix such as ``-complex`` for
                what is unusual in it, when not given.
            indirect: second axis of a two-dimensional experiment; ``spectrum.value`` is then
                (n_indirect, n_direct) or (n_indirect, n_direct, components).

        Raises:
            InputError: axis and values disagree, or a field cannot be kept. Nothing was added.
            UsageError: the block holds spectra of another kind, or the source is unknown.
        """
        kind = shape_kind(spectrum, indirect)
        if not -1 <= source < len(self._sources):
            raise UsageError(f"source {source} is not one of {len(self._sources)} sources.")
        name = block or default_block(spectrum, kind)
        target = self._blocks.get(name)
        if indirect is not None:
            name, target = self._plane(name, spectrum, indirect, explicit=block is not None)
        if target is None:
            link_name(name)
            target = self._blocks[name] = BlockWriter(name, spectrum, kind, self._spool)
        elif not target.takes(spectrum, kind):
            raise refuse_misfit(target, spectrum, kind)
        molecule = spectrum.molecule
        links = (
            self._samples.row(spectrum.sample),
            -1 if molecule is None else self._molecules.add(molecule),
            source,
            self._instruments.row(spectrum.instrument),
        )
        return target.add(spectrum, links, indirect)

    def add_table(self, table: SpectrumTable, *, source: int = -1, sample: str = "") -> None:
        """Add all spectra of a table, as ``add`` would one by one.

        Args:
            table: mass spectra.
            source: row from ``add_source``, -1 for none.
            sample: the sample of those spectra that name none.
        """
        name = str(PROTOTYPE.modality)
        block = self._blocks.get(name)
        if block is None:
            kind = shape_kind(PROTOTYPE, None)
            block = self._blocks[name] = BlockWriter(name, PROTOTYPE, kind, self._spool)
        n = len(table)
        fields = table.fields
        none = [""] * n
        samples = [its or sample for its in fields.get("sample", none)]
        links = {
            "sample": self._samples.rows(samples),
            "molecule": self._molecules.rows(fields.get("molecule", [None] * n)),
            "source": [source] * n,
            "instrument": self._instruments.rows(fields.get("instrument", none)),
        }
        block.add_table(table, links)

    def _plane(
        self, name: str, spectrum: Spectrum, indirect: Axis, *, explicit: bool
    ) -> tuple[str, BlockWriter | None]:
        """Find the block of a two-dimensional spectrum: one block holds one pair of axes."""
        number = 1
        tried = name
        while (target := self._blocks.get(tried)) is not None:
            if target.kind != "plane" or target.same_plane(spectrum, indirect):
                return tried, target
            if explicit:
                raise UsageError(
                    f"block '{name}' lies on other axes than spectrum '{spectrum.native_id}'.",
                    hint="Put it into a block of its own, or name none.",
                )
            number += 1
            tried = f"{name}-{number}"
        return tried, None

    def add_sample(self, id: str, group: str = "", split: str = "", **columns: FreeValue) -> int:
        """Add a sample, or what is not known of it yet, and return its row.

        Raises:
            UsageError: no id, or a value contradicts one already given.
        """
        return self._samples.add(id, {"group": group, "split": split}, columns)

    def add_instrument(self, name: str, **columns: FreeValue) -> int:
        """Add an instrument, or what is not known of it yet, and return its row."""
        return self._instruments.add(name, {}, columns)

    def add_molecule(self, molecule: Molecule) -> int:
        """Add a molecule and return its row; equal molecules share one."""
        return self._molecules.add(molecule)

    def add_sample_molecule(
        self, sample_id: str, molecule: Molecule, amount: float = nan, unit: str = ""
    ) -> None:
        """Say that a sample holds a molecule, and how much of it."""
        row = self._samples.add(sample_id, {}, {})
        self._sample_molecules.add(row, self._molecules.add(molecule), amount, unit)

    def add_target(
        self,
        sample_id: str,
        property: str,
        value: float,
        unit: str = "",
        reference_sd: float = nan,
    ) -> None:
        """Give a sample's reference value of a property, e.g. moisture in percent.

        Raises:
            UsageError: the property has another unit elsewhere, or the sample another value.
        """
        row = self._samples.add(sample_id, {}, {})
        self._targets.add(row, sample_id, property, value, unit, reference_sd)

    def add_history(self, record: Mapping[str, Any]) -> None:
        """Add a JSON record of what was done."""
        self._history.append(json.dumps(record, ensure_ascii=False, sort_keys=True))

    def add_index(
        self, name: str, arrays: Mapping[str, NDArray[Any]], attrs: Mapping[str, Any]
    ) -> None:
        """Add derived data that readers memory-map, such as a search index.

        It is no part of the content digest, and ``store merge`` leaves it out.

        Args:
            name: name of the index.
            arrays: numeric or bool arrays, written contiguous and uncompressed.
            attrs: anything that is JSON.
        """
        root = f"/index/{link_name(name)}"
        if root in self._file:
            raise UsageError(f"index '{name}' was added before.", hint="Give it another name.")
        words = json.dumps(dict(attrs), ensure_ascii=False, sort_keys=True).encode("utf-8")
        with self._disk.interrupts_kept():
            self._emit_index(root, name, arrays, words)
        self._disk.check()

    def _emit_index(
        self, root: str, name: str, arrays: Mapping[str, NDArray[Any]], words: bytes
    ) -> None:
        self._emitter.group(root)
        self._emitter.array(f"{root}/attributes", np.frombuffer(words, np.uint8))
        for key, values in arrays.items():
            array = np.asarray(values)
            if array.dtype.kind not in "biuf":
                raise UsageError(
                    f"index '{name}': array '{key}' has type {array.dtype}.",
                    hint="An index holds numbers and bools.",
                )
            logical = "bool" if array.dtype.kind == "b" else ""
            stored = array.astype(np.uint8) if logical else array
            stored = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<"))
            self._emitter.stream(
                f"{root}/arrays/{link_name(key)}",
                stored.shape,
                stored.dtype.str,
                [stored.reshape(-1)],
                {"logical-type": logical},
                contiguous=True,
            )

    def _finish(self) -> None:
        """Lay out every table and block, then the root attributes."""
        emitter = self._emitter
        n_samples = len(self._samples.index)
        for block in self._blocks.values():
            block.flush()
        self._samples.emit(emitter)
        self._instruments.emit(emitter)
        self._emit_sources()
        self._molecules.emit(emitter)
        self._sample_molecules.emit(emitter, n_samples)
        self._targets.emit(emitter, n_samples)
        for name in sorted(self._blocks):
            self._blocks[name].emit(emitter)
        if self._history:
            emitter.texts("/history", self._history)
        attributes = {
            "format": FORMAT,
            "format_version": ".".join(map(str, VERSION)),
            "writer": f"spectrakit {__version__}",
            "content_digest": content_digest(emitter.lines),
            "n_spectra": sum(block.n for block in self._blocks.values()),
            "n_samples": n_samples,
            "n_molecules": len(self._molecules),
            "n_sources": len(self._sources),
        }
        for name, value in attributes.items():
            set_attribute(self._file, name, value)

    def _emit_sources(self) -> None:
        if self._sources:
            self._emitter.group("/sources", {"n": len(self._sources)})
            paths, *others = zip(*self._sources, strict=True)
            self._emitter.texts("/sources/path", paths)
            for column, values in zip(SOURCES[1:], others, strict=True):
                self._emitter.column(f"/sources/{column.name}", column, values)
