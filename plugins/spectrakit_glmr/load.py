"""From a run to the model that it holds."""

from pathlib import Path

from spectrakit.errors import MismatchError
from spectrakit.train.checkpoint import load_weights, trained
from spectrakit_glmr.dual import DualConfig, DualEncoder
from spectrakit_glmr.generate import Generator, GeneratorConfig
from spectrakit_glmr.language import LanguageConfig, SmilesModel


def stage_of(run: Path) -> str:
    """Return which stage a run holds."""
    return str(trained(run)[1].maker.architecture.get("stage"))


def load_language(run: Path) -> SmilesModel:
    """Return the SMILES model of a run of stage molecules.

    Raises:
        MismatchError: the run holds another stage, or no checkpoint.
    """
    folder, checkpoint, which = trained(run)
    built = checkpoint.maker.architecture
    if built.get("stage") != "molecules":
        raise MismatchError(
            f"{run}: is of another architecture: stage is {built.get('stage')} there and "
            "molecules here.",
            hint="Give -m the run of `spectrakit pretrain -m glmr -s stage=molecules`.",
        )
    model = SmilesModel(LanguageConfig.from_json(built["language"]))
    load_weights(folder, model, checkpoint, which)
    return model.eval()


def load_dual(run: Path) -> DualEncoder:
    """Return the encoders of a run of stage contrastive, or of what was adapted from it.

    Raises:
        MismatchError: the run holds another stage, or no checkpoint.
    """
    folder, checkpoint, which = trained(run)
    built = checkpoint.maker.architecture
    if built.get("stage") != "contrastive":
        raise MismatchError(
            f"{run}: is of another architecture: stage is {built.get('stage')} there and "
            "contrastive here.",
            hint="Give -m the run of `spectrakit pretrain -m glmr -s stage=contrastive`.",
        )
    model = DualEncoder(DualConfig.from_json(built))
    load_weights(folder, model, checkpoint, which)
    return model.eval()


def load_generator(run: Path) -> Generator:
    """Return the generator of a run of stage generator.

    Raises:
        MismatchError: the run holds another stage, or no checkpoint.
    """
    folder, checkpoint, which = trained(run)
    built = checkpoint.maker.architecture
    if built.get("stage") != "generator":
        raise MismatchError(
            f"{run}: is of another architecture: stage is {built.get('stage')} there and "
            "generator here.",
            hint="Give -m the run of `spectrakit pretrain -m RUN -s stage=generator`.",
        )
    config = GeneratorConfig.from_json(built)
    model = Generator(config, DualEncoder(config.dual))
    load_weights(folder, model, checkpoint, which)
    return model.eval()
