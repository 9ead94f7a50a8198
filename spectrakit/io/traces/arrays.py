"""Arrays with names, out of any container: what a MATLAB, HDF5, netCDF or numpy file holds.

A container is listed before anything in it is read; a ``Variable`` knows its shape and reads
itself when asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError

Kind = Literal["number", "text", "other"]
_MOST_NAMED = 12
MOST_BYTES = 4 << 30  # of one array: beyond any set of spectra that fits a workstation
TOO_LARGE = "Split the file, or write its spectra as tables or a store."


@dataclass(frozen=True)
class Variable:
    """One array of a container.

    Attributes:
        name: with its groups, separated by ``/``.
        shape: as the container declares it; checked against the file before ``load`` is called.
        kind: numbers (real, any width), texts, or anything that is neither.
        load: reads the values, of this shape.
        unit: as the file writes it; empty when it does not.
        dims: names of the dimensions, where the container has such.
        about: further texts that belong to this variable.
    """

    name: str
    shape: tuple[int, ...]
    kind: Kind
    load: Callable[[], NDArray[Any]]
    unit: str = ""
    dims: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def leaf(self) -> str:
        """The name without its groups."""
        return self.name.rpartition("/")[2]

    @property
    def group(self) -> str:
        """The groups without the name."""
        return self.name.rpartition("/")[0]

    @property
    def n(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @cached_property
    def is_vector(self) -> bool:
        """Whether it is one row or one column, or has one dimension."""
        return self.n > 0 and len(self.shape) >= 1 and max(self.shape) == self.n

    @cached_property
    def is_matrix(self) -> bool:
        """Whether it has two dimensions, both longer than one."""
        return len(self.shape) == 2 and min(self.shape) > 1

    @cached_property
    def values(self) -> NDArray[Any]:
        """The values: numbers as float32 or float64 (what the file's type needs), or texts."""
        found = self.load()
        if self.kind != "number":
            return found
        small = found.dtype.kind in "iub" and found.dtype.itemsize <= 2
        narrow = small or (found.dtype.kind == "f" and found.dtype.itemsize <= 4)
        return found.astype(np.float32 if narrow else np.float64, copy=False)

    @property
    def vector(self) -> NDArray[Any]:
        """The values in one dimension."""
        return self.values.reshape(-1)


@dataclass(frozen=True, slots=True)
class Arrays:
    """What a container holds, and what it says of itself (bounded texts and numbers)."""

    path: Path
    variables: Sequence[Variable]
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def listing(self) -> str:
        """Return the variables with their shapes, for an error."""
        shown = [
            f"{one.name} ({' x '.join(map(str, one.shape)) or 'one value'})"
            for one in self.variables[:_MOST_NAMED]
        ]
        more = len(self.variables) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def check_bytes(path: Path, name: str, n_bytes: int, held: int, ratio: int = 1) -> None:
    """Refuse an array that the file cannot hold.

    Args:
        path: the file.
        name: the array.
        n_bytes: what its declared shape needs.
        held: bytes of the file that can be its.
        ratio: how far compression can expand them.

    Raises:
        InputError: more is declared than can be there, or than is ever needed.
    """
    if n_bytes > held * ratio:
        raise InputError(
            f"{path}: '{name}' declares {n_bytes} bytes where {held} are.",
            hint="The file is cut off or damaged: copy it again from its source.",
        )
    if n_bytes > MOST_BYTES:
        raise InputError(f"{path}: '{name}' has {n_bytes} bytes, too many.", hint=TOO_LARGE)
