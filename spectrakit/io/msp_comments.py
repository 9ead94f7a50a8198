"""The comment of an MSP record, in which MoNA and NIST put fields of their own."""

import re

from spectrakit.io.record import Field, field_of

_QUOTED_PAIR = re.compile(r'"([^"=]+)=([^"]*)"')
_BARE_PAIR = re.compile(r'([A-Za-z][\w#/]*)=("[^"]*"|[^\s;]+)')
_COMMENT_KEYS = {  # NIST's unquoted comments: the few that have a column of their own
    "Parent": "PrecursorMZ",
    "MS_mode": "Ion_mode",
    "Precursor_type": "Precursor_type",
    "Collision_energy": "Collision_energy",
    "Charge": "Charge",
    "DB#": "DB#",
    "Mods": "Mods",
}


def with_comment(fields: list[Field]) -> list[Field]:
    """Take apart ``"k=v" "k=v"``; of NIST's ``k=v k=v`` take what has a column, keep the whole."""
    kept: list[Field] = []
    found: list[Field] = []
    inferred: list[Field] = []
    for field in fields:
        value = field[2]
        if field[0] != "comment":
            kept.append(field)
        elif value.startswith('"') and (pairs := _QUOTED_PAIR.findall(value)):
            if _QUOTED_PAIR.sub("", value).strip(" \t,;"):  # something is in no pair
                kept.append(("", field[1], value))
            found.extend(field_of(key, text) for key, text in pairs)
            for key, text in pairs:
                if key in ("computed SMILES", "computed InChI"):
                    found.append(field_of(key[9:], text))
        else:
            kept.append(("", field[1], value))
            for key, text in _BARE_PAIR.findall(value):
                if key in _COMMENT_KEYS:
                    inferred.append(field_of(_COMMENT_KEYS[key], text.strip('"')))
                elif key == "NCE":
                    inferred.append(field_of("Collision_energy", f"{text} NCE"))
    stated = {meaning for meaning, *_ in kept + found}
    for field in inferred:  # the comment is kept whole, so what is stated elsewhere may differ
        if field[0] not in stated:
            stated.add(field[0])
            found.append(field)
    return kept + found
