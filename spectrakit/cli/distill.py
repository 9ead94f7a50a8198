"""``spectrakit distill``."""

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


def distill(
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
    """Make a small student of a trained model: one bundle that needs no torch.

    The bundle is RUN/student/NAME@VERSION; copy it to the instrument, or install it with
    spectrakit models install.
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
    with accounted("distill", summary, **request.parameters()) as account:
        train("distill", request, summary=account)
