"""What pretraining asks for, each part with its weight; weight 0 leaves it out.

Masked reconstruction (hidden tokens of what the instrument showed), denoising (the spectrum
before the simulated instrument, from z_chem), invariance (z_chem of two instruments predict each
other; Chen and He 2021, SimSiam, algorithm 1: no moving average as in BYOL), the price of the
bottleneck, the balance of the experts, optimal transport between what two instruments give, and
what physics says (``physics.py``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from spectrakit_spectralfm import physics
from spectrakit_spectralfm.batches import Views
from spectrakit_spectralfm.model import Encoded, SpectralModel
from spectrakit_spectralfm.transport import divergence

MIXED = 16  # mixtures of a batch: each is three spectra more to encode


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the parts of the loss."""

    masked: float = 1.0
    invariance: float = 0.3
    denoise: float = 0.2
    bottleneck: float = 0.05
    balance: float = 0.01
    transport: float = 0.0
    linearity: float = 0.0
    smoothness: float = 0.0
    curvature: float = 0.0
    negativity: float = 0.0


Numbers = dict[str, torch.Tensor]


def pretraining(model: SpectralModel, batch: Views, weights: Weights) -> tuple[Any, Numbers]:
    """Return the loss of a batch and its parts, unweighted."""
    views, b, _ = batch.seen.shape
    seen, mask = batch.seen.flatten(0, 1), batch.mask.flatten(0, 1)  # (v b, p), (v b, T)
    where = batch.where.repeat(views, 1, 1)
    encoded = model.encode(seen, where, batch.technique.repeat(views), mask)
    parts: Numbers = {}
    if weights.masked:
        hidden = mask.repeat_interleave(model.config.patch, 1)
        error = functional.smooth_l1_loss(model.reconstruct(encoded), seen, reduction="none")
        parts["masked"] = (error * hidden).sum() / hidden.sum().clamp(min=1)
    if weights.denoise:
        clean = batch.clean.repeat(views, 1)
        parts["denoise"] = functional.smooth_l1_loss(model.denoise(encoded), clean)
    if weights.invariance and views > 1:
        chem = encoded.chem.unflatten(0, (views, b))
        told = model.predictor(chem)
        pairs = ((told[0], chem[1]), (told[1], chem[0]))
        alike = [functional.cosine_similarity(p, z.detach(), dim=-1).mean() for p, z in pairs]
        parts["invariance"] = 1 - (alike[0] + alike[1]) / 2
    if weights.transport and views > 1:
        one, other = encoded.chem.flatten(1).unflatten(0, (views, b))[:2]
        parts["transport"] = divergence(one, other)
    parts.update(_physics(model, encoded, batch, weights))
    if weights.bottleneck:
        parts["bottleneck"] = encoded.price
    if weights.balance:
        parts["balance"] = encoded.balance
    total = seen.new_zeros(())
    for name, value in parts.items():
        total = total + getattr(weights, name) * value
    return total, parts


def _physics(
    model: SpectralModel, encoded: Encoded, batch: Views, weights: Weights
) -> Iterator[tuple[str, torch.Tensor]]:
    views = len(batch.seen)
    clean = batch.clean.repeat(views, 1)
    drawn = (
        model.denoise(encoded)
        if weights.smoothness + weights.curvature + weights.negativity
        else clean
    )
    if weights.smoothness:
        yield "smoothness", physics.smoothness(model.reconstruct(encoded), drawn)
    if weights.curvature:
        yield "curvature", physics.curvature(drawn, clean)
    if weights.negativity:
        zero, absorbing = batch.zero.repeat(views), batch.absorbing.repeat(views)
        yield "negativity", physics.negativity(drawn, zero, absorbing)
    if weights.linearity and batch.mated.any():
        yield "linearity", _linearity(model, batch)


def _linearity(model: SpectralModel, batch: Views) -> torch.Tensor:
    rows = batch.mated.nonzero()[:MIXED, 0]
    one, other, share = batch.clean[rows], batch.mate[rows], batch.share[rows]
    mixed = share.unsqueeze(1) * one + (1 - share.unsqueeze(1)) * other
    spread = mixed.square().mean(1).sqrt().clamp(min=1e-3)
    values = torch.cat([mixed / spread.unsqueeze(1), one, other])
    where, technique = batch.where[rows].repeat(3, 1, 1), batch.technique[rows].repeat(3)
    codes = model.encode(values, where, technique).chem.flatten(1).chunk(3)
    return physics.linearity(*codes, share, spread)


def loss_of(weights: Weights) -> Callable[[Any, Any], tuple[Any, Numbers]]:
    """Return the loss that the training loop calls."""
    return lambda model, batch: pretraining(model, batch, weights)
