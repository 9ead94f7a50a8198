"""The methods of calibration transfer by name: what each needs, and the function that fits it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A fitted method.

    Attributes:
        calibration: of target spectra.
        predict_left_out: returns ``left_out``, which takes longer than the fit; None where only
            fitting again without each fold gives it, as the sweep does.
        chosen: (k,) what was chosen, as text.
    """

    calibration: AffineSum
    predict_left_out: Callable[[], FloatArray] | None
    chosen: tuple[str, ...]

    @cached_property
    def left_out(self) -> FloatArray:
        """(N, k) predictions of standards by fits that did not see them (``data.folds``)."""
        assert self.predict_left_out is not None  # of a method that says ``nested``
        return self.predict_left_out()


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes:
        name: as ``--method`` takes it.
        says: one line for ``--help``.
        uses: "nothing", "paired spectra", "labels", "labels of the target only" or
            "unpaired spectra".
        fit: takes (data, seed) and returns ``Fitted``; raises MismatchError where the method
            cannot be fitted to such data.
        least: standards that it needs.
        same_axis: whether both instruments must share the axis.
        nested: whether ``left_out`` of its fits leaves the source whole, as the sweep does.
    """

    name: str
    says: str
    uses: str
    fit: Callable[[Standards, int], Fitted]
    least: int
    same_axis: bool
    nested: bool = False
