"""``transfer fit --method PLUGIN``: the plugin's transfer as one of the methods of the sweep."""

from collections.abc import Sequence
from dataclasses import dataclass

from spectrakit.accounting import Summary
from spectrakit.errors import MissingExtraError, UsageError, did_you_mean
from spectrakit.plugin import TransferJob, TransferMethod
from spectrakit.registry import action_of, load_plugin, need_requirements, plugin_names
from spectrakit.transfer.methods import Method
from spectrakit.transfer.plugged import plugged_method
from spectrakit.transfer.problem import Problem
from spectrakit.transfer.registry import METHODS
from spectrakit.verbs.choose import Chosen, choose

VERB = "transfer"


@dataclass(frozen=True, slots=True)
class Plugged:
    """A plugin, the model it begins from, and its options."""

    chosen: Chosen
    options: object

    @property
    def name(self) -> str:
        """What ``--method`` calls it."""
        return self.chosen.plugin.name

    def method(self, problem: Problem, summary: Summary) -> Method:
        """Return the method for the axes of a problem; the model is told to the summary."""
        plugin = self.chosen.plugin
        make = action_of(plugin, VERB).load()
        summary.model = {
            "plugin": plugin.name,
            "version": plugin.version,
            "parent": str(self.chosen.parent or ""),
        }
        common = problem.common
        target = common.axis if common.shared else problem.target.axis

        def fresh(seed: int) -> TransferMethod:
            unit, modality = problem.source.axis_unit, problem.source.modality
            job = TransferJob(self.chosen.parent, common.axis, target, unit, modality, seed)
            return make(job, self.options)

        return plugged_method(plugin.name, plugin.summary, fresh)


def plugged(method: str, model: str, settings: Sequence[str]) -> Plugged | None:
    """Return the plugin that ``--method`` names, or None where it names a method of core.

    Raises:
        UsageError: no such method, -m or -s with a method of core, -m missing or of another
            plugin, or an unknown option.
        MissingExtraError: the plugin, or what it needs, is not installed.
    """
    if _of_core(method):
        if model or settings:
            raise UsageError(
                f"--method {method} takes no {'-m' if model else '-s'}.",
                hint="They belong to methods that plugins bring.",
            )
        return None
    chosen = choose(model, VERB) if model else None  # says so where its plugin is missing
    if method not in plugin_names():
        known = ["auto", *(one.name for one in METHODS), *plugin_names()]
        raise UsageError(
            f"--method '{method}' is unknown. {did_you_mean(method, known)}".rstrip(),
            hint=f"Methods: auto, {', '.join(one.name for one in METHODS)}; and plugins that can "
            "transfer.",
        )
    plugin = load_plugin(method)
    action = action_of(plugin, VERB)
    need_requirements(plugin, VERB)
    if chosen is None and "pretrain" not in plugin.actions:
        chosen = Chosen(plugin)  # it learns from the two instruments alone
    if chosen is None:
        raise UsageError(
            f"--method {method} begins from a trained model, and -m names none.",
            hint=f"Give -m the run of `spectrakit pretrain -m {method}`.",
        )
    if chosen.plugin.name != method:
        raise UsageError(
            f"-m {model}: was made by '{chosen.plugin.name}', not by '{method}'.",
            hint=f"Give -m a run of {method}.",
        )
    return Plugged(chosen, action.parse(settings))


def need_plugin(method: str) -> None:
    """Check that a method that was once fitted is here.

    Raises:
        MissingExtraError: it is a plugin's, which is not installed.
    """
    if not _of_core(method) and method not in plugin_names():
        raise MissingExtraError(
            f"the method '{method}' is a plugin's that is not installed.",
            hint="Install it to fit again; predictions need it not.",
        )


def _of_core(method: str) -> bool:
    return method == "auto" or any(one.name == method for one in METHODS)
