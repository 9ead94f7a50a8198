"""What ``identify -m`` means: which bundle, or which plugin, answers for a spectrum."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from spectrakit.accounting import InputAccount
from spectrakit.bundle import Bundle, find_bundle
from spectrakit.bundle.models import find_shipped, known_bundles
from spectrakit.bundle.predict import predict
from spectrakit.errors import MismatchError, UsageError
from spectrakit.io import read_spectra
from spectrakit.io.select import Condition, selected
from spectrakit.plugin import Job
from spectrakit.registry import need_requirements, plugin_names
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
        return Chosen(_whole(shipped) if shipped else None)
    path = Path(word)
    if is_run(path) and not list(path.glob("student/*@*")):
        return Chosen(run=path)
    if not path.exists() and word in plugin_names() and not _is_bundle_name(word):
        raise UsageError(
            f"identify needs a trained model, and '{word}' is a plugin.",
            hint=f"Give -m the run of `spectrakit pretrain -m {word}`, or a bundle.",
        )
    return Chosen(_whole(find_bundle(word)))


def _is_bundle_name(word: str) -> bool:
    return any(label.partition("@")[0] == word for label in known_bundles())


def _whole(path: Path) -> Bundle:
    """Open a bundle and compare its files with their digests, once and before any input is read."""
    bundle = Bundle(path)
    bundle.verify()
    return bundle


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


def taught_by(
    run: Path,
    settings: Sequence[str],
    offered: Mapping[str, str],
    device: str,
    seed: int,
    fdr: float | None,
) -> Any:
    """Return the function that lets the plugin that made a run answer for a file.

    Args:
        run: the run.
        settings: ``KEY=VALUE`` for the plugin.
        offered: further ones, of which the plugin is given those that it takes.
        device: where it computes.
        seed: of everything random.
        fdr: keep only spectra whose best hit has at most this q-value.

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
    given = [f"{k}={v}" for k, v in offered.items() if k in takes and k not in told]
    options = action.parse([*settings, *given])
    where = resolve_device(device)
    return partial(_teach, action.load(), options, run, where, seed, fdr)


def _teach(
    answer: Callable[..., Iterator[Hit]],
    options: Any,
    run: Path,
    device: str,
    seed: int,
    fdr: float | None,
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
    return Answers(account, [hit.record() for hit in within(rows, fdr)])


def within(rows: Sequence[Hit], fdr: float | None) -> Iterator[Hit]:
    """Keep spectra whose best hit is within the false discovery rate; others get a rank-0 row."""
    accepted = False
    for hit in rows:
        if fdr is None or hit.rank == 0:
            yield hit
            continue
        if hit.rank == 1:
            accepted = hit.q_value <= fdr
            if not accepted:
                yield Hit(
                    file=hit.file,
                    spectrum=hit.spectrum,
                    scan=hit.scan,
                    rt_seconds=hit.rt_seconds,
                    precursor_mz=hit.precursor_mz,
                    polarity=hit.polarity,
                    note="no hit within --fdr",
                )
        if accepted:
            yield hit


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
