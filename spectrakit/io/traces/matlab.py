"""MATLAB files: plain matrices, tables in structs and PLS_Toolbox DataSet objects.

A DataSet with an axis in ``axisscale{2}`` holds spectra and its name is the instrument; one without
holds reference values when it has labels for its columns, joined by row to the DataSets with as
many samples. Plain matrices follow the rule of ``array_rule``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.io.traces.array_samples import clip
from spectrakit.io.traces.array_spectra import spectra_of
from spectrakit.io.traces.arrays import Arrays, Variable
from spectrakit.io.traces.dso import dataset_arrays, is_dataset
from spectrakit.io.traces.mat5 import Cell, Struct, read_mat
from spectrakit.io.traces.whole import read_whole
from spectrakit.spectrum import Spectrum

_MOST_TEXT = 4096  # characters of a text that belongs to the whole file
_DEEPEST = 4


def read_matlab(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Give the spectra of a MATLAB file of any version.

    Raises:
        InputError: damaged, without spectra, or with arrays of which none can be told to be them.
    """
    head = stream.read(8)
    if head.startswith(b"MATLAB 7"):
        from spectrakit.io.traces.mat73 import read_values

        values = read_values(path)
    else:
        values = dict(read_mat(path, head + read_whole(path, stream)))
    yield from spectra_of_values(path, values, account)


def spectra_of_values(
    path: Path, values: Mapping[str, Any], account: InputAccount
) -> Iterator[Spectrum]:
    """Give the spectra of the variables of a MATLAB file."""
    about = dict(_texts(values))
    datasets = {name: value for name, value in values.items() if is_dataset(value)}
    if datasets:
        others = {name: value for name, value in values.items() if name not in datasets}
        beside = list(_variables(others, "", 0))
        arrays, sheets, told = dataset_arrays(path, datasets, beside, about)
        if sheets:
            yield from spectra_of(arrays, account, sheets=sheets, told=told)
            return
    arrays = Arrays(path, list(_variables(values, "", 0)), about)
    yield from spectra_of(arrays, account)


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, list) and value:
            yield name, clip_text(" ".join(line.strip() for line in value))


def clip_text(text: str) -> str:
    """Return a text that belongs to a whole file, bounded."""
    return text[:_MOST_TEXT].strip()


def _variables(values: Mapping[str, Any], group: str, depth: int) -> Iterator[Variable]:
    """Give the arrays of a file; those in structs carry the struct's name as their group."""
    for leaf, value in values.items():
        name = f"{group}/{leaf}" if group else leaf
        if isinstance(value, np.ndarray):
            yield Variable(name, value.shape, "number", lambda value=value: value)
        elif isinstance(value, list) and len(value) > 1:
            yield _text_variable(name, value)
        elif isinstance(value, Cell) and value.items and all(map(_is_text, value.items)):
            yield _text_variable(name, [clip(" ".join(item)) for item in value.items])
        elif isinstance(value, Struct) and len(value.items) == 1 and depth < _DEEPEST:
            fields = value.items[0]
            inside = fields.get("data") if is_dataset(value) else None
            wanted = {leaf: inside} if inside is not None else fields
            yield from _variables(wanted, "" if inside is not None else name, depth + 1)


def _is_text(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 1


def _text_variable(name: str, lines: list[str]) -> Variable:
    texts = np.array(lines, dtype=object)
    return Variable(name, texts.shape, "text", lambda: texts)
