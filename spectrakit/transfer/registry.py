"""All methods of ``transfer`` by name."""

from functools import partial

from spectrakit.errors import UsageError, did_you_mean
from spectrakit.transfer.averaging import AVERAGE, PAIRED_AVERAGE
from spectrakit.transfer.classical import CLASSICAL, IMPORTED, fit_imported
from spectrakit.transfer.differences import DIFFERENCES
from spectrakit.transfer.imported import ImportedCalibration
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.standard_samples import Standards

METHODS: tuple[Method, ...] = (AVERAGE, PAIRED_AVERAGE, DIFFERENCES, *CLASSICAL)


def method_named(name: str) -> Method:
    """Return a method.

    Raises:
        UsageError: no such method; the nearest is named.
    """
    known = {one.name: one for one in METHODS}
    if name not in known:
        raise UsageError(
            f"--method '{name}' is unknown. {did_you_mean(name, known)}".rstrip(),
            hint=f"Methods: auto, {', '.join(known)}.",
        )
    return known[name]


def imported_methods(model: ImportedCalibration) -> tuple[Method, ...]:
    """Return the methods that work from coefficients instead of source samples."""

    def fit(name: str, data: Standards, seed: int) -> Fitted:
        twins = data.source[data.twins]
        return fit_imported(name, model, twins, data.target, data.labels, data.groups)

    known = {one.name: one for one in METHODS}
    return tuple(
        Method(name, known[name].says, uses, partial(fit, name), least, True)
        for name, (_, uses, least) in IMPORTED.items()
    )
