"""Broken files of instruments: spectra, counted drops or an InputError, in bounded time."""

import random
import time
import tracemalloc
from pathlib import Path

import pytest
from authored_traces import ENVI_HEADER, FILES

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io import read_spectra

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
REAL = (
    "galactic_spc/ms.spc", "galactic_spc/DEMO_3D.SPC", "galactic_spc/DRUG_SAMPLE_PEAKS.SPC",
    "bruker_opus/issue81_A1.1.0", "omnic/not_opus.spa", "renishaw_wdf/wire_sp.wdf",
    "andor_sif/raman1.sif", "asd/v6sample00000.asd", "perkinelmer_sp/426475_1.sp",
    "jasco/sample_fluorescence.jws", "avantes/1904090M1_0003.Raw8", "avantes/avantes_trans.TRM",
    "digitalsurf/test_spectrum.pro", "trivista/linescan.tvf", "horiba/jobinyvon_test_spec.xml",
    "oceanoptics/OceanOptics_Windows.ProcSpec", "envi_sli/synthetic_lib.sli",
)  # fmt: skip
MOST_SECONDS = 2.0  # of processor time for one broken file
MOST_BYTES = 64 << 20


def survive(path: Path, raw: bytes) -> bool:
    """Read a file; return whether it was read to its end."""
    path.write_bytes(raw)
    account = InputAccount(str(path))
    start = time.process_time()
    try:
        for one in read_spectra(path, account):
            assert len(one.axis.values) == len(one.value)
            account.keep()
    except InputError as error:
        assert str(path) in str(error) or path.stem in str(error)
        assert error.hint
        return False
    finally:
        assert time.process_time() - start < MOST_SECONDS
    return True


def folder_for(tmp_path: Path, name: str) -> Path:
    (tmp_path / "x.hdr").write_text(
        ENVI_HEADER
        if "synthetic" not in name
        else "ENVI\nsamples = 200\nlines = 50\nbands = 1\ndata type = 4\nbyte order = 0\n"
    )
    return tmp_path / f"x{Path(name).suffix}"


@pytest.mark.parametrize("name", FILES)
def test_truncated_authored_files_never_give_a_whole_reading(tmp_path: Path, name: str):
    raw = FILES[name]
    path = folder_for(tmp_path, name)
    assert survive(path, raw)
    for part in range(50):
        survive(path, raw[: len(raw) * part // 50])


@pytest.mark.parametrize("name", FILES)
def test_authored_files_with_changed_bytes_end_in_spectra_or_one_error(tmp_path: Path, name: str):
    path = folder_for(tmp_path, name)
    shuffle = random.Random(name)
    for _ in range(60):
        raw = bytearray(FILES[name])
        for _ in range(shuffle.choice((1, 2, 8))):
            raw[shuffle.randrange(len(raw))] = shuffle.choice((0, 1, 0x7F, 0x80, 0xFF, 0x3C))
        survive(path, bytes(raw))


@pytest.mark.parametrize("name", REAL)
def test_real_files_survive_truncation_and_changed_bytes(
    tmp_path: Path, shared_data: Path, name: str
):
    raw = (shared_data / "vib" / "files" / name).read_bytes()
    path = folder_for(tmp_path, name)
    assert survive(path, raw)
    for part in range(50):
        survive(path, raw[: len(raw) * part // 50])
    shuffle = random.Random(name)
    edge = min(len(raw), 2048)  # where headers are
    for turn in range(40):
        changed = bytearray(raw)
        for _ in range(4):
            reach = edge if turn % 2 else len(raw)
            changed[shuffle.randrange(reach)] = shuffle.choice((0, 1, 0x7F, 0x80, 0xFF))
        survive(path, bytes(changed))


@pytest.mark.parametrize("name", ["multi.spc", "ab.0", "map.wdf", "run.srs", "cd.jws", "map.sur"])
def test_a_length_that_lies_allocates_nothing(tmp_path: Path, name: str):
    """Every 32-bit word of the header becomes 2^31 - 1 once: memory must not follow it."""
    path = folder_for(tmp_path, name)
    raw = FILES[name]
    tracemalloc.start()
    try:
        for at in range(0, min(len(raw), 560) - 4, 4):
            changed = bytearray(raw)
            changed[at : at + 4] = b"\xff\xff\xff\x7f"
            survive(path, bytes(changed))
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def test_what_was_cut_off_a_single_spectrum_is_an_error(tmp_path: Path):
    """The values come last in these files: half a file is never half a spectrum."""
    for name in ("even.spc", "shared.spc", "one.spa", "line.sif", "raw.asd", "map.sur", "lib.sli"):
        path = tmp_path / f"x{Path(name).suffix}"
        (tmp_path / "x.hdr").write_text(ENVI_HEADER)
        raw = FILES[name]
        cut = raw.index(b"[LOG]") - 66 if name == "even.spc" else len(raw) - 3
        assert not survive(path, raw[:cut]), name
