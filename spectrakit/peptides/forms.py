"""Peptidoforms: one ProForma text from the spellings of libraries, its identity and its mass.

Understood is what spectral libraries hold: residues, modifications by name, accession or mass, at
residues and at the ends. Rarer ProForma (glycans, ambiguous places, cross-links) is kept as text
and has no mass here. I and L stay different: nothing is guessed.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import nan

from spectrakit.peptides.modifications import ALIASES, ALSO_TERMINAL, mass_of

_RESIDUES = "ACDEFGHIKLMNPQRSTVWYBJOUXZ"
_TAG = r"\[(?:[^\[\]]|\[[^\[\]]*\])+\]"  # a modification's name may hold one pair of brackets
_SIMPLE = re.compile(
    rf"((?:{_TAG})*-|)((?:[{_RESIDUES}](?:{_TAG})*)+)(-(?:{_TAG})+|)(?:/(\d{{1,2}}))?"
)
_RESIDUE = re.compile(rf"([{_RESIDUES}])((?:{_TAG})*)")
_ONE_TAG = re.compile(_TAG)
_RARE = re.compile(rf"[{_RESIDUES}\[\](){{}}<>?+\-|#/:;.,@*\w ^]+")
_MASS_SPELLING = re.compile(rf"([+-]\d[\d.]*)?((?:[{_RESIDUES}](?:[+-]\d[\d.]*)?)+)")
_BRACKETED = re.compile(r"\(([^()]*(?:\([^()]*\))?[^()]*)\)")
_UNPLACED = re.compile(r"\(\?|\)\[")  # (?DQ) of unknown order, (TIDE)[Phospho] somewhere in it
_CHARGE = re.compile(r"(.*[^/])/(\d{1,2})", re.DOTALL)
_FLANKED = re.compile(r"[A-Z\-_]\.(\S+)\.[A-Z\-_]")
_NIST_NAME = re.compile(r"([A-Za-z\[\]().\d+\-]+?)/(\d{1,2})(?![\d.])")
_NIST_MOD = re.compile(r"(-?\d+),([A-Za-z\-]*),([^()/]+)")
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Peptidoform:
    """A sequence with its modifications: tags by residue, and at the two ends."""

    sequence: str
    tags: tuple[tuple[str, ...], ...]  # of each residue
    n_term: tuple[str, ...] = ()
    c_term: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as ProForma."""
        body = "".join(
            letter + _bracketed(tags) for letter, tags in zip(self.sequence, self.tags, strict=True)
        )
        start = f"{_bracketed(self.n_term)}-" if self.n_term else ""
        return start + body + (f"-{_bracketed(self.c_term)}" if self.c_term else "")


def _bracketed(tags: tuple[str, ...]) -> str:
    return "".join(f"[{tag}]" for tag in tags)


def _cut(text: str) -> tuple[str, ...]:
    return tuple(found[1:-1] for found in _ONE_TAG.findall(text))


def _parsed(text: str) -> tuple[Peptidoform, int] | None:
    """Return a peptidoform and its charge (0 where none is said) from plain ProForma."""
    match = _SIMPLE.fullmatch(text)
    if match is None or match[1] == "-":
        return None
    residues = _RESIDUE.findall(match[2])
    form = Peptidoform(
        "".join(letter for letter, _ in residues),
        tuple(_cut(tags) for _, tags in residues),
        _cut(match[1]),
        _cut(match[3]),
    )
    return form, int(match[4] or 0)


@lru_cache(maxsize=1 << 16)
def read_peptide(text: str) -> tuple[str, int]:
    """Return ``(ProForma without charge, charge)`` of a peptide as programs spell it.

    ``PEPTIDE/2``, ``[Acetyl]-PEPC[Carbamidomethyl]``, ``+42.011PEPC+57.021``,
    ``K.PEPC(+57.02)R.T``, ``_PEPM(ox)_``. The text is empty where this is no peptide
    (``*..*``), the charge 0 where none is said.
    """
    plain = text.strip().strip("_")
    if not plain or len(plain) > _LONGEST:
        return "", 0
    if match := _FLANKED.fullmatch(plain.partition("/")[0]):
        plain = match[1] + plain[match.end() :]
    known = _parsed(plain) or _parsed(_from_brackets(plain)) or _parsed(_from_masses(plain))
    if known is not None:
        return str(known[0]), known[1]
    charged = _CHARGE.fullmatch(plain)
    rare = _rare(charged[1] if charged else plain)
    return rare, int(charged[2]) if charged and rare else 0


def _from_brackets(text: str) -> str:
    """Turn ``C(+57.02)`` and ``M(ox)`` into tags; one before the first residue is terminal."""
    if "(" not in text or text.count("(") > len(text) // 2 or _UNPLACED.search(text):
        return text
    changed = _BRACKETED.sub(lambda m: f"[{_name(m[1])}]", text)
    return re.sub(rf"^({_TAG})(?=[{_RESIDUES}])", r"\1-", changed)


def _name(text: str) -> str:
    plain = re.sub(r" \([^()]*\)$", "", text.strip())  # "Oxidation (M)"
    return ALIASES.get(plain, plain)


def _from_masses(text: str) -> str:
    body, slash, charge = text.partition("/")
    match = _MASS_SPELLING.fullmatch(body)
    if match is None:
        return text
    start = f"[{match[1]}]-" if match[1] else ""
    return start + re.sub(r"([+-]\d[\d.]*)", r"[\1]", match[2]) + slash + charge


def _rare(text: str) -> str:
    """Return ProForma that is not taken apart here, if it looks like that; else nothing."""
    if not _RARE.fullmatch(text) or not any(mark in text for mark in ("{", "<", "?", "#", "(")):
        return ""
    bare = re.sub(r"\[[^\]]*\]|\{[^}]*\}|<[^>]*>|\^\d+|[()?\-+]", "", text)
    return text if bare and all(letter in _RESIDUES for letter in bare) else ""


@lru_cache(maxsize=1 << 16)
def nist_peptide(name: str, mods: str) -> tuple[str, int]:
    """Return ``(ProForma, charge)`` of NIST's ``Name: PEPTIDE/2`` and ``Mods=1/3,C,CAM``.

    Both are needed, since ``DDT/1`` may be anything. Empty where the two do not fit each other.
    """
    match = _NIST_NAME.match(name)
    if match is None:
        return "", 0
    sequence = re.sub(r"\[[^\]]*\]|\([^)]*\)|[nc](?=\[)", "", match[1])
    sequence = re.sub(r"^n|c$", "", sequence)
    found: list[tuple[str, str, str]] = _NIST_MOD.findall(mods)
    count = re.match(r"\d+", mods)
    if not sequence or any(letter not in _RESIDUES for letter in sequence):
        return "", 0
    if count is None or int(count[0]) != len(found):
        return "", 0
    tags: list[tuple[str, ...]] = [()] * len(sequence)
    n_term: tuple[str, ...] = ()
    c_term: tuple[str, ...] = ()
    for place, letter, modification in found:
        at, spelled = int(place), modification.strip()
        tag = ALIASES.get(spelled, spelled)
        residue = sequence[at] if 0 <= at < len(sequence) else ""
        if at == -1 or (at == 0 and tag in ALSO_TERMINAL and letter != "K"):
            n_term += (tag,)
        elif at == -2 or at == len(sequence):
            c_term += (tag,)
        elif residue and residue == letter:
            tags[at] += (tag,)
        else:
            return "", 0
    return str(Peptidoform(sequence, tuple(tags), n_term, c_term)), int(match[2])


@lru_cache(maxsize=1 << 16)
def peptide_key(text: str) -> str:
    """Return what makes two spellings one peptidoform: every known modification by its mass."""
    known = _parsed(text)
    if known is None:
        return text
    form = known[0]
    return str(
        Peptidoform(
            form.sequence,
            tuple(tuple(map(_key, tags)) for tags in form.tags),
            tuple(map(_key, form.n_term)),
            tuple(map(_key, form.c_term)),
        )
    )


def _key(tag: str) -> str:
    mass = mass_of(tag)
    return tag if mass is None else f"{mass:+.2f}"


@lru_cache(maxsize=1 << 16)
def peptide_mass(text: str) -> float:
    """Return the monoisotopic neutral mass of a peptidoform in Da; NaN where any part has none.

    Residues are those of pyteomics, modifications those of ``modifications``.
    """
    from pyteomics.mass import fast_mass

    known = _parsed(text)
    if known is None or set(known[0].sequence) & set("BJXZ"):
        return nan
    form = known[0]
    masses = [mass_of(tag) for tags in (*form.tags, form.n_term, form.c_term) for tag in tags]
    if any(mass is None for mass in masses):
        return nan
    return float(fast_mass(form.sequence)) + sum(mass for mass in masses if mass is not None)
