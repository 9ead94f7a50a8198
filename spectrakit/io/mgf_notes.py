"""Annotations of peaks in MGF: one parameter, because other readers take a third column as charge.

``PEAK_ANNOTATIONS={"0": "y1", "7": "b2"}`` names peaks by their place in the list, from 0.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from numpy.typing import NDArray

from spectrakit.io.peaklist import note_column
from spectrakit.io.record import Field

KEY = "PEAK_ANNOTATIONS"


def notes_line(notes: Sequence[str]) -> str:
    """Return the parameter that holds the notes; those that are empty are left out."""
    held = {str(place): note for place, note in enumerate(notes) if note}
    return f"{KEY}={json.dumps(held, ensure_ascii=False)}"


def with_notes(
    fields: list[Field], columns: Mapping[str, NDArray[Any]], n: int
) -> tuple[list[Field], Mapping[str, NDArray[Any]]]:
    """Take the notes out of the fields into the column ``annotation``, if they fit ``n`` peaks."""
    text = next((value for _, key, value in fields if key == KEY), "")
    try:
        held = json.loads(text)
        notes = [""] * n
        for place, note in cast("dict[str, Any]", held).items():
            if not place.isdecimal() or not isinstance(note, str):
                return fields, columns
            notes[int(place)] = note
    except (ValueError, IndexError, AttributeError, RecursionError):
        return fields, columns  # kept as it is
    rest = [field for field in fields if field[1] != KEY]
    return rest, {**columns, "annotation": note_column(notes)}
