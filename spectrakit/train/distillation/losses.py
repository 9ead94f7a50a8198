"""What a student is told by the truth and by its teachers: one function for each loss.

All are means over the rows with ``weight`` (a teacher may have no answer for some rows). Losses
over bits are in units of what the prior alone costs, so that 1 is a student that has learned
nothing and weights of losses compare.
"""

import math

import torch
from torch import nn
from torch.nn import functional

SMALLEST = 1e-3  # probabilities of teachers are kept this far from 0 and 1


def mean_over(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the mean of (n,) values by (n,) weights; 0 where no row has any."""
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)


def bits_loss(logits: torch.Tensor, truth: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """Return the (n,) binary cross-entropy of (n, b) bits, over that of the prior (b,)."""
    entropy = -(prior * prior.log() + (1 - prior) * (1 - prior).log()).sum()
    found = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return found.sum(1) / entropy


def cosine_loss(embedding: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
    """Return (n,) 1 - cosine of (n, B, d) vectors with their aims, the mean over blocks."""
    return 1 - functional.cosine_similarity(embedding, aim, dim=-1, eps=1e-6).mean(1)


def hint_loss(guess: torch.Tensor, feature: torch.Tensor) -> torch.Tensor:
    """Return the (n,) mean squared error of a regression of the teacher's (n, D) feature.

    Source: Romero et al. 2015, FitNets (arXiv:1412.6550), equation 3.
    """
    return (guess - feature).square().mean(1)


def vid_loss(
    guess: torch.Tensor, feature: torch.Tensor, log_variance: torch.Tensor
) -> torch.Tensor:
    """Return the (n,) negative log-likelihood over D of the feature under N(guess, variance).

    Minimising it maximises a lower bound of the mutual information I(teacher; student). The
    variance (D,) is learned and the same for all spectra.

    Source: Ahn et al. 2019, variational information distillation (arXiv:1904.05835), equations
    3 to 6.
    """
    squares = (feature - guess).square() * (-log_variance).exp()
    return 0.5 * (squares + log_variance + math.log(2 * math.pi)).mean(1)


def kl_loss(
    logits: torch.Tensor, teacher: torch.Tensor, prior: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return (n,) T^2 KL(p_T || p_S) summed over bits, over the prior's entropy.

    Each bit is a Bernoulli variable; both logits are divided by the temperature, and T^2 keeps
    the size of the gradient.

    Args:
        logits: (n, b) of the student.
        teacher: (n, b) probabilities.
        prior: (b,) probabilities.
        temperature: T.

    Source: Hinton et al. 2015 (arXiv:1503.02531), section 2.
    """
    entropy = -(prior * prior.log() + (1 - prior) * (1 - prior).log()).sum()
    wanted = torch.logit(teacher.clamp(SMALLEST, 1 - SMALLEST)) / temperature
    given = logits / temperature
    p = torch.sigmoid(wanted)
    on = functional.logsigmoid(wanted) - functional.logsigmoid(given)
    off = functional.logsigmoid(-wanted) - functional.logsigmoid(-given)
    return temperature**2 * (p * on + (1 - p) * off).sum(1) / entropy


class VarianceHead(nn.Module):
    """The mean and log variance of variational information distillation.

    Args:
        feature: size of the student's feature.
        size: D of the teacher's.
    """

    def __init__(self, feature: int, size: int) -> None:
        super().__init__()
        self.mean = nn.Linear(feature, size)
        self.log_variance = nn.Parameter(torch.zeros(size))

    def forward(self, feature: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (n, D) means and (D,) log variances, no smaller than e^-7."""
        return self.mean(feature), self.log_variance.clamp(min=-7.0)
