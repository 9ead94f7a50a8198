"""`spectrakit ttt -m RUN`: a calibration for a new instrument from unlabelled spectra of it.

It writes a bundle or, where the gate refuses, none: the calibration as it was still stands then.
The bundle states no interval, since errors on the old instrument say nothing of the new one.
"""

from collections import Counter
from pathlib import Path

from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.plugin import Job, Stopped
from spectrakit_spectralfm.calibration import common_of
from spectrakit_spectralfm.load import lineage, load_calibration
from spectrakit_spectralfm.plugin import TttOptions
from spectrakit_spectralfm.spectra import (
    Traces,
    on_common_axis,
    traces_of,
    without_gaps,
)
from spectrakit_spectralfm.switches import check_bundle
from spectrakit_spectralfm.testtime import (
    LEAST_SPECTRA,
    Training,
    answers_moved,
    held_aside,
    judged,
    trained,
    wrong_distance,
)
from spectrakit_spectralfm.writing import save_calibration, write_calibration

BEFORE = "ttt"  # how the lineage begins to tell of this
RIVAL = (  # measured on other samples of a Raman pair and of corn: README, E9
    "spectralfm: where the labelled spectra of the old instrument are at hand, `spectrakit "
    "transfer fit OLD NEW -p PROPERTY --standards 0` is expected to be better: this erred 1.3 and "
    "1.5 times as much where both were measured"
)


def run(job: Job, options: TttOptions) -> Path:
    """Train on all spectra of the inputs, if the gate allows it, and return the bundle.

    Raises:
        MismatchError: too few spectra, another axis, a model that was trained like this before,
            or the gate refuses; the message says why.
    """
    check_bundle(job, "ttt", options)
    calibration, told = load_calibration(job.parent)
    if any(str(word).startswith(BEFORE) for word in told["lineage"]):
        raise MismatchError(
            f"the model was trained on unlabelled spectra already ({lineage(told)}).",
            hint="Give -m the run of `spectrakit adapt`, and all spectra at once.",
        )
    found = traces_of(job.train, job.leave_out), traces_of(job.valid, job.leave_out)
    every = (*found[0].traces, *found[1].traces)
    dropped: Counter[str] = Counter()
    kept = without_gaps(every, dropped)
    job.leave_out(dropped)
    traces = Traces(tuple(every[k] for k in kept))
    if len(traces) < LEAST_SPECTRA:
        raise MismatchError(
            f"{len(traces)} spectra are too few to know an instrument by; {LEAST_SPECTRA} are "
            "the least.",
            hint="Measure more samples on the new instrument; 20 are a usual number.",
        )
    if len(found[1]):
        say(f"spectralfm: the {len(found[1])} held out are used as well, for no label is learned")
    spectra, _ = on_common_axis(traces, common_of(told), covering=True)
    how = Training(
        steps=options.steps, rate=options.rate, weights=options.weights,
        reconstruction=options.reconstruction, alignment=options.alignment,
        centre=options.centre, masked=options.masked, seed=job.seed,
    )  # fmt: skip
    job.run.resume_step()  # a run that was stopped begins again: seconds, and the same numbers
    verdict = judged(
        calibration, spectra, how, options.most_moved,
        aside=held_aside(traces), least_moved=options.least_moved,
    )  # fmt: skip
    job.run.record(0, before=verdict.before, after=verdict.after, moved=verdict.moved)
    _refuse(verdict.reason)
    with job.progress("ttt", options.steps, "steps") as advance:

        def tell(step: int, loss: float, apart: float) -> None:
            job.run.record(step, loss=loss, distance=apart)
            advance(1)
            if job.should_stop():
                raise Stopped

        tuned = trained(calibration, spectra, how, tell)
    moved = answers_moved(calibration, tuned, spectra)
    _refuse(wrong_distance(moved, options.least_moved, options.most_moved))
    say(
        f"spectralfm: {len(spectra)} spectra; features of those held aside lie "
        f"{verdict.after:.3g} from the calibration's own ({verdict.before:.3g} before); answers "
        f"move by {moved:.3g} standard deviations of the known values"
    )
    say(RIVAL)
    about = {**told, "lineage": [*told["lineage"], f"{BEFORE} {options.steps} steps, "
                                 f"n={len(spectra)}"]}  # fmt: skip
    numbers = (("distance", verdict.after), ("distance_before", verdict.before), ("moved", moved))
    path = write_calibration(
        job, tuned, spectra, about, label=(options.name, options.version), half_width=None,
        metrics=[
            {"name": name, "value": value, "split": "unlabelled", "n": len(spectra)}
            for name, value in numbers
        ], licence=options.licence,
    )  # fmt: skip
    save_calibration(job, tuned, about, max(1, options.steps))  # last, as in adapt
    return path


def _refuse(reason: str) -> None:
    if reason:
        raise MismatchError(
            f"refused: {reason}.",
            hint="No bundle was written. With the labelled spectra of the old instrument "
            "`spectrakit transfer fit OLD NEW -p PROPERTY --standards 0` (or with a few standards) "
            "is expected to be better; else use the adapted model as it is.",
        )
