"""From a run to the model that it holds."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from spectrakit.errors import MismatchError
from spectrakit.train.checkpoint import load_weights, trained
from spectrakit_glmr.dual import DualConfig, DualEncoder
from spectrakit_glmr.generate import Generator, GeneratorConfig
from spectrakit_glmr.language import LanguageConfig, SmilesModel

_M = TypeVar("_M", bound=nn.Module)


def stage_of(run: Path) -> str:
    """Return which stage a run holds."""
    return str(trained(run)[1].maker.architecture.get("stage"))


def load_language(run: Path) -> SmilesModel:
    """Return the SMILES model of a run of stage molecules.

    Raises:
        MismatchError: the run holds another stage, or no checkpoint.
    """
    return _loaded(
        run,
        "molecules",
        "-m glmr -s stage=molecules",
        lambda built: SmilesModel(LanguageConfig.from_json(built["language"])),
    )


def load_dual(run: Path) -> DualEncoder:
    """Return the encoders of a run of stage contrastive, or of what was adapted from it.

    Raises:
        MismatchError: the run holds another stage, or no checkpoint.
    """
    return _loaded(
        run,
        "contrastive",
        "-m glmr -s stage=contrastive",
        lambda built: DualEncoder(DualConfig.from_json(built)),
    )


def load_generator(run: Path) -> Generator:
    """Return the generator of a run of stage generator.

    Raises:
        MismatchError: the run holds another stage, or no checkpoint.
    """

    def build(built: Mapping[str, Any]) -> Generator:
        config = GeneratorConfig.from_json(built)
        return Generator(config, DualEncoder(config.dual))

    return _loaded(run, "generator", "-m RUN -s stage=generator", build)


def _loaded(run: Path, stage: str, command: str, build: Callable[[Mapping[str, Any]], _M]) -> _M:
    folder, checkpoint, which = trained(run)
    built = checkpoint.maker.architecture
    if built.get("stage") != stage:
        raise MismatchError(
            f"{run}: is of another architecture: stage is {built.get('stage')} there and "
            f"{stage} here.",
            hint=f"Give -m the run of `spectrakit pretrain {command}`.",
        )
    model = build(built)
    load_weights(folder, model, checkpoint, which)
    return model.eval()
