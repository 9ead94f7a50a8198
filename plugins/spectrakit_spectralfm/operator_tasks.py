"""Simulated pairs of instruments with a simulated property: what the operator is trained on.

Spectra of one axis and technique are cropped, resampled, and their differences shrunk (samples of
one calibration are more alike than those of a library). One virtual instrument shows all of them;
the property is a smooth functional of the clean spectra, or of few directions of them.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.simulated import virtual_instruments
from spectrakit_spectralfm.places import coordinate
from spectrakit_spectralfm.spectra import Traces

FloatArray = NDArray[np.float64]
POINTS = (64, 96, 128, 160)
LEAST, MOST = 24, 44  # spectra of a task
ASKED = 8  # of them are not standards, nor labelled
FEWEST = 12  # spectra on one axis that make a family


@dataclass(frozen=True, slots=True)
class Task:
    """One simulated transfer.

    Attributes:
        source: (n, p) scaled spectra on the first instrument (or their SNV).
        target: (n, p) on the second.
        place: (p,) of the channels, 0 to 1.
        kind: (2,) the derivative that the transfer is seen behind (0 to 2), and whether SNV.
        label: (n,) of mean 0 and deviation 1.
        standards: how many of the first rows are standards; the last ``ASKED`` are asked for.
    """

    source: torch.Tensor
    target: torch.Tensor
    place: torch.Tensor
    kind: torch.Tensor
    label: torch.Tensor
    standards: int


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """Several tasks of different shapes."""

    tasks: tuple[Task, ...]

    def __len__(self) -> int:
        return len(self.tasks)

    def to(self, device: torch.device | str) -> Self:
        """Return the batch on a device."""
        names = ("source", "target", "place", "kind", "label")
        moved = [replace(t, **{n: getattr(t, n).to(device) for n in names}) for t in self.tasks]
        return type(self)(tuple(moved))


def place_of(axis: FloatArray, unit: str) -> FloatArray:
    """Return (p,) places of channels: 0 to 1 in the logarithm of the wavenumber, else the axis."""
    where, _ = coordinate(axis, unit)
    return (where - where.min()) / max(float(np.ptp(where)), 1e-30)


def scaled(values: FloatArray, like: FloatArray) -> FloatArray:
    """Return spectra so scaled that the mean of ``like`` has mean 0 and deviation 1."""
    mean = like.mean(axis=0)
    return (values - mean.mean()) / max(float(mean.std()), 1e-30)


class OperatorTasks:
    """Batches of tasks by position, as the training loop asks for them."""

    def __init__(self, traces: Traces, *, batch: int, seed: int, rank: int = 0) -> None:
        families: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for row, one in enumerate(traces.traces):
            ends = (len(one.axis), float(one.axis[0]), float(one.axis[-1]))
            families[(*ends, one.unit, one.technique)].append(row)
        self.families = [rows for rows in families.values() if len(rows) >= FEWEST]
        if not self.families:
            raise MismatchError(
                f"no {FEWEST} spectra share an axis: there is nothing to simulate transfers with.",
                hint="Give sets of spectra, each measured on one axis.",
            )
        size = np.sqrt([len(rows) for rows in self.families])
        self._chance = size / size.sum()
        self.traces, self.batch, self._seed, self._rank = traces, batch, seed, rank

    def __call__(self, position: int) -> TaskBatch:
        """Return the batch of this process at a position."""
        rng = np.random.default_rng([self._seed, self._rank, position])
        return TaskBatch(tuple(self.task(rng) for _ in range(self.batch)))

    def names(self, position: int) -> list[str]:
        """Return nothing: tasks have no names."""
        return []

    def task(self, rng: np.random.Generator) -> Task:
        """Return one task."""
        rows = self.families[int(rng.choice(len(self.families), p=self._chance))]
        clean, place = self._spectra(rows, rng)
        n = len(clean)
        noise = 10 ** rng.uniform(-4, -2) * clean.std()
        seen = virtual_instruments(clean, rng, 1)[0]
        if rng.random() < 0.3:
            seen = virtual_instruments(seen, rng, 1)[0]
        placed = 10 ** rng.uniform(-4, -2)  # how a sample lies is never twice the same
        seen = seen * (1 + placed * rng.normal(size=(n, 1)))
        seen = seen + placed * rng.normal(size=(n, 1)) + noise * rng.normal(size=seen.shape)
        seen = seen + 10 ** rng.uniform(-2, 0) * (seen - clean).std() * _smooth(seen.shape, rng)
        source = clean + noise * rng.normal(size=clean.shape)
        label = _label(clean, rng)
        how = PREPROCESSINGS[int(rng.integers(len(PREPROCESSINGS)))]
        if how.basis == "snv":
            source, seen = (
                (one - one.mean(1, keepdims=True)) / np.maximum(one.std(1, keepdims=True), 1e-9)
                for one in (source, seen)
            )
        source, seen = scaled(source, source), scaled(seen, source)
        kind = np.array([how.derivative, how.basis == "snv"])
        told = {"source": source, "target": seen, "place": place, "kind": kind, "label": label}
        tensors = {k: torch.from_numpy(np.asarray(v, np.float64)) for k, v in told.items()}
        return Task(**tensors, standards=int(rng.integers(3, min(30, n - ASKED) + 1)))

    def _spectra(self, rows: list[int], rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        n = min(int(rng.integers(LEAST, MOST)), len(rows))
        n = max(n, FEWEST)
        chosen = [self.traces.traces[rows[k]] for k in rng.permutation(len(rows))[:n]]
        axis = chosen[0].axis
        share = rng.uniform(0.35, 1.0)
        start = rng.uniform(0, 1 - share)
        points = int(rng.choice(POINTS))
        channels = np.linspace(start, start + share, points) * (len(axis) - 1)
        where = np.interp(channels, np.arange(len(axis)), axis)
        values = np.array([np.interp(where, axis, one.values) for one in chosen])
        values = scaled(values, values)
        mean = values.mean(axis=0)
        spread = max(float((values - mean).std()), 1e-9)
        kept = min(1.0, 10 ** rng.uniform(-2, 0) / spread)
        return mean + kept * (values - mean), place_of(where, chosen[0].unit)


def _smooth(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return (n, p) smooth curves of unit variance: what no instrument of the prior explains."""
    from scipy.ndimage import gaussian_filter1d

    rough = rng.normal(size=shape)
    found = gaussian_filter1d(rough, 10 ** rng.uniform(0, 1.2), axis=1)
    return found / max(float(found.std()), 1e-12)


def _label(clean: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return (n,) a property of clean spectra, with noise of its reference method."""
    n, p = clean.shape
    around = clean - clean.mean(axis=0)
    if rng.random() < 0.5:
        where = np.linspace(0, 1, p)
        slope = np.zeros(p)
        for _ in range(int(rng.integers(1, 5))):
            width = 10 ** rng.uniform(-2, -0.7)
            slope += rng.normal() * np.exp(-0.5 * ((where - rng.random()) / width) ** 2)
        value = around @ slope
    else:
        u, s, _ = np.linalg.svd(around, full_matrices=False)
        k = min(int(rng.integers(1, 9)), len(s))
        value = u[:, :k] @ rng.normal(size=k)
    value = value / max(float(value.std()), 1e-12)
    value = value + 10 ** rng.uniform(-2, -0.5) * rng.normal(size=n)
    return (value - value.mean()) / max(float(value.std()), 1e-12)
