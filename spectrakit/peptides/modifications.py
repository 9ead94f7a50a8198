"""Modifications of peptides that libraries name: their Unimod names, accessions and masses.

Compositions are those of Unimod. What is not in the table has no mass here and is said so;
masses in brackets (``[+57.021]``) need no table.
"""

import re
from functools import lru_cache

from spectrakit.chemistry import exact_mass

_TABLE: dict[str, tuple[int, dict[str, int]]] = {  # Unimod name -> record id, net composition
    "Acetyl": (1, {"C": 2, "H": 2, "O": 1}),
    "Amidated": (2, {"H": 1, "N": 1, "O": -1}),
    "Biotin": (3, {"C": 10, "H": 14, "N": 2, "O": 2, "S": 1}),
    "Carbamidomethyl": (4, {"C": 2, "H": 3, "N": 1, "O": 1}),
    "Carbamyl": (5, {"C": 1, "H": 1, "N": 1, "O": 1}),
    "Carboxymethyl": (6, {"C": 2, "H": 2, "O": 2}),
    "Deamidated": (7, {"H": -1, "N": -1, "O": 1}),
    "Phospho": (21, {"H": 1, "O": 3, "P": 1}),
    "Dehydrated": (23, {"H": -2, "O": -1}),
    "Propionamide": (24, {"C": 3, "H": 5, "N": 1, "O": 1}),
    "Pyro-carbamidomethyl": (26, {"C": 2, "O": 1}),
    "Glu->pyro-Glu": (27, {"H": -2, "O": -1}),
    "Gln->pyro-Glu": (28, {"H": -3, "N": -1}),
    "Cation:Na": (30, {"H": -1, "Na": 1}),
    "Methyl": (34, {"C": 1, "H": 2}),
    "Oxidation": (35, {"O": 1}),
    "Dimethyl": (36, {"C": 2, "H": 4}),
    "Trimethyl": (37, {"C": 3, "H": 6}),
    "Methylthio": (39, {"C": 1, "H": 2, "S": 1}),
    "Sulfo": (40, {"O": 3, "S": 1}),
    "Hex": (41, {"C": 6, "H": 10, "O": 5}),
    "HexNAc": (43, {"C": 8, "H": 13, "N": 1, "O": 5}),
    "Palmitoyl": (47, {"C": 16, "H": 30, "O": 1}),
    "Guanidinyl": (52, {"C": 1, "H": 2, "N": 2}),
    "Propionyl": (58, {"C": 3, "H": 4, "O": 1}),
    "Succinyl": (64, {"C": 4, "H": 4, "O": 3}),
    "Nethylmaleimide": (108, {"C": 6, "H": 7, "N": 1, "O": 2}),
    "GG": (121, {"C": 4, "H": 6, "N": 2, "O": 2}),
    "Formyl": (122, {"C": 1, "O": 1}),
    "Label:13C(6)": (188, {"C": -6, "13C": 6}),
    "iTRAQ4plex": (214, {"C": 4, "13C": 3, "H": 12, "N": 1, "15N": 1, "O": 1}),
    "Label:13C(6)15N(2)": (259, {"C": -6, "13C": 6, "N": -2, "15N": 2}),
    "Label:13C(6)15N(4)": (267, {"C": -6, "13C": 6, "N": -4, "15N": 4}),
    "Cysteinyl": (312, {"C": 3, "H": 5, "N": 1, "O": 2, "S": 1}),
    "Trioxidation": (345, {"O": 3}),
    "Nitro": (354, {"H": -1, "N": 1, "O": 2}),
    "Ammonia-loss": (385, {"H": -3, "N": -1}),
    "Dioxidation": (425, {"O": 2}),
    "iTRAQ8plex": (730, {"C": 7, "13C": 7, "H": 24, "N": 3, "15N": 1, "O": 3}),
    "TMT6plex": (737, {"C": 8, "13C": 4, "H": 20, "N": 1, "15N": 1, "O": 2}),
    "Malonyl": (747, {"C": 3, "H": 2, "O": 3}),
    "Crotonyl": (1363, {"C": 4, "H": 4, "O": 1}),
    "TMTpro": (2016, {"C": 8, "13C": 7, "H": 25, "N": 1, "15N": 2, "O": 3}),
}
MODIFICATIONS = tuple(_TABLE)
ALIASES = {  # how NIST, MaxQuant and others abbreviate
    "CAM": "Carbamidomethyl", "cam": "Carbamidomethyl", "Pyro-glu": "Gln->pyro-Glu",
    "Pyro_glu": "Glu->pyro-Glu", "Pyro-cmC": "Pyro-carbamidomethyl",
    "Pyro_cmC": "Pyro-carbamidomethyl", "ox": "Oxidation", "O": "Oxidation", "ac": "Acetyl",
    "ph": "Phospho", "p": "Phospho", "de": "Deamidated", "me": "Methyl", "gl": "Gln->pyro-Glu",
    "Deamidation": "Deamidated", "Phosphorylation": "Phospho", "Acetylation": "Acetyl",
    "GlyGly": "GG", "TMT": "TMT6plex", "iTRAQ": "iTRAQ4plex", "iTRAQ4": "iTRAQ4plex",
    "iTRAQ8": "iTRAQ8plex", "Na": "Cation:Na",
}  # fmt: skip
ALSO_TERMINAL = frozenset(  # on the first residue these sit on its amine
    {"Acetyl", "Carbamyl", "Formyl", "Propionyl", "TMT6plex", "TMTpro", "iTRAQ4plex", "iTRAQ8plex"}
)
_BY_ID = {number: name for name, (number, _) in _TABLE.items()}
_PREFIX = re.compile(r"(?:U|UNIMOD|Unimod|MOD|M):(?=\D)")
_ACCESSION = re.compile(r"(?:UNIMOD|Unimod):(\d{1,5})")
_NUMBER = re.compile(r"(?:U:|M:|Obs:|obs:)?([+-]\d+(?:\.\d*)?)")


@lru_cache(maxsize=4096)
def mass_of(tag: str) -> float | None:
    """Return the mass in Da that the text between brackets adds; None where it is not known.

    Of ``Oxidation|info:x`` the first part that has a mass counts.
    """
    for part in tag.split("|"):
        text = part.partition("#")[0].strip()
        if match := _NUMBER.fullmatch(text):
            return float(match[1])
        if match := _ACCESSION.fullmatch(text):
            text = _BY_ID.get(int(match[1]), "")
        text = _PREFIX.sub("", text, count=1)
        if text in _TABLE:
            return exact_mass(_TABLE[text][1])
    return None
