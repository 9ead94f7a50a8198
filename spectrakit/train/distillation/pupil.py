"""A student in training, with the heads through which it is taught; they stay behind at export."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spectrakit.train.distillation.batches import ViewBatch
from spectrakit.train.distillation.flow import SIGMA, ConditionalFlow
from spectrakit.train.distillation.losses import (
    VarianceHead,
    bits_loss,
    cosine_loss,
    hint_loss,
    kl_loss,
    mean_over,
    vid_loss,
)
from spectrakit.train.distillation.options import Weights
from spectrakit.train.distillation.students import Student


class Pupil(nn.Module):
    """A student and its heads.

    Args:
        student: what is exported.
        prior: (b,) share of the training molecules that have each bit.
        feature: D of the teachers; 0 without any.
        weights: of the losses.
        drop_peaks: share of peaks that training hides.
    """

    def __init__(
        self,
        student: Student,
        prior: NDArray[np.float32],
        feature: int,
        weights: Weights,
        drop_peaks: float,
    ) -> None:
        super().__init__()
        self.student, self.weights, self.drop_peaks = student, weights, drop_peaks
        size = student.config.blocks * student.config.dimension
        self.bits = nn.Linear(size, len(prior))
        shares = torch.from_numpy(prior).clamp(1e-4, 1 - 1e-4)
        self.prior: torch.Tensor
        self.register_buffer("prior", shares)
        with torch.no_grad():
            self.bits.bias.copy_(torch.logit(shares))
        made: dict[str, nn.Module] = {}
        if weights.hint and feature:
            made["hint"] = nn.Linear(size, feature)
        if weights.vid and feature:
            made["vid"] = VarianceHead(size, feature)
        if weights.flow and feature:
            made["flow"] = ConditionalFlow(feature, size)
        self.heads = nn.ModuleDict(made)

    def losses(self, batch: ViewBatch) -> dict[str, torch.Tensor]:
        """Return the mean of each loss that is on, before its weight."""
        mask = batch.mask
        if self.training and self.drop_peaks:
            mask = mask & (torch.rand(mask.shape, device=mask.device) >= self.drop_peaks)
        embedding = self.student(batch.mz, batch.intensity, mask, batch.precursor).float()
        flat = embedding.flatten(1)
        found: dict[str, torch.Tensor] = {}
        wants_bits = self.weights.task or (self.weights.kl and batch.bits.shape[1])
        logits = self.bits(flat).float() if wants_bits else flat
        if self.weights.task:
            found["bits"] = bits_loss(logits, batch.truth, self.prior).mean()
            found["cosine"] = cosine_loss(embedding, batch.aim).mean()
        if self.weights.kl and batch.bits.shape[1]:
            rows = kl_loss(logits, batch.bits, self.prior, self.weights.temperature)
            found["kl"] = mean_over(rows, batch.known)
        if self.weights.match and batch.told.shape[1]:
            found["match"] = mean_over(cosine_loss(embedding, batch.told), batch.known)
        found.update(self._of_features(flat, batch))
        return found

    def _of_features(self, flat: torch.Tensor, batch: ViewBatch) -> Mapping[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = {}
        if "hint" in self.heads:
            found["hint"] = mean_over(
                hint_loss(self.heads["hint"](flat), batch.feature), batch.known
            )
        if "vid" in self.heads:
            guess, log_variance = self.heads["vid"](flat)
            rows = vid_loss(guess, batch.feature, log_variance)
            found["vid"] = mean_over(rows, batch.known)
        if "flow" in self.heads:
            flow = self.heads["flow"]
            assert isinstance(flow, ConditionalFlow)
            noisy = batch.feature + SIGMA * torch.randn_like(batch.feature)
            found["flow"] = mean_over(flow.nll(noisy, flat), batch.known)
        return found


def teach(pupil: Pupil, batch: ViewBatch) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
    """Return the weighted sum of a pupil's losses, and each of them: what ``fit`` is given."""
    found = pupil.losses(batch)
    task = pupil.weights.task
    scale = {**asdict(pupil.weights), "bits": task, "cosine": task}
    total = torch.stack([scale[name] * value for name, value in found.items()]).sum()
    return total, found
