"""What authored files of every binary family mean, value by value, without any shared data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from authored_traces import (
    ENVI_HEADER,
    FILES,
    nircal,
    omnic,
    opus,
    opus_status,
    perkinelmer,
    spc_new,
)

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io import read_spectra
from spectrakit.spectrum import Modality, Spectrum

Reader = Callable[..., list[Spectrum]]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Read a file of this name with authored or given bytes."""

    def run(name: str, raw: bytes | None = None, account: InputAccount | None = None):
        (tmp_path / "lib.hdr").write_text(ENVI_HEADER)
        path = tmp_path / name
        path.write_bytes(FILES[name] if raw is None else raw)
        return list(read_spectra(path, account or InputAccount(name)))

    return run


WL = (350, 351, 352, 353)
HALF = (50, 50, np.nan)
UV = np.linspace(350, 200, 1400)
DOCTYPE = FILES["frames.tvf"].replace(b"?&gt;&lt;", b"?&gt;&lt;!DOCTYPE x>&lt;")
# file -> (native id, axis, axis unit, values, unit of the values, modality) of some spectra
MEANT = {
    "even.spc": [("1", [4000, 3998, 3996], "cm-1", [1, 2, 3], "absorbance", "nir")],
    "multi.spc": [("2", [4000, 3998], "cm-1", [48, 64], "absorbance", "nir")],
    "shared.spc": [("1", [5, 7.5], "cm-1", [1, 2], "absorbance", "ir")],
    "own.spc": [
        ("1", [3, 1], "m/z", [9, 8], "counts", "msms"),
        ("2", [2], "m/z", [7], "counts", "msms"),
    ],
    "big.spc": [("1", [4000, 3998], "cm-1", [32768, -32768], "absorbance", "nir")],
    "old.spc": [
        ("1", [1000, 1010], "nm", [65536, -65536], "absorbance", "nir"),
        ("2", [1000, 1010], "nm", [1, 2], "absorbance", "nir"),
    ],
    "ab.0": [
        ("AB", [4000, 2800, 1600, 400], "cm-1", [1, 2, 3, 4], "absorbance", "ir"),
        ("ScSm", [4000, 2800, 1600, 400], "cm-1", [0.2, 0.4, 0.6, 0.8], "single beam", "ir"),
    ],
    "series.0": [("AB/2", [4000, 2200, 400], "cm-1", [2, 2, 2], "absorbance", "ir")],
    "one.spa": [("1", [4000, 2200, 400], "cm-1", [0.1, 0.2, 0.3], "absorbance", "ir")],
    "two.spg": [("2", [4000, 400], "cm-1", [0.4, 0.5], "absorbance", "ir")],
    "run.srs": [("2", [4000, 2200, 400], "cm-1", [6, 5, 4], "absorbance", "ir")],
    "map.wdf": [("2", [1000, 950, 900], "cm-1", [4, 5, 6], "counts", "raman")],
    "line.sif": [("1", [500.5, 501, 501.5], "nm", [1, 2, 3], "counts", "optical")],
    "image.sif": [("1", [1, 2, 3, 4], "index", [1, 2, 3, 4], "counts", "optical")],
    "field.asd": [
        ("reflectance", WL, "nm", [0.1, 0.2, 0.3, np.nan], "reflectance", "reflectance"),
        ("spectrum", WL, "nm", [10, 20, 30, 40], "counts", "optical"),
        ("reference", WL, "nm", [100, 100, 100, 0], "counts", "optical"),
    ],
    "raw.asd": [("spectrum", WL, "nm", [10, 20, 30, 40], "counts", "optical")],
    "film.sp": [("1", [4000, 2200, 400], "cm-1", [90, 80, 70], "percent transmittance", "ir")],
    "cd.jws": [
        ("CD", UV, "nm", np.full(1400, 1), "mdeg", "optical"),
        ("absorbance", UV, "nm", np.full(1400, 3), "absorbance", "optical"),
    ],
    "r.rfl8": [
        ("reflectance", [400, 500, 600], "nm", HALF, "percent reflectance", "reflectance"),
    ],
    "t.trm": [
        ("transmittance", [310, 312], "nm", [50, 50], "percent transmittance", "optical"),
        ("dark", [310, 312], "nm", [1, 1], "counts", "optical"),
    ],
    "map.sur": [("1", [300, 310, 320], "nm", [5, 7, np.nan], "counts", "optical")],
    "packed.sur": [("2", [300, 310, 320], "nm", [9, 11, 13], "counts", "optical")],
    "leaf.nir": [("2", [4000, 5000, 6000], "cm-1", [1.1, 0.2, 0.3], "reflectance", "nir")],
    "frames.tvf": [("1/2", [900, 901, 902.5], "nm", [4, 5, 6], "counts", "optical")],
    "map.xml": [("2", [500, 520, 530], "nm", [6, 5, 4], "counts", "optical")],
    "uv.animl": [
        ("s1/a", [200, 200.5, 201], "nm", [0.1, 0.2, 0.3], "absorbance", "optical"),
        ("s1/e", [200, 200.5, 201], "nm", [1, 2, 3], "counts", "optical"),
    ],
    "jaz.ProcSpec": [
        ("result", [200, 201], "nm", [50, 60], "percent transmittance", "optical"),
        ("sample", [200, 201], "nm", [1, 2], "counts", "optical"),
        ("dark", [200, 201], "nm", [0, 0.5], "counts", "optical"),
    ],
    "lib.sli": [("2", [0.4, 0.5, 0.7], "um", [4, 5, 6], "", "optical")],
}  # fmt: skip
COUNTS = {"multi.spc": 2, "ab.0": 2, "series.0": 2, "two.spg": 2, "run.srs": 2, "map.wdf": 2,
          "cd.jws": 3, "r.rfl8": 4, "t.trm": 4, "map.sur": 2, "leaf.nir": 2, "frames.tvf": 2,
          "image.sif": 1, "lib.sli": 2}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_axis_values_and_units_are_as_the_layout_says(read: Reader, name: str):
    found = read(name)
    by_id = {one.native_id: one for one in found}
    assert len(found) == COUNTS.get(name, len(found))
    assert len(by_id) == len(found)  # native ids tell spectra of a file apart
    for native_id, axis, unit, values, value_unit, modality in MEANT[name]:
        one = by_id[native_id]
        assert one.is_trace
        assert one.axis.values.dtype == np.float64
        np.testing.assert_allclose(one.axis.values, axis, rtol=1e-12)
        np.testing.assert_allclose(one.value, values, rtol=1e-6)
        assert (one.axis.unit, one.value_unit, one.modality) == (unit, value_unit, modality)


def test_what_else_files_say_is_kept(read: Reader):
    even = read("even.spc")[0]
    assert even.extra["log"] == "[LOG]\r\nline"
    assert even.extra["date"] == "2021-03-04T05:06"
    assert [one.rt_seconds for one in read("multi.spc")] == [30, 90]
    ab, beam = read("ab.0")
    assert (ab.sample, ab.instrument, ab.extra["block"]) == ("milk", "Tensor", "AB")
    assert ab.extra["operator"] == "me"
    assert beam.extra["scale_factor"] == 2
    assert [one.rt_seconds for one in read("series.0")] == [30, 60]
    place = read("map.wdf")[1]
    assert (place.extra["x"], place.extra["x_unit"], place.rt_seconds) == (1, "um", 1)
    assert place.extra["laser_wavelength_nm"] == pytest.approx(500)
    assert place.extra["not_collected"] == 1
    assert read("image.sif")[0].extra["image_shape"] == [2, 2]
    assert read("field.asd")[0].extra["computed"] == "spectrum / reference"
    assert read("film.sp")[0].sample == "Probe é"
    assert read("map.sur")[1].extra["x"] == 7.5
    assert read("map.xml")[1].extra["x"] == 2
    assert read("uv.animl")[0].sample == "c-1"
    assert [one.sample for one in read("lib.sli")] == ["quartz", "clay"]


def test_reference_values_of_a_buchi_project_become_targets(read: Reader):
    one, two = read("leaf.nir")
    assert one.modality is Modality.NIR
    assert two.sample_info is not None
    nitrogen = two.sample_info.targets["N"]
    assert (nitrogen.value, nitrogen.unit) == (2.5, "%")


def test_a_buchi_project_with_a_damaged_list_of_names_is_refused(read: Reader):
    """It ended after as many spectra as there were names, and 19 of 20 were lost unsaid."""
    with pytest.raises(InputError, match="says 2 spectra and names 1"):
        read("leaf.nir", nircal(names=("one",)))


def test_a_bad_spectrum_in_a_good_file_is_a_counted_drop(read: Reader):
    account = InputAccount("x")
    assert len(read("frames.tvf", account=account)) == 2
    assert account.dropped == {"axis and values differ in length": 1}
    account = InputAccount("x")
    raw = opus([(0x100F, b"\0" * 8), (0x101F, opus_status(2, FXV=float("nan")))])
    assert read("x.0", raw, account) == []
    assert account.dropped == {"the limits of the axis are no numbers": 1}
    account = InputAccount("x")
    assert len(read("x.spg", omnic([[1.0], [np.nan]]), account)) == 1
    assert account.dropped == {"no value is a number": 1}


def test_an_axis_follows_the_sign_of_its_step(read: Reader):
    """PerkinElmer may store the limits of the axis sorted."""
    values = read("x.sp", perkinelmer([1.0, 2.0]))[0].axis.values
    np.testing.assert_array_equal(values, [4000, 400])


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("x.spc", spc_new([{"y": [1.0, 2.0]}])[:-4], "needs"),
        ("x.0", opus([(0xA0, b"END\0" + b"\0" * 4)]), "no block of this OPUS file is a spectrum"),
        ("x.srs", b"Spectral Exte File\r\n" + b"\0" * 300, "series is of a kind"),
        ("x.jws", FILES["cd.jws"].replace("Y-Data".encode("utf-16-le"), b"Z" * 12), "OLE document"),
        ("x.sur", FILES["map.sur"][:18] + b"\x02" + FILES["map.sur"][19:], "surface"),
        ("x.sp", b"PEPE" + b"PKI FSM".ljust(60, b"\0"), "another kind"),
        ("x.sli", b"\0" * 24, "header"),
        ("x.hdr", ENVI_HEADER.encode(), "header of an ENVI file"),
        ("x.animl", b"<AnIML><SampleSet/></AnIML>", "no series"),
        ("x.tvf", DOCTYPE, "DOCTYPE"),
        ("x.tvf", FILES["frames.tvf"][:-20], "damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why_and_what_to_do(
    read: Reader, name: str, raw: bytes, says: str
):
    with pytest.raises(InputError, match=says) as caught:
        read(name, raw)
    assert caught.value.hint


def test_a_zip_member_that_expands_beyond_all_bounds_is_refused(
    read: Reader, monkeypatch: pytest.MonkeyPatch
):
    from spectrakit.io.traces import ocean_procspec

    monkeypatch.setattr(ocean_procspec, "_LARGEST", 100)
    with pytest.raises(InputError, match=r"ps_1\.xml is larger"):
        read("jaz.ProcSpec")


def test_subfiles_without_the_flag_are_found(read: Reader):
    """Some writers count the subfiles but forget to say that there are several."""
    raw = spc_new([{"y": [1.0, 2.0]}, {"y": [3.0, 4.0]}], flags=0)
    assert [one.value[0] for one in read("x.spc", raw)] == [1, 3]


@pytest.mark.parametrize(
    "raw",
    [
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0" + b"\0" * 60,  # a picture
        b"MM\0*\0\0\0\x08" + b"\0" * 90,
        b"PK\x03\x04" + b"\0" * 90,
        b"OK then, a text of some length that has nothing to do with spectra at all.\n" * 3,
    ],
)
def test_other_files_are_not_taken_for_spc(read: Reader, raw: bytes):
    with pytest.raises(InputError) as caught:
        read("x.dat", raw)
    assert "subfile" not in str(caught.value)
