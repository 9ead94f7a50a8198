"""Test-time training: a few steps on unlabelled spectra of a new instrument, and a gate.

Features' mean is moved to where the calibration's own spectra had it, which does nearly all of the
work; hidden tokens are reconstructed, and features' spread can be pulled along. The gate asks
spectra that had no part in it whether that holds for them, too. Answers that hardly move are
refused as well: there the instruments hardly differ, and what would be moved is the composition of
the samples (measured: the README's table of limits). No label is ever looked at.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from spectrakit_spectralfm.batches import hidden_tokens
from spectrakit_spectralfm.calibration import Calibration, check_finite
from spectrakit_spectralfm.spectra import Traces

LEAST_SPECTRA = 4
BATCH = 64


@dataclass(frozen=True, slots=True)
class Training:
    """How a calibration is trained on spectra without labels."""

    steps: int = 20
    rate: float = 3e-4
    weights: str = "norms"
    reconstruction: float = 1.0
    alignment: float = 0.0
    centre: bool = True
    masked: float = 0.4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate saw; ``reason`` is empty where it lets the training pass.

    Attributes:
        before: distance of the features of spectra held aside, as the calibration was.
        after: the same, trained on the others.
        moved: root mean square change of the answers, in standard deviations of the known values.
        reason: why it refuses.
    """

    before: float
    after: float
    moved: float
    reason: str


def distance(calibration: Calibration, features: torch.Tensor) -> torch.Tensor:
    """Return how far (n, f) features lie from the calibration's own in mean and spread.

    In units of the mean squared spread; 0 where both agree.
    """
    mean = features.mean(0) - calibration.source_mean
    spread = features.std(0, unbiased=False) - calibration.source_spread
    scale = calibration.source_spread.square().mean().clamp(min=1e-12)
    return (mean.square() + spread.square()).mean() / scale


def trained(
    start: Calibration,
    spectra: np.ndarray,
    how: Training,
    progress: Callable[[int, float, float], None] = lambda *_: None,
) -> Calibration:
    """Return a copy that was trained on (n, p) spectra.

    Args:
        start: of ``adapt``.
        spectra: raw, on its axis; at least 2.
        how: the training.
        progress: called with the number of the step, its loss and the distance.

    Raises:
        MismatchError: the rate is so high that nothing finite is learned.
    """
    calibration = deepcopy(start)
    calibration.requires_grad_(False)
    free = _freed(calibration, how.weights)
    values = torch.from_numpy(spectra)
    if how.centre:
        _centre(calibration, spectra)
    if not free or not how.steps:
        return calibration
    optimiser = torch.optim.AdamW(free, lr=how.rate, weight_decay=0.0)
    rng = np.random.default_rng(how.seed)
    for step in range(1, how.steps + 1):
        chosen = values[rng.permutation(len(values))[:BATCH]]
        features = calibration.features(chosen)
        if how.centre:  # what the mean is moved by follows from it: it cannot be learned
            features = features - features.mean(0) + calibration.source_mean
        apart = distance(calibration, features)
        loss = how.alignment * apart
        if how.reconstruction:
            loss = loss + how.reconstruction * _reconstruction(calibration, chosen, how, rng)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(free, 1.0)
        optimiser.step()
        check_finite(step, float(loss.detach()))
        progress(step, float(loss.detach()), float(apart.detach()))
    features = calibration.each(calibration.features, spectra)
    check_finite(how.steps, float(features.abs().max()), "the encoder's answer")
    if how.centre:
        _centre(calibration, spectra)
    return calibration


def held_aside(traces: Traces) -> np.ndarray:
    """Return (n,) bool: every other sample, whose spectra judge what the others teach.

    Replicates stay together. Where all spectra name one sample (or none) that says nothing, and
    every other spectrum is taken.
    """
    numbers = {name: k for k, name in enumerate(dict.fromkeys(t.sample for t in traces.traces))}
    if len(numbers) < 2:
        return np.arange(len(traces)) % 2 == 1
    return np.array([numbers[t.sample] % 2 == 1 for t in traces.traces])


def judged(
    start: Calibration,
    spectra: np.ndarray,
    how: Training,
    most_moved: float,
    *,
    aside: np.ndarray,
    least_moved: float = 0.0,
) -> Verdict:
    """Return whether training helps spectra that it did not see.

    Args:
        start: of ``adapt``.
        spectra: (n, p) raw, on its axis.
        how: the training.
        most_moved: what answers may move by, in standard deviations of the known values.
        aside: (n,) bool, which spectra judge; the others learn.
        least_moved: what answers must move by, in the same unit.
    """
    learn, judge = spectra[~aside], spectra[aside]
    tried = trained(start, learn, how)
    with torch.no_grad():
        before = float(distance(start, start.each(start.features, judge)))
        after = float(distance(start, tried.each(tried.features, judge)))
    moved = answers_moved(start, tried, judge)
    reason = ""
    if not after < before:
        reason = (
            f"the features of spectra held aside lie no nearer to the calibration's own "
            f"({after:.3g} after, {before:.3g} before)"
        )
    else:
        reason = wrong_distance(moved, least_moved, most_moved)
    return Verdict(before, after, moved, reason)


def wrong_distance(moved: float, least_moved: float, most_moved: float) -> str:
    """Return why answers that moved so far are refused, or an empty string."""
    said = f"the answers would move by {moved:.3g} standard deviations of the known values; "
    if moved > most_moved:
        return f"{said}{most_moved:g} are allowed"
    if moved < least_moved:
        return f"{said}below {least_moved:g} it is mostly the samples that differ"
    return ""


def answers_moved(start: Calibration, tried: Calibration, spectra: np.ndarray) -> float:
    """Return the root mean square change of answers, in spreads of the known values."""
    change = tried.each(tried, spectra) - start.each(start, spectra)
    return float(change.square().mean().sqrt() / start.known_spread.clamp(min=1e-12))


def _freed(calibration: Calibration, weights: str) -> list[nn.Parameter]:
    """Free the weights that are to be trained and return them."""
    encoder = calibration.model
    free: list[nn.Parameter] = []
    for module in encoder.modules():
        if weights == "all" or isinstance(module, nn.LayerNorm):
            free += module.parameters(recurse=False)
    for parameter in free:
        parameter.requires_grad_(True)
    return free


@torch.no_grad()
def _centre(calibration: Calibration, spectra: np.ndarray) -> None:
    """Move the features of spectra so that their mean is that of the calibration's own."""
    mean = calibration.each(calibration.features, spectra).mean(0)
    calibration.shift += calibration.source_mean - mean


def _reconstruction(
    calibration: Calibration, spectra: torch.Tensor, how: Training, rng: np.random.Generator
) -> torch.Tensor:
    """Return the error of hidden tokens."""
    values, _ = calibration.reader(spectra)
    config = calibration.model.config
    mask = torch.from_numpy(hidden_tokens(rng, len(values), config.tokens, how.masked))
    placed = calibration.reader.placed(len(values))
    encoded = calibration.model.encode(values, *placed, mask)
    hidden = mask.repeat_interleave(config.patch, 1)
    error = functional.smooth_l1_loss(
        calibration.model.reconstruct(encoded), values, reduction="none"
    )
    return (error * hidden).sum() / hidden.sum().clamp(min=1)
