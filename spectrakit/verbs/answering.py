"""What ``identify -m`` means: which bundle, or which plugin, answers for a spectrum."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from spectrakit.accounting import InputAccount
from spectrakit.bundle import Bundle, find_bundle
from spectrakit.bundle.models import find_shipped
from spectrakit.bundle.predict import predict
from spectrakit.errors import MismatchError, UsageError
from spectrakit.io import read_spectra
from spectrakit.io.select import Condition, selected
from spectrakit.plugin import Job
from spectrakit.registry import need_requirements
from spectrakit.run import Run, is_run
from spectrakit.search.hits import Hit, set_q_values
from spectrakit.search.queries import Centroider, Query, searchable
from spectrakit.search.ranking import describe_query
from spectrakit.spectrum import Spectrum
from spectrakit.verbs.choose import choose

NONE = "none"
SHIPPED = "msms"  # the model that is used where -m names none
PROPERTY_COLUMNS = ("property", "value", "unit", "lower", "upper")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What ``-m`` names: a bundle that ranks or predicts, or a run that its plugin must read."""

    bundle: Bundle | None = None
    run: Path | None = None

    @property
    def predicts(self) -> bool:
        """Whether the answer is a property or a class instead of a compound."""
        return self.bundle is not None and "predict" in self.bundle.manifest.graphs

    def about(self) -> dict[str, Any] | None:
        """Return what the summary says of the model."""
        if self.bundle is not None:
            return {"name": self.bundle.label, "digest": self.bundle.digest}
        return {"run": str(self.run)} if self.run is not None else None


def chosen_model(word: str) -> Chosen:
    """Return what ``-m`` names; without a word, the model that ships.

    Raises:
        UsageError: nothing of this name.
        InputError: a bundle that was changed.
    """
    if word == NONE:
        return Chosen()
    if not word:
        shipped = find_shipped(SHIPPED)
        return Chosen(Bundle(shipped) if shipped else None)
    path = Path(word)
    if is_run(path) and not list(path.glob("student/*@*")):
        return Chosen(run=path)
    return Chosen(Bundle(find_bundle(word)))


@dataclass(frozen=True, slots=True)
class Answers:
    """The records of one file and what became of its spectra."""

    account: InputAccount
    records: list[dict[str, Any]]


def predict_file(path: Path, bundle: Bundle, where: tuple[Condition, ...] = ()) -> Answers:
    """Predict the properties, or the class, of the spectra of one file.

    Raises:
        InputError: the file cannot be read to its end.
        MismatchError: its spectra are not of the kind that the model reads.
    """
    account = InputAccount(str(path))
    wanted = bundle.manifest.modality
    held: list[Spectrum] = []
    for spectrum in selected(read_spectra(path, account), where, account):
        if spectrum.modality == wanted:
            account.keep()
            held.append(spectrum)
        else:
            account.drop(f"{spectrum.modality}, not {wanted}")
    records: list[dict[str, Any]] = []
    per_spectrum = max(1, len(bundle.manifest.properties))
    for number, said in enumerate(predict(bundle, iter(held))):
        at = number // per_spectrum
        hit = Hit(method=bundle.label, probability=said.probability)
        describe_query(hit, str(path), Query(at, held[at], (), ""))
        row = {"property": said.property, "value": said.value, "unit": said.unit}
        records.append({**hit.record(), **row, "lower": said.lower, "upper": said.upper})
    return Answers(account, records)


def taught_by(run: Path, settings: Sequence[str], structures: str, device: str, seed: int) -> Any:
    """Return the function that lets the plugin that made a run answer for a file.

    Raises:
        UsageError: the plugin does not identify, or takes no such option.
        MissingExtraError: what it needs is not installed.
    """
    from spectrakit.train.device import resolve_device

    chosen = choose(str(run), "identify")
    plugin = chosen.plugin
    if "identify" not in plugin.actions:
        raise UsageError(
            f"plugin '{plugin.name}' that made {run} does not identify.",
            hint=f"Distil it: spectrakit distill -m {run}.",
        )
    need_requirements(plugin, "identify")
    action = plugin.actions["identify"]
    told = {setting.partition("=")[0].strip().replace("-", "_") for setting in settings}
    takes = {one.name for one in action.declared()}
    given = (
        [] if "structures" in told or "structures" not in takes else [f"structures={structures}"]
    )
    options = action.parse([*settings, *given])
    where = resolve_device(device)
    return partial(_teach, action.load(), options, run, where, seed)


def _teach(
    answer: Callable[..., Iterator[Hit]],
    options: Any,
    run: Path,
    device: str,
    seed: int,
    path: Path,
    where: tuple[Condition, ...] = (),
) -> Answers:
    from spectrakit.log import progress

    account = InputAccount(str(path))
    queries = list(
        searchable(
            selected(read_spectra(path, account), where, account),
            account,
            Centroider(),
            survey_scans=False,
            needs_precursor=True,
        )
    )
    spectra = _numbered(queries)
    job = Job(
        train=spectra, valid=(), parent=run, run=Run.open(run), device=device, seed=seed,
        rank=0, world=1, progress=progress, should_stop=bool,
    )  # fmt: skip
    found: dict[str, list[Hit]] = {one.native_id: [] for one in spectra}
    for hit in answer(job, options):
        if hit.spectrum not in found:
            raise MismatchError(
                f"the plugin answers for a spectrum '{hit.spectrum}' that it was not asked about.",
                hint="Tell its author.",
            )
        found[hit.spectrum].append(hit)
    rows: list[Hit] = []
    for query, one in zip(queries, spectra, strict=True):
        for hit in found[one.native_id] or [Hit()]:
            describe_query(hit, str(path), query)
            rows.append(hit)
    set_q_values(rows)
    return Answers(account, [hit.record() for hit in rows])


def _numbered(queries: Sequence[Query]) -> list[Spectrum]:
    """Return the spectra under the ids that answers give them; equal ids are told apart."""
    from dataclasses import replace

    seen: set[str] = set()
    found: list[Spectrum] = []
    for query in queries:
        name = query.spectrum.native_id or str(query.number)
        name = name if name not in seen else f"{name} #{query.number}"
        seen.add(name)
        found.append(replace(query.spectrum, native_id=name))
    return found
