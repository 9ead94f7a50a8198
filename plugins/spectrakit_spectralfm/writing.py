"""Calibrations into a run: a checkpoint to train on from, and a bundle to answer with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spectrakit.bundle import write_bundle
from spectrakit.plugin import Job
from spectrakit.train.checkpoint import MODEL, Checkpoint, Maker, plain_tensors, write_checkpoint
from spectrakit.train.export import export_graph
from spectrakit_spectralfm.calibration import Calibration, common_of
from spectrakit_spectralfm.model import TECHNIQUES
from spectrakit_spectralfm.plugin import plugin
from spectrakit_spectralfm.spectra import CommonAxis

RESAMPLED = True  # a bundle also reads other axes that cover its own


def export(model: nn.Module, spectra: np.ndarray, outputs: Sequence[str]) -> bytes:
    """Return a graph of ``spectrum`` (batch, n) float64, equal to torch at two batch sizes."""

    def sample(n: int) -> Mapping[str, torch.Tensor]:
        rows = np.arange(n) % len(spectra)
        ripple = 1 + 1e-3 * np.sin(np.arange(n)[:, None] + np.arange(spectra.shape[1]) / 7.0)
        return {"spectrum": torch.from_numpy(spectra[rows] * ripple)}

    return export_graph(model, sample, outputs, dynamic={"spectrum": ("batch",)})


def input_of(common: CommonAxis) -> dict[str, Any]:
    """Return what a bundle says of the spectra that it reads."""
    return {
        "kind": "trace",
        "axis": common.axis.tolist(),
        "axis_unit": common.unit,
        "resample": RESAMPLED,
    }


def _apart(answers: np.ndarray) -> np.ndarray:
    """Return rows, lowest and highest answer in turn.

    A graph may differ by a share of their spread: two neighbouring samples have hardly any, and
    rounding alone would refuse a good graph.
    """
    order = answers.argsort(kind="stable")
    n = len(order)
    turns = np.empty(n, np.int64)
    turns[::2], turns[1::2] = order[: (n + 1) // 2], order[::-1][: n // 2]
    return turns


def save_calibration(
    job: Job, calibration: Calibration, told: Mapping[str, Any], step: int
) -> None:
    """Write the checkpoint from which ``ttt`` begins."""
    maker = Maker(plugin.name, plugin.version, told)
    tensors = {MODEL: plain_tensors(calibration.state_dict())}
    with job.run.checkpoint(step) as folder:
        write_checkpoint(folder, Checkpoint(maker, "calibration", 0, step, tensors))


def write_calibration(
    job: Job,
    calibration: Calibration,
    spectra: np.ndarray,
    told: Mapping[str, Any],
    *,
    label: tuple[str, str],
    half_width: float | None,
    coverage: float = 0.0,
    metrics: Sequence[Mapping[str, Any]],
    licence: str,
) -> Path:
    """Write the bundle that predicts and return its folder."""
    own = told["calibration"]
    common = common_of(told)
    answers = calibration.each(calibration, spectra).numpy()[:, 0]
    apart = spectra[_apart(answers)]
    technique = TECHNIQUES[common.technique]
    return write_bundle(
        job.run.student(*label),
        graphs={"predict": export(calibration, apart, ["value"])},
        units={"predict": {"value": str(own["unit"])}},
        replace_old=True,  # of this very run, which was begun again
        task="regress",
        modality=technique,
        input=input_of(common),
        properties=({"name": str(own["property"]), "unit": str(own["unit"])},),
        calibration={}
        if half_width is None
        else {"coverage": coverage, "half_width": [half_width]},
        metrics=tuple(metrics),
        plugin={"name": plugin.name, "version": plugin.version},
        data=job.run.data(),
        summary=f"{own['property']} from {technique} spectra by {plugin.name} "
        f"({' -> '.join(told['lineage'])}).",
        licence=licence,
    )
