"""The report of a calibration transfer: one HTML file that needs nothing else."""

from pathlib import Path

from spectrakit.report import draw_spectra, property
from spectrakit.report.drawing import as_svg, house_style
from spectrakit.report.page import (
    Content,
    Figure,
    Html,
    Row,
    badge,
    el,
    figures,
    join,
    name,
    page,
    section,
    table,
    write_page,
)
from spectrakit.report.parts import about_section, gate_box, gate_section, id_list, score_figure
from spectrakit.report.text import count, listing, number, percent, plain, sentence, with_unit
from spectrakit.transfer.result import PropertyResult, Spectra, TransferResult


def write_transfer_report(result: TransferResult, path: Path, title: str) -> None:
    """Write what a transfer found as one HTML file; the same result gives the same bytes.

    Everything is inside the file: style, figures (SVG), tables. It needs no script and no
    network, and names that came with the data are text in it, whatever they hold.

    Raises:
        InputError: the file cannot be written.
    """
    with house_style():
        parts: list[tuple[str, str, Html | None]] = [
            ("summary", "Summary", _summary(result)),
            ("spectra", "Spectra", _spectra(result)),
            ("standards", "Standards", _standards(result)),
        ]
        for k, one in enumerate(result.properties, start=1):
            identity = f"property-{k}"
            drawn = property.section(one, result.curves, identity, result.target)
            parts.append((identity, plain(one.name, 50), drawn))
        parts.append(("gates", "Gates", gate_section(result.gates)))
        parts.append(("about", "Parameters and versions", about_section(result.about)))
    lead = join("Calibration transfer from ", name(result.source), " to ", name(result.target))
    write_page(path, page(title, lead, parts))


def modality(result: TransferResult) -> str:
    """Return what kind of spectra these are, as ``about`` says, or ""."""
    return str(result.about.get("modality", ""))


def _summary(result: TransferResult) -> Html:
    names = listing(one.name for one in result.properties)
    n = len(result.standards)
    how = (
        f"with {count(n, 'standard')} measured on the new instrument"
        if n
        else "without any standard measured on the new instrument"
    )
    many = "The calibrations" if len(result.properties) > 1 else "The calibration"
    was = "were" if len(result.properties) > 1 else "was"
    return section(
        "summary",
        "Summary",
        gate_box(result.gates),
        el("p", many, " of ", name(result.source), f" for {names} {was} made to work on ",
           name(result.target), f" {how}."),
        el("ul", *(_one_property(one) for one in result.properties)),
        _overview(result),
    )  # fmt: skip


def _one_property(one: PropertyResult) -> Html:
    return el(
        "li", el("strong", name(one.name)), ": ", name(one.method), ", ",
        property.error_words(one), ". ", sentence(one.why),
    )  # fmt: skip


def _overview(result: TransferResult) -> Html:
    rows: list[Row] = []
    for k, one in enumerate(result.properties, start=1):
        row, at = property.chosen_row(one), property.decimals(one)
        error = None if row is None else row.cv_rmse if row.rmsep is None else row.rmsep
        on = "test samples" if row is not None and row.rmsep is not None else "standards left out"
        half = one.interval.half_width
        cells: list[Content] = [
            name(one.method),
            join(
                with_unit(number(error, at), one.unit),
                el("span", on, class_="small") if error is not None else None,
            ),
            number(None if row is None else row.r2, 3),
            number(None if row is None else row.bias, at),
            join(
                "–" if half is None else with_unit(f"± {number(half, at)}", one.unit),
                el(
                    "span",
                    "none, see below" if half is None else f"at {percent(one.interval.level)}",
                    class_="small",
                ),
            ),
            "–" if one.sel is None else with_unit(number(one.sel, at), one.unit),
            _iso(one),
        ]
        rows.append(Row(el("a", name(one.name), href=f"#property-{k}"), cells))
    head = ["Property", "Method in use", "Error", "R²", "Bias", "Prediction interval",
            "Reference SEL", "ISO 12099"]  # fmt: skip
    return table(
        "The methods in use at a glance. SEL: standard error of the reference method",
        head,
        rows,
        text=1,
    )


def _iso(one: PropertyResult) -> Content:
    if not one.tests:
        return "–"
    failed = [test.name for test in one.tests if not test.passed]
    return badge("fail", f"{listing(failed)} failed") if failed else badge("pass", "passed")


def _spectra(result: TransferResult) -> Html:
    drawn = [
        Figure(as_svg(panel), alt, caption)
        for panel, alt, caption in draw_spectra.panels(result, modality(result))
    ]
    after: Content = None
    if result.target_after is None:
        after = el("p", "The methods in use do not map spectra, so there is no figure of spectra "
                   "after the transfer.", class_="soft")  # fmt: skip
    return section(
        "spectra",
        "Spectra before and after",
        figures(*drawn) or el("p", "No spectra were kept for a figure."),
        after,
        _missing_rows([result.source_spectra, result.target_before, result.target_after]),
    )


def _missing_rows(sets: list[Spectra | None]) -> Html | None:
    import numpy as np

    n = sum(int((~np.isfinite(one.values).any(axis=1)).sum()) for one in sets if one is not None)
    return el("p", f"{count(n, 'spectrum', 'spectra')} without any number not drawn.",
              class_="small") if n else None  # fmt: skip


def _standards(result: TransferResult) -> Html:
    if not result.standards:
        return section("standards", "Standards", el("p", "No standard was used."))
    return section(
        "standards",
        "Standards chosen",
        el("p", f"{count(len(result.standards), 'sample')} measured on both instruments."),
        figures(score_figure(result.scores, result.standard_rows)),
        id_list(result.standards),
    )
