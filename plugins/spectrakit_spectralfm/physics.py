"""What physics says of spectra, as terms of the loss; each has a weight of its own, 0 at first.

The terms judge what the model makes of a spectrum, in the units of its standard deviation. They
hold where they hold: amounts add up in absorbance, and absorbance alone cannot be negative.
"""

import torch


def linearity(
    mixed: torch.Tensor, one: torch.Tensor, other: torch.Tensor, share: torch.Tensor,
    spread: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """Return how far the code of a mixture lies from the mixture of the codes (Beer-Lambert).

    Spectra are standardised before they are encoded, and a mixture of two has a smaller spread
    than each: what adds up is the code times the spread that standardising took away.

    Args:
        mixed: (n, ...) codes of the standardised mixtures.
        one: (n, ...) codes of the first spectra.
        other: (n, ...) codes of the second.
        share: (n,) of the first in the mixture.
        spread: (n,) standard deviations of the mixtures, the parts' being 1.

    Returns:
        The mean square difference over the mean square code; 0 for a linear encoder.
    """
    shape = (-1, *[1] * (mixed.dim() - 1))
    share, spread = share.view(shape), spread.view(shape)
    expected = share * one + (1 - share) * other
    size = expected.detach().square().mean().clamp(min=1e-12)
    return (spread * mixed - expected).square().mean() / size


def smoothness(shown: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Return the roughness of what the instrument is said to have added (n, p): its baseline.

    Second differences over first ones, squared: 4 for alternating points, 0 for a line.
    """
    added = shown - clean
    first = added.diff(dim=1)
    return first.diff(dim=1).square().mean() / first.detach().square().mean().clamp(min=1e-12)


def curvature(drawn: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Return by how much second differences (n, p) exceed the sharpest of the true spectrum."""
    bound = clean.diff(n=2, dim=1).abs().amax(1, keepdim=True)
    return (drawn.diff(n=2, dim=1).abs() - bound).clamp(min=0).mean()


def negativity(drawn: torch.Tensor, zero: torch.Tensor, absorbing: torch.Tensor) -> torch.Tensor:
    """Return how far absorbance (n, p) is drawn below zero.

    Args:
        drawn: standardised.
        zero: (n,) what an absorbance of 0 is, standardised.
        absorbing: (n,) bool, spectra of raw absorbance without a negative value; of others
            nothing is asked.
    """
    below = (zero.unsqueeze(1) - drawn).clamp(min=0).mean(1)
    return (below * absorbing).sum() / absorbing.sum().clamp(min=1)
