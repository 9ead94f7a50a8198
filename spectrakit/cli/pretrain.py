"""``spectrakit pretrain``."""

from spectrakit.cli.shared import SeedOption, SummaryOption, WhereOption, accounted
from spectrakit.cli.training import (
    DeviceOption,
    InputsArgument,
    ModelCommand,
    PluginOption,
    ResumeOption,
    RunOption,
    SetOption,
    ValidOption,
)

COMMAND = ModelCommand


def pretrain(
    inputs: InputsArgument = None,
    model: PluginOption = "",
    settings: SetOption = None,
    valid: ValidOption = None,
    out: RunOption = None,
    resume: ResumeOption = None,
    where: WhereOption = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    summary: SummaryOption = None,
) -> None:
    """Train a plugin's model on stores of spectra or molecules.

    The run folder is the model: give it to the next verb with -m. What /samples/split marks as
    valid is held out, else a tenth of the molecules, the same in every run. Ctrl-C saves and
    stops; --resume goes on.
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
    with accounted("pretrain", summary, **request.parameters()) as account:
        train("pretrain", request, summary=account)
