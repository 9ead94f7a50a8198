"""``evaluate transfer``: methods of calibration transfer measured on a lab's own samples."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.accounting import Summary
from spectrakit.errors import MismatchError, UsageError
from spectrakit.log import progress, say
from spectrakit.output import open_records
from spectrakit.transfer.evaluation import AUTO, Score, Split, pooled_ratio, scores_of_split
from spectrakit.transfer.methods import Method
from spectrakit.transfer.problem import Problem, problem_of
from spectrakit.transfer.registry import METHODS, method_named
from spectrakit.transfer.standards import DESIGNS
from spectrakit.verbs.transfer_tables import read_instrument

COLUMNS = (
    "property", "standards", "seed", "method", "r2", "rmsep", "bias", "ceiling_ratio",
    "coverage", "width",
)  # fmt: skip
_TEST_SHARE = 0.25
_LEARN_SHARE = 0.8
_LEAST = 12  # samples on both instruments


def evaluate_transfer(
    source: str, target: str, properties: Sequence[str], *, standards: Sequence[int], seeds: int,
    methods: str, source_where: Sequence[str], target_where: Sequence[str],
    test_where: Sequence[str], preprocess: str, design: str, level: float, out: Path,
    summary: Summary,
) -> None:  # fmt: skip
    """Measure methods over random splits of the samples that both instruments have measured.

    A quarter of the samples is the test of each split (or those of ``test_where`` in every
    split); the rest learns, and the standards are chosen among it.

    Raises:
        InputError: an input cannot be read.
        MismatchError: too few samples on both instruments.
        UsageError: an unknown property, method or design, or numbers that cannot be meant.
    """
    from threadpoolctl import threadpool_limits

    chosen = _methods(methods)
    if design not in DESIGNS:
        raise UsageError(f"--design '{design}' is unknown.", hint=f"Designs: {', '.join(DESIGNS)}.")
    if not properties:
        raise UsageError("no property is named.", hint="Give --property NAME.")
    one = read_instrument((source,), source_where, "--source-where", preprocess, summary)
    other = read_instrument(
        (target,), target_where, "--target-where", preprocess, summary, test_where, one
    )
    problem = problem_of(one.table, other.table, frozenset(), 0, properties, design, 0)
    rows = problem.pairs
    known = np.stack([one.table.values_of(name) for name in properties], axis=1)[rows[:, 0]]
    keep = np.flatnonzero(np.isfinite(known).all(axis=1))
    rows, known = rows[keep], known[keep]
    if len(rows) < _LEAST:
        raise MismatchError(
            f"{len(rows)} samples with reference values are on both instruments; an evaluation "
            f"needs {_LEAST} at least.",
            hint="Give both instruments the same sample ids, and join --targets.",
        )
    names = [problem.source.samples[row] for row in rows[:, 0]]
    fixed = np.array([name in other.test_ids for name in names])
    say(problem.common.says)
    found: list[tuple[int, Score]] = []
    with (
        threadpool_limits(1),
        progress("evaluate", seeds * len(standards), "splits") as advance,
    ):
        for seed in range(seeds):
            split = _split(problem, rows, known, fixed, seed)
            for n in standards:
                if n > len(split.train):
                    raise UsageError(
                        f"--standards {n} asks for more than the {len(split.train)} samples that "
                        "learn.",
                        hint="Give fewer.",
                    )
                found += [
                    (seed, score)
                    for score in scores_of_split(
                        split, n, chosen, DESIGNS[design], level, seed,
                        with_auto=methods in ("all", AUTO) and n > 0,
                    )
                    if methods != AUTO or score.method in (AUTO, "target-only") or n == 0
                ]  # fmt: skip
                advance(1)
    _write(found, properties, out)
    _say(found, properties)


def _methods(text: str) -> tuple[Method, ...]:
    if text in ("all", AUTO):
        return METHODS
    return tuple(method_named(name.strip()) for name in text.split(","))


def _split(problem: Problem, rows: Any, known: Any, fixed: Any, seed: int) -> Split:
    """Return a split in which no group of samples is on both sides."""
    rng = np.random.default_rng(seed)
    groups = np.array([problem.source.groups[row] for row in rows[:, 0]])
    held = fixed
    names = rng.permutation(np.unique(groups[~fixed]))
    if fixed.any():  # the tests stay; four fifths of the others learn
        names = names[: max(round(_LEARN_SHARE * len(names)), 2)]
        train = np.flatnonzero(~fixed & np.isin(groups, names))
    else:
        n_test = max(round(_TEST_SHARE * len(names)), 2)
        held = np.isin(groups, names[:n_test])
        train = np.flatnonzero(~held)
    return Split(
        problem.source_values[rows[:, 0]],
        problem.target_values[rows[:, 1]],
        known,
        train,
        np.flatnonzero(held),
        problem.common.shared,
    )


def _write(found: Sequence[tuple[int, Score]], properties: Sequence[str], out: Path) -> None:
    with open_records(out, "tsv", COLUMNS) as write:
        for seed, score in found:
            write(
                {
                    "property": properties[score.column],
                    "standards": score.standards,
                    "seed": seed,
                    "method": score.method,
                    "r2": score.r2,
                    "rmsep": score.rmsep,
                    "bias": score.bias,
                    "ceiling_ratio": score.ceiling_ratio,
                    "coverage": score.coverage,
                    "width": score.width,
                }
            )


def _say(found: Sequence[tuple[int, Score]], properties: Sequence[str]) -> None:
    """Say for each property and number of standards how the methods did, best first."""
    for column, name in enumerate(properties):
        for n in sorted({score.standards for _, score in found}):
            mine: dict[str, list[Score]] = {}
            for _, score in found:
                if score.column == column and score.standards == n:
                    mine.setdefault(score.method, []).append(score)
            table = sorted(
                (float(np.sqrt(np.mean([s.rmsep**2 for s in scores]))), method)
                for method, scores in mine.items()
            )
            for rmsep, method in table:
                scores = mine[method]
                ratio = pooled_ratio([s.rmsep for s in scores], [s.ceiling for s in scores])
                r2 = float(np.mean([s.r2 for s in scores]))
                told = f", {ratio:.2f} of the ceiling" if isfinite(ratio) else ""
                say(f"{name}, {n} standards: {method} RMSEP {rmsep:.4g}, R2 {r2:.3f}{told}")
