"""``spectrakit ttt``."""

from spectrakit.cli.shared import SeedOption, SummaryOption, WhereOption, accounted
from spectrakit.cli.training import (
    DeviceOption,
    InputsArgument,
    ModelCommand,
    ModelOption,
    ResumeOption,
    RunOption,
    SetOption,
    ValidOption,
)

COMMAND = ModelCommand


def ttt(
    inputs: InputsArgument = None,
    model: ModelOption = "",
    settings: SetOption = None,
    valid: ValidOption = None,
    out: RunOption = None,
    resume: ResumeOption = None,
    where: WhereOption = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    summary: SummaryOption = None,
) -> None:
    """Train a model on the very spectra it is to be used on, without their answers.

    Test-time training: annotations that the spectra carry are not used.
    """
    from spectrakit.verbs.training import Request, train

    request = Request(
        inputs=inputs or (),
        model=model,
        settings=settings or (),
        valid=valid or (),
        where=where or (),
        out=out,
        resume=resume,
        device=device,
        seed=seed,
    )
    with accounted("ttt", summary, **request.parameters()) as account:
        train("ttt", request, summary=account)
