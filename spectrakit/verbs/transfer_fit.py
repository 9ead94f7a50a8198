"""``transfer fit``: a calibration for a new instrument out of an old one and a few standards."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spectrakit import __version__
from spectrakit.accounting import Summary
from spectrakit.bundle.manifest import split_label
from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit.log import progress, say
from spectrakit.transfer.fit import AUTO, alike, fit_properties
from spectrakit.transfer.imported import ImportedCalibration, read_coefficients
from spectrakit.transfer.methods import Method
from spectrakit.transfer.problem import Problem, problem_of
from spectrakit.transfer.registry import METHODS, imported_methods
from spectrakit.transfer.result import TransferResult
from spectrakit.transfer.standards import DESIGNS
from spectrakit.verbs.transfer_alone import fit_source, fit_unlabelled
from spectrakit.verbs.transfer_folder import check_folder
from spectrakit.verbs.transfer_plugin import need_plugin, plugged
from spectrakit.verbs.transfer_result import Fitting, fitting_of, paired_gates, refuse
from spectrakit.verbs.transfer_tables import InstrumentSpectra, read_instrument
from spectrakit.verbs.transfer_write import write_transfer


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Everything that decides a fit; kept in the record, so that it can be done again."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    properties: tuple[str, ...]
    standards: int | tuple[str, ...] | None = None
    method: str = AUTO
    source_where: tuple[str, ...] = ()
    target_where: tuple[str, ...] = ()
    test_where: tuple[str, ...] = ()
    preprocess: str = ""
    source_preprocess: str = ""
    target_preprocess: str = ""
    coefficients: str = ""
    design: str = "kennard-stone"
    level: float = 0.8
    seed: int = 0
    name: str = ""
    force: bool = False
    model: str = ""
    settings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "FitSettings":
        """Return the settings that ``as_json`` gave."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list | tuple) else value
            for key, value in told.items()
        }
        return cls(**plain)


def fit(
    settings: FitSettings, out: str | Path, summary: Summary, reason: str = "", png: bool = False
) -> TransferResult:
    """Fit, write the transfer folder, and return what was found.

    Args:
        settings: what to do.
        out: folder that takes the bundle, ``metrics.json``, the report and the record.
        summary: filled with accounts and outputs.
        reason: for the record.
        png: also write the main figures.

    Raises:
        InputError: an input cannot be read.
        MismatchError: the data do not allow it, or a gate refused.
        UsageError: settings that cannot be meant.
    """
    result, told = _write(settings, out, summary, reason, png)
    for line in told:
        say(line)
    return result


def _write(
    settings: FitSettings, out: str | Path, summary: Summary, reason: str = "", png: bool = False
) -> tuple[TransferResult, list[str]]:
    """Fit and write; return what was found, and the lines that say so."""
    from threadpoolctl import threadpool_limits

    if settings.target_where and not settings.target:  # one file holds both instruments
        settings = replace(settings, target=settings.source)
    _check(settings)
    out = check_folder(out)
    with threadpool_limits(1):  # small matrices: threads only cost
        found = _fit(settings, summary)
        gates = refuse(found.result.gates, settings.force)
        found = replace(found, result=replace(found.result, gates=gates))
        told = write_transfer(found, settings.as_json(), settings.name, out, summary, reason, png)
    return found.result, told


def refit(parameters: Mapping[str, Any], out: Path) -> None:
    """Do a recorded fit again, into another folder."""
    settings = FitSettings.from_json(parameters)
    need_plugin(settings.method)
    _write(settings, out, Summary(command="transfer fit", version=__version__))


def _check(settings: FitSettings) -> None:
    if not settings.properties:
        raise UsageError("no property is named.", hint="Give --property NAME.")
    for k, name in enumerate(settings.properties):
        if name in settings.properties[:k]:
            raise UsageError(f"--property '{name}' is named twice.", hint="Name each once.")
    if settings.name:
        split_label(f"{settings.name}@1")
    plugged(settings.method, settings.model, settings.settings)
    if settings.design not in DESIGNS:
        near = did_you_mean(settings.design, DESIGNS)
        raise UsageError(
            f"--design '{settings.design}' is unknown. {near}".rstrip(),
            hint=f"Designs: {', '.join(DESIGNS)}.",
        )
    if not 0 < settings.level < 1:
        raise UsageError(
            f"--level {settings.level:g} is not between 0 and 1.", hint="Write 0.8 for 80 %."
        )
    if isinstance(settings.standards, int) and settings.standards < 0:
        raise UsageError(f"--standards {settings.standards} is negative.", hint="Give 0 or more.")
    if not settings.target:
        _check_alone(settings)


def _check_alone(settings: FitSettings) -> None:
    """Refuse options that mean nothing to a calibration of the source alone."""
    for option, given in (
        ("--standards", settings.standards is not None),
        ("--method", settings.method != AUTO),
        ("--target-preprocess", bool(settings.target_preprocess)),
        ("--coefficients", bool(settings.coefficients)),
    ):
        if given:
            raise UsageError(
                f"{option} needs spectra of a target, and no TARGET is named.",
                hint="Name both: SOURCE TARGET; where one file holds both instruments, select with "
                "--source-where and --target-where.",
            )


def _chain(*parts: str) -> str:
    return ",".join(part for part in parts if part)


def _fit(settings: FitSettings, summary: Summary) -> Fitting:
    alone = not settings.target
    source = read_instrument(
        settings.source,
        settings.source_where,
        "--source-where",
        _chain(settings.source_preprocess, settings.preprocess),
        summary,
        settings.test_where if alone else (),
    )
    for name in settings.properties:
        source.values_of(name)
    if alone:
        return fit_source(source, settings.properties, settings.level, settings.seed)
    target = read_instrument(
        settings.target,
        settings.target_where,
        "--target-where",
        _chain(settings.target_preprocess, settings.preprocess),
        summary,
        settings.test_where,
        source,
    )
    problem = problem_of(
        source.table,
        target.table,
        target.test_ids,
        settings.standards,
        settings.properties,
        settings.design,
        settings.seed,
    )
    say(problem.common.says)
    for name in settings.properties:
        if problem.test is not None and not problem.test.knows(name):
            say(f"no test sample has a reference value of '{name}': there will be no RMSEP of it")
    if not len(problem.standards):
        if plugged(settings.method, settings.model, settings.settings) is not None:
            raise UsageError(
                f"--method {settings.method} learns from standards, and there are none.",
                hint="Give --standards 2 or more; without standards leave out --method.",
            )
        return fit_unlabelled(
            target, problem, settings.properties, settings.level, settings.seed, settings.force
        )
    return _with_standards(target, problem, settings, summary)


def _with_standards(
    target: InstrumentSpectra, problem: Problem, settings: FitSettings, summary: Summary
) -> Fitting:
    data = problem.data(settings.properties[:1])
    gates = refuse(paired_gates(problem, data), settings.force)
    methods = _methods(problem, settings, summary)
    steps = len(methods) * len(alike(problem, settings.properties))
    with progress("transfer", steps, "methods", alike=False) as advance:
        found = fit_properties(
            problem, settings.properties, methods, settings.method, settings.level, settings.seed,
            advance,
        )  # fmt: skip
    return fitting_of(target, problem, found.calibration, found.properties, (*gates, *found.gates))


def _methods(problem: Problem, settings: FitSettings, summary: Summary) -> tuple[Method, ...]:
    """Return what to sweep: everything, or the method asked for and those always beside it.

    Raises:
        MismatchError: coefficients that do not belong to the source's axis.
        UsageError: a method that needs source samples where only coefficients are given.
    """
    one = plugged(settings.method, settings.model, settings.settings)
    if one is not None and settings.coefficients:
        raise UsageError(
            f"--method {settings.method} needs source samples, not --coefficients.",
            hint="Leave out --coefficients.",
        )
    if not settings.coefficients:
        names = {settings.method, "none", "target-only"}
        if one is not None:
            beside = (m for m in METHODS if m.name in names)
            return (one.method(problem, summary), *beside)
        return METHODS if settings.method == AUTO else tuple(m for m in METHODS if m.name in names)
    if problem.common.source is not None or not problem.common.shared:
        raise MismatchError(
            "--coefficients belong to the source's axis, and the target has another one.",
            hint="Bring the target to it with --target-preprocess 'resample(start-stop/step)'.",
        )
    found = read_coefficients(Path(settings.coefficients))
    missing = [name for name in settings.properties if name not in found.properties]
    if missing and (len(found.properties) > 1 or len(settings.properties) > 1):
        raise MismatchError(
            f"{settings.coefficients}: has no coefficients of '{missing[0]}'. "
            f"{did_you_mean(missing[0], found.properties)}".rstrip(),
            hint=f"Its columns are: {', '.join(found.properties)}.",
        )
    columns = [0] if missing else [found.properties.index(name) for name in settings.properties]
    model = ImportedCalibration(found.on(problem.common.axis)[:, columns], found.intercept[columns])
    methods = imported_methods(model)
    if settings.method not in (AUTO, *(one.name for one in methods)):
        raise UsageError(
            f"--method {settings.method} needs source samples, not --coefficients.",
            hint=f"Choose auto, {', '.join(one.name for one in methods)}.",
        )
    return methods
