"""What is written reads back: by our readers exactly, by pyopenms and pyteomics as well."""

import dataclasses
from math import isnan, nan

import numpy as np
import pytest
from builders import read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectrakit.errors import InputError, UsageError
from spectrakit.io.writers import write_spectra
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum

SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
finite = st.floats(0, 1e7, allow_nan=False)
word = st.from_regex(r"[A-Za-z\[(][\w \[\]()+\-<>&\"'=:;,äß]{0,20}[\w)\]]", fullmatch=True)
positive = st.floats(1, 5000, allow_nan=False)


@st.composite
def spectra(draw, tag=""):
    pairs = draw(st.lists(st.tuples(finite, st.floats(-1e9, 1e9, width=32)), max_size=12))
    mz = np.array(sorted(m for m, _ in pairs), dtype=np.float64)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    level = draw(st.integers(1, 3))
    polarity = draw(st.sampled_from([-1, 0, 1]))
    has_precursor = draw(st.booleans())
    precursor = draw(positive) if has_precursor else nan
    return Spectrum(
        modality=Modality.MSMS,
        axis=Axis(mz, "m/z"),
        value=np.array([i for _, i in pairs], dtype=dtype),
        native_id=f"scan={draw(st.integers(0, 10**6))}{tag}",
        name=draw(word),
        ms_level=level,
        polarity=polarity,
        is_profile=draw(st.sampled_from([None, True, False])),
        precursor_mz=precursor,
        charge=draw(st.integers(1, 4)) * (polarity or 1) if has_precursor else 0,
        collision_energy=draw(st.sampled_from(["", "35 (NCE)", "20 eV", "Ramp 5-60 V", "6V"])),
        rt_seconds=draw(st.one_of(st.just(nan), positive)),
        instrument=draw(st.sampled_from(["", "LTQ FT", "X & Y <Z>"])),
        molecule=Molecule(
            name=draw(word), inchikey="QIVBCDIJIAJPQS-VIFPVBQESA-N", smiles="C=C#N",
            inchi="InChI=1S/CH4/h1H4", formula="CH4", exact_mass=draw(positive),
        ),
        extra={"Remark": draw(word), "Synon": [draw(word), draw(word)]},
    )  # fmt: skip


def same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (isnan(a) and isnan(b))
    return a == b


KEPT = [
    "native_id", "name", "ms_level", "polarity", "is_profile", "precursor_mz", "charge",
    "collision_energy", "instrument", "extra",
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".mzML", ".mgf", ".msp", ".mzML.gz", ".msp.gz"])
@SETTINGS
@given(data=st.data())
def test_spectra_read_back_as_they_were_written(tmp_path, suffix, data):
    wrote = [data.draw(spectra(tag=f" x={i}")) for i in range(2)]
    path = tmp_path / f"out{suffix}"
    assert write_spectra(path, wrote) == 2
    back, account = read(path)
    assert not account.dropped
    for a, b in zip(wrote, back, strict=True):
        np.testing.assert_array_equal(a.mz, b.mz)
        np.testing.assert_array_equal(a.intensity, b.intensity)  # bit-exact, not close
        for name in KEPT:
            if name == "ms_level" and b.ms_level != a.ms_level:
                pytest.fail(f"{a.ms_level} {b.ms_level}")
            assert same(getattr(a, name), getattr(b, name)), name
        assert b.rt_seconds == pytest.approx(a.rt_seconds, rel=1e-12, nan_ok=True)
        assert a.molecule is not None and b.molecule is not None
        for field in dataclasses.fields(Molecule):
            assert same(getattr(a.molecule, field.name), getattr(b.molecule, field.name))


def small() -> list[Spectrum]:
    return [
        Spectrum(
            modality=Modality.MSMS,
            axis=Axis(np.array([100.1, 200.2]), "m/z"),
            value=np.array([1.5, 2.5]),
            native_id=f"scan={i}",
            ms_level=2,
            polarity=1,
            precursor_mz=300.3 + i,
            charge=2,
            rt_seconds=60.0 + i,
            isolation_lower=300.0,
            isolation_upper=301.0,
            columns={"charge": np.array([1, 2])},
        )
        for i in range(3)
    ]


def test_others_read_our_mzml(tmp_path):
    pyopenms = pytest.importorskip("pyopenms")
    mzml = pytest.importorskip("pyteomics.mzml")
    path = tmp_path / "out.mzML"
    write_spectra(path, small())
    experiment = pyopenms.MSExperiment()
    pyopenms.MzMLFile().load(str(path), experiment)
    with mzml.read(str(path), use_index=False) as reader:
        theirs = list(reader)
    assert experiment.size() == len(theirs) == 3
    for i, (openms, teomics) in enumerate(zip(experiment, theirs, strict=True)):
        assert openms.getNativeID() == teomics["id"] == f"scan={i}"
        assert openms.get_peaks()[0].tolist() == teomics["m/z array"].tolist() == [100.1, 200.2]
        assert openms.getPrecursors()[0].getMZ() == pytest.approx(300.3 + i)
        assert openms.getRT() == pytest.approx(60.0 + i)
        assert float(teomics["scanList"]["scan"][0]["scan start time"]) == 60.0 + i


def test_others_read_our_mgf_and_msp(tmp_path):
    pyopenms = pytest.importorskip("pyopenms")
    mgf = pytest.importorskip("pyteomics.mgf")
    write_spectra(tmp_path / "out.mgf", small())
    with mgf.read(str(tmp_path / "out.mgf"), use_index=False) as reader:
        theirs = list(reader)
    assert [s["params"]["title"] for s in theirs] == ["scan=0", "scan=1", "scan=2"]
    assert theirs[0]["params"]["pepmass"][0] == 300.3
    assert theirs[0]["m/z array"].tolist() == [100.1, 200.2]
    experiment = pyopenms.MSExperiment()
    pyopenms.MascotGenericFile().load(str(tmp_path / "out.mgf"), experiment)
    assert experiment.size() == 3
    write_spectra(tmp_path / "out.msp", small())
    experiment = pyopenms.MSExperiment()
    pyopenms.MSPGenericFile().load(str(tmp_path / "out.msp"), experiment)
    assert experiment.size() == 3


def test_columns_and_repeated_ids_survive_mzml(tmp_path):
    twins = [dataclasses.replace(s, native_id="same") for s in small()]
    write_spectra(tmp_path / "out.mzML", twins)
    back, _ = read(tmp_path / "out.mzML")
    assert [s.native_id for s in back] == ["same", "same repeat=2", "same repeat=3"]
    assert back[0].columns["charge"].tolist() == [1, 2]
    assert (back[0].isolation_lower, back[0].isolation_upper) == pytest.approx((300, 301))


def test_equal_spectra_give_equal_bytes(tmp_path):
    for suffix in (".mzML.gz", ".mgf.gz", ".msp"):
        write_spectra(tmp_path / f"a{suffix}", small())
        write_spectra(tmp_path / f"b{suffix}", small())
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_a_failing_source_leaves_no_file(tmp_path):
    def broken():
        yield small()[0]
        raise InputError("gone.")

    for suffix in (".mzML", ".mgf", ".msp.gz"):
        with pytest.raises(InputError, match="gone"):
            write_spectra(tmp_path / f"a{suffix}", broken())
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffixes_are_refused(tmp_path):
    with pytest.raises(UsageError, match="says no format"):
        write_spectra(tmp_path / "a.doc", small())


def test_letters_of_annotations_survive_mzml_and_others_read_it(tmp_path):
    pyopenms = pytest.importorskip("pyopenms")
    mzml = pytest.importorskip("pyteomics.mzml")
    notes = np.array(["β-lactam", "M⁺ 2 µm"], object)
    path = tmp_path / "out.mzML"
    write_spectra(path, [dataclasses.replace(s, columns={"annotation": notes}) for s in small()])
    back, _ = read(path)
    assert back[0].columns["annotation"].tolist() == notes.tolist()
    experiment = pyopenms.MSExperiment()
    pyopenms.MzMLFile().load(str(path), experiment)
    with mzml.read(str(path), use_index=False) as reader:
        theirs = list(reader)
    assert experiment.size() == len(theirs) == 3
    assert theirs[0]["m/z array"].tolist() == [100.1, 200.2]


@pytest.mark.parametrize("name", ["x.mgf", "x.msp", "x.mzML", "x.txt"])
def test_an_id_of_two_lines_stays_an_id(tmp_path, name):
    write_spectra(tmp_path / name, [dataclasses.replace(small()[0], native_id="a\nb")])
    (back,), _ = read(tmp_path / name)
    assert back.native_id == "a b"
