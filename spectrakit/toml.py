"""Write TOML: what ``tomllib`` reads, this writes (tables, lists of tables, plain values)."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(table: Mapping[str, Any]) -> str:
    """Return a TOML document; None is left out, and a list of mappings becomes tables.

    Raises:
        TypeError: a value that TOML cannot hold.
    """
    return "\n".join(_table(table, ())).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain: list[str] = []
    below: list[str] = []
    for key, value in table.items():
        inner = (*path, key)
        if value is None:
            continue
        if isinstance(value, Mapping):
            below += ["", f"[{_keys(inner)}]", *_table(value, inner)]
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for item in value:
                below += ["", f"[[{_keys(inner)}]]", *_table(item, inner)]
        else:
            plain.append(f"{_keys((key,))} = {_value(value)}")
    return plain + below


def _keys(path: tuple[str, ...]) -> str:
    return ".".join(key if _BARE.fullmatch(key) else _text(key) for key in path)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            text = repr(value)
            return text if set(text) & set(".e") else f"{text}.0"
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"  # pyright: ignore[reportUnknownVariableType]  # any list
    raise TypeError(f"TOML cannot hold {value!r}")


def _text(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no Unicode
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
