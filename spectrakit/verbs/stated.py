"""What the user states of traces because their files do not: the unit of the axis, the modality."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from spectrakit.errors import InputError, UsageError, did_you_mean
from spectrakit.io.traces.units import known_axis_unit, modality_of
from spectrakit.log import say
from spectrakit.spectrum import Axis, Modality, Spectrum

UNITS = ("nm", "um", "cm-1", "ppm", "Hz", "s", "min", "eV", "pixel", "index")
KINDS = tuple(str(kind) for kind in Modality if kind is not Modality.MSMS)


@dataclass(frozen=True, slots=True)
class Stated:
    """Unit and modality for the traces of every input; empty: what the file says or lets guess."""

    axis_unit: str = ""
    modality: Modality | None = None

    @classmethod
    def parse(cls, axis_unit: str, modality: str) -> Self:
        """Read the two options.

        Raises:
            UsageError: no unit or modality that is known.
        """
        unit = known_axis_unit(axis_unit)
        if axis_unit and not unit:
            raise UsageError(
                f"--axis-unit '{axis_unit}' is no known unit. {did_you_mean(axis_unit, UNITS)}",
                hint=f"Units: {', '.join(UNITS)}.",
            )
        if modality and modality.lower() not in KINDS:
            raise UsageError(
                f"--modality '{modality}' is not known. {did_you_mean(modality, KINDS)}",
                hint=f"Modalities: {', '.join(KINDS)}.",
            )
        return cls(unit, Modality(modality.lower()) if modality else None)

    def as_json(self) -> dict[str, str]:
        """Return what was stated, for the history of a store."""
        told = {"axis_unit": self.axis_unit, "modality": str(self.modality or "")}
        return {key: value for key, value in told.items() if value}

    def applied(self, spectra: Iterable[Spectrum], path: Path) -> Iterator[Spectrum]:
        """Pass spectra on, traces with what is stated; say once when a unit stays unknown.

        Raises:
            InputError: the file states another unit.
        """
        said = False
        for spectrum in spectra:
            if not spectrum.is_trace:
                yield spectrum
                continue
            self.refuse_other_unit(spectrum, path)
            if not spectrum.axis.unit and not self.axis_unit and not said and len(spectrum):
                said = True
                first, last = spectrum.axis.values[[0, -1]].tolist()
                say(
                    f"{path}: does not state the unit of its axis ({first:g} to {last:g}); "
                    "if you know it, say --axis-unit nm, cm-1, ..."
                )
            yield self._changed(spectrum)

    def refuse_other_unit(self, spectrum: Spectrum, path: Path) -> None:
        """Raise InputError when a trace states another unit of its axis."""
        unit = spectrum.axis.unit
        if spectrum.is_trace and self.axis_unit and unit and unit != self.axis_unit:
            raise InputError(
                f"{path}: spectrum '{spectrum.native_id}' has its axis in '{unit}', not in "
                f"'{self.axis_unit}'.",
                hint="Leave --axis-unit out for this file: it states its unit.",
            )

    def _changed(self, spectrum: Spectrum) -> Spectrum:
        axis, modality = spectrum.axis, self.modality
        if self.axis_unit and not axis.unit:
            axis = Axis(axis.values, self.axis_unit)
            if modality is None and spectrum.modality is Modality.OPTICAL:
                modality = modality_of(axis=axis.values, unit=axis.unit, values=spectrum.value_unit)
        if axis is spectrum.axis and modality is None:
            return spectrum
        return replace(spectrum, axis=axis, modality=modality or spectrum.modality)
