"""A library of traces: an index for each family, and what each spectrum is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.search.library import MOLECULE_TEXTS, CompoundKeys
from spectrakit.search.structures import TextColumn
from spectrakit.search.traces.families import GRIDS, comparable
from spectrakit.search.traces.grids import OnGrid
from spectrakit.search.traces.index import TraceIndex, build
from spectrakit.spectrum import Molecule, Spectrum

FORMAT_VERSION = 1
_TEXTS = (*MOLECULE_TEXTS, "native_id")


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """The spectra of one family: their index, and for each row what it is.

    Attributes:
        index: searchable.
        compound: (n,) int32 material of each row, a number within this library.
        entry: (n,) int32 row of ``TraceLibrary.texts``.
    """

    index: TraceIndex
    compound: NDArray[np.int32]
    entry: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class TraceLibrary:
    """Traces with their identities.

    Attributes:
        name: what hits give as their source.
        shelves: by family.
        texts: ``MOLECULE_TEXTS`` and ``native_id``, one for each spectrum.
        keys: what makes two spectra one material, by its number.
        about: counts and licences.
    """

    name: str
    shelves: Mapping[str, Shelf]
    texts: Mapping[str, TextColumn]
    keys: TextColumn
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return sum(len(shelf.index) for shelf in self.shelves.values())

    def identity(self, family: str, row: int) -> dict[str, str]:
        """Return the texts of one row of a family."""
        entry = int(self.shelves[family].entry[row])
        return {name: column[entry] for name, column in self.texts.items()}

    def counts(self) -> dict[str, int]:
        """Return the number of spectra of each family."""
        return {family: len(shelf.index) for family, shelf in sorted(self.shelves.items())}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for ``StoreWriter.add_index``."""
        arrays: dict[str, NDArray[Any]] = {}
        for family, shelf in self.shelves.items():
            made = {**shelf.index.arrays(), "compound": shelf.compound, "entry": shelf.entry}
            arrays |= {f"{family}.{key}": value for key, value in made.items()}
        for name, column in {**self.texts, "key": self.keys}.items():
            arrays[f"text.{name}.blob"], arrays[f"text.{name}.indptr"] = column.blob, column.indptr
        return arrays

    def attrs(self) -> dict[str, Any]:
        """Return the small values that go with ``arrays``."""
        return {**self.about, "version": FORMAT_VERSION, "families": self.counts()}

    @classmethod
    def from_arrays(
        cls, name: str, arrays: Mapping[str, NDArray[Any]], attrs: Mapping[str, Any]
    ) -> "TraceLibrary":
        """Open what ``arrays`` and ``attrs`` gave.

        Raises:
            InputError: an array is missing or does not fit, or the index is of another version.
        """
        hint = "Build the library again with `spectrakit library add`."
        if attrs.get("version") != FORMAT_VERSION:
            raise InputError(
                f"library {name}: its index of traces has version {attrs.get('version')}, "
                f"this spectrakit reads {FORMAT_VERSION}.",
                hint=hint,
            )
        try:
            columns = {
                text: TextColumn(arrays[f"text.{text}.blob"], arrays[f"text.{text}.indptr"])
                for text in (*_TEXTS, "key")
            }
            keys = columns.pop("key")
            shelves: dict[str, Shelf] = {}
            for family in attrs["families"]:
                own = {
                    key.removeprefix(f"{family}."): value
                    for key, value in arrays.items()
                    if key.startswith(f"{family}.")
                }
                index = TraceIndex.from_arrays(GRIDS[family], own)
                shelf = Shelf(index, own["compound"], own["entry"])
                for numbers, limit in ((shelf.compound, keys), (shelf.entry, columns["name"])):
                    if (
                        numbers.dtype.kind != "i"
                        or len(numbers) != len(index)
                        or (len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(limit))
                    ):
                        raise ValueError(f"{family}.compound")
                shelves[family] = shelf
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"library {name}: {error} is missing from its index of traces or does not fit.",
                hint=hint,
            ) from error
        return cls(name, shelves, columns, keys, attrs)


class TraceLibraryBuilder:
    """Collect traces, then build: ``add`` each, ``finish`` once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.licences: Counter[str] = Counter()
        self._on_grid: dict[str, list[OnGrid]] = {}
        self._entry: dict[str, list[int]] = {}
        self._compound: dict[str, list[int]] = {}
        self._codes: dict[str, int] = {}
        self._texts: dict[str, list[str]] = {text: [] for text in _TEXTS}
        self._keys = CompoundKeys()

    def __len__(self) -> int:
        return len(self._texts["name"])

    def add(self, spectrum: Spectrum, place: str) -> str:
        """Take one more trace; return why it cannot be compared with others, or an empty text.

        Args:
            spectrum: the trace.
            place: what it is called where the file gives it no name: the file's own.
        """
        form = comparable(spectrum)
        if form.on_grid is None:
            return form.reason
        molecule = spectrum.molecule or Molecule()
        mark = spectrum.native_id or spectrum.sample or place
        if mark.isdigit():  # the number of a block or row says nothing without its file
            mark = f"{place}#{mark}"
        name = molecule.name or spectrum.name or spectrum.sample or mark
        told = {
            "name": name,
            "inchikey": self._keys.inchikey(molecule),
            "smiles": molecule.smiles,
            "formula": molecule.formula,
            "native_id": mark,
        }
        key = self._keys.key(molecule, name)
        self._entry.setdefault(form.family, []).append(len(self))
        self._compound.setdefault(form.family, []).append(
            self._codes.setdefault(key, len(self._codes))
        )
        self._on_grid.setdefault(form.family, []).append(form.on_grid)
        for text, value in told.items():
            self._texts[text].append(value)
        self.licences[str(spectrum.extra.get("license", spectrum.extra.get("LICENSE", "")))] += 1
        return ""

    def finish(self) -> TraceLibrary:
        """Sort everything into a library that can be searched."""
        shelves: dict[str, Shelf] = {}
        for family, traces in sorted(self._on_grid.items()):
            index, order = build(GRIDS[family], traces)
            compound = np.array(self._compound[family], np.int32)[order]
            shelves[family] = Shelf(index, compound, np.array(self._entry[family], np.int32)[order])
        texts = {name: TextColumn.of(values) for name, values in self._texts.items()}
        return TraceLibrary(self.name, shelves, texts, TextColumn.of(self._codes), {})
