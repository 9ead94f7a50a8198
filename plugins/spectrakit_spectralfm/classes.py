"""Classes of materials: samples with a name in a column, a head for each class, and "unknown".

One ridge for each class against the others on the features of all tokens. A softmax of their
answers, at a temperature that fits answers of groups left out, gives probabilities. A spectrum is
unknown where its likeliest class is less sure than a limit: the least from which ``coverage`` of
the answers on samples left out were right. A spectrum of a class that was never learned may still
look like one that was: this limit knows only how sure right answers usually are.

Source: Geifman and El-Yaniv 2017 (selective classification), section 3, with the share of right
answers in place of their bound, which needs hundreds of samples.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit.plugin import LeaveOut
from spectrakit.spectrum import FloatArray
from spectrakit.transfer.ridge import Ridge
from spectrakit_spectralfm.calibration import Calibration
from spectrakit_spectralfm.leftout import left_out
from spectrakit_spectralfm.model import SpectralModel
from spectrakit_spectralfm.spectra import (
    CommonAxis,
    Trace,
    Traces,
    on_common_axis,
    trace_of,
    without_gaps,
)

UNKNOWN = "unknown"
LEAST_OF_CLASS = 2
TEMPERATURES = np.geomspace(0.5, 100.0, 60)


@dataclass(frozen=True, slots=True)
class Named:
    """Samples with a class. ``spectra`` (n, p) float64; ``own`` (n,) rows of ``classes``."""

    spectra: np.ndarray
    own: np.ndarray
    classes: tuple[str, ...]
    common: CommonAxis
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.own)


def named(
    data: Any, column: str, leave_out: LeaveOut, common: CommonAxis | None = None
) -> Named | None:
    """Return the samples that have a name in a column; None where there is none.

    Replicates of a sample are averaged; ``leave_out`` is told of what is left out.

    Raises:
        UsageError: no sample has such a column.
        MismatchError: spectra on several axes or of several techniques.
    """
    told_of: list[tuple[Trace, tuple[str, str], str, str]] = []
    dropped: Counter[str] = Counter()
    columns: dict[str, None] = {}
    files = [str(part.store.path) for part in data.parts for _ in part.rows]
    for row, (spectrum, file) in enumerate(zip(data, files, strict=True)):
        told = spectrum.sample_info
        trace = trace_of(spectrum, file)
        if isinstance(trace, str):
            dropped[trace] += 1
            continue
        columns.update(dict.fromkeys(told.columns if told else ()))
        name = str(told.columns.get(column, "")).strip() if told else ""
        if told is None or not name or name.lower() == "nan":
            dropped[f"without '{column}'"] += 1
            continue
        key = (file, spectrum.sample or str(row))
        told_of.append((trace, key, name, told.group or spectrum.sample or "/".join(key)))
    if column not in columns and common is None:
        raise UsageError(
            f"the samples have no column '{column}'. {did_you_mean(column, columns)}".rstrip(),
            hint=f"Columns: {', '.join(columns) or 'none'}. `spectrakit convert FILES --samples "
            "SHEET -o STORE.h5` adds them.",
        )
    kept = without_gaps([one for one, *_ in told_of], dropped)
    leave_out(dropped)
    found: dict[tuple[str, str], list[Trace]] = {}
    about: dict[tuple[str, str], tuple[str, str]] = {}
    for trace, key, name, group in (told_of[k] for k in kept):
        found.setdefault(key, []).append(trace)
        about[key] = name, group
    if not found:
        return None
    rows: list[FloatArray] = []
    for traces in found.values():
        values, common = on_common_axis(Traces(tuple(traces)), common)
        rows.append(values.mean(axis=0))
    assert common is not None  # there was a sample
    names = [name for name, _ in about.values()]
    classes = tuple(sorted(set(names)))
    own = np.array([classes.index(name) for name in names])
    return Named(np.array(rows), own, classes, common, tuple(group for _, group in about.values()))


class ClassCalibration(nn.Module):
    """(batch, n) raw spectra -> (batch, classes + 1) probabilities, the last of "unknown"."""

    def __init__(self, calibration: Calibration, temperature: float, limit: float) -> None:
        super().__init__()
        self.calibration = calibration
        self.temperature, self.limit = temperature, limit

    def forward(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Return the probabilities; below the limit that of "unknown", and no other."""
        chance = (self.temperature * self.calibration.answers(spectrum)).softmax(-1)
        # a constant spectrum has no features but NaN: nothing is named
        chance = torch.where(chance.isnan(), torch.zeros_like(chance), chance)
        best = chance.amax(-1, keepdim=True)
        known = (best >= self.limit).to(chance.dtype)
        return torch.cat([chance * known, (1 - best) * (1 - known)], -1)


@dataclass(frozen=True, slots=True)
class FittedClasses:
    """A calibration of classes, and what samples left out say of it.

    Attributes:
        accuracy: of the likeliest class, "unknown" not being one.
        named: share of samples that were not called unknown.
        loss: mean negative logarithm of the own class's probability.
    """

    calibration: ClassCalibration
    accuracy: float
    named: float
    loss: float


def check_classes(data: Named, column: str) -> None:
    """Check that classes can be learned.

    Raises:
        MismatchError: one class only, or one with a single sample.
    """
    counts = np.bincount(data.own)
    if len(data.classes) < 2:
        raise MismatchError(
            f"all {len(data)} samples have '{column}' {''.join(data.classes)}: nothing can be "
            "learned.",
            hint="Add samples of other classes.",
        )
    if counts.min() < LEAST_OF_CLASS:
        few = data.classes[int(counts.argmin())]
        raise MismatchError(
            f"class '{few}' has {counts.min()} sample; {LEAST_OF_CLASS} are the least.",
            hint="Measure more of it, or leave it out with --where.",
        )


def fitted_classes(
    model: SpectralModel, data: Named, *, level: bool, coverage: float
) -> FittedClasses:
    """Return the calibration of named samples; arguments as ``adapt`` takes them."""
    calibration = Calibration(model, data.common).eval()
    numbers = calibration.each(calibration.numbers, data.spectra)
    calibration.set_scales(numbers, level=level)
    features = calibration.each(calibration.features, data.spectra).double().numpy()
    target = np.eye(len(data.classes))[data.own]
    wrong = np.stack([
        left_out(Ridge(features, one[:, None]), features, one, data.groups) for one in target.T
    ], axis=2)  # (penalties, n, classes)  # fmt: skip
    best = int(np.mean(wrong**2, axis=(1, 2)).argmin())
    slope, offset = Ridge(features, target).affine(np.full(target.shape[1], best))
    calibration.slope, calibration.offset = torch.from_numpy(slope), torch.from_numpy(offset)
    scores = wrong[best] + target
    temperature, limit, loss = temperature_and_limit(scores, data.own, coverage)
    chance = _softmax(temperature * scores)
    return FittedClasses(
        ClassCalibration(calibration, temperature, limit).eval(),
        float(np.mean(chance.argmax(axis=1) == data.own)),
        float(np.mean(chance.max(axis=1) >= limit)),
        loss,
    )


def temperature_and_limit(
    scores: FloatArray, own: np.ndarray, coverage: float
) -> tuple[float, float, float]:
    """Return temperature, least probability of a named class, and mean log loss.

    Args:
        scores: (n, classes) of samples left out.
        own: (n,) their classes.
        coverage: share of the named samples that are named rightly.
    """
    losses = [-np.mean(np.log(_own(t * scores, own) + 1e-300)) for t in TEMPERATURES]
    temperature = float(TEMPERATURES[int(np.argmin(losses))])
    chance = _softmax(temperature * scores)
    sure, right = chance.max(axis=1), chance.argmax(axis=1) == own
    order = sure.argsort()[::-1]  # surest first
    share = np.cumsum(right[order]) / (np.arange(len(order)) + 1)
    enough = np.flatnonzero(share >= coverage)
    limit = float(sure[order[enough[-1]]]) if len(enough) else 1.0
    return temperature, limit - 1e-6, float(min(losses))


def _softmax(scores: FloatArray) -> FloatArray:
    power = np.exp(scores - scores.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


def _own(scores: FloatArray, own: np.ndarray) -> FloatArray:
    return _softmax(scores)[np.arange(len(own)), own]
