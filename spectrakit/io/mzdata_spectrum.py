"""One <spectrum> element of mzData as a Spectrum."""

from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.fields import number, polarity_of, possible_time, signed_charge
from spectrakit.io.mzml_blocks import Param
from spectrakit.io.packed_numbers import UNDECODABLE, numbers
from spectrakit.io.record import BadSpectrum, add_extra, tidy_peaks
from spectrakit.io.xml_stream import local_name
from spectrakit.spectrum import Axis, FloatArray, Modality, Spectrum

_NO_MZ = "no m/z array"
_DISAGREE = "m/z and intensity arrays differ in length"
POLARITY = "PSI:1000037"
_MINUTES, _SECONDS = "PSI:1000038", "PSI:1000039"
_MZ, _CHARGE, _INTENSITY = "PSI:1000040", "PSI:1000041", "PSI:1000042"
_METHOD, _ENERGY, _ENERGY_UNIT = "PSI:1000044", "PSI:1000045", "PSI:1000046"
_NUMBERS = frozenset({_MZ, _CHARGE, _INTENSITY})
_UNITS = {
    "ev": "eV", "electronvolt": "eV", "v": "V", "volt": "V", "volts": "V",
    "percent": "NCE", "%": "NCE",
}  # fmt: skip
_DEEPEST = 30  # the format needs 6
_MOST_CHARGE = 10_000
_SHAPES = {"continuous": True, "discrete": False}
# Every other attribute says something of the spectrum.
_OWN_ATTRIBUTES = {
    "spectrum": {"id"},
    "acqSpecification": {"spectrumType"},
    "acquisitionList": {"count"},
    "spectrumInstrument": {"msLevel"},
    "precursorList": {"count"},
    "precursor": {"msLevel"},
}
_PLACES = {  # element -> what stands before the names of its parameters
    "acquisition": "acquisition: ",
    "spectrumInstrument": "",
    "supDesc": "array: ",
}


class Draft:
    """What one <spectrum> says, gathered in one walk over its elements."""

    def __init__(self, element: Any) -> None:
        self.native_id = f"spectrum={element.get('id')}" if element.get("id") else ""
        self.level = 0
        self.polarity = 0
        self.is_profile: bool | None = None
        self.rt = nan
        self.extra: dict[str, Any] = {}
        self._numbers: dict[str, float] = {}  # of the first precursor, by accession
        self._energy = self._energy_unit = self._method = ""
        self._arrays: list[Any] = []  # elements
        self._n_precursors = 0
        self._prefix = ""
        self._is_too_deep = False
        for child in element:
            self._take(child, 1)

    def _take(self, element: Any, depth: int) -> None:
        kind = local_name(element)
        if depth > _DEEPEST:
            self._is_too_deep = True
            return
        if kind in ("mzArrayBinary", "intenArrayBinary", "supDataArrayBinary", "supDataArray"):
            self._arrays.append(element)
            return
        if kind in ("cvParam", "userParam"):
            param = Param.of(element.attrib)
            if param.name and not self._param(param):
                add_extra(self.extra, self._prefix + param.name, param.value)
            return
        before = self._prefix
        if kind == "precursor":
            self._n_precursors += 1
            n = self._n_precursors
            self._prefix = "" if n == 1 else f"precursor {n}: "
        elif kind in _PLACES:
            self._prefix = _PLACES[kind]
        self._attributes(kind, element)
        if element.text and element.text.strip():
            add_extra(self.extra, self._prefix + kind, element.text.strip())
        for child in element:
            self._take(child, depth + 1)
        if kind == "precursor" or kind in _PLACES:
            self._prefix = before

    def _attributes(self, kind: str, element: Any) -> None:
        if kind == "acqSpecification":
            self.is_profile = _SHAPES.get(element.get("spectrumType", ""))
        elif kind == "spectrumInstrument":
            level = number(element.get("msLevel", ""))
            self.level = int(level) if level >= 1 else 0
        own = _OWN_ATTRIBUTES.get(kind, ())
        for key, value in element.attrib.items():
            if key not in own:
                name = "acquisitions" if kind == "acqSpecification" and key == "count" else key
                add_extra(self.extra, self._prefix + name, value)

    def _param(self, param: Param) -> bool:
        """Take a parameter into its field; return whether it has one."""
        accession, text = param.accession, param.value
        if accession == POLARITY:
            self.polarity = polarity_of(text)
            return self.polarity != 0
        if accession in (_MINUTES, _SECONDS) and isnan(self.rt):
            self.rt = possible_time(number(text) * (60 if accession == _MINUTES else 1))
            return not isnan(self.rt)
        if self._n_precursors != 1 or self._prefix:
            return False
        if accession in _NUMBERS and accession not in self._numbers:
            value = number(text)
            if isnan(value) or (accession == _CHARGE and not abs(value) < _MOST_CHARGE):
                return False
            self._numbers[accession] = value
            return True
        if accession == _ENERGY and not self._energy:
            self._energy = text
        elif accession == _ENERGY_UNIT and not self._energy_unit:
            self._energy_unit = text
        elif accession == _METHOD and not self._method:
            self._method = text
        else:
            return False
        return True

    def spectrum(self, index: int, instrument: str, *, electron_ionisation: bool) -> Spectrum:
        """Return the finished spectrum.

        Raises:
            BadSpectrum: an array is missing, cannot be decoded, or disagrees with the others.
        """
        if self._is_too_deep:
            raise BadSpectrum("elements inside each other beyond all reason")
        mz, intensity, columns = self._peaks()
        get = self._numbers.get
        precursor_mz = get(_MZ, nan)
        charge = get(_CHARGE, nan)
        unit = _UNITS.get(self._energy_unit.lower(), "")
        energy = f"{self._energy} {unit or self._energy_unit}".rstrip() if self._energy else ""
        if self._energy_unit and not self._energy:  # OpenMS writes it where it knows no energy
            self.extra["EnergyUnit"] = self._energy_unit
        activation = "EI" if electron_ionisation and self.level == 1 else self._method
        return Spectrum(
            modality=Modality.MSMS,
            axis=Axis(mz, "m/z"),
            value=intensity,
            native_id=self.native_id or str(index),
            ms_level=self.level,
            polarity=self.polarity,
            is_profile=self.is_profile,
            precursor_mz=precursor_mz if precursor_mz > 0 else nan,  # 0: there is none
            precursor_intensity=get(_INTENSITY, nan),
            charge=signed_charge(charge, self.polarity),
            collision_energy=energy,
            collision_energy_value=number(self._energy) if self._energy else nan,
            collision_energy_unit=unit if self._energy else "",
            activation=activation,
            rt_seconds=self.rt,
            instrument=instrument,
            columns=columns,
            extra=self.extra,
        )

    def _peaks(self) -> tuple[FloatArray, FloatArray, dict[str, NDArray[Any]]]:
        mz = intensity = None
        columns: dict[str, NDArray[Any]] = {}
        for element in self._arrays:
            kind = local_name(element)
            if kind == "mzArrayBinary":
                mz = _binary(element).astype(np.float64)
            elif kind == "intenArrayBinary":
                intensity = _binary(element)
            else:
                self._further(element, columns)
        if not self._arrays:
            return np.empty(0), np.empty(0, np.float32), {}
        if mz is None:
            raise BadSpectrum(_NO_MZ)
        if intensity is None or len(mz) != len(intensity):
            raise BadSpectrum(_DISAGREE)
        for name, column in list(columns.items()):
            if len(column) != len(mz):  # not one value for each peak
                add_extra(self.extra, name, columns.pop(name).tolist())
        tidied = tidy_peaks(mz, intensity, columns)
        return tidied[0], tidied[1], dict(tidied[2])

    def _further(self, element: Any, columns: dict[str, NDArray[Any]]) -> None:
        """Read a supplemental array; one that cannot be read costs no spectrum."""
        said = {local_name(child): child for child in element}
        title = said["arrayName"].text if "arrayName" in said else ""
        name = " ".join((title or f"array {element.get('id', '')}").split()).replace(" ", "_")
        try:
            values = _binary(element) if "data" in said else _listed(element)
        except BadSpectrum as error:
            self.extra[f"{name} (not read)"] = str(error)
            return
        if name in columns:
            name = f"{name}_{element.get('id', len(columns))}"
        columns[name] = values


def _binary(element: Any) -> NDArray[Any]:
    """Return the numbers in the <data> of an array, float32 or float64."""
    data = next((child for child in element if local_name(child) == "data"), None)
    if data is None:
        raise BadSpectrum(UNDECODABLE)
    order = {"little": "<", "big": ">"}.get(data.get("endian", ""))
    size = {"32": "f4", "64": "f8"}.get(data.get("precision", ""))
    declared = data.get("length")
    length = number(declared) if declared else nan
    if order is None or size is None or length < 0 or (declared and isnan(length)):
        raise BadSpectrum(UNDECODABLE)
    return numbers(data.text, order + size, None if isnan(length) else int(length))


def _listed(element: Any) -> NDArray[Any]:
    """Return the values of a <supDataArray>, which are written out one by one."""
    items = [child for child in element if local_name(child) != "arrayName"]
    texts = [(child.text or "").strip() for child in items]
    if {local_name(child) for child in items} & {"string", "time", "URI", "boolean"}:
        return np.array(texts, dtype=np.str_)
    values = np.array([number(text) for text in texts], np.float64)
    if np.isnan(values).any():
        raise BadSpectrum(UNDECODABLE)
    return values
