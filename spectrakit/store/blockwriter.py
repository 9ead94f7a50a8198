"""One block while it is written: spectra are buffered, then spooled column by column."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError, UsageError
from spectrakit.spectrum import Axis, Spectrum
from spectrakit.spectrum_table import PROTOTYPE, SpectrumTable
from spectrakit.store.digest import Attribute
from spectrakit.store.emit import Emitter, chunk_shape
from spectrakit.store.kinds import domain
from spectrakit.store.layout import (
    ENCODING_VERSION,
    META,
    META_BY_NAME,
    UNIT_ACCESSIONS,
    link_name,
)
from spectrakit.store.peakcolumns import PeakColumns
from spectrakit.store.possible import refuse_impossible
from spectrakit.store.spool import Spool
from spectrakit.store.tables import emit_spooled
from spectrakit.store.text import encode_texts, running_total

FLUSH_SPECTRA = 1024
FLUSH_VALUES = 1 << 20
FLAGS = {None: -1, False: 0, True: 1}
LINKS = ("sample", "molecule", "source", "instrument")
FIELDS = tuple(column for column in META if column.kind != "row" and column.name != "extra")
_GETTERS = {
    column.name: attrgetter({"axis_unit": "axis.unit"}.get(column.name, column.name))
    for column in FIELDS
}


_UNITS_OF_TABLES = {"axis_unit": PROTOTYPE.axis.unit, "value_unit": PROTOTYPE.value_unit}


def _plain(value: object) -> object:
    """Turn numpy scalars and arrays into JSON; anything else is no metadata."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is neither text nor number")


_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


class BlockWriter:
    """Spectra of one modality, shape and domain on their way into the store."""

    def __init__(self, name: str, spectrum: Spectrum, kind: tuple[str, int], spool: Spool) -> None:
        self.name = name
        self.modality = spectrum.modality
        self.kind, self.components = kind
        self.domain = domain(spectrum)
        self.n = 0
        self._spool = spool
        self._prefix = f"blocks/{name}"
        self._spectra: list[Spectrum] = []
        self._links: list[tuple[int, int, int, int]] = []
        self._extras: list[str] = []
        self._pending = 0  # values and characters that wait
        self._started: set[str] = set()
        self._units: dict[str, set[str]] = {"axis_unit": set(), "value_unit": set()}
        self._narrow = True  # every value so far is exactly a float32
        self._columns = PeakColumns(spool, f"{self._prefix}/columns")
        self._axes: dict[bytes, int] = {}
        self._axis_ids: list[int] = []
        self._last_axis: tuple[Any, int] = (None, -1)
        self._n_points = 0
        self._indirect: Axis | None = None

    def takes(self, spectrum: Spectrum, kind: tuple[str, int]) -> bool:
        """Tell whether a spectrum fits this block's modality, shape and domain."""
        return (
            spectrum.modality == self.modality
            and kind == (self.kind, self.components)
            and domain(spectrum) == self.domain
        )

    def same_plane(self, spectrum: Spectrum, indirect: Axis) -> bool:
        """Tell whether a two-dimensional spectrum lies on this block's two axes."""
        return (
            self._indirect is not None
            and self._indirect.unit == indirect.unit
            and np.array_equal(self._indirect.values, indirect.values)
            and _axis_key(spectrum.axis.values) in self._axes
        )

    def add(
        self, spectrum: Spectrum, links: tuple[int, int, int, int], indirect: Axis | None
    ) -> int:
        """Buffer one spectrum and return its row.

        Raises:
            InputError: a field cannot be kept.
        """
        refuse_impossible(spectrum)
        extra = self._json(spectrum) if spectrum.extra else ""
        if spectrum.columns:
            self._columns.add(self.n, spectrum)
        if self.kind != "peaks":
            self._axis_ids.append(self._axis_id(spectrum.axis.values))
            if indirect is not None and self._indirect is None:
                self._indirect = indirect
        self._spectra.append(spectrum)
        self._links.append(links)
        self._extras.append(extra)
        self._pending += spectrum.value.size + len(extra)
        self.n += 1
        if len(self._spectra) >= FLUSH_SPECTRA or self._pending >= FLUSH_VALUES:
            self.flush()
        return self.n - 1

    def add_table(self, table: SpectrumTable, links: Mapping[str, Sequence[int]]) -> None:
        """Add all spectra of a table.

        Args:
            table: its reader vouches for what ``add`` checks.
            links: rows of the tables in ``LINKS``, one for each spectrum.
        """
        self.flush()
        n, fields = len(table), table.fields
        default = {**_UNITS_OF_TABLES, "is_profile": None}
        for column in FIELDS:
            missing = default.get(column.name, column.missing)
            values = fields.get(column.name) or [missing] * n
            self._spool_field(column.name, column.kind, values)
        texts: dict[int, str] = {}  # an object is encoded once
        for extra in (extras := fields.get("extra", ())):
            if id(extra) not in texts:
                texts[id(extra)] = _encode_json(dict(extra)) if extra else ""
        self._spool_field("extra", "text", [texts[id(extra)] for extra in extras] or [""] * n)
        for name in LINKS:
            self._spool_field(name, "row", links[name])
        self._spool.append(f"{self._prefix}/lengths", table.lengths)
        self._spool.append(f"{self._prefix}/axis", table.mz.astype("<f8", copy=False))
        self._spool_values(table.intensity)
        self.n += n

    def _json(self, spectrum: Spectrum) -> str:
        try:
            return _encode_json(dict(spectrum.extra))
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"spectrum '{spectrum.native_id}': its extra fields cannot be kept: {error}.",
                hint="Extra fields hold text, numbers, lists and mappings of these.",
            ) from error

    def _axis_id(self, values: NDArray[Any]) -> int:
        if self._last_axis[0] is values:
            return self._last_axis[1]
        key = _axis_key(values)
        known = self._axes.get(key)
        if known is None:
            known = self._axes[key] = len(self._axes)
            self._spool.append(f"{self._prefix}/axis", np.asarray(values, "<f8"))
            self._spool.append(f"{self._prefix}/axis_lengths", np.array([len(values)], "<i8"))
        self._last_axis = (values, known)
        return known

    def flush(self) -> None:
        """Move what is buffered to the spool."""
        batch = self._spectra
        if not batch:
            return
        for column in FIELDS:
            self._spool_field(column.name, column.kind, list(map(_GETTERS[column.name], batch)))
        self._spool_field("extra", "text", self._extras)
        for name, rows in zip(LINKS, zip(*self._links, strict=True), strict=True):
            self._spool_field(name, "row", rows)
        if self.kind == "peaks":
            axes = [spectrum.axis.values for spectrum in batch]
            lengths = np.fromiter(map(len, axes), np.int64, len(axes))
            self._spool.append(f"{self._prefix}/lengths", lengths)
            self._spool.append(f"{self._prefix}/axis", np.concatenate(axes).astype("<f8"))
        self._spool_values(np.concatenate([np.ravel(spectrum.value) for spectrum in batch]))
        self._columns.flush()
        self._spectra, self._links, self._extras, self._pending = [], [], [], 0

    def _spool_values(self, values: NDArray[Any]) -> None:
        if values.dtype != np.dtype("<f4"):
            values = values.astype("<f8", copy=False)
            with np.errstate(all="ignore"):
                single = values.astype("<f4")
                same = single.astype("<f8").view(np.int64) == values.view(np.int64)
            if same.all():
                values = single
            else:
                self._narrow = False
        self._n_points += values.size // self.components
        self._spool.append(f"{self._prefix}/value", values)

    def _spool_field(self, name: str, kind: str, values: Any) -> None:
        """Append a column's values; a column begins with its first value that is not missing."""
        key = f"{self._prefix}/meta/{name}"
        if name in self._units:
            self._units[name].update(values)
        if kind == "text":
            if name in self._started or any(values):
                self._started.add(name)
                blob, lengths = encode_texts(values)
                self._spool.append(f"{key}/bytes", blob)
                self._spool.append(f"{key}/lengths", lengths)
            return
        if kind == "float":
            array = np.array(values, "<f8")
            present = name in self._started or not np.isnan(array).all()
        else:
            if kind == "flag":
                values = [FLAGS[value] for value in values]
            array = np.array(values, "|i1" if kind == "flag" else "<i8")
            present = name in self._started or bool((array != META_BY_NAME[name].missing).any())
        if present:
            self._started.add(name)
            self._spool.append(key, array)

    def emit(self, emitter: Emitter) -> None:
        """Write the block's group and datasets."""
        self.flush()
        root = f"/blocks/{link_name(self.name)}"
        encoding = self._encoding()
        units = {name: _single(values) for name, values in self._units.items()}
        attributes: dict[str, Attribute] = {
            "encoding-type": encoding,
            "encoding-version": ENCODING_VERSION,
            "modality": str(self.modality),
            "domain": self.domain,
            "n": self.n,
            "components": self.components,
            "axis_unit": units["axis_unit"] or "",
            "axis_accession": UNIT_ACCESSIONS.get(units["axis_unit"] or "", ""),
            "value_unit": units["value_unit"] or "",
            "value_accession": UNIT_ACCESSIONS.get(units["value_unit"] or "", ""),
        }
        if self._indirect is not None:
            attributes["axis_indirect_unit"] = self._indirect.unit
        emitter.group(root, attributes)
        self._emit_points(emitter, root, encoding)
        for column in META:
            if units.get(column.name) is None:
                emit_spooled(
                    emitter, self._spool, f"{root}/meta", f"{self._prefix}/meta", column, self.n
                )
        self._columns.emit(emitter, f"{root}/columns", self.n)

    def _encoding(self) -> str:
        if self.kind == "trace":
            one = len(self._axes) == 1 and self._spool.count(f"{self._prefix}/axis")
            return "grid" if one else "shared-axis"
        return "grid2d" if self.kind == "plane" else "ragged"

    def _emit_points(self, emitter: Emitter, root: str, encoding: str) -> None:
        spool, prefix = self._spool, self._prefix
        tail = (self.components,) if self.components > 1 else ()
        n_axis = spool.count(f"{prefix}/axis")
        emitter.stream(f"{root}/axis", (n_axis,), "<f8", spool.pieces(f"{prefix}/axis", "<f8"))
        shape: tuple[int, ...] = (self._n_points, *tail)
        if encoding == "ragged":
            emitter.array(f"{root}/indptr", running_total(_all(spool, f"{prefix}/lengths")))
        elif encoding == "shared-axis":
            lengths = _all(spool, f"{prefix}/axis_lengths")
            ids = np.array(self._axis_ids, "<i8")
            emitter.array(f"{root}/axis_indptr", running_total(lengths))
            emitter.array(f"{root}/axis_id", ids)
            emitter.array(f"{root}/indptr", running_total(lengths[ids]))
        elif encoding == "grid":
            shape = (self.n, n_axis, *tail)
        elif self._indirect is not None:
            indirect = np.asarray(self._indirect.values, "<f8")
            emitter.array(f"{root}/axis_indirect", indirect)
            shape = (self.n, len(indirect), n_axis, *tail)
        dtype = "<f4" if self._narrow else "<f8"
        rows = max(1, chunk_shape(shape)[0])
        values = spool.pieces(f"{prefix}/value", dtype, max(1, rows * prod(shape[1:])))
        emitter.stream(f"{root}/value", shape, dtype, values)


def refuse_misfit(block: BlockWriter, spectrum: Spectrum, kind: tuple[str, int]) -> UsageError:
    """Return the error for a spectrum that was sent to a block of another kind."""
    has = f"{block.modality} {block.kind}, {block.components} component(s), {block.domain}"
    got = f"{spectrum.modality} {kind[0]}, {kind[1]} component(s), {domain(spectrum)}"
    return UsageError(
        f"block '{block.name}' holds {has}; spectrum '{spectrum.native_id}' is {got}.",
        hint="Put it into a block of its own.",
    )


def _axis_key(values: NDArray[Any]) -> bytes:
    data = np.ascontiguousarray(values, "<f8")
    return hashlib.blake2b(data.view(np.uint8).data, digest_size=16).digest()


def _all(spool: Spool, key: str) -> NDArray[np.int64]:
    pieces = [*spool.pieces(key, "<i8")]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)


def _single(units: Iterable[str]) -> str | None:
    """Return the one unit of a block if an attribute can hold it, else None."""
    found = list(units)
    if len(found) == 1 and len(found[0]) < 1000 and "\0" not in found[0]:
        return found[0]
    return None
