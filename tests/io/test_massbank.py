"""MassBank records: read whole, written so that they are valid and read back the same.

The records here are authored from facts of the format; the peaks and the SPLASH of rutin's are
those that MassBank prints as an example of its format.
"""

import dataclasses
import json

import numpy as np
from builders import read, read_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_round_trip import KEPT, same, spectra

from spectrakit.io.splash import splash
from spectrakit.io.writers import write_spectra

RECORD = """ACCESSION: MSBNK-Test-TS000001
RECORD_TITLE: Rutin; LC-ESI-QTOF; MS2
DATE: 2024.01.02
AUTHORS: A. Author, B. Author
LICENSE: CC BY
COMMENT: first
COMMENT: second
CH$NAME: Rutin
CH$NAME: Quercetin 3-rutinoside
CH$COMPOUND_CLASS: Natural Product; Flavonoid
CH$FORMULA: C27H30O16
CH$EXACT_MASS: 610.15338
CH$SMILES: N/A
CH$IUPAC: InChI=1S/CH4/h1H4
CH$LINK: CAS 153-18-4
CH$LINK: INCHIKEY IKGXIBQEEMLURG-NVPNHPEKSA-N
AC$INSTRUMENT: API QSTAR Pulsar i
AC$INSTRUMENT_TYPE: LC-ESI-QTOF
AC$MASS_SPECTROMETRY: MS_TYPE MS2
AC$MASS_SPECTROMETRY: ION_MODE POSITIVE
AC$MASS_SPECTROMETRY: COLLISION_ENERGY 10 eV
AC$MASS_SPECTROMETRY: FRAGMENTATION_MODE CID
AC$MASS_SPECTROMETRY: IONIZATION ESI
AC$CHROMATOGRAPHY: RETENTION_TIME 5.5 min
AC$CHROMATOGRAPHY: SOLVENT A water with 0.1% formic acid
MS$FOCUSED_ION: BASE_PEAK 303.0500
MS$FOCUSED_ION: PRECURSOR_M/Z 611.1612
MS$FOCUSED_ION: PRECURSOR_TYPE [M+H]+
MS$DATA_PROCESSING: WHOLE RMassBank 2.3.1
PK$SPLASH: splash10-0wmi-0009506000-98ca7f7c8f3072af4481
PK$ANNOTATION: m/z tentative_formula mass error(ppm)
  303.0499 C15H11O7+ 303.0499 0.3
  465.102 C21H21O12+ 465.1028 -1.7
  700.1 C1H1+ 700.1 0
PK$NUM_PEAK: 5
PK$PEAK: m/z int. rel.int.
  147.063 121.684 11
  303.050 10000.000 999
  449.108 657.368 64
  465.102 5884.210 587
  611.161 6700.000 669
//
"""
MINIMAL = RECORD.replace("TS000001", "TS000002").partition("PK$ANNOTATION")[0]
MINIMAL += "PK$NUM_PEAK: 1\nPK$PEAK: m/z int. rel.int.\n  50 1 999\n//\n"


def test_every_tag_of_a_record_has_its_place(tmp_path):
    (s,), account = read_text(tmp_path, RECORD)
    assert (account.format, account.dropped.total(), account.treated.total()) == ("massbank", 0, 0)
    assert (s.native_id, s.name, s.ms_level, s.polarity) == ("MSBNK-Test-TS000001", "Rutin", 2, 1)
    assert (s.precursor_mz, s.adduct, s.rt_seconds) == (611.1612, "[M+H]+", 330.0)
    assert (s.collision_energy, s.collision_energy_value, s.activation) == ("10 eV", 10.0, "CID")
    assert s.instrument == "API QSTAR Pulsar i"
    assert s.molecule.inchikey == "IKGXIBQEEMLURG-NVPNHPEKSA-N"
    assert (s.molecule.smiles, s.molecule.formula) == ("", "C27H30O16")
    assert s.mz.tolist() == [147.063, 303.05, 449.108, 465.102, 611.161]
    assert s.intensity.tolist() == [121.684, 10000.0, 657.368, 5884.21, 6700.0]
    assert s.columns["relative_intensity"].tolist() == [11, 999, 64, 587, 669]  # not int. scaled
    assert s.columns["annotation"].tolist() == [
        "", "C15H11O7+ 303.0499 0.3", "", "C21H21O12+ 465.1028 -1.7", "",
    ]  # fmt: skip
    assert s.extra == {
        "RECORD_TITLE": "Rutin; LC-ESI-QTOF; MS2",
        "DATE": "2024.01.02",
        "AUTHORS": "A. Author, B. Author",
        "LICENSE": "CC BY",
        "COMMENT": ["first", "second"],
        "CH$NAME": "Quercetin 3-rutinoside",
        "CH$COMPOUND_CLASS": "Natural Product; Flavonoid",
        "CH$SMILES": "N/A",
        "CH$LINK CAS": "153-18-4",
        "AC$INSTRUMENT_TYPE": "LC-ESI-QTOF",
        "AC$MASS_SPECTROMETRY IONIZATION": "ESI",
        "AC$CHROMATOGRAPHY SOLVENT A": "water with 0.1% formic acid",
        "MS$FOCUSED_ION BASE_PEAK": "303.0500",
        "MS$DATA_PROCESSING WHOLE": "RMassBank 2.3.1",
        "PK$SPLASH": "splash10-0wmi-0009506000-98ca7f7c8f3072af4481",
        "PK$ANNOTATION": "m/z tentative_formula mass error(ppm)",
        "PK$ANNOTATION LINE": "700.1 C1H1+ 700.1 0",
    }


def test_a_record_is_written_as_it_was(tmp_path, cli):
    """The same lines in the same order: nothing lost, nothing added, the SPLASH computed."""
    source, out = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text(RECORD)
    assert cli("convert", source, "-o", out).exit_code == 0
    written = out.read_text().splitlines()
    assert "PK$SPLASH: splash10-0wmi-0009506000-98ca7f7c8f3072af4481" in written
    changed = {  # numbers are shortest texts; times are in seconds
        "AC$CHROMATOGRAPHY: RETENTION_TIME 5.5 min": "AC$CHROMATOGRAPHY: RETENTION_TIME 330.0 sec",
        "  303.0499 C15H11O7+ 303.0499 0.3": "  303.05 C15H11O7+ 303.0499 0.3",
        "  303.050 10000.000 999": "  303.05 10000 999",
        "  465.102 5884.210 587": "  465.102 5884.21 587",
        "  611.161 6700.000 669": "  611.161 6700 669",
    }
    expected = [changed.get(line, line) for line in RECORD.splitlines()]
    rank = {line: i for i, line in enumerate(expected)}
    assert sorted(written, key=rank.__getitem__) == expected
    assert sorted(written) == sorted(expected)


def test_records_follow_each_other_in_a_file_and_files_in_a_folder(tmp_path, cli):
    both, account = read_text(tmp_path, RECORD + MINIMAL)
    assert [s.native_id[-1] for s in both] == ["1", "2"]
    assert account.read == 2
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "a.txt").write_text(RECORD.replace("\n", "\r\n"))
    (folder / "b.txt").write_text(MINIMAL)
    (folder / "readme.txt").write_text("This folder holds records.\n")
    result = cli("convert", folder, "-o", tmp_path / "all.h5", "--summary", tmp_path / "s.json")
    assert result.exit_code == 0, result.stderr
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["totals"] == {"read": 2, "kept": 2, "dropped": 0}


def test_bad_records_are_dropped_and_named(tmp_path, caplog):
    broken = [
        RECORD.replace("  449.108 657.368 64", "  449.108 oops 64"),
        RECORD.replace("  449.108 657.368 64", "  449.108 nan 64"),
        RECORD.replace("  147.063 121", "  -147.063 121"),
        RECORD.partition("PK$NUM_PEAK")[0] + "//\n",
        RECORD.partition("PK$PEAK")[0] + "//\n",
    ]
    cut = RECORD.partition("  449.108")[0]
    spectra, account = read_text(tmp_path, "".join(broken) + MINIMAL + cut)
    assert [s.native_id for s in spectra] == ["MSBNK-Test-TS000002"]
    assert dict(account.dropped) == {
        "malformed peak line": 1,
        "not-a-number in the peaks": 1,
        "negative m/z": 1,
        "cut off before //": 1,
        "no peak list": 2,
    }
    line = RECORD.splitlines().index("  449.108 657.368 64") + 1
    assert f"entry 1, line {line} ('449.108 oops 64')" in caplog.text


def test_a_wrong_number_of_peaks_is_kept_and_counted(tmp_path):
    (s,), account = read_text(tmp_path, RECORD.replace("PK$NUM_PEAK: 5", "PK$NUM_PEAK: 7"))
    assert s.extra["PK$NUM_PEAK"] == "7"
    assert dict(account.treated) == {"PK$NUM_PEAK is not the number of peaks": 1}


def test_relative_intensities_that_say_more_are_kept(tmp_path):
    text = RECORD.replace("449.108 657.368 64", "449.108 657.368 400")
    (s,), _ = read_text(tmp_path, text)
    assert s.columns["relative_intensity"].tolist() == [11, 999, 400, 587, 669]
    write_spectra(tmp_path / "out.txt", [s])
    (back,), _ = read(tmp_path / "out.txt")
    assert back.columns["relative_intensity"].tolist() == [11, 999, 400, 587, 669]


OBLIGATORY = (
    "ACCESSION", "RECORD_TITLE", "DATE", "AUTHORS", "LICENSE", "CH$NAME", "CH$COMPOUND_CLASS",
    "CH$FORMULA", "CH$EXACT_MASS", "CH$SMILES", "CH$IUPAC", "AC$INSTRUMENT", "AC$INSTRUMENT_TYPE",
    "AC$MASS_SPECTROMETRY: MS_TYPE", "AC$MASS_SPECTROMETRY: ION_MODE", "PK$NUM_PEAK", "PK$PEAK",
)  # fmt: skip


def test_records_of_other_formats_have_every_obligatory_tag_in_order(tmp_path, cli):
    """Placeholders are named as such and are not read back."""
    source, out = tmp_path / "in.mgf", tmp_path / "out.txt"
    source.write_text(
        "BEGIN IONS\nTITLE=one\nPEPMASS=200.5\nCHARGE=2+\nlicense=CC0\n100.5 3\n150.25 4.5\n"
        "END IONS\n"
    )
    assert cli("convert", source, "-o", out, "--format", "massbank").exit_code == 0
    lines = out.read_text().splitlines()
    places = [next(i for i, x in enumerate(lines) if x.startswith(f"{t}")) for t in OBLIGATORY]
    assert places == sorted(places)
    assert "LICENSE: CC0" in lines
    (before,), _ = read(source)
    (after,), _ = read(out)
    for field in dataclasses.fields(before):
        if field.name not in ("axis", "value", "columns"):
            assert same(getattr(before, field.name), getattr(after, field.name)), field.name


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_spectra_read_back_as_they_were_written(tmp_path, data):
    wrote = [data.draw(spectra(tag=f" x={i}")) for i in range(2)]
    notes = [data.draw(st.lists(st.sampled_from(["", "b2", "y1; x", "a b"]), min_size=len(s),
                                max_size=len(s))) for s in wrote]  # fmt: skip
    wrote = [
        dataclasses.replace(s, columns={"annotation": np.array(note, dtype=np.str_)})
        if any(note) and len(set(np.round(s.mz, 2))) == len(s)
        else s
        for s, note in zip(wrote, notes, strict=True)
    ]
    path = tmp_path / "out.txt"
    assert write_spectra(path, wrote) == 2
    back, account = read(path)
    assert not account.dropped
    for a, b in zip(wrote, back, strict=True):
        np.testing.assert_array_equal(a.mz, b.mz)
        np.testing.assert_array_equal(a.intensity, b.intensity)
        assert {k: v.tolist() for k, v in a.columns.items()} == {
            k: v.tolist() for k, v in b.columns.items()
        }
        for name in KEPT:
            assert same(getattr(a, name), getattr(b, name)), name
        assert same(a.rt_seconds, b.rt_seconds)
        for field in dataclasses.fields(a.molecule):
            assert same(getattr(a.molecule, field.name), getattr(b.molecule, field.name))


def test_splash_of_the_example_of_the_format():
    mz = [147.063, 303.050, 449.108, 465.102, 611.161]
    intensity = [121.684, 10000.0, 657.368, 5884.21, 6700.0]
    assert splash(mz, intensity) == "splash10-0wmi-0009506000-98ca7f7c8f3072af4481"
    assert splash(mz[::-1], [7 * i for i in intensity[::-1]]) == splash(mz, intensity)
    assert splash([], []) == splash([100.0], [0.0]) == ""


def test_splash_equals_what_real_records_print(shared_data):
    folder = shared_data / "ms" / "files"
    agree = differ = 0
    for name in (
        "msp/massbank_eu_nist_for_mse.msp", "msp/massbank_five_spectra.msp", "msp/minimona.msp",
        "identify/pma/massbank_nist_for_tests.msp",
        "identify/pma/MoNA-export-LC-MS-MS_Spectra.json",
    ):  # fmt: skip
        for s in read(folder / name)[0]:
            printed = next((v for k, v in s.extra.items() if k.lower() == "splash"), "")
            if printed:
                equal = printed == splash(s.mz.tolist(), s.intensity.tolist())
                agree, differ = agree + equal, differ + (not equal)
    assert (agree, differ) == (41, 1)  # MoNA rounded the intensities of one after it was hashed


def test_records_with_rounded_relative_intensities_have_no_column_for_them(tmp_path):
    text = (
        RECORD.replace("684 11", "684 12").replace("368 64", "368 66").replace("210 587", "210 588")
    )
    (s,), _ = read_text(tmp_path, text)
    assert list(s.columns) == ["annotation"]


def test_an_m_z_beyond_all_masses_has_no_splash_and_is_written(tmp_path, cli):
    """``convert`` ended as our bug: its SPLASH has no room for such a number."""
    source = tmp_path / "far.mgf"
    source.write_text("BEGIN IONS\nTITLE=a\n100 1\n1e305 2\nEND IONS\n")
    done = cli("convert", source, "-o", tmp_path / "out.txt")
    assert done.exit_code == 0, done.stderr
    assert "PK$SPLASH: " not in (tmp_path / "out.txt").read_text()
    (s,), _ = read(tmp_path / "out.txt")
    assert (s.mz.tolist(), s.intensity.tolist()) == ([100.0, 1e305], [1.0, 2.0])
