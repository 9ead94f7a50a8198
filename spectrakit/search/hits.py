"""Hits: what ``identify`` says of a spectrum, one record for each compound.

The columns and their order are a contract that scripts rely on; new ones are appended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import nan
from typing import Any

COLUMNS = (
    "file", "spectrum", "scan", "rt_seconds", "precursor_mz", "polarity", "rank", "name",
    "inchikey", "smiles", "formula", "adduct", "mz_error_ppm", "method", "score",
    "matched_peaks", "probability", "q_value", "level", "source", "source_id", "note",
    "similarity", "fragmenter", "fingerprint", "embedding",
)  # fmt: skip

POLARITY_TEXT = {1: "positive", -1: "negative", 0: ""}


@dataclass(slots=True)
class Hit:
    """One compound proposed for one spectrum; rank 0 and no compound when there is none."""

    file: str = ""
    spectrum: str = ""
    scan: int | None = None
    rt_seconds: float = nan
    precursor_mz: float = nan
    polarity: str = ""
    rank: int = 0
    name: str = ""
    inchikey: str = ""
    smiles: str = ""
    formula: str = ""
    adduct: str = ""
    mz_error_ppm: float = nan
    method: str = ""
    score: float = nan
    matched_peaks: int | None = None
    probability: float = nan
    q_value: float = nan
    level: str = ""
    source: str = ""
    source_id: str = ""
    note: str = ""
    similarity: float = nan  # features of the ranker, in log-odds or as ``search.ranker`` says
    fragmenter: float = nan
    fingerprint: float = nan
    embedding: float = nan

    def record(self) -> dict[str, Any]:
        """Return the hit as a record; numbers are rounded to what they can mean."""
        row: dict[str, Any] = {name: getattr(self, name) for name in COLUMNS}
        for name, digits in _DIGITS.items():
            if row[name] == row[name]:
                row[name] = round(row[name], digits)
        return row


_DIGITS = {
    "rt_seconds": 3, "precursor_mz": 6, "mz_error_ppm": 3, "score": 4,
    "probability": 4, "q_value": 4, "similarity": 4, "fragmenter": 4, "fingerprint": 4,
    "embedding": 4,
}  # fmt: skip

assert tuple(field.name for field in fields(Hit)) == COLUMNS


def set_q_values(best: Sequence[Hit]) -> None:
    """Set ``q_value`` of the rank-1 hits of one file from their probabilities.

    The q-value of a hit is the share of wrong answers expected among all answers at least as
    probable: the running mean of ``1 - probability`` from the top (local false discovery
    rates averaged; Efron 2001, eq. 2.9). Other ranks have none.
    """
    ranked = sorted((h for h in best if h.rank == 1), key=lambda h: -h.probability)
    wrong = 0.0
    for n, hit in enumerate(ranked, start=1):
        wrong += 1 - hit.probability
        hit.q_value = wrong / n
    for above, below in zip(ranked[-2::-1], ranked[:0:-1], strict=True):
        if above.probability == below.probability:  # equal evidence, equal claim
            above.q_value = below.q_value
