"""``spectrakit adapt``."""

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


def adapt(
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
    """Fit a trained model to another instrument or contributor.

    Only a small part of the model is trained, as the plugin's options say.
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
    with accounted("adapt", summary, **request.parameters()) as account:
        train("adapt", request, summary=account)
