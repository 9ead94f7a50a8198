"""Chains of steps as one word of a command line: ``snv,sg(window=15,derivative=1),cut(600-1638)``.

``parse_chain`` and ``chain_text`` undo each other; ``raw`` is the chain without a step.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from spectrakit.errors import UsageError, did_you_mean
from spectrakit.preprocess.trace_kinds import STEPS
from spectrakit.preprocess.trace_steps import StepLike, TraceStep
from spectrakit.preprocess.traces import NORMS

SHORT: Mapping[str, TraceStep] = {
    "sg1": TraceStep("sg", 1, {"window": 15, "order": 2, "derivative": 1}),
    "sg2": TraceStep("sg", 1, {"window": 15, "order": 2, "derivative": 2}),
    **{kind: TraceStep("normalise", 1, {"kind": kind}) for kind in NORMS},
}  # fmt: skip
RAW = "raw"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SPAN = re.compile(rf"({_NUMBER})-({_NUMBER})")
_GRID = re.compile(rf"({_NUMBER})-({_NUMBER})/({_NUMBER})")
_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\((.*)\))?")


def parse_chain(text: str) -> tuple[TraceStep, ...]:
    """Return the steps that a text names, in order, with every parameter filled in.

    Raises:
        UsageError: an unknown step or parameter (the nearest is named), or a value that is none.
    """
    if text.strip().lower() in ("", RAW):
        return ()
    return tuple(_step(part.strip()) for part in _split(text))


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if depth not in (0, 1):
            break
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    if depth != 0:
        raise UsageError(
            f"the brackets of '{text}' do not match.", hint="Write name(parameter=value)."
        )
    return parts


def _step(part: str) -> TraceStep:
    found = _STEP.fullmatch(part)
    names = {*SHORT, *(name for name, _ in STEPS)}
    if found is None or found[1].lower() not in names:
        word = found[1] if found else part
        near = did_you_mean(word, names)
        raise UsageError(
            f"'{word}' is no preprocessing step. {near}".rstrip(),
            hint=f"Steps: {', '.join(sorted(names))}, or {RAW}.",
        )
    name = found[1].lower()
    base = SHORT.get(name) or TraceStep(name, max(v for known, v in STEPS if known == name))
    words = [word.strip() for word in (found[2] or "").split(",") if word.strip()]
    told = _arguments(base, words, part)
    kind = STEPS[(base.step, base.version)]
    whole = {**kind.parameters, **base.parameters, **told}
    if base.step == "cut" and "ranges" not in told:
        raise UsageError("cut lacks its ranges.", hint="Write cut(600-1638).")
    if base.step == "resample" and not told:
        raise UsageError("resample lacks its points.", hint="Write resample(600-1638/2).")
    if base.step == "normalise" and whole["kind"] not in NORMS:
        near = did_you_mean(str(whole["kind"]), NORMS)
        raise UsageError(
            f"'{whole['kind']}' is no kind of normalisation. {near}".rstrip(),
            hint=f"Kinds: {', '.join(NORMS)}.",
        )
    return TraceStep(
        base.step, base.version, {key: value for key, value in whole.items() if value is not None}
    )


def _arguments(base: TraceStep, words: Sequence[str], part: str) -> dict[str, Any]:
    if base.step == "cut":
        return {"ranges": [_range(word) for word in words]} if words else {}
    told: dict[str, Any] = {}
    for word in words:
        name, equals, value = (one.strip() for one in word.partition("="))
        grid = _GRID.fullmatch(word) if base.step == "resample" else None
        if grid:
            told |= {key: float(grid[k + 1]) for k, key in enumerate(("start", "stop", "step"))}
            continue
        default = STEPS[(base.step, base.version)].parameters
        known = [one for one in default if one != "points"]
        if not equals or name not in known:
            near = did_you_mean(name, known)
            raise UsageError(
                f"'{word}' in '{part}' is no parameter of {base.step}. {near}".rstrip(),
                hint=f"Parameters: {', '.join(known)}." if known else "It takes none.",
            )
        told[name] = _value(value, default[name], name, part)
    return told


def _range(word: str) -> list[float]:
    found = _SPAN.fullmatch(word)
    if found is None or float(found[1]) == float(found[2]):
        raise UsageError(
            f"'{word}' in a cut is no range.", hint="Write LOW-HIGH in axis units: cut(600-1638)."
        )
    return sorted((float(found[1]), float(found[2])))


def _value(text: str, default: Any, name: str, part: str) -> int | float | str:
    if isinstance(default, str) or (name == "window" and text.endswith("%")):
        return text
    kind = int if isinstance(default, int) else float
    try:
        return kind(text)
    except ValueError as error:
        wanted = "a whole number" if kind is int else "a number"
        raise UsageError(
            f"'{text}' in '{part}' is no value of {name}.", hint=f"Give {wanted}."
        ) from error


def chain_text(steps: Sequence[StepLike]) -> str:
    """Return the canonical text of steps; what was learnt, and given points, are not in it."""
    return ",".join(_text(step) for step in steps) or RAW


def _text(step: StepLike) -> str:
    kind = STEPS.get((step.step, step.version))
    if kind is None:
        return step.step
    told = {**kind.parameters, **step.parameters}
    if step.step == "cut":
        inside = ",".join(f"{_plain(low)}-{_plain(high)}" for low, high in told["ranges"])
    elif step.step == "resample" and told["points"] is not None:
        inside = f"{len(told['points'])} points"
    elif step.step == "resample":
        inside = f"{_plain(told['start'])}-{_plain(told['stop'])}/{_plain(told['step'])}"
    elif step.step == "normalise":
        return str(told["kind"])
    else:
        inside = ",".join(f"{name}={_plain(told[name])}" for name in kind.parameters)
    return f"{step.step}({inside})" if inside else step.step


def _plain(value: Any) -> str:
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
