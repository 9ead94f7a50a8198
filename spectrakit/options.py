"""Options of plugins: from dataclass fields to ``KEY=VALUE`` on a command line and back."""

import math
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from spectrakit.errors import UsageError, did_you_mean

_WORDS: dict[type, str] = {int: "whole number", float: "number", bool: "true or false", str: "text"}
_BOOLS = {"true": True, "yes": True, "on": True, "1": True,
          "false": False, "no": False, "off": False, "0": False}  # fmt: skip
NONE = "none"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an action.

    Attributes:
        name: the key.
        kind: int, float, bool or str; of each item where ``many``.
        default: its value when it is not set.
        help: one sentence.
        low: the least allowed number, or None.
        high: the most, or None.
        choices: the only values allowed, or empty.
        optional: whether ``none`` is a value.
        many: whether it is a tuple, written with commas.
    """

    name: str
    kind: type
    default: Any
    help: str
    low: float | None
    high: float | None
    choices: tuple[Any, ...]
    optional: bool
    many: bool

    def read(self, text: str) -> Any:
        """Return the value that a text means.

        Raises:
            UsageError: another type, out of range, or not among the choices.
        """
        if self.optional and text.lower() == NONE:
            return None
        if self.many:
            words = [word.strip() for word in text.split(",") if word.strip()]
            return self.check(tuple(self._one(word) for word in words))
        return self.check(self._one(text))

    def _one(self, text: str) -> Any:
        try:
            if self.kind is bool:
                return _BOOLS[text.lower()]
            if self.kind is int:
                number = float(text)
                if abs(number) < 2**53 and number == int(number):
                    return int(number)  # 1e5 is a whole number
                return int(text)
            return self.kind(text)
        except (ValueError, KeyError, OverflowError):
            raise UsageError(
                f"--set {self.name}={text}: is no {_WORDS[self.kind]}.", hint=self.sentence()
            ) from None

    def check(self, value: Any) -> Any:
        """Return a value of this option, a list as a tuple, or refuse it.

        Raises:
            UsageError: another type, out of range, or not among the choices.
        """
        if value is None and self.optional:
            return None
        if self.many:
            if not isinstance(value, list | tuple):
                raise self._wrong(value, "is no list")
            return tuple(self._checked(item) for item in value)
        return self._checked(value)

    def _checked(self, value: Any) -> Any:
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind:
            raise self._wrong(value, f"is no {_WORDS[self.kind]}")
        if self.choices and value not in self.choices:
            near = did_you_mean(str(value), map(str, self.choices))
            raise self._wrong(value, f"is none of {', '.join(map(str, self.choices))}. {near}")
        if isinstance(value, float) and math.isnan(value):
            raise self._wrong(value, "is no number")
        if self.low is not None and value < self.low:
            raise self._wrong(value, f"is below {self.low}")
        if self.high is not None and value > self.high:
            raise self._wrong(value, f"is above {self.high}")
        return value

    def _wrong(self, value: Any, why: str) -> UsageError:
        why = why.strip()
        end = "" if why.endswith("?") else "."
        return UsageError(f"--set {self.name}={value}: {why}{end}", hint=self.sentence())

    def shown(self, value: Any) -> str:
        """Return a value as it would be typed."""
        if value is None:
            return NONE
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            return ",".join(self.shown(item) for item in value)  # pyright: ignore[reportUnknownVariableType]  # any tuple
        return str(value)

    def limits(self) -> str:
        """Return what is allowed, in a few words."""
        words = "|".join(map(str, self.choices)) or _WORDS[self.kind]
        if self.low is not None and self.high is not None:
            words += f", {self.low} to {self.high}"
        elif self.low is not None:
            words += f", at least {self.low}"
        elif self.high is not None:
            words += f", at most {self.high}"
        if self.many:
            words += ", several with commas"
        return words + (f", or {NONE}" if self.optional else "")

    def sentence(self) -> str:
        """Return one line on this option for a person."""
        return f"{self.name}: {self.help} ({self.limits()}; default {self.shown(self.default)})"


def as_option(name: str, hint: Any, default: Any, told: Mapping[str, Any]) -> Option:
    """Return the option that a dataclass field declares.

    Raises:
        TypeError: a type that a command line cannot give, or a default that it refuses.
    """
    kind, optional, many = hint, False, False
    if get_origin(kind) in (Union, types.UnionType):
        inner = [one for one in get_args(kind) if one is not type(None)]
        optional = len(inner) < len(get_args(kind))
        kind = inner[0] if len(inner) == 1 else None
    if get_origin(kind) is tuple and get_args(kind)[1:] == (Ellipsis,):
        kind, many = get_args(kind)[0], True
    if kind not in _WORDS:
        raise TypeError(f"option '{name}' has the type {hint}, which cannot be typed")
    made = Option(
        name=name,
        kind=kind,
        default=default,
        help=str(told.get("help", "")),
        low=told.get("low"),
        high=told.get("high"),
        choices=tuple(told.get("choices", ())),
        optional=optional,
        many=many,
    )
    try:
        made.check(default)
    except UsageError as error:
        raise TypeError(f"option '{name}' has a default that it refuses: {error}") from None
    return made
