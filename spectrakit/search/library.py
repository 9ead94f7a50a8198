"""A spectral library in memory or on disk: the search index and who each spectrum is.

What a hit needs (name, key, SMILES, formula, record id) lies beside the index as packed texts,
so that a search opens nothing but memory-mapped arrays.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.chemistry import canonical_adduct, exact_mass, known_adduct
from spectrakit.errors import InputError
from spectrakit.peptides import peptide_key
from spectrakit.search.index import SpectralIndex
from spectrakit.search.peptide_precursors import PeptidePrecursors
from spectrakit.search.prepared import GRID, PreparedSpectra, prepare_spectra
from spectrakit.search.structures import TextColumn
from spectrakit.spectrum import Molecule, Spectrum

INDEX_NAME = "spectra"  # name of the arrays in the store's /index
TRACE_INDEX = "traces"  # and of those of a library's traces
MOLECULE_TEXTS = ("name", "inchikey", "smiles", "formula")

_INCHIKEY = re.compile(r"[A-Z]{14}(-[A-Z]{10}-[A-Z])?")
NOMINAL_STEP = round(1 / GRID)  # grid cells between whole m/z
_CHUNK = 4096  # spectra cleaned at once
_MOLECULES_KEPT = 1 << 14  # whose texts are held: about 10 MB


@dataclass(frozen=True, eq=False)
class SpectralLibrary:
    """An index with its identities.

    Attributes:
        name: what hits give as their source.
        index: the searchable spectra.
        molecule: (n,) int32, molecule of each spectrum in *store* order; -1 none.
        native_id: n record ids, in store order.
        texts: ``MOLECULE_TEXTS`` of each molecule.
        about: counts and licences.
    """

    name: str
    index: SpectralIndex
    molecule: NDArray[np.int32]
    native_id: TextColumn
    texts: Mapping[str, TextColumn]
    about: Mapping[str, Any]

    @property
    def has_electron_ionisation(self) -> bool:
        """Whether spectra without a precursor (GC-EI) are most of the library."""
        return bool(np.isnan(self.index.spectra.precursor_mz).sum() * 2 > len(self.index))

    @cached_property
    def is_nominal(self) -> bool:
        """Whether m/z are whole numbers (the first 10,000 peaks tell)."""
        peaks = np.asarray(self.index.spectra.mz[:10_000])
        return bool(len(peaks)) and bool(np.mean(peaks % NOMINAL_STEP == 0) > 0.95)

    def identity(self, index_row: int) -> dict[str, str]:
        """Return the texts of the spectrum in one index row."""
        row = int(self.index.store_row[index_row])
        found = dict(self._texts_of(int(self.molecule[row])))
        adduct = int(self.index.adduct[index_row])
        found["adduct"] = self.index.adducts[adduct] if adduct >= 0 else ""
        found["source_id"] = self.native_id[row]
        return found

    @cached_property
    def _texts_of(self) -> Callable[[int], dict[str, str]]:
        """The texts of a molecule; the last many are kept, since open search meets them often."""

        def read(molecule: int) -> dict[str, str]:
            known = molecule >= 0
            return {name: self.texts[name][molecule] if known else "" for name in self.texts}

        return lru_cache(_MOLECULES_KEPT)(read)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for ``StoreWriter.add_index``."""
        packed: dict[str, NDArray[Any]] = {"molecule": self.molecule}
        for name, column in {"native_id": self.native_id, **self.texts}.items():
            packed[f"text.{name}.blob"] = column.blob
            packed[f"text.{name}.indptr"] = column.indptr
        arrays = {**self.index.arrays(), **packed}
        keys: NDArray[np.bytes_] = arrays["compounds"]  # a store's index holds numbers only
        arrays["compounds"] = keys.view(np.uint8).reshape(len(keys), keys.dtype.itemsize)
        return arrays

    def attrs(self) -> dict[str, Any]:
        """Return the small values that go with ``arrays``."""
        return self.index.attrs()

    @classmethod
    def from_arrays(
        cls, name: str, arrays: Mapping[str, NDArray[Any]], attrs: Mapping[str, Any]
    ) -> Self:
        """Open what ``arrays`` and ``attrs`` gave.

        Raises:
            InputError: an array is missing or the index is of another version.
        """
        try:
            keys = np.ascontiguousarray(arrays["compounds"])
            keys = keys.view(f"S{keys.shape[1]}").reshape(-1)
            index = SpectralIndex.from_arrays({**arrays, "compounds": keys}, attrs)
            columns = {
                text: TextColumn(arrays[f"text.{text}.blob"], arrays[f"text.{text}.indptr"])
                for text in ("native_id", *MOLECULE_TEXTS)
            }
            return cls(name, index, arrays["molecule"], columns.pop("native_id"), columns, attrs)
        except KeyError as error:
            raise InputError(
                f"library {name}: {error} is missing from its index.",
                hint="Build the library again with `spectrakit library add`.",
            ) from error


class LibraryBuilder:
    """Collect spectra, then build: ``add`` each, ``finish`` once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.licences: Counter[str] = Counter()
        self._parts: list[PreparedSpectra] = []
        self._pending: list[Spectrum] = []
        self._filled: list[float] = []
        self._polarity: list[int] = []
        self._adduct: list[str] = []
        self._compound: list[str] = []
        self._molecule: list[int] = []
        self._native_id: list[str] = []
        self._codes: dict[tuple[str, ...], int] = {}
        self._keys = CompoundKeys()
        self.peptides = PeptidePrecursors()

    def add(self, spectrum: Spectrum) -> None:
        """Take one more spectrum; its row is the number of spectra added before."""
        molecule = spectrum.molecule or Molecule(name=spectrum.name)
        inchikey = self._keys.inchikey(molecule)
        name = molecule.name or spectrum.name or spectrum.native_id
        if molecule.peptide:
            self.peptides.check(spectrum)
            name = name if inchikey else molecule.peptide
        identity = (name, inchikey, molecule.smiles, molecule.formula)
        adduct = canonical_adduct(spectrum.adduct) or _protonated(spectrum)
        self._adduct.append(adduct)
        self._polarity.append(spectrum.polarity or _polarity_of(adduct))
        self._compound.append(self._keys.key(molecule, identity[0]))
        self._molecule.append(self._codes.setdefault(identity, len(self._codes)))
        self._native_id.append(spectrum.native_id)
        self._filled.append(_precursor(spectrum, molecule, adduct))
        self.licences[str(spectrum.extra.get("license", spectrum.extra.get("LICENSE", "")))] += 1
        self._pending.append(spectrum)
        if len(self._pending) >= _CHUNK:
            self._prepare()

    def _prepare(self) -> None:
        if self._pending:
            filled = np.array(self._filled[-len(self._pending) :])
            self._parts.append(prepare_spectra(self._pending, precursor_mz=filled))
            self._pending = []

    def finish(self) -> SpectralLibrary:
        """Sort everything into a library that can be searched."""
        self._prepare()
        index = SpectralIndex.build(
            self._parts,
            polarity=np.array(self._polarity, np.int64),
            adducts=self._adduct,
            compounds=self._compound,
        )
        return SpectralLibrary(
            name=self.name,
            index=index,
            molecule=np.array(self._molecule, np.int32),
            native_id=TextColumn.of(self._native_id),
            texts={
                text: TextColumn.of(identity[number] for identity in self._codes)
                for number, text in enumerate(MOLECULE_TEXTS)
            },
            about={},
        )


class CompoundKeys:
    """What makes two records one compound: the first InChIKey block, the peptidoform, the name.

    A key that the record gives is used; one that it lacks is computed from SMILES or InChI
    (RDKit, loaded only then), once for each distinct structure.
    """

    def __init__(self) -> None:
        self._computed: dict[tuple[str, str], str] = {}

    def inchikey(self, molecule: Molecule) -> str:
        """Return the record's InChIKey, a computed one, or an empty string."""
        given = molecule.inchikey.strip().upper()
        if _INCHIKEY.fullmatch(given):
            return given
        if not molecule.smiles and not molecule.inchi:
            return ""
        structure = (molecule.smiles, molecule.inchi)
        if structure not in self._computed:
            from spectrakit.search.structure_keys import full_inchikey

            self._computed[structure] = full_inchikey(*structure, "")
        return self._computed[structure]

    def key(self, molecule: Molecule, name: str) -> str:
        """Return the identity under which spectra of one compound are gathered."""
        if inchikey := self.inchikey(molecule):
            return inchikey[:14]
        if molecule.peptide:
            return f"peptide:{peptide_key(molecule.peptide)}"
        return f"name:{name.casefold()}"


def _protonated(spectrum: Spectrum) -> str:
    """Return the ion of a peptide of known charge: protons are what it gains or loses."""
    charge = spectrum.charge
    if not charge or spectrum.molecule is None or not spectrum.molecule.peptide:
        return ""
    number, sign = (str(abs(charge)) if abs(charge) > 1 else ""), "+" if charge > 0 else "-"
    return canonical_adduct(f"[M{sign}{number}H]{number}{sign}")


def _polarity_of(adduct: str) -> int:
    ion = known_adduct(adduct) if adduct else None
    return ion.polarity if ion else 0


def _precursor(spectrum: Spectrum, molecule: Molecule, adduct: str) -> float:
    """Return the stated precursor m/z, else the one that formula and adduct give, else NaN.

    The formula is used, never a stated exact mass: 14,802 MassBank records state the average
    molecular weight there.
    """
    stated = spectrum.precursor_mz
    if math.isfinite(stated) and stated > 0:
        return stated
    ion = known_adduct(adduct) if adduct else None
    if ion is None or not molecule.formula:
        return math.nan
    try:
        return ion.mz(exact_mass(molecule.formula))
    except ValueError:
        return math.nan
