"""Cut off and altered containers: spectra, counted drops or one clear line, never a crash."""

import random
from math import isfinite

import containers as c
import pytest

from spectrakit.errors import InputError

ROUNDS = 60


def mutated(data, rng):
    if rng.random() < 0.3:
        return data[: rng.randrange(len(data))]
    found = bytearray(data)
    for _ in range(rng.choice((1, 2, 4, 16))):
        most = min(len(found), 4096) if rng.random() < 0.5 else len(found)
        place = rng.randrange(most)
        found[place] = rng.choice((0, 1, 127, 128, 255, found[place] ^ 1 << rng.randrange(8)))
    return bytes(found)


@pytest.mark.parametrize("name", sorted(c.ALL))
def test_damaged_containers_give_spectra_or_one_line(tmp_path, name, caplog):
    caplog.set_level("CRITICAL")
    path = c.ALL[name](tmp_path / name)
    whole = path.read_bytes()
    rng = random.Random(name)
    refused = 0
    for _ in range(ROUNDS):
        path.write_bytes(mutated(whole, rng))
        try:
            spectra, _ = c.read(path)
        except InputError as error:
            refused += 1
            assert str(path) in str(error)
            assert "\n" not in str(error)
            assert error.hint
            continue
        for spectrum in spectra:
            assert len(spectrum.axis) == len(spectrum.value)
            assert not spectrum.is_trace or all(map(isfinite, spectrum.axis.values))
    assert refused > 0
