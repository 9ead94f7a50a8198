"""What a plugin declares, and what its actions receive: the whole extension surface.

A plugin is one frozen ``Plugin`` under an entry point of the group ``spectrakit.plugins``. Its
targets are strings, imported when a verb runs, so that listing plugins and showing their
options costs nothing. ``spectrakit-plugin(7)`` has a complete small plugin.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from spectrakit.errors import MissingExtraError, SpectrakitError, UsageError, did_you_mean
from spectrakit.options import Option, as_option

API = 1  # raised when a plugin written for the one before would no longer run
NEEDS = {  # what an action can ask of a spectrum -> why one without it is dropped
    "ms2": "MS1",
    "precursor": "no precursor m/z",
    "molecule": "no molecule",
    "structure": "no structure (SMILES or InChI)",
}
VERBS = ("pretrain", "distill", "adapt", "ttt", "identify", "transfer")


class Stopped(Exception):
    """Raised by an action that saved a checkpoint because ``job.should_stop()`` said so."""


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[Any] = (),
) -> Any:
    """Declare one option of an action: a field of its options dataclass.

    The field's annotation is its type: ``int``, ``float``, ``bool``, ``str``, one of them with
    ``| None``, or ``tuple[T, ...]`` (written with commas).

    Args:
        default: its value when it is not set.
        help: one sentence for ``spectrakit VERB -m NAME --help``.
        low: the least that is allowed (of each number of a tuple).
        high: the most.
        choices: the only values that are allowed.
    """
    told = {"help": help, "low": low, "high": high, "choices": tuple(choices)}
    return field(default=default, metadata=told)


@dataclass(frozen=True, slots=True)
class Action:
    """One verb of a plugin.

    Attributes:
        target: ``package.module:function``, imported when the verb runs. The function takes
            ``(job, options)``.
        options: a frozen dataclass whose fields were made with ``option``.
        requires: extras or packages that this verb needs beside those of the plugin.
        needs: what a spectrum must have to be given to the action (see ``NEEDS``); those that
            lack it are dropped and counted. The molecules of structure lists are given to
            actions that need neither ``ms2`` nor ``precursor``.
    """

    target: str
    options: type
    requires: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def load(self) -> Callable[..., Any]:
        """Import and return the function.

        Raises:
            MissingExtraError: the module or function cannot be imported; the message says why.
        """
        from importlib import import_module

        module_name, _, name = self.target.partition(":")
        try:
            found = getattr(import_module(module_name), name)
        except SpectrakitError:
            raise
        except Exception as error:  # the plugin's own code: it may raise anything
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise MissingExtraError(
                f"plugin target '{self.target}' cannot be imported: {reason}.",
                hint="Reinstall the plugin's package, or ask its author.",
            ) from error
        return found

    def declared(self) -> tuple[Option, ...]:
        """Return the options in their order.

        Raises:
            TypeError: ``options`` is no dataclass, or a field has no default or a type that a
                command line cannot give.
        """
        from typing import get_type_hints

        if not is_dataclass(self.options):
            raise TypeError(f"{self.options!r} is no dataclass")
        hints = get_type_hints(self.options)
        found: list[Option] = []
        for one in fields(self.options):
            if one.default is MISSING:
                raise TypeError(f"option '{one.name}' of {self.options.__name__} has no default")
            found.append(as_option(one.name, hints[one.name], one.default, one.metadata))
        return tuple(found)

    def parse(self, settings: Sequence[str]) -> Any:
        """Return the options with ``KEY=VALUE`` settings applied.

        Raises:
            UsageError: no ``=``, an unknown key (the nearest is named), or a value of the wrong
                type, out of range or not among the choices.
        """
        known = {one.name: one for one in self.declared()}
        values: dict[str, Any] = {}
        for setting in settings:
            key, equals, text = setting.partition("=")
            name = key.strip().replace("-", "_")
            if not equals:
                raise UsageError(f"--set '{setting}' has no '='.", hint="Write -s KEY=VALUE.")
            if name not in known:
                raise UsageError(
                    f"--set '{setting}': no option '{key}'. {did_you_mean(name, known)}".rstrip(),
                    hint=f"Options: {', '.join(known) or 'none'}.",
                )
            if name in values:
                raise UsageError(f"--set: '{name}' is given twice.", hint="Give it once.")
            values[name] = known[name].read(text.strip())
        return self.options(**values)

    def restore(self, values: Mapping[str, Any]) -> Any:
        """Return the options that a run's plan holds (a missing value is None or the default).

        Raises:
            UsageError: a value that this version of the plugin does not take.
        """
        known = {one.name: one for one in self.declared()}
        for name in values:
            if name not in known:
                raise UsageError(
                    f"the plan sets '{name}', which is no option. {did_you_mean(name, known)}",
                    hint=f"Options: {', '.join(known) or 'none'}.",
                )
        kept = {name: known[name].check(value) for name, value in values.items()}
        empty = {one.name: None for one in known.values() if one.optional}
        return self.options(**{**empty, **kept})


@dataclass(frozen=True, slots=True)
class Plugin:
    """What a plugin says of itself; it imports nothing heavy.

    Attributes:
        name: what ``-m`` takes: lower-case letters, digits, ``_`` and ``-``.
        summary: one line.
        modalities: those it reads, as in ``spectrakit.spectrum.Modality``.
        actions: verbs to what they run.
        doi: of the method's paper.
        requires: extras of spectrakit (``train``, ``llm``, ``index``) or packages that every
            verb needs.
        api: version of this contract that it was written for.
        version: of its checkpoints and bundles: raised when older ones no longer load.
    """

    name: str
    summary: str
    modalities: frozenset[str]
    actions: Mapping[str, Action]
    doi: str = ""
    requires: tuple[str, ...] = ()
    api: int = API
    version: str = "1"


class RunFolder(Protocol):
    """The folder of a run, as an action sees it; ``spectrakit.run.Run`` is one."""

    @property
    def path(self) -> Path:
        """The folder itself."""
        ...

    def record(self, step: int, **values: float) -> None:
        """Append numbers to ``metrics.jsonl``."""
        ...

    def checkpoint(self, step: int) -> AbstractContextManager[Path]:
        """Yield an empty folder to write into; it appears whole under ``checkpoints/``."""
        ...

    def last_checkpoint(self) -> Path | None:
        """Return the newest checkpoint, or None."""
        ...

    def resume_step(self) -> int:
        """Return the step of the newest checkpoint (0: none) and forget later metrics."""
        ...

    def data(self) -> tuple[Mapping[str, Any], ...]:
        """Return digest and row counts of each store, for the manifest of a bundle."""
        ...

    def student(self, name: str, version: str) -> Path:
        """Return where a bundle is to be written."""
        ...


class Progress(Protocol):
    """Show how far the work is: ``with job.progress(label, total, unit) as advance``."""

    def __call__(
        self, label: str, total: int | None, unit: str
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Yield ``advance(n)``."""
        ...


LeaveOut = Callable[[Mapping[str, int]], None]
"""Takes how many spectra an action leaves out, by the reason."""


def _unsaid(reasons: Mapping[str, int]) -> None:
    """Leave out spectra without a word, where no verb counts them."""


@dataclass(frozen=True, slots=True)
class Job:
    """What an action receives. It reads no ``sys.argv``, prints nothing, keeps no globals.

    Attributes:
        train: spectra and molecules to learn from (a ``spectrakit.store.dataset.Dataset``).
        valid: those held out; never empty where the data allow it.
        parent: run or bundle that ``-m`` named; None where it named a plugin.
        run: the folder that takes everything the action writes.
        device: ``cpu`` or ``cuda:N``.
        seed: of everything random; one seed gives one result.
        rank: number of this process, from 0.
        world: number of processes.
        progress: shows how far the work is.
        should_stop: true when a signal asked to save and raise ``Stopped``.
        leave_out: says, and counts for ``--summary``, spectra that the action does not use:
            ``job.leave_out({"without a polarity": 3})``.
    """

    train: Any
    valid: Any
    parent: Path | None
    run: RunFolder
    device: str
    seed: int
    rank: int
    world: int
    progress: Progress
    should_stop: Callable[[], bool]
    leave_out: LeaveOut = _unsaid


class Hit(Protocol):
    """A row of ``identify``, as ``spectrakit.search.hits.Hit`` is."""

    def record(self) -> dict[str, Any]:
        """Return the row's columns."""
        ...


@dataclass(frozen=True, slots=True)
class TransferJob:
    """What the ``transfer`` action receives, with its options; it returns a ``TransferMethod``.

    Attributes:
        parent: run or bundle that ``-m`` named.
        axis: (p,) float64 ascending: of the source's spectra, and of the target's where they
            share it.
        target_axis: (q,) of the target's spectra; the same array where they share it.
        axis_unit: of both.
        modality: of the spectra.
        seed: of everything random.
    """

    parent: Path | None
    axis: Any
    target_axis: Any
    axis_unit: str
    modality: str
    seed: int


class TransferMethod(Protocol):
    """A calibration transfer that the nested sweep of ``transfer`` can call.

    Arrays are numpy float64: ``source`` (n, p) and ``target`` (m, q) are spectra of the two
    instruments, ``pairs`` (s, 2) rows of them that show the same sample, ``reference`` (n, k)
    values of the properties, one column each. ``transfer`` gives the standards as the target,
    and fits once more without each fold of them: whatever a fit learns is of what it was given.
    """

    name: ClassVar[str]

    def fit(self, source: Any, target: Any, pairs: Any, reference: Any) -> "TransferMethod":
        """Learn from spectra of both instruments and return itself.

        Raises:
            MismatchError: the data do not fit the model: of another range or technique.
        """
        ...

    def predict(self, spectra: Any) -> Any:
        """Return the (m, k) properties of spectra (m, q) of the target; NaN where one has NaN."""
        ...

    def to_onnx(self, path: Path) -> None:
        """Write what ``predict`` does as a graph: one input (batch, q), one output (batch, k).

        Core puts it behind resampling and preprocessing into the graph of the bundle, which
        needs neither the plugin nor what it needs.
        """
        ...
