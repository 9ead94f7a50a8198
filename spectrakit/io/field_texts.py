"""The fields of a spectrum as the texts that MGF, MSP and MassBank writers share."""

from collections.abc import Iterator
from math import isnan

from spectrakit.spectrum import Spectrum


def shared_fields(spectrum: Spectrum) -> Iterator[tuple[str, str]]:
    """Yield the fields that the formats spell alike; empty ones are left out."""
    molecule = spectrum.molecule
    if molecule is not None:
        if molecule.name and molecule.name != spectrum.name:
            yield "COMPOUND_NAME", one_line(molecule.name)
        for key in ("inchikey", "smiles", "inchi", "formula", "peptide"):
            if text := one_line(getattr(molecule, key)):
                yield key.upper(), text
        if not isnan(molecule.exact_mass):
            yield "EXACTMASS", number_text(molecule.exact_mass)
    texts = {
        "ADDUCT": spectrum.adduct,
        "IONMODE": {1: "POSITIVE", -1: "NEGATIVE"}.get(spectrum.polarity, ""),
        "MSLEVEL": str(spectrum.ms_level or ""),
        "COLLISION_ENERGY": spectrum.collision_energy,
        "FRAGMENTATION_METHOD": spectrum.activation,
        "INSTRUMENT": spectrum.instrument,
        "SAMPLE": spectrum.sample,
        "REPLICATE": str(spectrum.replicate or ""),
        "SPECTRUMTYPE": {True: "Profile", False: "Centroid"}.get(spectrum.is_profile, ""),  # type: ignore[call-overload]  # None is not said
    }
    for key, text in texts.items():
        if plain := one_line(text):
            yield key, plain
    for key, edge in (
        ("ISOLATION_LOWER", spectrum.isolation_lower),
        ("ISOLATION_UPPER", spectrum.isolation_upper),
    ):
        if not isnan(edge):
            yield key, number_text(edge)


def charge_text(spectrum: Spectrum) -> str:
    """Return ``2+``, or ``2`` where the polarity is not known."""
    sign = "-" if spectrum.charge < 0 else "+" if spectrum.polarity > 0 else ""
    return f"{abs(spectrum.charge)}{sign}"


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same float64."""
    return repr(value).removesuffix(".0")


def one_line(text: str) -> str:
    """Return text without line breaks and control characters."""
    return "".join(c if c.isprintable() else " " for c in text).strip()
