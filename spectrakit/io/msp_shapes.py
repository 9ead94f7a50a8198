"""MSP records whose header lines have the same keys: what they mean, without reading each alone.

Of the header lines of a library all but a few repeat from record to record. What the repeated
ones mean is worked out once for each combination of their values, on a *model* record with
stand-ins for the others (identifier, names, structure, masses). The model is made by the code
that reads single records, so it holds no second opinion; where a stand-in does not come out
where it should, the record is described alone.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from math import nan
from operator import attrgetter
from typing import NamedTuple

from spectrakit.io.fields import ABSENT, canonical
from spectrakit.io.record import molecule_of
from spectrakit.spectrum import Molecule, Spectrum

_MOST_MODELS = 4096
_CHECKED = 8  # models of a shape that are compared with the record itself
_TRIED = 64  # of so many records, half must have lines that others have
_NAMES = ("native_id", "name", "molecule name")
_STRUCTURE = ("inchikey", "smiles", "inchi", "formula")
_MASSES = ("precursor_mz", "exact_mass")
_OWN = (*_NAMES, *_STRUCTURE, *_MASSES)  # in this order wherever they stand together
_NEVER = frozenset({"comment", "num_peaks", "peptide", "nist_mods"})  # what they say goes together
_NOT_GIVEN = ABSENT - {""}
_NAME = r":[ \t]*(\S.*\S|\S)[ \t]*\n"
_VALUE = r":[ \t]*(\S.*\S|\S|)[ \t]*\n"
_MASS = r":[ \t]*(\d+\.?\d*)[ \t]*\n"
MODEL_FIELDS = (  # of a Spectrum, as its model has them
    "ms_level",
    "polarity",
    "is_profile",
    "precursor_intensity",
    "charge",
    "adduct",
    "isolation_lower",
    "isolation_upper",
    "collision_energy",
    "collision_energy_value",
    "collision_energy_unit",
    "activation",
    "rt_seconds",
    "instrument",
    "sample",
    "replicate",
    "extra",
)
_of_model = attrgetter(*MODEL_FIELDS)

Describe = Callable[[str, int], Spectrum]


class Described(NamedTuple):
    """What the header lines of one record say."""

    model: Spectrum  # right but for:
    native_id: str
    name: str
    molecule: Molecule | None
    precursor_mz: float

    @classmethod
    def alone(cls, spectrum: Spectrum) -> "Described":
        """Return a record that is its own model."""
        its = spectrum
        return cls(its, its.native_id, its.name, its.molecule, its.precursor_mz)

    def same(self, other: "Described") -> bool:
        """Say whether two records say the same; NaN is the same as NaN."""
        mine, others = ((*_of_model(each.model), *each[1:]) for each in (self, other))
        return repr(mine) == repr(others)


class Shape:
    """Records with the same keys in the same order.

    Args:
        keys: of the header lines.
        spelling: what announces the peaks, from the line end before it to its colon.
        own: place of each value that is not the model's, by its name in ``_OWN``.
        describe: returns the spectrum of header lines and its place in the file, without peaks.
    """

    def __init__(
        self, keys: tuple[str, ...], spelling: str, own: dict[str, int], describe: Describe
    ) -> None:
        kinds = dict.fromkeys(range(len(keys)), _VALUE)
        kinds |= {own[name]: _NAME for name in _NAMES if name in own}
        kinds |= {own[name]: _MASS for name in _MASSES if name in own}
        lines = [re.escape(key) + kinds[i] for i, key in enumerate(keys)]
        announced = re.escape(spelling[1:]) + r"[ \t]*(\d{1,9})[ \t]*(?:\n|\Z)"
        self.pattern = re.compile("\n*" + "".join(lines) + announced)
        self._keys = keys
        self._own = own
        self._describe = describe
        nothing = len(keys)  # one place past the values
        self._own_places = [own.get(name, nothing) for name in _OWN]
        self._repeated = [i for i in range(len(keys) + 1) if i not in own.values()]
        self._models: dict[tuple[str, ...], Spectrum | None] = {}

    def read(self, rows: Sequence[tuple[str, ...]]) -> list[Described | None]:
        """Return what records say; None for all where lines hardly repeat.

        Args:
            rows: for each record the values of its header lines in their order.
        """
        n = len(rows)
        columns = [*zip(*rows, strict=True), ("",) * n]
        repeated = list(zip(*(columns[i] for i in self._repeated), strict=True))
        if n > _TRIED and len(set(repeated)) > n // 2:
            return [None] * n
        if len(self._models) > _MOST_MODELS:
            self._models.clear()
        for key, row in zip(repeated, rows, strict=True):
            if key not in self._models:
                self._models[key] = self._model(row)
        models = [self._models[key] for key in repeated]
        own = [columns[i] for i in self._own_places]
        said: list[Described | None] = list(self._with_own(models, own))
        for i, (model, its) in enumerate(zip(models, said, strict=True)):
            if model is None or (its and (its.precursor_mz <= 0 or _is_massless(its.molecule))):
                said[i] = self._alone(rows[i])
        for column in own[3:7]:
            if not _NOT_GIVEN.isdisjoint(column):
                for i in (i for i, value in enumerate(column) if value in _NOT_GIVEN):
                    said[i] = self._alone(rows[i])
        return said

    def _alone(self, values: tuple[str, ...]) -> Described:
        lines = [f"{key}: {value}" for key, value in zip(self._keys, values, strict=True)]
        return Described.alone(self._describe("\n".join(lines), -1))

    def _with_own(
        self, models: Sequence[Spectrum | None], own: Sequence[Sequence[str]]
    ) -> Iterator[Described]:
        native_ids, names, *identity, precursors, masses = own
        exact = [float(mass) if mass else None for mass in masses]
        molecules = map(molecule_of, *identity, exact)
        if "precursor_mz" in self._own:
            mz = map(float, precursors)
        else:
            mz = (nan if model is None else model.precursor_mz for model in models)
        return map(Described, models, native_ids, names, molecules, mz)  # type: ignore[arg-type]  # those without a model are replaced

    def _model(self, values: tuple[str, ...]) -> Spectrum | None:
        """Return the model of records with these repeated values, or None if there can be none."""
        stand_ins = list(values)
        for name, place in self._own.items():
            stand_ins[place] = "1.5" if name in _MASSES else f"own-{place}"
        described = self._alone(tuple(stand_ins))
        model = described.model
        if not self._one(model, stand_ins).same(described) or "own-" in repr(model.extra):
            return None
        if len(self._models) < _CHECKED:
            its, alone = self._one(model, values), self._alone(values)
            is_plain = its.precursor_mz > 0 and _NOT_GIVEN.isdisjoint(values)
            if is_plain and not its.same(alone):
                return None
        return model

    def _one(self, model: Spectrum, values: Sequence[str]) -> Described:
        row = (*values, "")
        return next(self._with_own([model], [[row[i]] for i in self._own_places]))


def _is_massless(molecule: Molecule | None) -> bool:
    """Say whether a mass of 0 stands for one that is not known."""
    return molecule is not None and molecule.exact_mass == 0


def shape_of(
    keys: tuple[str, ...], spelling: str, id_order: tuple[str, ...], describe: Describe
) -> Shape | None:
    """Return the shape of records with these keys, or None where they have to be read alone."""
    meanings = [canonical(key) for key in keys]
    places = {meaning: i for i, meaning in enumerate(meanings) if meaning}
    is_repeated = len(places) < sum(map(bool, meanings))
    id_from = next((meaning for meaning in id_order if meaning in places), "")
    is_odd = any(not key or key != key.strip() for key in keys)
    if is_odd or is_repeated or not id_from or not _NEVER.isdisjoint(places):
        return None
    own = {name: places[name] for name in (*_STRUCTURE, *_MASSES) if name in places}
    if "pepmass" in places:
        own.pop("precursor_mz", None)
    own["native_id"] = places[id_from]
    if "name" in places:
        own["name"] = own["molecule name"] = places["name"]
    if "compound_name" in places:
        own["molecule name"] = places["compound_name"]
    return Shape(keys, spelling, own, describe)
