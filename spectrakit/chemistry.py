"""Formulas, exact masses and adducts: neutral mass to m/z and back.

Two spellings name one ion when molecules, net atoms and charge agree, so ``[M+HCOO]-``,
``[M+HCO2]-`` and ``[M+HCOOH-H]-`` are one adduct. The electron is counted: a protonated
molecule weighs M + H − e.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from spectrakit.elements import ELEMENT_MASS, ISOTOPE_MASS
from spectrakit.errors import UsageError

ELECTRON_MASS = 0.000548579909065  # Da, CODATA 2018
PROTON_MASS = 1.007276466621  # Da, CODATA 2018
C13_C12 = 1.0033548378  # Da, spacing of the isotope peaks of carbon

Composition = Mapping[str, int]  # element or isotope ("13C") -> count; counts may be negative

_TOKEN = re.compile(r"\[(\d+)([A-Z][a-z]?)\](\d*)|([A-Z][a-z]?)(\d*)|(\()|\)(\d*)")


@cache
def _parse_formula(text: str) -> tuple[tuple[str, int], ...]:
    body = re.sub(r"\[?\]?(\d*[+-]|[+-]\d*)$", "", text.strip())  # a charge at the end is no atom
    total: Counter[str] = Counter()
    for part in re.split(r"[.·*]", body):
        factor_match = re.match(r"\d+", part)
        factor = int(factor_match[0]) if factor_match else 1
        position = len(factor_match[0]) if factor_match else 0
        stack: list[Counter[str]] = [Counter()]
        while position < len(part):
            match = _TOKEN.match(part, position)
            if match is None:
                raise ValueError(f"'{part[position]}' at position {position + 1}")
            isotope, isotope_of, isotope_n, element, count, opening, closing = match.groups()
            if opening:
                stack.append(Counter())
            elif closing is not None:
                if len(stack) == 1:
                    raise ValueError("a ')' without its '('")
                group = stack.pop()
                for symbol, n in group.items():
                    stack[-1][symbol] += n * int(closing or 1)
            elif isotope:
                stack[-1][f"{isotope}{isotope_of}"] += int(isotope_n or 1)
            else:
                symbol = {"D": "2H", "T": "3H"}.get(element, element)
                stack[-1][symbol] += int(count or 1)
            position = match.end()
        if len(stack) != 1:
            raise ValueError("a '(' that is never closed")
        for symbol, n in stack[0].items():
            total[symbol] += n * factor
    for symbol in total:
        if symbol not in ELEMENT_MASS and symbol not in ISOTOPE_MASS:
            raise ValueError(f"'{symbol}' is no element of the table")
    return tuple(total.items())


def parse_formula(text: str) -> dict[str, int]:
    """Return the atoms of a molecular formula such as ``C8H10N4O2`` or ``CuSO4.5H2O``.

    Groups in parentheses, hydrates, isotopes (``[13C]6H12O6``, ``D``) and a trailing charge
    (which adds no atom) are understood.

    Raises:
        ValueError: the text is empty or no formula; the message says where.
    """
    atoms = dict(_parse_formula(text))
    if not atoms:
        raise ValueError("no atoms")
    return atoms


def exact_mass(formula: str | Composition) -> float:
    """Return the monoisotopic mass in Da of the atoms; electrons are not subtracted.

    Raises:
        ValueError: the formula cannot be read.
    """
    atoms = parse_formula(formula) if isinstance(formula, str) else formula
    return sum(
        (ELEMENT_MASS[a] if a in ELEMENT_MASS else ISOTOPE_MASS[a]) * n for a, n in atoms.items()
    )


_GROUPS = {  # names that stand for atoms in adducts
    "ACN": "C2H3N", "MeCN": "C2H3N", "CH3CN": "C2H3N", "FA": "CH2O2", "HFA": "CH2O2",
    "HCOOH": "CH2O2", "HCOO": "CHO2", "HCO2": "CHO2", "CHOO": "CHO2", "COOH": "CHO2",
    "Ac": "C2H3O2", "OAc": "C2H3O2", "AcO": "C2H3O2", "Hac": "C2H4O2", "HAc": "C2H4O2",
    "AcOH": "C2H4O2", "CH3COO": "C2H3O2", "CH3CO2": "C2H3O2", "CH3COOH": "C2H4O2",
    "MeOH": "CH4O", "EtOH": "C2H6O", "IsoProp": "C3H8O", "iPrOH": "C3H8O", "DMSO": "C2H6OS",
    "TFA": "C2HF3O2", "CF3COO": "C2F3O2", "formate": "CHO2", "acetate": "C2H3O2",
}  # fmt: skip

_ION_CHARGE = {  # charge that a term brings when it is added; used where the text says none
    "H": 1, "Na": 1, "K": 1, "Li": 1, "NH4": 1, "Ag": 1, "Cs": 1, "Rb": 1,
    "Mg": 2, "Ca": 2, "Cu": 2, "Zn": 2, "Fe": 2,
    "Cl": -1, "Br": -1, "I": -1, "F": -1, "NO3": -1, "CHO2": -1, "C2H3O2": -1, "C2F3O2": -1,
}  # fmt: skip

_PREFERRED = (  # the spelling that we write; more exotic ions are spelled from their terms
    "[M+H]+", "[M+Na]+", "[M+NH4]+", "[M+K]+", "[M+Li]+", "[M]+", "[M-H2O+H]+", "[M-2H2O+H]+",
    "[M-3H2O+H]+", "[M-NH3+H]+", "[M-CO2+H]+", "[M+2H]2+", "[M+3H]3+", "[M+H+Na]2+",
    "[M+H+NH4]2+", "[M+H+K]2+", "[M+2Na]2+", "[M-H+2Na]+", "[M-H+2K]+", "[M-2H+3Na]+",
    "[M+ACN+H]+", "[M+ACN+Na]+", "[M+MeOH+H]+", "[2M+H]+", "[2M+Na]+", "[2M+NH4]+", "[2M+K]+",
    "[2M+ACN+H]+", "[M-H]-", "[M]-", "[M+Cl]-", "[M+Br]-", "[M+HCOO]-", "[M+CH3COO]-",
    "[M+CF3COO]-", "[M-H2O-H]-", "[M-CO2-H]-", "[M-NH3-H]-", "[M-CH3]-", "[M-2H]2-",
    "[M-3H]3-", "[M-2H+Na]-", "[M-2H+K]-", "[2M-H]-", "[2M+HCOO]-", "[2M+CH3COO]-",
    "[2M-2H+Na]-", "[3M-H]-", "[3M+H]+",
)  # fmt: skip

_TERM = re.compile(r"([+-])(\d*)((?:\[\d+[A-Z][a-z]?\]|[A-Za-z0-9()])+)")


@dataclass(frozen=True)
class Adduct:
    """An ion made of ``n_molecules`` neutral molecules, ``atoms`` gained or lost, and a charge."""

    n_molecules: int
    atoms: tuple[tuple[str, int], ...]  # net, sorted; negative counts are lost
    charge: int  # signed, never 0
    name: str  # canonical spelling

    @cached_property
    def shift(self) -> float:
        """Mass in Da that ionisation adds, electrons counted."""
        return exact_mass(dict(self.atoms)) - self.charge * ELECTRON_MASS

    def mz(self, neutral_mass: float) -> float:
        """Return the m/z of the ion of a molecule with this exact mass (Da)."""
        return (self.n_molecules * neutral_mass + self.shift) / abs(self.charge)

    def neutral_mass(self, mz: float) -> float:
        """Return the exact mass (Da) of the molecule whose ion has this m/z."""
        return (mz * abs(self.charge) - self.shift) / self.n_molecules

    @property
    def polarity(self) -> int:
        """+1 or -1."""
        return 1 if self.charge > 0 else -1

    @classmethod
    def parse(cls, text: str) -> "Adduct":
        """Read any common spelling: ``[M+H]+``, ``M+2H``, ``[M+2H]++``, ``[M+FA-H]-1``, ``[M]+.``.

        Raises:
            UsageError: the text names no single ion.
        """
        adduct = _parse_adduct(text)
        if adduct is None:
            raise UsageError(
                f"adduct '{text}' is not understood.",
                hint="Write it like [M+H]+, [M-H2O+H]+, [2M+Na]+ or [M+HCOO]-.",
            )
        return adduct


def canonical_adduct(text: str) -> str:
    """Return the one spelling of this ion, or an empty string where the text names no ion."""
    adduct = _parse_adduct(text)
    return adduct.name if adduct else ""


def known_adduct(text: str) -> Adduct | None:
    """Return the adduct, or ``None`` where the text names no single ion."""
    return _parse_adduct(text)


_NO_PLUS = re.compile(r"(?<=M)(?=(?:H|Na|K|NH4)[\])+])")  # MH+, [MNa]+


def _split_charge(text: str) -> tuple[str, int | None] | None:
    """Split ``[M+2H]2+`` into ``M+2H`` and 2; the charge is None where the text says none."""
    text = unicodedata.normalize("NFKC", text)  # superscript signs and digits
    text = text.strip().replace(" ", "").replace("−", "-").replace("–", "-")
    text = re.sub(r"[.*•]+(?=[+-]?$)|[.*•]+$", "", text)  # radical marks
    text = text.replace("Cat", "M")
    text = _NO_PLUS.sub("+", text)
    bracketed = re.fullmatch(r"[\[(](.+)[\])]\(?(\d*)([+-]*)(\d*)\)?", text)
    if bracketed:
        inside, before, signs, after = bracketed.groups()
        if not signs:
            return (inside, None) if not before and not after else None
        if len(set(signs)) != 1 or (before and after):
            return None
        size = int(before or after or len(signs))
        return inside, size if signs[0] == "+" else -size
    bare = re.fullmatch(r"(\d*M(?:[+-]\w+)*?)([+-]{1,3})?", text)
    if bare is None:
        return None
    signs = bare[2] or ""
    if len(set(signs)) > 1:
        return None
    return bare[1], (len(signs) if signs[:1] == "+" else -len(signs)) if signs else None


@cache
def _parse_adduct(text: str) -> Adduct | None:
    split = _split_charge(text)
    if split is None:
        return None
    inside, charge = split
    head = re.match(r"(\d*)M(?![a-z])", inside)
    if head is None:
        return None
    position, terms = head.end(), list[tuple[int, str]]()
    net: Counter[str] = Counter()
    implied = 0
    while position < len(inside):
        term = _TERM.match(inside, position)
        if term is None:
            return None
        count = int(term[2] or 1) * (1 if term[1] == "+" else -1)
        group = _GROUPS.get(term[3], term[3])
        try:
            atoms = parse_formula(group)
        except ValueError:
            return None
        for atom, n in atoms.items():
            net[atom] += n * count
        implied += _ION_CHARGE.get(group, 0) * count
        terms.append((count, term[3]))
        position = term.end()
    if charge is None:
        charge = implied
    if charge == 0 or abs(charge) > 60:
        return None
    n_molecules = int(head[1] or 1)
    if not 1 <= n_molecules <= 9:
        return None
    composition = tuple(sorted((atom, n) for atom, n in net.items() if n))
    key = (n_molecules, composition, charge)
    name = _preferred_names().get(key) if text not in _PREFERRED else text
    return Adduct(*key, name or _spell(n_molecules, terms, charge))


@cache
def _preferred_names() -> dict[tuple[int, tuple[tuple[str, int], ...], int], str]:
    adducts = [_parse_adduct(name) for name in _PREFERRED]
    return {(a.n_molecules, a.atoms, a.charge): a.name for a in adducts if a is not None}


def _spell(n_molecules: int, terms: list[tuple[int, str]], charge: int) -> str:
    def rank(term: tuple[int, str]) -> tuple[bool, bool, str]:
        count, group = term
        return group in _ION_CHARGE, count > 0, group  # neutral losses, gains, then the ions

    body = "".join(
        f"{'+' if count > 0 else '-'}{abs(count) if abs(count) > 1 else ''}{group}"
        for count, group in sorted(terms, key=rank)
    )
    size = str(abs(charge)) if abs(charge) > 1 else ""
    molecules = str(n_molecules) if n_molecules > 1 else ""
    return f"[{molecules}M{body}]{size}{'+' if charge > 0 else '-'}"
