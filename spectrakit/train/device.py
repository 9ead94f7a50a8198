"""On which device to train: what was asked for, or the best that is there."""

import re
from importlib.util import find_spec

from spectrakit.errors import MissingExtraError, UsageError

AUTO, CPU = "auto", "cpu"


def resolve_device(asked: str, *, uses_torch: bool = True) -> str:
    """Return ``cpu`` or ``cuda:N`` for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    torch is imported only where it is installed and the answer depends on it; ``auto`` is the
    CPU for a plugin that does not use torch.

    Raises:
        UsageError: another word.
        MissingExtraError: CUDA was asked for, and torch, the driver or that device is not there.
    """
    if asked == CPU or (asked == AUTO and not uses_torch):
        return CPU
    match = re.fullmatch(r"cuda(?::(\d+))?", asked)
    if match is None and asked != AUTO:
        raise UsageError(
            f"--device '{asked}' is unknown.",
            hint="Write auto, cpu, cuda or cuda:N, such as cuda:0.",
        )
    if find_spec("torch") is None:
        if match is None:
            return CPU
        raise MissingExtraError(
            f"--device {asked} needs torch, which is not installed.",
            hint="pip install 'spectrakit[train]'",
        )
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if match is None:
        return "cuda:0" if count else CPU
    number = int(match[1] or 0)
    if number >= count:
        there = f"this computer has {count}" if count else "this computer has none that torch sees"
        raise MissingExtraError(
            f"--device {asked}: {there}.", hint="Use --device cpu, or another device."
        )
    return f"cuda:{number}"
