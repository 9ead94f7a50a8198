"""A few damaged files of every format, always the same ones; more in tests/benchmarks."""

import random
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the judge measures memory and CPU time as POSIX does")
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from _fuzz_hdf5 import mutate_hdf5
from _fuzz_judge import Finding, judge
from _fuzz_mutations import mutate
from _fuzz_seeds import seeds, write

EACH = 60


@pytest.mark.parametrize("kind", sorted(seeds()))
def test_damaged_files_are_read_or_refused(tmp_path, kind):
    """Found by ``python tests/benchmarks/fuzz_readers.py``: see what it says is a finding."""
    (tmp_path / "in").mkdir()
    seed = seeds()[kind][0]  # an authored one
    chance = random.Random(kind)
    ends = {"read": 0, "refused": 0}
    for number in range(EACH):
        files = dict(seed)
        name = chance.choice(list(files))
        path = write(tmp_path / "in", files)
        if files[name].startswith(b"\x89HDF") and chance.random() < 0.8:
            mutate_hdf5(tmp_path / "in" / name, chance)
        else:
            (tmp_path / "in" / name).write_bytes(mutate(files[name], chance, files[name]))
        try:
            ends[judge(path, kind, tmp_path if number % 10 == 0 else None)] += 1
        except Finding as finding:
            pytest.fail(f"{finding}; the file is {path}")
    assert ends["read"] > 0
    assert ends["refused"] > 0
