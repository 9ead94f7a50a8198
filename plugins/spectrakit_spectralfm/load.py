"""From a run to the model that it holds, and what is known of it."""

from pathlib import Path
from typing import Any

from spectrakit.bundle import is_bundle
from spectrakit.errors import MismatchError
from spectrakit.run import is_run
from spectrakit.train.checkpoint import load_weights, trained
from spectrakit_spectralfm.calibration import Calibration
from spectrakit_spectralfm.model import ModelConfig, SpectralModel


def run_of(parent: Path | None) -> Path:
    """Return the run that ``-m`` named, or of which it named the bundle.

    Raises:
        MismatchError: a bundle outside its run, which holds graphs and no weights.
    """
    if parent is not None and is_bundle(parent):
        run = parent.parent.parent  # RUN/student/NAME@VERSION
        if is_run(run):
            return run
        raise MismatchError(
            f"{parent}: is a bundle, which answers but holds nothing to train.",
            hint="Give -m the run that it was made in.",
        )
    if parent is None:
        raise MismatchError("no trained model is named.", hint="Give -m a run.")
    return parent


def lineage(told: Any) -> str:
    """Return what was done to a model, oldest first."""
    return " -> ".join(told.get("lineage", ["pretrain"]))


def load_pretrained(parent: Path | None) -> tuple[SpectralModel, dict[str, Any]]:
    """Return the model of a run of pretrain, and what its checkpoint says.

    Raises:
        MismatchError: no such run, or one of adapt or ttt; the message shows its lineage.
    """
    run = run_of(parent)
    folder, checkpoint, which = trained(run)
    told = dict(checkpoint.maker.architecture)
    if "calibration" in told:
        raise MismatchError(
            f"{run}: was adapted already ({lineage(told)}).",
            hint="Give -m the run of `spectrakit pretrain -m spectralfm`.",
        )
    if "model" not in told:
        raise MismatchError(
            f"{run}: holds no encoder ({lineage(told)}).",
            hint="Give -m the run of `spectrakit pretrain -m spectralfm`.",
        )
    model = SpectralModel(ModelConfig.from_json(told["model"]))
    load_weights(folder, model, checkpoint, which)
    return model.eval(), told


def load_calibration(parent: Path | None) -> tuple[Calibration, dict[str, Any]]:
    """Return the calibration of a run of adapt, and what its checkpoint says.

    Raises:
        MismatchError: no such run, or one of pretrain, or of ttt.
    """
    run = run_of(parent)
    folder, checkpoint, which = trained(run)
    told = dict(checkpoint.maker.architecture)
    if "calibration" not in told:
        raise MismatchError(
            f"{run}: predicts nothing yet ({lineage(told)}).",
            hint="Give -m the run of `spectrakit adapt`.",
        )
    if "classes" in told["calibration"]:
        raise MismatchError(
            f"{run}: names classes ({lineage(told)}); test-time training is for numbers.",
            hint="Give -m the run of `spectrakit adapt -s property=NAME`.",
        )
    model = Calibration.built(told)
    load_weights(folder, model, checkpoint, which)
    return model.eval(), told
