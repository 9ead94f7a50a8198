"""The problem of a transfer: two tables made comparable, standards paired, test samples set aside.

Test samples are never looked at by what is fitted or chosen: their rows leave both tables here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.common_axis import CommonAxis, common_axis
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standards import DESIGNS
from spectrakit.transfer.table import SpectraTable

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
LEAST_LABELLED = 6  # source samples that a calibration needs
_UNSAID = "optical"  # modality of traces that no file or axis says more of


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that methods may see, and apart from it what they are measured on.

    Attributes:
        source: table of the source instrument without test samples and their groups.
        target: table of the target instrument without them.
        test: target table of the test samples, or None.
        common: the axis on which the two are compared.
        source_values: (n, p) source spectra on it.
        target_values: (m, q) target spectra on it.
        pairs: (s, 2) rows (source, target) of samples measured on both.
        standards: (N,) rows of ``pairs`` that are the standards, in order of choice.
    """

    source: SpectraTable
    target: SpectraTable
    test: SpectraTable | None
    common: CommonAxis
    source_values: FloatArray
    target_values: FloatArray
    pairs: Rows
    standards: Rows

    @property
    def standard_ids(self) -> tuple[str, ...]:
        """Sample ids of the standards, in order of choice."""
        return tuple(self.source.samples[row] for row in self.pairs[self.standards, 0])

    def known(self, properties: Sequence[str]) -> FloatArray:
        """Return (n, k) reference values of the source samples, NaN where missing."""
        return np.stack([self.source.values_of(name) for name in properties], axis=1)

    def standard_labels(self, properties: Sequence[str]) -> FloatArray:
        """Return (N, k) labels: those of the target table, else of the source."""
        rows = self.pairs[self.standards]
        columns: list[FloatArray] = []
        for name in properties:
            of_source = self.source.values_of(name)[rows[:, 0]]
            of_target = self.target.reference.get(name)
            if of_target is None:
                columns.append(of_source)
            else:
                columns.append(
                    np.where(np.isfinite(of_target[rows[:, 1]]), of_target[rows[:, 1]], of_source)
                )
        return np.stack(columns, axis=1)

    def data(self, properties: Sequence[str]) -> Standards:
        """Return what paired methods are fitted to: rows where all the properties are known.

        Raises:
            MismatchError: too few labelled source samples, or standards without a label.
        """
        known = self.known(properties)
        labels = self.standard_labels(properties)
        rows = self.pairs[self.standards]
        told = ", ".join(f"'{name}'" for name in properties)
        if not np.isfinite(labels).all():
            missing = self.standard_ids[int(np.flatnonzero(~np.isfinite(labels).all(axis=1))[0])]
            raise MismatchError(
                f"standard '{missing}' has no reference value of {told}.",
                hint="Choose standards with known values (--standards), or add theirs (--targets).",
            )
        known[rows[:, 0]] = labels
        keep = np.flatnonzero(np.isfinite(known).all(axis=1))
        if len(keep) < LEAST_LABELLED:
            raise MismatchError(
                f"{len(keep)} source samples have reference values of {told}; a calibration needs "
                f"{LEAST_LABELLED} at least.",
                hint="Join more reference values with convert --targets.",
            )
        place = {int(row): k for k, row in enumerate(keep)}
        groups = [self.source.groups[row] for row in rows[:, 0]]
        numbers = {name: k for k, name in enumerate(dict.fromkeys(groups))}
        return Standards(
            self.source_values[keep],
            known[keep],
            self.target_values[rows[:, 1]],
            np.array([place[int(row)] for row in rows[:, 0]], np.int64),
            labels,
            np.array([numbers[name] for name in groups], np.int64),
            self.common.shared,
        )


def problem_of(
    source: SpectraTable,
    target: SpectraTable,
    test_ids: frozenset[str],
    standards: int | Sequence[str] | None,
    properties: Sequence[str],
    design: str,
    seed: int,
) -> Problem:
    """Return the problem.

    Args:
        source: of the source instrument.
        target: of the target instrument.
        test_ids: samples of the target table to be measured on only.
        standards: how many to choose, which ids, or None for all samples on both instruments.
        properties: whose labels standards must have.
        design: how standards are chosen; a key of ``DESIGNS``.
        seed: of the random design.

    Raises:
        MismatchError: units that do not fit, no samples in common, unknown ids, or fewer samples
            than standards.
    """
    _check_units(source, target)
    _check_properties(source, target, properties)
    target = target.completed_from(source)
    held = {target.groups[k] for k, name in enumerate(target.samples) if name in test_ids}
    held |= {source.groups[k] for k, name in enumerate(source.samples) if name in test_ids}
    test_rows = [k for k, name in enumerate(target.samples) if name in test_ids]
    left = _without(source, held, test_ids)
    right = _without(target, held, test_ids)
    for what, rest in (("source", left), ("target", right)):
        if not len(rest):
            raise MismatchError(
                f"--test-where (and the groups of what it selects) leaves no sample of the {what} "
                "to learn from.",
                hint="Select fewer test samples.",
            )
    common = common_axis(source.axis, target.axis, source.axis_unit)
    place = {name: k for k, name in enumerate(left.samples)}
    pairs = np.array(
        [(place[name], k) for k, name in enumerate(right.samples) if name in place], np.int64
    ).reshape(-1, 2)
    found = Problem(
        left,
        right,
        target.take(test_rows) if test_rows else None,
        common,
        common.of_source(left.values),
        common.of_target(right.values),
        pairs,
        np.zeros(0, np.int64),
    )
    chosen = _choose(found, standards, properties, design, seed)
    return Problem(
        left, right, found.test, common, found.source_values, found.target_values, pairs, chosen
    )


def _without(table: SpectraTable, groups: set[str], ids: frozenset[str]) -> SpectraTable:
    rows = [
        k
        for k, (name, group) in enumerate(zip(table.samples, table.groups, strict=True))
        if name not in ids and group not in groups
    ]
    return table if len(rows) == len(table) else table.take(rows)


def _check_units(source: SpectraTable, target: SpectraTable) -> None:
    for what, one, other, hint in (
        (
            "axis of the source ('{}') is",
            source.axis_unit,
            target.axis_unit,
            "If a unit is wrong, state it with convert --axis-unit; else export both in one unit "
            "(nm = 1e7 / cm-1).",
        ),
        (
            "values of the source ('{}') are",
            source.value_unit,
            target.value_unit,
            "Bring both to one scale, e.g. --target-preprocess 'absorbance' for transmittance "
            "(full=100 for percent).",
        ),
    ):
        if one != other and one and other:
            raise MismatchError(
                f"the {what.format(source.instrument)} in {one}, those of the target "
                f"('{target.instrument}') in {other}.",
                hint=hint,
            )
    known = {source.modality, target.modality} - {_UNSAID}
    if len(known) > 1:
        raise MismatchError(
            f"the source is {source.modality}, the target {target.modality}.",
            hint="Say what they are with convert --modality.",
        )


def _check_properties(
    source: SpectraTable, target: SpectraTable, properties: Sequence[str]
) -> None:
    for name in properties:
        one, other = source.units.get(name, ""), target.units.get(name, "")
        if one and other and one != other:
            raise MismatchError(
                f"'{name}' is in {one} with the source ('{source.instrument}') and in {other} with "
                f"the target ('{target.instrument}').",
                hint="Give both tables reference values in one unit.",
            )


def _choose(
    problem: Problem,
    standards: int | Sequence[str] | None,
    properties: Sequence[str],
    design: str,
    seed: int,
) -> Rows:
    pairs = problem.pairs
    if isinstance(standards, int) and standards == 0:
        return np.zeros(0, np.int64)
    if not len(pairs):
        raise MismatchError(
            "the two instruments have no sample id in common "
            f"('{problem.source.samples[0]}' ... and '{problem.target.samples[0]}' ...).",
            hint="Give both the same sample ids (convert --samples), or use --standards 0 to "
            "transfer without standards.",
        )
    reference = _labels(problem, properties)
    labelled = np.flatnonzero(np.isfinite(reference).all(axis=1))
    if standards is None:
        return labelled if len(labelled) else np.arange(len(pairs))
    if not isinstance(standards, int):
        return _by_id(problem, standards)
    if standards > len(labelled):
        raise MismatchError(
            f"--standards {standards} asks for more than the {len(labelled)} labelled samples "
            "that both instruments have measured.",
            hint=f"Give at most {len(labelled)}, or measure more samples on the target.",
        )
    rows = pairs[labelled, 0]
    spectra = PREPROCESSINGS[1](problem.source_values[rows])
    return labelled[DESIGNS[design](spectra, reference[labelled], standards, seed)]


def _labels(problem: Problem, properties: Sequence[str]) -> FloatArray:
    columns: list[FloatArray] = []
    for name in properties:
        one = problem.source.values_of(name)[problem.pairs[:, 0]]
        other = problem.target.reference.get(name)
        columns.append(
            one if other is None else np.where(np.isfinite(one), one, other[problem.pairs[:, 1]])
        )
    return np.stack(columns, axis=1) if columns else np.zeros((len(problem.pairs), 0))


def _by_id(problem: Problem, ids: Sequence[str]) -> Rows:
    place = {problem.source.samples[row]: k for k, row in enumerate(problem.pairs[:, 0].tolist())}
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise UsageError(f"--standards names '{name}' twice.", hint="Name each sample once.")
        seen.add(name)
    for name in ids:
        if name not in place:
            near = did_you_mean(name, place)
            raise MismatchError(
                f"standard '{name}' is not a sample that both instruments have measured. "
                f"{near}".rstrip(),
                hint=f"{len(place)} samples are: {', '.join(list(place)[:5])} ...",
            )
    return np.array([place[name] for name in ids], np.int64)
