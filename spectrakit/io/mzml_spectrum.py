"""One <spectrum> element of mzML as a Spectrum."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io import mzml_terms as t
from spectrakit.io.field_texts import number_text
from spectrakit.io.fields import number, possible_time, signed_charge
from spectrakit.io.mzml_arrays import (
    EXTERNAL,
    INTENSITY_ARRAY,
    MZ_ARRAY,
    NAMED_ARRAY,
    Packed,
    packing,
    unpack,
)
from spectrakit.io.mzml_blocks import Item, Param
from spectrakit.io.record import BadSpectrum, Columns, add_extra, tidy_peaks
from spectrakit.spectrum import Axis, FloatArray, Modality, Molecule, Spectrum

_NO_MZ = "no m/z array"
HOLLOW = "peaks declared, and not in the file"
_DISAGREE = "m/z and intensity arrays differ in length"
_TARGET = "isolation window target m/z"
_SAME_MZ = 1e-6  # of a middle that was computed
_OWN_ATTRIBUTES = frozenset({"id", "index", "defaultArrayLength", "msLevel", "scanNumber"})
_MOLECULE_KEYS = frozenset(
    {"molecule", "inchikey", "smiles", "inchi", "formula", "exact mass", "peptide"}
)
# The level says the same as the first two; the third says that there is nothing to say.
_NO_EXTRA = frozenset({t.MS1_SPECTRUM, t.MSN_SPECTRUM, t.NO_COMBINATION})


ParamGroups = dict[str, list[Param]]


class Draft:
    """What one <spectrum> says, gathered in one walk over its elements."""

    __slots__ = (
        "activation",
        "arrays",
        "energy",
        "extra",
        "flags",
        "instrument_ref",
        "is_hollow",
        "length",
        "level",
        "n_precursors",
        "n_scans",
        "native_id",
        "numbers",
        "own",
        "rt",
        "title",
    )

    def __init__(self, items: Iterable[Item], groups: ParamGroups) -> None:
        self.native_id = ""
        self.length = 0
        self.level = 0
        self.title = ""
        self.instrument_ref = ""
        self.activation = ""
        self.energy: Param | None = None
        self.rt = nan
        self.numbers: dict[str, float] = {}  # of the first precursor, by accession
        self.flags: dict[str, int | bool] = {}
        self.own: dict[str, str] = {}  # what our own writer put into user parameters
        self.extra: dict[str, Any] = {}
        self.arrays: list[Packed] = []
        self.n_scans = self.n_precursors = 0
        self.is_hollow = False  # peaks are declared, and the arrays are empty
        self._walk(items, groups)

    def _walk(self, items: Iterable[Item], groups: ParamGroups) -> None:
        place = ""  # spectrum, scan, precursor, product or array: where parameters belong
        for kind, content, text in items:
            if isinstance(content, Param):
                self._param(place, content)
                continue
            attributes = content
            if kind == "referenceableParamGroupRef":
                for param in groups.get(attributes.get("ref", ""), ()):
                    self._param(place, param)
            elif kind == "binary":
                if self.arrays:
                    self.arrays[-1].text = text
            elif kind == "binaryDataArray":
                place = "array"
                length = attributes.get("arrayLength")
                self.arrays.append(Packed(length=self.length if length is None else _count(length)))
            elif kind == "scan" or kind == "precursor":
                place = kind
                if kind == "scan":
                    self.n_scans += 1
                else:
                    self.n_precursors += 1
                if attributes:
                    self._attributes(attributes, kind)
            elif kind == "product":
                place = kind
            elif kind == "spectrum":
                get = attributes.get
                self.native_id = get("id", "")
                self.length = _count(get("defaultArrayLength"))
                self.level = _count(get("msLevel"))
                for key, value in attributes.items():
                    if key not in _OWN_ATTRIBUTES:
                        self.extra[key] = value

    def _attributes(self, attributes: Mapping[str, str], place: str) -> None:
        for key, value in attributes.items():
            if key in ("instrumentConfigurationRef", "instrumentRef") and not self.instrument_ref:
                self.instrument_ref = value
            else:
                add_extra(self.extra, f"{self._prefix(place)}{key}", value)

    def _prefix(self, place: str) -> str:
        if place == "scan" and self.n_scans > 1:
            return f"scan {self.n_scans}: "
        if place == "precursor" and self.n_precursors > 1:
            return f"precursor {self.n_precursors}: "
        return "product: " if place == "product" else ""

    def _param(self, place: str, param: Param) -> None:
        accession = param.accession
        if place == "array":
            taken = self._array_param(param)
        elif place == "precursor":
            taken = self.n_precursors == 1 and self._precursor_param(param)
        elif place == "scan":
            taken = self._scan_param(param)
        else:
            taken = place == "" and self._spectrum_param(param)
        if not taken and accession not in _NO_EXTRA and param.name:
            add_extra(self.extra, self._prefix(place) + param.name, param.text())

    def _spectrum_param(self, param: Param) -> bool:
        accession = param.accession
        if accession == t.MS_LEVEL:
            level = _count(param.value)
            self.level = level or self.level  # some write 0 beside "MS1 spectrum"
            return level > 0 or not param.value
        if accession == t.MS1_SPECTRUM and self.level == 0:
            self.level = 1
        elif accession == t.TITLE and not self.title:
            self.title = param.value
            return True
        elif not accession and param.name.startswith(OWN_PREFIX):
            self.own[param.name[len(OWN_PREFIX) :]] = param.value
            return True
        return self._flag(accession)

    def _flag(self, accession: str) -> bool:
        if accession in t.POLARITY:
            self.flags["polarity"] = t.POLARITY[accession]
        elif accession in t.PROFILE:
            self.flags["profile"] = t.PROFILE[accession]
        else:
            return False
        return True

    def _scan_param(self, param: Param) -> bool:
        if param.accession == t.START_TIME and self.n_scans == 1:
            units, unit = (
                (t.TIME_UNITS, param.unit) if param.unit else (t.TIME_NAMES, param.unit_name)
            )
            self.rt = possible_time(number(param.value) * units.get(unit, nan))
            return not isnan(self.rt)
        return self._flag(param.accession)

    def _precursor_param(self, param: Param) -> bool:
        accession = param.accession
        if accession in t.PRECURSOR_NUMBERS:
            if accession in self.numbers:
                return False
            value = number(param.value)
            self.numbers[accession] = value
            return not isnan(value) or not param.value
        if accession in t.ENERGIES:
            if self.energy is not None or not param.value:
                return not param.value
            self.energy = param
            return True
        if accession in t.DISSOCIATION and not self.activation:
            self.activation = t.DISSOCIATION[accession]
            return True
        return False

    def _array_param(self, param: Param) -> bool:
        array = self.arrays[-1]
        accession = param.accession
        if packing(array, accession):
            return True
        if accession in EXTERNAL:
            array.external = {**(array.external or {}), accession: param.value}
            return True
        if accession in (MZ_ARRAY, INTENSITY_ARRAY):
            array.role = accession
        elif accession == NAMED_ARRAY:
            array.name = param.value or "array"
        elif param.name.endswith(" array"):
            array.name = param.name.removesuffix(" array").replace(" ", "_")
            if param.unit_name:
                self.extra.setdefault(f"{array.name} unit", param.unit_name)
        elif param.name.endswith("compression"):
            array.unknown = param.name
        else:
            return False
        return True

    def spectrum(
        self, index: int, instrument: str, electron_ionisation: bool, *, big_endian: bool
    ) -> Spectrum:
        """Return the finished spectrum.

        Raises:
            BadSpectrum: an array is missing, cannot be decoded, or disagrees with the others.
        """
        mz, intensity, columns = self._peaks(big_endian)
        precursor_mz, precursor_intensity, charge, lower, upper = precursor = self.precursor()
        self.keep_target(precursor, self.extra)
        own = self.own
        energy, value, unit = self._energy()
        activation = self.activation
        if electron_ionisation and self.level == 1:
            activation = "EI"
        return Spectrum(
            modality=Modality.MSMS,
            axis=Axis(mz, "m/z"),
            value=intensity,
            native_id=self.native_id or str(index),
            name=self.title,
            ms_level=self.level,
            polarity=int(self.flags.get("polarity", 0)),
            is_profile=self.flags.get("profile"),  # type: ignore[arg-type]  # a bool under this key
            precursor_mz=precursor_mz,
            precursor_intensity=precursor_intensity,
            charge=charge,
            adduct=own.get("adduct", ""),
            isolation_lower=lower,
            isolation_upper=upper,
            collision_energy=own.get("collision energy", energy),
            collision_energy_value=value,
            collision_energy_unit=own.get("collision energy unit", unit),
            activation=own.get("activation", activation),
            rt_seconds=self.rt,
            instrument=own.get("instrument", instrument),
            sample=own.get("sample", ""),
            replicate=_count(own.get("replicate")),
            molecule=self._molecule(),
            columns=columns,
            extra=self.extra,
        )

    def precursor(self) -> tuple[float, float, int, float, float]:
        """Return precursor m/z, its intensity, its charge, and the edges of the window."""
        get = self.numbers.get
        target = get(t.TARGET_MZ, nan)
        selected = get(t.SELECTED_MZ, get(t.OLD_SELECTED_MZ, nan))
        mz = selected if selected > 0 else target
        return (
            mz if mz > 0 else nan,
            get(t.PEAK_INTENSITY, nan),
            signed_charge(get(t.CHARGE, 0.0), int(self.flags.get("polarity", 0))),
            get(t.LOWER_LIMIT, target - get(t.LOWER_OFFSET, nan)),
            get(t.UPPER_LIMIT, target + get(t.UPPER_OFFSET, nan)),
        )

    def keep_target(self, precursor: Sequence[float], extra: dict[str, Any]) -> None:
        """Keep the target of the isolation where neither the ion nor the window's middle is it."""
        target = self.numbers.get(t.TARGET_MZ, nan)
        if target > 0 and target != precursor[0]:
            middle = (precursor[3] + precursor[4]) / 2
            if not abs(target - middle) <= _SAME_MZ:
                extra.setdefault(_TARGET, number_text(target))

    def _energy(self) -> tuple[str, float, str]:
        """Return the collision energy as text, value and unit."""
        if self.energy is None:
            return "", nan, ""
        unit = t.ENERGY_UNITS.get(self.energy.unit, "")
        if self.energy.accession == t.NORMALISED_ENERGY:
            unit = "NCE"
        return f"{self.energy.value} {unit}".rstrip(), number(self.energy.value), unit

    def _molecule(self) -> Molecule | None:
        own = self.own
        get = own.get
        molecule = Molecule(
            name=get("molecule", ""),
            inchikey=get("inchikey", ""),
            smiles=get("smiles", ""),
            inchi=get("inchi", ""),
            formula=get("formula", ""),
            exact_mass=number(get("exact mass", "")),
            peptide=get("peptide", ""),
        )
        return molecule if own.keys() & _MOLECULE_KEYS else None

    def _peaks(self, big_endian: bool) -> tuple[FloatArray, FloatArray, Columns]:
        mz = intensity = None
        n_declared = 0
        columns: dict[str, Any] = {}
        for array in self.arrays:
            if array.role == MZ_ARRAY and mz is None:
                mz = unpack(array, big_endian=big_endian).astype(np.float64, copy=False)
                n_declared = array.length
            elif array.role == INTENSITY_ARRAY and intensity is None:
                intensity = intensities(unpack(array, big_endian=big_endian))
            else:
                columns[_free(columns, array.name or "array")] = self._other(array, big_endian)
        if mz is None and intensity is None and not columns and not self.length:
            return np.empty(0), np.empty(0), {}
        if mz is None:
            raise BadSpectrum(_NO_MZ)
        if intensity is None or len(mz) != len(intensity):
            raise BadSpectrum(_DISAGREE)
        if n_declared and not len(mz):  # an export without its data; the terms are still there
            self.is_hollow = True
            self.extra[HOLLOW] = str(n_declared)
        for name, column in list(columns.items()):
            if len(column) != len(mz):  # not one value for each peak
                del columns[name]
                self.extra[name] = column.tolist()
        return tidy_peaks(mz, intensity, columns)

    def _other(self, array: Packed, big_endian: bool) -> Any:
        """Return an array beside the peaks; one that cannot be read costs no spectrum."""
        try:
            return unpack(array, big_endian=big_endian)
        except BadSpectrum as error:
            self.extra[f"{array.name or 'array'} (not read)"] = str(error)
            return np.empty(0)


def _free(taken: Mapping[str, Any], name: str) -> str:
    """Return ``name``, or with a number where an array before has it."""
    names = (name if k == 1 else f"{name} {k}" for k in range(1, len(taken) + 2))
    return next(free for free in names if free not in taken)


def intensities(values: NDArray[Any]) -> FloatArray:
    """Return an intensity array as floats: float32 stays, whole numbers become float64."""
    exact = values.dtype.kind == "f" and values.dtype.itemsize >= 4
    return values if exact else values.astype(np.float64)


OWN_PREFIX = "spectrakit "  # user parameters of our own writer that become fields again


_HIGHEST_COUNT = 2.0**53  # up to which a float holds every whole number


def _count(text: str | None) -> int:
    """Return a non-negative whole number, 0 where the text is none that can be counted to."""
    value = number(text) if text else nan
    return int(value) if 0 <= value <= _HIGHEST_COUNT else 0
