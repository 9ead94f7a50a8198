"""A learned operator between two instruments: a Gaussian prior, updated by the standards.

Another instrument shows a spectrum x as ``x + sum theta[f, k] * wave[k] * (filter[f] of x)``: a
sum over filters (the spectrum itself: gain; its derivatives: shift and line width; its square:
detector curvature; learned ones) times waves over the logarithm of the wavenumber (explicit
cosines and sines, any number of points), and baselines. ``theta`` is Gaussian: its covariance is
learned from simulated instruments, and N standards measured on both update it in closed form. How
wide the prior is for each filter, and how much noise to expect, is said by a small network over
the set of standards (the mean over standards, so any N and any order).

What is left unknown of the instrument is a covariance of spectra. Channels are weighed by it: a
regression behind ``metric`` does not lean on what another instrument may still change. So the
operator predicts properties directly from labelled source samples, with an uncertainty.

Source: Rao 1975, Biometrics 31, 545 (Gaussian random coefficients); Garnelo 2018, arXiv 1807.01622
(conditioning on a set by its mean); Li 2021, arXiv 2010.08895 (waves instead of channels).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from spectrakit.transfer.bases import derivative_matrix, window_of

PLAIN = 4  # filters that are fixed: the spectrum, its two derivatives, its square
TOLD = 6  # numbers told of each standard beside what its difference looks like
_TINY = 1e-12
_DRAWN = 8  # spectra that the covariance is averaged over


@dataclass(frozen=True, slots=True)
class OperatorConfig:
    """Sizes: learned filters and their taps (odd), waves (odd), width of the network."""

    filters: int = 2
    taps: int = 15
    waves: int = 9
    width: int = 48

    @property
    def features(self) -> int:
        """How many numbers an instrument is."""
        return (PLAIN + self.filters + 1) * self.waves

    def as_json(self) -> dict[str, int]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "OperatorConfig":
        """Return what ``as_json`` gave."""
        return cls(**{name: int(value) for name, value in told.items()})


class Seen(NamedTuple):
    """Spectra of one set behind one preprocessing.

    ``features`` (J, n, p) are what each number of an instrument adds to each spectrum, ``spectra``
    (n, p), ``kind`` (2,) the derivative taken (0 to 2) and whether SNV came first.
    """

    features: torch.Tensor
    spectra: torch.Tensor
    kind: torch.Tensor


class Beliefs(NamedTuple):
    """What the network says: everything that the closed form needs (scalars but ``scale``)."""

    scale: torch.Tensor  # (J,) of the prior
    noise: torch.Tensor  # variance of a standard's difference that no instrument explains
    offset: torch.Tensor  # variance of their mean, beside that
    trust: torch.Tensor  # times the covariance in the metric
    penalty: torch.Tensor  # of the regression, times the mean eigenvalue


class Posterior(NamedTuple):
    """An instrument after the standards were seen.

    Attributes:
        mean: (J,) of ``theta``.
        root: (J, J), ``root @ root.T`` its covariance.
        centre: (J, p) mean features of the standards.
        shift: (p,) mean difference of the standards.
    """

    mean: torch.Tensor
    root: torch.Tensor
    centre: torch.Tensor
    shift: torch.Tensor

    def shown(self, seen: Seen) -> torch.Tensor:
        """Return (n, p) spectra as the other instrument is expected to show them."""
        moved = torch.tensordot(self.mean, seen.features, 1) - self.mean @ self.centre
        return seen.spectra + self.shift + moved

    def spread(self, seen: Seen) -> torch.Tensor:
        """Return (p, m) ``s``: ``s @ s.T`` is the mean covariance of such spectra."""
        n = seen.spectra.shape[0]
        few = torch.linspace(0, n - 1, min(n, _DRAWN)).round().long()
        around = seen.features[:, few] - self.centre[:, None]  # (J, few, p)
        drawn = torch.einsum("jr,jnp->pnr", self.root, around)
        return drawn.flatten(1) / len(few) ** 0.5


def waves_of(place: torch.Tensor, count: int) -> torch.Tensor:
    """Return (count, p): 1, then cosines and sines over places (p,) within 0 and 1.

    The period is twice the range: nothing makes the two ends of a range alike.
    """
    order = torch.arange(1, (count - 1) // 2 + 1, dtype=place.dtype)[:, None]
    angle = torch.pi * order * place
    return torch.cat([torch.ones_like(place)[None], angle.cos(), angle.sin()])


def derived(values: torch.Tensor, derivative: int) -> torch.Tensor:
    """Return core's Savitzky-Golay derivative along the last axis (..., p).

    Its matrix is a band but for the ends: a convolution, and two small products.
    """
    p = values.shape[-1]
    matrix = torch.from_numpy(derivative_matrix(p, derivative)).to(values.dtype)
    width = window_of(p)
    half = width // 2
    flat = values.reshape(-1, 1, p)
    middle = functional.conv1d(flat, matrix[:width, half].reshape(1, 1, -1))[:, 0]
    left = flat[:, 0, :width] @ matrix[:width, :half]
    right = flat[:, 0, -width:] @ matrix[-width:, -half:]
    return torch.cat([left, middle, right], 1).reshape(values.shape)


class Operator(nn.Module):
    """The prior: learned filters, covariance, and the network over sets of standards."""

    def __init__(self, config: OperatorConfig) -> None:
        super().__init__()
        self.config = config
        j, width = config.features, config.width
        self.kernel = nn.Parameter(0.2 * torch.randn(config.filters, 1, config.taps))
        self.root = nn.Parameter(0.1 * torch.eye(j) + 0.02 * torch.randn(j, j))
        self.one = nn.Sequential(
            nn.Linear(2 * j + TOLD, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.all = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, PLAIN + config.filters + 5)
        )
        self.of_spread = nn.Parameter(torch.zeros(()))
        self.of_rest = nn.Parameter(torch.zeros(()))

    def features(self, spectra: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Return (J, n, p) what each number of an instrument adds.

        Args:
            spectra: (n, p), so scaled that their mean spectrum has mean 0 and deviation 1.
            place: (p,) of the channels, 0 to 1 in the logarithm of the wavenumber.
        """
        padded = functional.pad(spectra[:, None], (1, 1), mode="replicate")[:, 0]
        first = (padded[:, 2:] - padded[:, :-2]) / 2
        second = padded[:, 2:] - 2 * spectra + padded[:, :-2]
        half = self.config.taps // 2
        wide = functional.pad(spectra[:, None], (half, half), mode="replicate")
        learned = functional.conv1d(wide, self.kernel.to(spectra.dtype))  # (n, filters, p)
        plain = [spectra, first, second, spectra.square()]
        seen = torch.stack([*plain, *learned.unbind(1)])  # (F, n, p)
        waves = waves_of(place, self.config.waves)  # (K, p)
        each = (seen[:, None] * waves[None, :, None]).flatten(0, 1)
        base = waves[:, None].expand(-1, len(spectra), -1)
        return torch.cat([each, base])

    def beliefs(self, seen: Seen, difference: torch.Tensor) -> Beliefs:
        """Return what the set of N standards says; ``difference`` (N, p) target less source."""
        middle, shift = seen.features.mean(1, keepdim=True), difference.mean(0)
        around, rest = seen.features - middle, difference - shift
        own = torch.einsum("jnp,np->nj", around, rest)
        own = own / ((around.square().sum(2).T * rest.square().sum(1)[:, None]).sqrt() + _TINY)
        mean = middle[:, 0] @ shift
        mean = mean / ((middle[:, 0].square().sum(1) * shift.square().sum()).sqrt() + _TINY)
        n = len(difference)
        varied = (seen.spectra - seen.spectra.mean(0)).square().mean()
        told = torch.stack([
            (rest.square().mean() / (varied + _TINY) + _TINY).log(),
            (shift.square().mean() / (varied + _TINY) + _TINY).log(),
            torch.tensor(float(n), dtype=rest.dtype).log(),
            (varied + _TINY).log(),
            *seen.kind.to(rest.dtype),
        ])  # fmt: skip
        each = torch.cat([own, mean.expand(n, -1), told.expand(n, -1)], 1)
        said = self.all(self.one(each).mean(0))
        f = PLAIN + self.config.filters
        scale = said[: f + 1].clamp(-6, 6).exp().repeat_interleave(self.config.waves)
        level = rest.square().mean() + _TINY
        noise = level * (said[f + 1] - 2).clamp(-8, 3).exp()
        offset = (shift.square().mean() + _TINY) * (said[f + 2] - 2).clamp(-8, 4).exp()
        return Beliefs(
            scale, noise, offset, said[f + 3].clamp(-6, 6).exp(),
            (said[f + 4] - 7).clamp(-14, 2).exp(),
        )  # fmt: skip

    def posterior(self, seen: Seen, difference: torch.Tensor, said: Beliefs) -> Posterior:
        """Return the instrument that N standards (rows of ``seen``) and the prior speak for."""
        root = said.scale[:, None] * self.root.to(difference.dtype)  # theta = root @ z
        middle, shift = seen.features.mean(1), difference.mean(0)
        around = torch.einsum("jnp,jr->rnp", seen.features - middle[:, None], root).flatten(1)
        mean = torch.einsum("jp,jr->rp", middle, root)
        n = len(difference)
        of_mean = said.noise / n + said.offset
        eye = torch.eye(len(root), dtype=difference.dtype)
        precision = eye + around @ around.T / said.noise + mean @ mean.T / of_mean
        towards = around @ (difference - shift).flatten() / said.noise + mean @ shift / of_mean
        chol = torch.linalg.cholesky(precision)
        z = torch.cholesky_solve(towards[:, None], chol)[:, 0]
        spread = torch.linalg.solve_triangular(chol, eye, upper=False).T
        return Posterior(root @ z, root @ spread, middle, shift)


def part(seen: Seen, rows: torch.Tensor) -> Seen:
    """Return some of the spectra."""
    return Seen(seen.features[:, rows], seen.spectra[rows], seen.kind)
