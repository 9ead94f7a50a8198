"""What ``-m`` names: a plugin, a run or a bundle. Light, because ``--help`` shows options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrakit.bundle import Bundle, find_bundle
from spectrakit.bundle.models import known_bundles
from spectrakit.errors import MismatchError, MissingExtraError, UsageError, did_you_mean
from spectrakit.log import say
from spectrakit.options import Option
from spectrakit.plugin import Plugin
from spectrakit.registry import action_of, load_plugin, need_someone_for, plugin_names
from spectrakit.run import DONE, FAILED, Run, check_made_by, is_run


@dataclass(frozen=True, slots=True)
class Chosen:
    """What ``-m`` means: a plugin, and the trained model to begin from, if any."""

    plugin: Plugin
    parent: Path | None = None


def options_of(word: str, verb: str) -> tuple[Plugin, tuple[Option, ...]]:
    """Return the plugin that ``-m`` means, and the options that its verb takes.

    Raises:
        UsageError: nothing of this name, or it cannot do the verb.
        MissingExtraError: it is broken.
    """
    plugin = load_plugin(word) if word in plugin_names() else choose(word, verb).plugin
    return plugin, action_of(plugin, verb).declared()


def choose(word: str, verb: str) -> Chosen:
    """Return the plugin, and the parent, that ``-m`` names.

    Raises:
        UsageError: nothing of this name, or a plugin where a trained model is needed.
        MissingExtraError: no plugin can do the verb, or the one that made the model is missing.
        MismatchError: another version of the plugin made the model.
    """
    if not word or not plugin_names():
        can = need_someone_for(verb)
        raise UsageError(f"{verb} needs a model.", hint=f"Say -m with one of: {', '.join(can)}.")
    if verb == "pretrain" and word in plugin_names():
        return Chosen(load_plugin(word))
    path = Path(word)
    if is_run(path):
        run = Run.open(path)
        plugin = maker_of(path, run.plan["plugin"])
        _refuse_untrained(run)
        return Chosen(plugin, path.resolve())
    if not path.exists() and "@" not in word and "/" not in word:
        _refuse_unknown(word, verb)
    bundle = Bundle(find_bundle(word))
    bundle.verify()
    return Chosen(maker_of(bundle.path, bundle.manifest.plugin), bundle.path.resolve())


def _refuse_unknown(word: str, verb: str) -> None:
    bundles = {label.partition("@")[0] for label in known_bundles()}
    if word in bundles:
        return
    if word in plugin_names():
        raise UsageError(
            f"{verb} begins from a trained model, and '{word}' is a plugin.",
            hint=f"Give -m the run of `spectrakit pretrain -m {word}`, or a bundle.",
        )
    known = [*plugin_names(), *sorted(bundles)] if verb == "pretrain" else sorted(bundles)
    raise UsageError(
        f"-m '{word}' is no plugin, run or bundle. {did_you_mean(word, known)}".rstrip(),
        hint="Name what `spectrakit models list` shows, or the folder of a run or bundle.",
    )


def maker_of(what: Path, made_by: Any) -> Plugin:
    """Load the plugin that made a run or bundle, in the version that made it."""
    name = str(made_by.get("name", ""))
    if not name:
        raise MismatchError(
            f"{what}: names no plugin that made it.", hint="It can be run, not trained further."
        )
    if name not in plugin_names():
        raise MissingExtraError(
            f"{what}: was made by plugin '{name}', which is not installed.",
            hint="Install it; `spectrakit models list` shows those that are.",
        )
    plugin = load_plugin(name)
    check_made_by(what, made_by, plugin.name, plugin.version)
    return plugin


def _refuse_untrained(run: Run) -> None:
    if run.status != DONE:
        if run.last_checkpoint() is None and not run.students():
            failed = run.status.startswith(FAILED)
            raise MismatchError(
                f"{run.path}: holds no checkpoint (status: {run.status.rstrip('.') or 'none'}).",
                hint="Give -m the model that it began from, or make a run that ends well."
                if failed
                else f"Go on with it: --resume {run.path}.",
            )
        say(f"{run.path}: is not finished (status: {run.status}); its newest checkpoint is used")
