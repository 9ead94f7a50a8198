"""One <scan> element of mzXML as a Spectrum."""

import re
from dataclasses import dataclass
from math import isfinite, isnan, nan
from typing import Any

import numpy as np

from spectrakit.io.fields import number, polarity_of, signed_charge
from spectrakit.io.mzxml_peaks import Peaks, unpack_peaks
from spectrakit.io.record import add_extra, tidy_peaks
from spectrakit.io.xml_stream import local_name
from spectrakit.spectrum import Axis, Modality, Spectrum

_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+"
_DURATION = re.compile(
    rf"P(?:(?P<days>{_NUMBER})D)?"
    rf"T?(?:(?P<hours>{_NUMBER})H)?(?:(?P<minutes>{_NUMBER})M)?(?:(?P<seconds>{_NUMBER})S)?"
)
_SECONDS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
_TRUTH = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the head of the file says of the instrument of some scans."""

    name: str = ""
    electron_ionisation: bool = False


class Scan:
    """What one <scan> says: its attributes at once, its children as they are given.

    Args:
        attributes: of the element; taken over.
    """

    def __init__(self, attributes: dict[str, str]) -> None:
        take = attributes.pop
        number_of_scan = take("num", "").strip()
        self.native_id = f"scan={number_of_scan}" if number_of_scan else ""
        self.instrument_id = take("msInstrumentID", "")
        self._level = number(take("msLevel", ""))
        self._declared = take("peaksCount", None)
        self._left: dict[str, Any] = attributes  # what is not understood goes to ``extra``
        self.extra: dict[str, Any] = {}  # what the children say
        self._precursors: list[tuple[dict[str, str], str]] = []
        self._peaks: list[Peaks] = []

    def add(self, kind: str, child: Any) -> None:
        """Take in one child that is not a scan itself."""
        attributes = dict(child.items())
        text = child.text or ""
        if kind == "peaks":
            self._peaks.append(Peaks(attributes, text))
        elif kind == "precursorMz":
            self._precursors.append((attributes, text.strip()))
        elif kind == "nameValue" and attributes.get("name"):
            add_extra(self.extra, attributes["name"], attributes.get("value", ""))
        else:  # scanOrigin, maldi, comment and what later versions or programs add
            if text.strip():
                add_extra(self.extra, kind, text.strip())
            for key, value in attributes.items():
                add_extra(self.extra, f"{kind} {key}", value)
            for grandchild in child:
                for key, value in grandchild.attrib.items():
                    add_extra(self.extra, f"{kind} {local_name(grandchild)} {key}", value)

    def spectrum(self, index: int, instrument: Instrument, *, is_profile: bool | None) -> Spectrum:
        """Return the finished spectrum.

        Args:
            index: 0-based place in the file, the native id of a scan without a number.
            instrument: of this scan.
            is_profile: what the file says of all scans that do not say it themselves.

        Raises:
            BadSpectrum: the peaks are missing, cannot be decoded, or are not as declared.
        """
        mz, intensity, columns = unpack_peaks(self._peaks, self._declared, self.extra)
        mz, intensity, columns = tidy_peaks(mz, intensity, columns)
        extra, level = self._left, self._level
        polarity = polarity_of(extra.get("polarity", ""))
        if polarity:
            del extra["polarity"]
        centroided = _TRUTH.get(extra.get("centroided", ""))
        if centroided is not None:
            del extra["centroided"]
        rt = _seconds(extra.get("retentionTime", ""))
        if not isnan(rt):
            del extra["retentionTime"]
        energy = extra.pop("collisionEnergy", "")
        precursor = self._precursor(extra)
        for key, value in self.extra.items():
            for item in value if isinstance(value, list) else [value]:
                add_extra(extra, key, item)
        activation = precursor.activation
        if instrument.electron_ionisation and level == 1:
            activation = "EI"
        return Spectrum(
            modality=Modality.MSMS,
            axis=Axis(np.asarray(mz, np.float64), "m/z"),
            value=intensity,
            native_id=self.native_id or str(index),
            ms_level=int(level) if level >= 1 else 0,
            polarity=polarity,
            is_profile=is_profile if centroided is None else not centroided,
            precursor_mz=precursor.mz,
            precursor_intensity=precursor.intensity,
            charge=signed_charge(precursor.charge, polarity),
            isolation_lower=precursor.mz - precursor.width / 2,
            isolation_upper=precursor.mz + precursor.width / 2,
            collision_energy=energy,
            collision_energy_value=number(energy) if energy else nan,
            activation=activation,
            rt_seconds=rt,
            instrument=instrument.name,
            columns=columns,
            extra=extra,
        )

    def _precursor(self, extra: dict[str, Any]) -> "_Precursor":
        """Read the first precursor; the others go to ``extra`` with their number in front."""
        found = _Precursor()
        for place, (left, text) in enumerate(self._precursors, 1):
            prefix = "" if place == 1 else f"precursor {place}: "
            if place == 1:
                found = _Precursor.of(left, text)
                if isnan(found.mz) and text and number(text) != 0:
                    add_extra(extra, "precursorMz", text)
            elif text:
                add_extra(extra, f"{prefix}m/z", text)
            for key, value in left.items():
                add_extra(extra, prefix + key, value)
        return found


@dataclass(slots=True)
class _Precursor:
    mz: float = nan
    intensity: float = nan
    charge: int = 0  # signed where the file signs it
    width: float = nan  # of the isolation window
    activation: str = ""

    @classmethod
    def of(cls, attributes: dict[str, str], text: str) -> "_Precursor":
        """Read one precursor and take what was understood out of ``attributes``."""
        found = cls()
        mz = number(text) if text else nan
        found.mz = mz if mz > 0 else nan
        intensity = number(attributes.get("precursorIntensity", ""))
        if not isnan(intensity):
            found.intensity = intensity
            del attributes["precursorIntensity"]
        charge = number(attributes.get("precursorCharge", ""))
        if not isnan(charge) and charge == int(charge) and abs(charge) < 10_000:
            found.charge = int(charge)
            del attributes["precursorCharge"]
        width = number(attributes.get("windowWideness", ""))
        if width > 0 and not isnan(found.mz):  # 0: the program did not know it
            found.width = width
            del attributes["windowWideness"]
        found.activation = attributes.pop("activationMethod", "")
        return found


def _seconds(text: str) -> float:
    """Return a duration (``PT5M3.2S``, or a plain number of seconds) in seconds, or NaN."""
    if text.startswith("PT") and text.endswith("S"):
        value = number(text[2:-1])  # nearly always
        if value >= 0:
            return value
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        value = number(text) if text else nan
        return value if value >= 0 else nan
    parts = {name: value for name, value in match.groupdict().items() if value}
    if not parts:
        return nan
    total = sum(float(value) * _SECONDS[name] for name, value in parts.items())
    return total if isfinite(total) else nan
