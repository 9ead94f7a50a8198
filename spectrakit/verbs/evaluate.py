"""Measure answers against a table of truth, so that a lab can check claims on its own samples."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spectrakit.search.metrics import (
    N_BOOTSTRAPS,
    Statistic,
    brier_skill,
    calibration_error,
    estimate,
    mean,
    tanimoto,
)
from spectrakit.search.truth import Case, judge

RECALL_AT = (1, 5, 20)
CLAIMED_FDR = (0.01, 0.05, 0.10)


def evaluate_identify(hits: Path, truth: Path, *, seed: int = 0) -> dict[str, Any]:
    """Compare the hits of ``identify`` with the truth.

    A spectrum of the truth that the hits do not mention is a miss; hits of other spectra are
    ignored and counted. Compounds are compared by the first block of the InChIKey. A compound
    that ties with the truth (same score, same probability) is ranked before it.

    Args:
        hits: TSV with at least ``spectrum rank inchikey score``; also used where there:
            ``file smiles probability q_value level``.
        truth: TSV or CSV with ``spectrum inchikey`` and, where there, ``molecule`` (what the
            bootstrap draws; else the InChIKey's first block), ``known`` (0: no right answer
            exists), ``file`` and ``smiles``.
        seed: of the bootstrap.

    Returns:
        ``recall_at_1``, ``recall_at_5``, ``recall_at_20``, ``mrr`` and ``tanimoto_at_1`` over
        the known compounds; ``brier_skill`` and ``ece`` over all answers with a probability,
        known or not; ``fdr`` over all answers that name a compound. Each is an object as
        ``metrics.estimate`` returns it; ``fdr`` has besides ``at`` (observed share of wrong
        answers among those with a q-value below the claimed one) and ``unknowns``.

    Raises:
        InputError: a table is missing, malformed or ambiguous.
    """
    judged = judge(hits, truth)
    cases = judged.cases
    known = [case for case in cases if case.known]
    # An undefined rank becomes infinity: beyond every k, and its reciprocal is 0.
    ranks = [float("inf") if case.rank is None else float(case.rank) for case in known]

    def figure(some: Sequence[Case], statistic: Statistic) -> dict[str, Any]:
        return estimate([case.molecule for case in some], statistic, seed=seed)

    result: dict[str, Any] = {
        "hits": str(hits),
        "truth": str(truth),
        "n_spectra": len(cases),
        "n_known": len(known),
        "n_unknown": len(cases) - len(known),
        "n_molecules": len({case.molecule for case in cases}),
        "not_in_hits": len(judged.not_in_hits),
        "not_in_hits_spectra": judged.not_in_hits[:20],
        "not_in_truth": judged.not_in_truth,
        "bootstraps": N_BOOTSTRAPS,
        "seed": seed,
    }
    for k in RECALL_AT:
        result[f"recall_at_{k}"] = figure(known, mean([float(rank <= k) for rank in ranks]))
    result["mrr"] = figure(known, mean([1 / rank for rank in ranks]))
    alike = [(case, value) for case, value in _similarities(cases) if value is not None]
    result["tanimoto_at_1"] = figure([c for c, _ in alike], mean([value for _, value in alike]))
    stated = [
        (c, c.first.probability) for c in cases if c.first and _is_number(c.first.probability)
    ]
    correct = [case.rank == 1 for case, _ in stated]
    for name, statistic in (("brier_skill", brier_skill), ("ece", calibration_error)):
        answers = [case for case, _ in stated]
        result[name] = figure(answers, statistic([p for _, p in stated], correct))
    named = [case for case in cases if case.is_named]
    result["fdr"] = figure(named, _share_wrong(named))
    result["fdr"]["at"] = {}
    for limit in CLAIMED_FDR:
        taken = [case for case in cases if case.first is not None and case.first.q_value <= limit]
        result["fdr"]["at"][f"{limit:.2f}"] = {
            "claimed": limit,
            **figure(taken, _share_wrong(taken)),
        }
    unknown = [case for case in cases if not case.known]
    result["fdr"]["unknowns"] = {
        "named": sum(case.is_named for case in unknown),
        **figure(unknown, mean([float(case.is_named) for case in unknown])),
    }
    return result


def _share_wrong(cases: Sequence[Case]) -> Statistic:
    return mean([float(case.rank != 1) for case in cases])


def _is_number(value: float) -> bool:
    return value == value


def _similarities(cases: Sequence[Case]) -> Iterator[tuple[Case, float | None]]:
    """Yield the similarity of truth and first answer for each known compound.

    No answer is 0; of answers that tie for the first place the least similar counts. The
    truth's structure is its own ``smiles`` or that of any hit of the compound; without one a
    wrong answer cannot be compared and yields None.
    """
    structures = {p.compound: p.smiles for case in cases for p in case.proposals if p.smiles}
    for case in cases:
        if not case.known:
            continue
        if case.first is None:
            yield case, 0.0
            continue
        smiles = case.smiles or structures.get(case.compound, "")
        values = [
            1.0 if p.compound == case.compound else tanimoto(smiles, p.smiles)
            for p in case.proposals
            if p is case.first or p.ties_with(case.first)
        ]
        comparable = [value for value in values if value is not None]
        yield case, min(comparable) if len(comparable) == len(values) else None


def table_lines(result: dict[str, Any]) -> list[str]:
    """Return the result as aligned lines for a person."""
    lines = [
        "{n_spectra} spectra of {n_molecules} molecules: {n_known} known, {n_unknown} unknown; "
        "{not_in_hits} not in the hits (misses); {not_in_truth} spectra of the hits not in the "
        "truth (ignored)".format_map(result),
        f"{'':22}{'n':>6}  {'per spectrum':24}{'per molecule':24}",
    ]
    rows = [(name, result[name]) for name in result if isinstance(result[name], dict)]
    fdr = result["fdr"]
    rows += [(f"fdr, claimed {limit}", part) for limit, part in fdr["at"].items()]
    rows.append(("unknowns named", fdr["unknowns"]))
    for name, part in rows:
        figures = "".join(f"{_figure(part[key]):24}" for key in ("per_spectrum", "per_molecule"))
        lines.append(f"{name:22}{part['n']:>6}  {figures}".rstrip())
    return lines


def _figure(part: dict[str, Any]) -> str:
    if part["value"] is None:
        return "-"
    if part["interval"] is None:
        return f"{part['value']:.3f}"
    low, high = part["interval"]
    return f"{part['value']:.3f} [{low:.3f}, {high:.3f}]"
