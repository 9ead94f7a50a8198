"""Parts that several reports share: gates, standards chosen, parameters and versions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.report import draw_values
from spectrakit.report.drawing import as_svg
from spectrakit.report.page import (
    Figure,
    Html,
    Row,
    badge,
    box,
    bullets,
    el,
    join,
    name,
    section,
    table,
)
from spectrakit.report.text import count, listing, number
from spectrakit.transfer.result import Gate

_DEEPEST = 4  # levels of parameters inside parameters; deeper ones are written as text


def gate_box(gates: Sequence[Gate]) -> Html:
    """Return what the gates said in one frame: a warning where one refused."""
    forced = [gate for gate in gates if not gate.passed and gate.forced]
    refused = [gate for gate in gates if not gate.passed and not gate.forced]
    if forced:
        return box(
            "warning",
            join(
                "Do not rely on these predictions: a gate refused this transfer, and ",
                el("code", "--force"),
                " went on.",
            ),
            bullets([join(name(gate.name), ": ", gate.says) for gate in [*forced, *refused]]),
        )
    if refused:
        return box(
            "warning",
            "A gate refused this transfer.",
            bullets([join(name(gate.name), ": ", gate.says) for gate in refused]),
        )
    if not gates:
        return box("note", "No gate was checked.")
    often = Counter(gate.name for gate in gates)  # one for each property: said once
    names = listing(one if n == 1 else f"{one} ({n})" for one, n in often.items())
    return box("good", f"✓ All gates passed ({len(gates)}).", el("p", f"Checked: {names}."))


def gate_section(gates: Sequence[Gate]) -> Html | None:
    """Return the table of gates, None without gates."""
    if not gates:
        return None
    rows = [
        Row(
            name(gate.name),
            [gate.says, number(gate.value), number(gate.limit), _outcome(gate)],
            None if gate.passed else "bad",
        )
        for gate in gates
    ]
    head = ["Gate", "What it says", "Value", "Limit", "Outcome"]
    return section(
        "gates",
        "Gates",
        el("p", "A gate checks whether the data allow the transfer, and refuses where they do "
           "not, rather than let a bad number pass."),
        table("Gates: value against limit", head, rows, text=1),
    )  # fmt: skip


def score_figure(scores: NDArray[np.float64], chosen: NDArray[np.int64]) -> Figure:
    """Return the samples in the plane of two principal components, chosen ones marked."""
    return Figure(
        as_svg(draw_values.scores(scores, chosen)),
        f"Scores of {count(len(scores), 'sample')} on two principal components; "
        f"{len(chosen)} of them are chosen.",
        "Samples of the source in the plane of their first two principal components."
        + " Numbers are the order of the list." * (len(chosen) <= draw_values.MOST_LABELS),
    )


def id_list(ids: Iterable[str]) -> Html:
    """Return ids as a numbered list in columns."""
    return el("ol", *(el("li", name(one)) for one in ids), class_="ids")


def about_section(about: Mapping[str, Any]) -> Html | None:
    """Return parameters, versions and data in a block that opens, None when there are none."""
    if not about:
        return None
    return section(
        "about",
        "Parameters and versions",
        el("details", el("summary", "Show what this was made with"), _nested(about, 1)),
    )


def _outcome(gate: Gate) -> Html:
    if gate.passed:
        return badge("pass", "passed")
    return badge("forced", "refused, forced") if gate.forced else badge("fail", "refused")


def _nested(about: Mapping[Any, Any], depth: int) -> Html:
    terms = [
        join(el("dt", name(key)), el("dd", _value(value, depth))) for key, value in about.items()
    ]
    return el("dl", *terms)


def _value(value: object, depth: int) -> Html:
    if isinstance(value, Mapping) and value and depth < _DEEPEST:
        return _nested(value, depth + 1)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple) and all(not isinstance(item, Mapping) for item in value):
        return name(listing((str(item) for item in value), 200)) if value else Html("–")
    if isinstance(value, float):
        return name(number(value, digits=6))
    return name("–" if value is None or value == "" else value)
