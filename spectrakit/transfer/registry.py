"""All methods of ``transfer`` by name."""

from spectrakit.errors import UsageError, did_you_mean
from spectrakit.transfer.averaging import AVERAGE, PAIRED_AVERAGE
from spectrakit.transfer.classical import CLASSICAL
from spectrakit.transfer.methods import Method

METHODS: tuple[Method, ...] = (AVERAGE, PAIRED_AVERAGE, *CLASSICAL)


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
