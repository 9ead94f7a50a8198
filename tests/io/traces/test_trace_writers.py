"""Traces written as JCAMP-DX and as tables read back as they were."""

import json
from math import isnan

import numpy as np
import pytest
from builders import read
from hypothesis import given, settings
from hypothesis import strategies as st

from spectrakit.io.writers import write_spectra
from spectrakit.spectrum import (
    Axis,
    Modality,
    Molecule,
    ReferenceValue,
    SampleInfo,
    Spectrum,
)

WORDS = st.text("abcdefghijkl MNOP_µé-#$", min_size=1, max_size=12).map(
    lambda text: "s" + " ".join(text.split())
)
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
UNITS = st.sampled_from(["nm", "cm-1", "um", "s", "Hz", "ppm", "", "pixel", "VOLUME", "eV"])
KINDS = st.sampled_from([kind for kind in Modality if kind is not Modality.MSMS])
VALUE_UNITS = st.sampled_from(
    ["absorbance", "transmittance", "percent transmittance", "", "arbitrary", "counts", "mdeg"]
)


@st.composite
def axes(draw):
    n = draw(st.integers(1, 12))
    unit = draw(UNITS)
    start, step = draw(st.floats(-5000, 5000)), draw(st.sampled_from([0.5, -2.0, 1.928811, 1e-3]))
    values = start + step * np.arange(n)
    if draw(st.booleans()):
        values = values + np.array(draw(st.lists(st.floats(0, 0.4), min_size=n, max_size=n)))
    return Axis(values, unit)


@st.composite
def traces(draw, axis):
    n = len(axis)
    values = np.array(draw(st.lists(NUMBERS, min_size=n, max_size=n)))
    if n > 1 and draw(st.booleans()):
        values[draw(st.integers(1, n - 1))] = np.nan
    targets = draw(
        st.dictionaries(WORDS, st.tuples(NUMBERS, st.sampled_from(["", "%", "g/L"])), max_size=2)
    )
    errors = st.sampled_from([float("nan"), 0.25])
    return Spectrum(
        draw(KINDS),
        axis,
        values,
        draw(VALUE_UNITS),
        is_trace=True,
        native_id=draw(WORDS),
        name=draw(WORDS),
        sample=draw(WORDS),
        instrument=draw(WORDS),
        replicate=draw(st.integers(0, 5)),
        extra=draw(st.dictionaries(WORDS, st.one_of(NUMBERS, WORDS), max_size=2)),
        molecule=draw(st.sampled_from([None, Molecule("water", formula="H2O")])),
        sample_info=SampleInfo(
            group=draw(WORDS),
            split=draw(st.sampled_from(["train", "test"])),
            columns=draw(st.dictionaries(WORDS, WORDS, max_size=2)),
            targets={k: ReferenceValue(v, u, draw(errors)) for k, (v, u) in targets.items()},
        ),
    )  # fmt: skip


@st.composite
def several(draw, *, one_axis):
    axis = draw(axes())
    found = []
    for i in range(draw(st.integers(1, 3))):
        spectrum = draw(traces(axis if one_axis else draw(axes())))
        changes = {"native_id": f"{spectrum.native_id}{i}", "sample": f"{spectrum.sample}{i}"}
        found.append(Spectrum(**{**fields_of(spectrum), **changes}))
    return found


def fields_of(spectrum):
    return {name: getattr(spectrum, name) for name in Spectrum.__dataclass_fields__}


def assert_equal(ours, theirs, *, even_within=0.0):
    for name in fields_of(ours):
        a, b = getattr(ours, name), getattr(theirs, name)
        if name == "axis":
            assert a.unit == b.unit
            np.testing.assert_allclose(a.values, b.values, rtol=0, atol=even_within)
        elif name == "value":
            np.testing.assert_array_equal(a, b)
        elif name == "sample_info":
            assert (a.group, a.split, dict(a.columns)) == (b.group, b.split, dict(b.columns))
            assert {k: repr(v) for k, v in a.targets.items()} == {
                k: repr(v) for k, v in b.targets.items()
            }
        elif name == "molecule":
            assert repr(a) == repr(b)
        elif isinstance(a, float) and isnan(a):
            assert isnan(b)
        elif name in ("columns", "extra"):
            assert dict(a) == dict(b)
        else:
            assert a == b, name


@settings(max_examples=60)
@given(several(one_axis=False))
def test_jcamp_reads_back(tmp_path_factory, spectra):
    path = tmp_path_factory.mktemp("j") / "a.jdx"
    assert write_spectra(path, spectra) == len(spectra)
    found, account = read(path)
    assert (account.format, account.dropped) == ("jcamp-dx", {})
    for ours, theirs in zip(spectra, found, strict=True):
        steps = np.abs(np.diff(ours.axis.values))
        assert_equal(ours, theirs, even_within=2e-9 * steps.max(initial=0.0))


@settings(max_examples=60)
@given(several(one_axis=True))
def test_tables_read_back(tmp_path_factory, spectra):
    path = tmp_path_factory.mktemp("t") / "a.csv"
    assert write_spectra(path, spectra) == len(spectra)
    found, account = read(path)
    assert (account.format, account.dropped) == ("tidy-csv", {})
    for ours, theirs in zip(spectra, found, strict=True):
        assert_equal(ours, theirs)


def spectrum(values, axis=(1.0, 2.0, 3.0), unit="Hz", **more):
    return Spectrum(
        more.pop("modality", Modality.NMR_1H), Axis(np.array(axis), unit), np.array(values),
        "arbitrary", is_trace=True, **more,
    )  # fmt: skip


def test_complex_values_are_ntuples(tmp_path):
    ours = spectrum([[1.0, 10], [2.5, 20], [3, np.nan]], native_id="7", sample="a")
    write_spectra(tmp_path / "a.jdx", [ours])
    (theirs,), _ = read(tmp_path / "a.jdx")
    np.testing.assert_array_equal(ours.value, theirs.value)
    assert (theirs.native_id, theirs.sample, theirs.axis.unit) == ("7", "a", "Hz")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_nmrglue_reads_what_is_written(tmp_path):
    """Another program sees the same numbers."""
    from nmrglue.fileio import jcampdx

    values = np.array([0.1, -2.5e-7, 3e5, 7.25, 1 / 3] * 20)
    write_spectra(tmp_path / "a.jdx", [spectrum(values, np.linspace(10, -1, 100))])
    header, found = jcampdx.read(str(tmp_path / "a.jdx"))
    np.testing.assert_array_equal(found, values)
    assert (float(header["FIRSTX"][0]), float(header["LASTX"][0])) == (10, -1)
    both = np.stack([values, values[::-1]], axis=1)
    write_spectra(tmp_path / "b.jdx", [spectrum(both, np.linspace(10, -1, 100))])
    np.testing.assert_array_equal(jcampdx.read(str(tmp_path / "b.jdx"))[1], both.T)


def test_lines_are_short_and_bytes_repeat(tmp_path):
    ours = spectrum(np.linspace(0, 1, 500), np.linspace(1, 2, 500), extra={"note": "x $$ ##" * 99})
    write_spectra(tmp_path / "a.jdx", [ours])
    write_spectra(tmp_path / "b.jdx", [ours])
    text = (tmp_path / "a.jdx").read_bytes()
    assert text == (tmp_path / "b.jdx").read_bytes()
    assert max(map(len, text.splitlines())) <= 80
    (theirs,), _ = read(tmp_path / "a.jdx")
    assert theirs.extra == {"note": "x $$ ##" * 99}


def test_the_private_record_of_a_file_is_not_trusted(tmp_path, cli):
    """Anyone may write it: other types and sizes than the fields have are left out."""
    record = {
        "replicate": 10**30, "native_id": 5, "modality": "x", "axis_unit": 3, "extra": [1],
        "sample_info": {"columns": {"": 1, "a": [2], "b": 3}, "targets": {"": {}, "x": 7}},
        "molecule": "water",
    }  # fmt: skip
    path = tmp_path / "a.jdx"
    write_spectra(path, [spectrum(np.arange(3.0))])
    lines = path.read_text().splitlines()
    at = lines.index("##$SPECTRAKIT=")
    lines[at + 1 : lines.index("##DATA CLASS= XYDATA")] = [json.dumps(record)]
    path.write_text("\n".join(lines))
    (found,), _ = read(path)
    assert (found.replicate, found.native_id, found.axis.unit) == (0, "1", "Hz")
    assert dict(found.sample_info.columns) == {"b": 3.0}
    assert cli("convert", path, "-o", tmp_path / "a.h5").exit_code == 0


TABLE = "sample,1 nm,2 nm,3 nm,4 nm,5 nm\na,1,2,3,4,5\nb,2,3,4,5,6\n"
MSP = "NAME: caffeine\nPRECURSORMZ: 195.09\nNum Peaks: 2\n100 1\n110 2\n\n"


@pytest.mark.parametrize("suffix", ["jdx", "dx", "csv", "jdx.gz", "csv.gz"])
def test_convert_writes_traces_and_counts_peaks(tmp_path, cli, suffix):
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "b.msp").write_text(MSP)
    out, account = tmp_path / f"out.{suffix}", tmp_path / "s.json"
    inputs = tmp_path / "a.csv", tmp_path / "b.msp"
    result = cli("convert", *inputs, "-o", out, "--summary", account)
    assert result.exit_code == 0, result.stderr
    summary = json.loads(account.read_text())
    assert summary["totals"] == {"read": 3, "kept": 2, "dropped": 1}
    assert summary["inputs"][1]["dropped"] == {"a peak list, which is no trace": 1}
    spectra, _ = read(out)
    assert [s.sample for s in spectra] == ["a", "b"]


def test_mass_formats_refuse_traces(tmp_path, cli):
    (tmp_path / "a.csv").write_text(TABLE)
    result = cli("convert", tmp_path / "a.csv", "-o", tmp_path / "a.mgf")
    assert result.exit_code == 0
    assert "dropped 2 (2 a trace, which has no peak list)" in result.stderr


def test_one_table_has_one_axis(tmp_path, cli):
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "b.csv").write_text(TABLE.replace("5 nm", "5.5 nm"))
    out = tmp_path / "out.csv"
    result = cli("convert", tmp_path / "a.csv", tmp_path / "b.csv", "-o", out)
    assert result.exit_code == 2
    assert "have different axes, 1 to 5 nm (5 points) and 1 to 5.5 nm" in result.stderr
    assert not out.exists()
    folder = tmp_path / "each"
    both = tmp_path / "a.csv", tmp_path / "b.csv"
    assert cli("convert", *both, "-o", f"{folder}/", "--format", "csv").exit_code == 0
    assert sorted(p.name for p in folder.glob("*.csv")) == ["a.csv", "b.csv"]


def test_jcamp_does_not_fill_in_what_was_empty(tmp_path):
    """A spectrum without name and id came back called after its sample, and '1'."""
    path = tmp_path / "a.jdx"
    write_spectra(path, [spectrum([1.0, 2.0, 4.0], sample="grain")])
    (back,), _ = read(path)
    assert (back.name, back.native_id, back.sample) == ("", "", "grain")
    assert "##TITLE= grain" in path.read_text()


def test_traces_of_masses_are_called_mass_spectra(tmp_path):
    """They were labelled UV/VIS for every other program."""
    path = tmp_path / "a.jdx"
    write_spectra(path, [spectrum([1.0, 2.0, 4.0], unit="m/z", modality=Modality.MSMS)])
    assert "##DATA TYPE= MASS SPECTRUM" in path.read_text()


def test_a_table_of_nothing_is_read_as_nothing(tmp_path, cli):
    """Where every spectrum was dropped, convert wrote a file that it called no known format."""
    store = tmp_path / "a.h5"
    source = tmp_path / "a.jdx"
    write_spectra(source, [spectrum([1.0, 2.0, 4.0])])
    table = tmp_path / "a.csv"
    assert cli("convert", source, "-o", table, "--where", "sample=none").exit_code == 0
    result = cli("convert", table, "-o", store)
    assert result.exit_code == 0, result.stderr
    assert "read 0, kept 0" in result.stderr
