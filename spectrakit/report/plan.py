"""The report of a plan: which samples to measure on the new instrument, and how many."""

from pathlib import Path

from spectrakit.report import draw_spectra
from spectrakit.report.drawing import as_svg, house_style
from spectrakit.report.page import (
    Figure,
    Html,
    Row,
    box,
    bullets,
    el,
    figures,
    join,
    name,
    page,
    section,
    table,
    write_page,
)
from spectrakit.report.parts import about_section, id_list, score_figure
from spectrakit.report.property import curve_figure
from spectrakit.report.text import count, number, places, sentence, spread, with_unit
from spectrakit.transfer.result import LearningCurve, PlanResult


def write_plan_report(result: PlanResult, path: Path, title: str) -> None:
    """Write which samples to measure as one HTML file; the same plan gives the same bytes.

    Raises:
        InputError: the file cannot be written.
    """
    with house_style():
        parts: list[tuple[str, str, Html | None]] = [
            ("summary", "Summary", _summary(result)),
            ("samples", "Samples to measure", _samples(result)),
            ("curves", "How many are worth it", _curves(result)),
            ("about", "Parameters and versions", about_section(result.about)),
        ]
    write_page(path, page(title, join("Plan of a transfer from ", name(result.source)), parts))


def _summary(result: PlanResult) -> Html:
    n, all_ = len(result.chosen), len(result.spectra.values)
    says = [join(name(curve.property), ": ", sentence(curve.says)) for curve in result.curves]
    return section(
        "summary",
        "Summary",
        el("p", "Measure this sample" if n == 1 else f"Measure these {n} samples",
           " on the new instrument, first choice first. ", result.method,
           f" chose {'it' if n == 1 else 'them'} from the {count(all_, 'sample')} of ",
           name(result.source), "."),
        box("note", "How many are worth it", bullets(says)) if says else None,
    )  # fmt: skip


def _samples(result: PlanResult) -> Html:
    spectra = result.spectra
    drawn = draw_spectra.chosen_over_all(spectra, result.chosen, result.value_unit, result.modality)
    n = len(result.chosen)
    return section(
        "samples",
        "Samples to measure",
        id_list(spectra.samples[int(row)] for row in result.chosen),
        figures(
            score_figure(result.scores, result.chosen),
            Figure(
                as_svg(drawn),
                f"Spectra of the {n} chosen samples over the range of all {len(spectra.values)}.",
                "Chosen spectra over the range that all samples span; what they leave "
                "uncovered, the transfer will not have seen.",
            ),
        ),
    )


def _curves(result: PlanResult) -> Html | None:
    if not result.curves:
        return None
    simulated = None
    if any(curve.simulated for curve in result.curves):
        simulated = box(
            "note",
            "These curves are simulated.",
            el("p", "There are no spectra of the new instrument yet: virtual instruments stand in "
               "for it. Plan again once the first samples are measured."),
        )  # fmt: skip
    return section(
        "curves",
        "How many are worth it",
        simulated,
        figures(*map(curve_figure, result.curves)),
        *map(_table, result.curves),
    )


def _table(curve: LearningCurve) -> Html:
    at = places(point.rmsep for point in curve.points)
    rows = [
        Row(
            str(point.standards),
            [
                with_unit(number(point.rmsep, at), curve.unit),
                spread(point.low, point.high, at) or "–",
                "worth it" if point.standards == curve.worth else "",
            ],
            "chosen" if point.standards == curve.worth else None,
        )
        for point in curve.points
    ]
    simulated = " (simulated)" if curve.simulated else ""
    return table(
        f"Error to expect for {curve.property}{simulated}",
        ["Standards", "Median RMSEP", "80\u00a0% of draws", "Advice"],
        rows,
    )
