"""One ranked list for each spectrum: library compounds and candidate structures together.

Library compounds above their limit come first, then everything by probability; what rests on
mass alone comes last. A compound found both ways stands once, with its library evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spectrakit.search.hits import POLARITY_TEXT, Hit
from spectrakit.search.queries import Query

LIBRARY_LIMIT = 0.5  # probability above which a library compound precedes every structure
LEVEL_2A_SCORE = 0.75  # similarity that a level 2a hit must reach
LEVEL_2A_MATCHED = 3  # peaks that must agree (fewer only if the spectrum has fewer)
LEVEL_2A_MARGIN = 0.05  # similarity by which it must lead the next compound


@dataclass(frozen=True, slots=True)
class Evidence:
    """A compound proposed for a spectrum, before it is ranked among the others."""

    key: str  # first InChIKey block, or what stands for identity
    hit: Hit
    strength: float  # orders compounds of one kind: combined evidence, or the fragmenter's merit
    is_library: bool
    mode: str  # precursor, open, analogue; structures are always by precursor
    n_peaks: int  # peaks compared


def ranked_hits(query: Query, evidence: Sequence[Evidence], top: int) -> list[Hit]:
    """Return the hits of one spectrum, ranked; a single rank-0 row when there are none."""
    ordered = sorted(evidence, key=_order)
    seen: set[str] = set()
    hits: list[Hit] = []
    for item in ordered:
        if item.key in seen:
            continue
        seen.add(item.key)
        if len(hits) == top:
            break
        item.hit.rank = len(hits) + 1
        item.hit.level = _level(item, ordered)
        hits.append(item.hit)
    return hits or [Hit(spectrum=query.spectrum.native_id)]


def _order(item: Evidence) -> tuple[bool, bool, float, float, str]:
    hit = item.hit
    mass_only = not item.is_library and not hit.matched_peaks
    above_limit = item.is_library and hit.probability >= LIBRARY_LIMIT
    return (mass_only, not above_limit, -hit.probability, -item.strength, item.key)


def _level(item: Evidence, rivals: Sequence[Evidence]) -> str:
    """Return the confidence level of Schymanski et al. 2014 that the evidence allows.

    2a: an unambiguous library match with a precursor. 3: anything else with fragments, or proposed
    by its vector in a search without precursors. 5: mass only. Level 1 needs an in-house retention
    time and level 4 a lone formula: neither is said.
    """
    hit = item.hit
    if not hit.matched_peaks:
        return "3" if item.mode in ("open", "analogue") else "5"
    if not item.is_library or item.mode != "precursor":
        return "3"
    enough = hit.matched_peaks >= min(LEVEL_2A_MATCHED, item.n_peaks)
    runner_up = max(
        (r.hit.score for r in rivals if r.is_library and r.key != item.key), default=0.0
    )
    clear = hit.score - runner_up >= LEVEL_2A_MARGIN and hit.probability >= LIBRARY_LIMIT
    return "2a" if enough and clear and hit.score >= LEVEL_2A_SCORE else "3"


def describe_query(hit: Hit, file: str, query: Query) -> None:
    """Fill the columns that say which spectrum a hit belongs to."""
    spectrum = query.spectrum
    hit.file = file
    hit.spectrum = spectrum.native_id or str(query.number)
    hit.scan = scan_number(spectrum.native_id)
    hit.rt_seconds = spectrum.rt_seconds
    hit.precursor_mz = spectrum.precursor_mz
    hit.polarity = POLARITY_TEXT.get(spectrum.polarity, "")
    notes = [note for note in (hit.note, query.note if not hit.note else "") if note]
    hit.note = "; ".join(notes)


def scan_number(native_id: str) -> int | None:
    """Return the scan number in a native id such as ``controllerType=0 scan=17``."""
    for word in native_id.replace(";", " ").split():
        key, _, value = word.partition("=")
        if key in ("scan", "scanId", "index") and value.isdigit():
            return int(value)
    return int(native_id) if native_id.isdigit() else None
