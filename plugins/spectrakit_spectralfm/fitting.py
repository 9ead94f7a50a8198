"""A calibration from labelled samples: a ridge head, then LoRA or adapters with it.

The head alone has its leave-one-out errors in closed form. What gradient steps on the labels
gain or lose is judged by folds in which everything is fitted anew: errors of samples that were
learned from are no errors.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch

from spectrakit.transfer.ridge import Ridge
from spectrakit_spectralfm.calibration import Calibration, check_finite
from spectrakit_spectralfm.leftout import left_out, numbered
from spectrakit_spectralfm.meta import start_for_instruments
from spectrakit_spectralfm.model import SpectralModel
from spectrakit_spectralfm.references import Labelled
from spectrakit_spectralfm.spline import fitted_readout

FOLDS = 4
BATCH = 64
RANKS = {"head": 0, "lora": 4, "adapters": 16}


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a calibration is fitted."""

    how: str = "head"
    rank: int = 0
    steps: int = 60
    rate: float = 1e-3
    level: bool = True
    seed: int = 0
    meta: int = 0
    readout: str = "linear"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration, and the errors of samples that it did not see while they were predicted.

    Attributes:
        head_error: root mean square of the head alone, leave-one-out.
        residuals: (n,) predicted minus known: leave-one-out, or by folds where weights changed.
        bending: penalty of a spline read-out's curves; inf where they are straight, or none.
    """

    calibration: Calibration
    head_error: float
    residuals: np.ndarray
    bending: float = float("inf")

    @property
    def error(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals**2)))


Progress = Callable[[int, float], None]


def fitted(
    model: SpectralModel, data: Labelled, tuning: Tuning, progress: Progress = lambda *_: None
) -> Fitted:
    """Return the calibration of labelled samples.

    Args:
        model: pretrained; it is not changed.
        data: at least 3 samples.
        tuning: how.
        progress: called with the number of the step and its loss.
    """
    everything = np.arange(len(data))
    head, loo = _with_head(model, data, everything, tuning)
    head_error = float(np.sqrt(np.mean(loo**2)))
    if tuning.readout == "spline":
        return _with_spline(head, data, head_error, loo)
    if tuning.how == "head":
        return Fitted(_finished(head, data), head_error, loo)
    folds = folds_of(data.groups, tuning.seed)
    residuals, done = np.empty(len(data)), 0
    for fold in range(folds.max() + 1):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        one = _tuned(_with_head(model, data, inside, tuning)[0], data, inside, tuning,
                     lambda step, loss, done=done: progress(done + step, loss))  # fmt: skip
        answers = one.each(one, data.spectra[outside]).numpy()[:, 0]
        residuals[outside] = answers - data.known[outside]
        done += tuning.steps
    whole = _tuned(head, data, everything, tuning,
                   lambda step, loss: progress(done + step, loss))  # fmt: skip
    return Fitted(_finished(whole, data), head_error, residuals)


def total_steps(n: int, tuning: Tuning) -> int:
    """Return how many steps ``fitted`` reports for n groups of samples."""
    return 0 if tuning.how == "head" else tuning.steps * (min(FOLDS, n) + 1)


def folds_of(groups: Sequence[str], seed: int) -> np.ndarray:
    """Return (n,) numbers of folds; samples of one group are in one fold."""
    numbers = numbered(groups)
    total = int(numbers.max()) + 1
    return (np.random.default_rng(seed).permutation(total) % min(FOLDS, total))[numbers]


def _with_head(
    model: SpectralModel, data: Labelled, rows: np.ndarray, tuning: Tuning
) -> tuple[Calibration, np.ndarray]:
    """Return the model with room for what is tuned and a ridge head, and its residuals."""
    torch.manual_seed(tuning.seed)
    calibration = Calibration(_grown(model, tuning), data.common).eval()
    numbers = calibration.each(calibration.numbers, data.spectra[rows])
    calibration.set_scales(numbers, level=tuning.level)
    return calibration, _solve_head(calibration, data, rows)


def _solve_head(
    calibration: Calibration, data: Labelled, rows: np.ndarray, steps: int = 0
) -> np.ndarray:
    """Put the ridge head of some rows into a calibration; return its leave-one-out residuals."""
    features = calibration.each(calibration.features, data.spectra[rows])
    check_finite(steps, float(features.abs().max()), "the encoder's answer")
    values, known = features.double().numpy(), data.known[rows]
    ridge = Ridge(values, known[:, None])
    residuals = left_out(ridge, values, known, [data.groups[row] for row in rows])
    choice = np.mean(residuals**2, axis=1, keepdims=True).argmin(axis=0)
    slope, offset = ridge.affine(choice)
    calibration.slope.copy_(torch.from_numpy(slope))
    calibration.offset.copy_(torch.from_numpy(offset))
    return residuals[choice[0]]


def _grown(model: SpectralModel, tuning: Tuning) -> SpectralModel:
    rank = tuning.rank or RANKS[tuning.how]
    config = model.config
    if tuning.how == "lora":
        config = replace(config, lora=rank)
    elif tuning.how == "adapters":
        config = replace(config, adapter=rank)
    grown = SpectralModel(config)
    before = model.state_dict()
    grown.load_state_dict({**grown.state_dict(), **before})
    for name, parameter in grown.named_parameters():
        parameter.requires_grad_(name not in before)
    return grown


def _tuned(
    start: Calibration, data: Labelled, rows: np.ndarray, tuning: Tuning, progress: Progress
) -> Calibration:
    """Return a copy whose added weights were trained on the labels of some rows.

    The head stays while they are, and is solved anew at the end: a thousand slopes that all take
    one step of AdamW would move an answer far beyond its range.
    """
    calibration = deepcopy(start)
    added = [p for p in calibration.model.parameters() if p.requires_grad]
    if tuning.meta:
        start_for_instruments(
            calibration, added, data.spectra[rows], data.known[rows],
            steps=tuning.meta, seed=tuning.seed,
        )  # fmt: skip
    optimiser = torch.optim.AdamW(added, lr=tuning.rate, weight_decay=0.0)
    spectra = torch.from_numpy(data.spectra[rows])
    known = torch.from_numpy(data.known[rows])[:, None]
    spread = known.std(unbiased=False).clamp(min=1e-12)
    order = torch.Generator().manual_seed(tuning.seed)
    for step in range(1, tuning.steps + 1):
        chosen = torch.randperm(len(rows), generator=order)[:BATCH]
        answers = calibration.answers(spectra[chosen])
        loss = ((answers - known[chosen]) / spread).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(added, 1.0)
        optimiser.step()
        check_finite(step, float(loss.detach()))
        progress(step, float(loss.detach()))
    _solve_head(calibration, data, rows, tuning.steps)
    return calibration


def _with_spline(head: Calibration, data: Labelled, head_error: float, loo: np.ndarray) -> Fitted:
    """Return the calibration of a linear head with curves behind it."""
    features = head.each(head.features, data.spectra).double().numpy()
    answers = head.each(head.answers, data.spectra).numpy()[:, 0]
    head.readout, residuals, bending = fitted_readout(
        features, data.known, data.known + loo, answers
    )
    return Fitted(_finished(head, data), head_error, residuals, bending)


def _finished(calibration: Calibration, data: Labelled) -> Calibration:
    features = calibration.each(calibration.features, data.spectra)
    calibration.set_source(features, data.known)
    return calibration
