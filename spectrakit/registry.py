"""Which plugins are installed: found by entry points, loaded one at a time, never trusted to work.

``SPECTRAKIT_PLUGINS`` limits them to the names it lists; empty, it switches all of them off.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

from spectrakit.errors import MissingExtraError, UsageError, did_you_mean
from spectrakit.plugin import API, NEEDS, VERBS, Action, Plugin

GROUP = "spectrakit.plugins"
VARIABLE = "SPECTRAKIT_PLUGINS"

EXTRAS = {  # extra -> modules without which it is not there
    "train": ("torch", "onnxscript", "safetensors"),
    "llm": ("torch", "transformers", "peft"),
    "index": ("faiss",),
    "cluster": ("dask", "distributed", "dask_jobqueue"),
}


@dataclass(frozen=True, slots=True)
class Installed:
    """One installed plugin: its manifest, or the reason why it cannot be used."""

    name: str
    package: str  # the distribution that brought it, with its version
    plugin: Plugin | None
    problem: str = ""


def _entries() -> dict[str, list[EntryPoint]]:
    """Return the entry points by plugin name, sorted, those that are switched off left out."""
    allowed = os.environ.get(VARIABLE)
    names = None if allowed is None else {word.strip() for word in allowed.split(",")}
    found: dict[str, list[EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        if names is None or entry.name in names:
            held = found.setdefault(entry.name, [])
            if entry.value not in [other.value for other in held]:
                held.append(entry)
    return found


def plugin_names() -> list[str]:
    """Return the names of installed plugins, broken ones too; nothing of them is imported."""
    return list(_entries())


def load_plugin(name: str) -> Plugin:
    """Import the manifest of one plugin.

    Raises:
        UsageError: no such plugin; the nearest name is suggested.
        MissingExtraError: it is broken; the message gives the reason.
    """
    entries = _entries()
    if name not in entries:
        raise UsageError(
            f"plugin '{name}' is not installed. {did_you_mean(name, entries)}".rstrip(),
            hint=f"Installed: {', '.join(entries) or 'none'}.",
        )
    found = _load(name, entries[name])
    if found.plugin is None:
        raise MissingExtraError(
            f"plugin '{name}' ({found.package}) is broken: {found.problem}.",
            hint=f"Reinstall or remove {found.package.split()[0]}; other plugins still work.",
        )
    return found.plugin


def installed() -> Iterator[Installed]:
    """Yield every installed plugin; one that is broken has its reason and harms no other."""
    for name, entries in _entries().items():
        yield _load(name, entries)


def _load(name: str, entries: Sequence[EntryPoint]) -> Installed:
    packages = [f"{e.dist.name} {e.dist.version}" if e.dist else "unknown" for e in entries]
    package = ", ".join(packages)
    if len(entries) > 1:
        return Installed(name, package, None, f"{len(entries)} packages bring a plugin '{name}'")
    try:
        plugin = entries[0].load()
    except (Exception, SystemExit) as error:  # a stranger's module: it may do anything
        lines = f"{type(error).__name__}: {error}".splitlines()
        return Installed(name, package, None, lines[0])
    problem = _problem(name, plugin)
    return Installed(name, package, None if problem else plugin, problem)


def _problem(name: str, plugin: object) -> str:
    """Return why a manifest cannot be used, or an empty string."""
    if not isinstance(plugin, Plugin):
        return f"its entry point is a {type(plugin).__name__}, not a spectrakit.plugin.Plugin"
    if plugin.name != name:
        return f"its entry point is called '{name}' and its manifest '{plugin.name}'"
    if plugin.api != API:
        other = "update spectrakit" if plugin.api > API else "update the plugin"
        return f"it was written for plugin API {plugin.api}, this spectrakit has {API}; {other}"
    for verb, action in plugin.actions.items():
        if verb not in VERBS:
            return f"'{verb}' is no verb. {did_you_mean(verb, VERBS)}".rstrip()
        for need in action.needs:
            if need not in NEEDS:
                return (
                    f"{verb} needs '{need}', which is unknown. {did_you_mean(need, NEEDS)}".rstrip()
                )
        try:
            action.declared()
        except (TypeError, NameError) as error:
            return f"{verb}: {error}"
    return ""


def action_of(plugin: Plugin, verb: str) -> Action:
    """Return what a plugin does for a verb.

    Raises:
        UsageError: nothing; the message says what it can do.
    """
    if verb in plugin.actions:
        return plugin.actions[verb]
    can = [other.name for other in _usable() if verb in other.actions]
    raise UsageError(
        f"plugin '{plugin.name}' cannot {verb}; it can {', '.join(plugin.actions) or 'nothing'}.",
        hint=f"These can: {', '.join(can)}." if can else f"No installed plugin can {verb}.",
    )


def need_someone_for(verb: str) -> list[str]:
    """Return the names of plugins that have a verb.

    Raises:
        MissingExtraError: none has it.
    """
    names = [plugin.name for plugin in _usable() if verb in plugin.actions]
    if not names:
        broken = [f"{one.name}: {one.problem}" for one in installed() if one.problem]
        why = f" Broken: {'; '.join(broken)}." if broken else ""
        raise MissingExtraError(
            f"no installed plugin can {verb}.",
            hint=f"Install a plugin (see spectrakit-plugin(7)); {_switch()}.{why}",
        )
    return names


def _switch() -> str:
    if VARIABLE in os.environ:
        return f"{VARIABLE} is '{os.environ[VARIABLE]}' and limits them"
    return "`spectrakit models list` shows those that are there"


def _usable() -> Iterator[Plugin]:
    return (one.plugin for one in installed() if one.plugin is not None)


def need_requirements(plugin: Plugin, verb: str) -> None:
    """Look for what a plugin's verb needs, importing nothing.

    Raises:
        MissingExtraError: an extra or a package is missing; the hint has the install line.
    """
    for word in dict.fromkeys((*plugin.requires, *plugin.actions[verb].requires)):
        missing = [module for module in EXTRAS.get(word, (word,)) if not _is_there(module)]
        if missing:
            what = f"'spectrakit[{word}]'" if word in EXTRAS else word
            raise MissingExtraError(
                f"{verb} with '{plugin.name}' needs {', '.join(missing)}, not installed here.",
                hint=f"pip install {what}",
            )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a parent package is missing, or a module without a spec
        return False
