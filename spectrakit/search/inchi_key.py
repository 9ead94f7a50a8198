"""Compound key and mass from an InChI, without a chemistry package.

Block 1 hashes the main layer only (formula, ``/c``, ``/h``, ``/q``): two structures with one
block 1 are one compound up to stereochemistry, isotopes and added protons.
Source: InChI Technical Manual, "InChIKey"; the base-26 alphabet of triplets leaves out those
that begin with E and TAA..TTV.
"""

import hashlib
import re
from functools import cache

from spectrakit.chemistry import exact_mass
from spectrakit.elements import ELEMENT_MASS


@cache
def _triplets() -> list[str]:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    every = (a + b + c for a in letters for b in letters for c in letters)
    return [t for t in every if t[0] != "E" and not "TAA" <= t <= "TTV"]


@cache
def _doublets() -> list[str]:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [a + b for a in letters for b in letters]


_MAIN = re.compile(r"InChI=1S/([^/]+(?:/c[^/]*)?(?:/h[^/]*)?(?:/q[^/]*)?)(?:/|$)")


def main_layer(inchi: str) -> str:
    """Return formula, ``/c``, ``/h`` and ``/q`` of a standard InChI, as block 1 hashes them.

    Raises:
        ValueError: the text is no standard InChI (``InChI=1S/...``).
    """
    match = _MAIN.match(inchi)
    if match is None:
        raise ValueError(f"'{inchi[:20]}' is no standard InChI")
    return match[1]


def inchikey14(main: str) -> str:
    """Return the 14 letters of block 1 for a main layer from :func:`main_layer`."""
    bits = int.from_bytes(hashlib.sha256(main.encode()).digest()[:9], "little")
    triplets = _triplets()
    return (
        triplets[bits & 0x3FFF]
        + triplets[bits >> 14 & 0x3FFF]
        + triplets[bits >> 28 & 0x3FFF]
        + triplets[bits >> 42 & 0x3FFF]
        + _doublets()[bits >> 56 & 0x1FF]
    )


@cache
def _formula_mass(formula: str) -> float:
    return exact_mass(formula)


def _layer_sum(inchi: str, kind: str) -> int:
    match = re.search(rf"/{kind}([^/]*)", inchi)
    total = 0
    for part in match[1].split(";") if match else ():
        times, _, value = part.rpartition("*")
        total += int(times or 1) * int(value or 0)
    return total


def main_layer_mass(inchi: str) -> tuple[float, int]:
    """Return the exact mass (Da, electrons not subtracted) and the permanent charge.

    Protons that ``/p`` adds or removes are left out for a single component: an acid and its
    anion are one compound, and the adduct brings the proton. They are counted for metal
    complexes, which InChI takes apart into several components. ``/q`` is a permanent charge.
    Isotope labels (``/i``) are ignored, as block 1 ignores them.

    Raises:
        ValueError: no standard InChI, or a formula that cannot be read.
    """
    main = main_layer(inchi)
    formula = main.split("/", 1)[0]
    mass = _formula_mass(formula)
    charge = _layer_sum(inchi, "q") if "/q" in main else 0
    if "." in formula and "/p" in inchi:
        protons = _layer_sum(inchi, "p")
        mass += protons * ELEMENT_MASS["H"]
        charge += protons
    return mass, charge
