"""Damage to the structure of HDF5 files: links, shapes, types, attributes, filters."""

import random
from pathlib import Path
from typing import Any

import h5py
import numpy as np

_TEXTS = ["", "x", "\x1b[31m", "a/b", "../../etc/passwd", "é" * 300, "9.9", "ragged", "grid", "NIR"]
_NUMBERS = [0, 1, -1, 2, 255, 2**31, 2**63 - 1, -(2**63), float("nan"), float("inf"), 1e308]


def mutate_hdf5(path: Path, chance: random.Random) -> None:
    """Change one to three things of an HDF5 file in place; what HDF5 refuses is left."""
    try:
        with h5py.File(path, "r+", locking=False) as file:
            for _ in range(chance.choice((1, 1, 2, 3))):
                names: list[str] = []
                file.visit(names.append)
                if names:
                    _change(file, chance.choice(names), names, chance)
    except Exception:  # h5py raises all kinds for what it cannot do
        return


def _change(file: Any, name: str, names: list[str], chance: random.Random) -> None:
    thing = file[name]
    kind = chance.randrange(9)
    if kind == 0:
        del file[name]
    elif kind == 1:
        _replace(
            file, name, h5py.SoftLink(chance.choice(["/" + chance.choice(names), "/none", "."]))
        )
    elif kind == 2:
        _replace(file, name, h5py.ExternalLink(chance.choice(["/etc/passwd", "none.h5", ""]), "/"))
    elif kind == 3:
        other = file[chance.choice(names)]
        _replace(file, name, other)  # a hard link: a second name, perhaps a cycle
    elif kind in (4, 5):
        _attribute(thing if chance.random() < 0.7 else file, chance)
    elif isinstance(thing, h5py.Dataset):
        _dataset(file, name, thing, chance)


def _replace(file: Any, name: str, new: Any) -> None:
    del file[name]
    file[name] = new


def _attribute(thing: Any, chance: random.Random) -> None:
    keys = list(thing.attrs)
    if not keys:
        return
    key = chance.choice(keys)
    kind = chance.randrange(5)
    if kind == 0:
        del thing.attrs[key]
    elif kind == 1:
        thing.attrs[key] = chance.choice(_TEXTS)
    elif kind == 2:
        thing.attrs[key] = chance.choice(_NUMBERS)
    elif kind == 3:
        thing.attrs[key] = np.array(
            chance.choice(([1, 2], [], [["a"]])), "i4" if chance.random() < 0.5 else "S3"
        )
    else:
        thing.attrs[key] = h5py.Empty("f4")


def _dataset(file: Any, name: str, data: Any, chance: random.Random) -> None:
    kind = chance.randrange(8)
    old = data[()]
    if kind == 0 and np.ndim(old) and len(old):
        i = chance.randrange(len(old))
        data[i] = chance.choice(_NUMBERS) if data.dtype.kind in "iuf" else b"\xff\xfe"
        return
    if kind == 1 and np.ndim(old):
        new: Any = old[: len(old) // 2]
    elif kind == 2 and np.ndim(old):
        new = np.concatenate([old, old])
    elif kind == 3:
        new = np.zeros(
            chance.choice(((), (0,), (1,), (2, 2), (3, 1, 1))),
            chance.choice("bhilfdSOc".replace("O", "")),
        )
    elif kind == 4:
        new = np.array(["x", "yé"], dtype=object)
        del file[name]
        file.create_dataset(name, data=new, dtype=h5py.string_dtype())
        return
    elif kind == 5:
        del file[name]
        shape = (chance.choice((10**6, 10**12, 2**60)),)
        file.create_dataset(
            name, shape, "f8", chunks=(chance.choice((1024, 10**7)),), compression="gzip"
        )
        return
    elif kind == 6:
        del file[name]
        layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
        layout[:] = h5py.VirtualSource("none.h5", "x", shape=(3,))
        file.create_virtual_dataset(name, layout)
        return
    else:
        attributes = dict(data.attrs)
        del file[name]
        lossy = {"scaleoffset": 2} if old.dtype.kind in "iuf" and np.size(old) else {}
        new = file.create_dataset(name, data=old, chunks=True if np.size(old) else None, **lossy)
        new.attrs.update(attributes)
        return
    attributes = dict(data.attrs)
    del file[name]
    made = file.create_dataset(name, data=new)
    made.attrs.update(attributes)
