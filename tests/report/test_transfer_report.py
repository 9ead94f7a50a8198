"""The HTML report of a transfer: whole, closed in itself, harmless, the same every time."""

import os
import re
import subprocess
import sys
import time
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from spectrakit.errors import InputError
from spectrakit.report.transfer import write_transfer_report
from spectrakit.transfer.result import Gate, Interval

VOID = {"meta", "img", "br", "hr", "col"}
HOSTILE = "<script>alert('x')</script>\"&$\\frac{\x00\x1b[31m\u202e\ud800—名"


class Reader(HTMLParser):
    """Checks that tags are balanced, and collects what tests ask for."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.images, self.text = [], [], [], [], []
        self.links = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "img":
            self.images.append(attrs)
        if tag == "a":
            self.links.append(attrs["href"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    return reader


def words(reader):
    return re.sub(r"\s+", " ", " ".join(reader.text))


def svgs(reader):
    for image in reader.images:
        kind, data = image["src"].split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        yield b64decode(data)


@pytest.fixture
def report(tmp_path):
    def write(result, title="A transfer"):
        path = tmp_path / "report.html"
        write_transfer_report(result, path, title)
        return read(path)

    return write


def test_report_has_every_part_and_needs_nothing_else(report, simulate, tmp_path):
    reader = report(simulate.transfer(n_properties=2))
    expected = ["summary", "spectra", "standards", "property-1", "property-2", "gates", "about"]
    assert reader.ids == expected
    assert reader.links[: len(expected)] == [f"#{one}" for one in expected]
    tags = [tag for tag, _ in reader.tags]
    assert not {"script", "link", "iframe", "object", "svg"} & set(tags)
    assert len(reader.images) == 3 + 1 + 2 * 4
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:|//|file:)", text)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_every_picture_is_sound_svg_with_words_for_who_cannot_see_it(report, simulate):
    reader = report(simulate.transfer())
    for image, svg in zip(reader.images, svgs(reader), strict=True):
        assert len(image["alt"]) > 30
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        assert b"<script" not in svg and b"<image" not in svg
        links = {value for node in root.iter() for key, value in node.attrib.items()
                 if key.endswith("href")}  # fmt: skip
        assert all(link.startswith("#") for link in links)


def test_tables_have_captions_and_headed_rows_and_columns(report, simulate):
    reader = report(simulate.transfer())
    tags = [tag for tag, _ in reader.tags]
    heads = [attrs.get("scope") for tag, attrs in reader.tags if tag == "th"]
    assert tags.count("table") == tags.count("caption") == 4  # overview, methods, tests, gates
    assert set(heads) == {"row", "col"}
    assert dict(reader.tags)["html"] == {"lang": "en"}


def test_same_result_gives_the_same_bytes_in_another_process(simulate, tmp_path):
    code = (
        "import runpy, sys; from pathlib import Path;"
        "from spectrakit.report.transfer import write_transfer_report as write;"
        "write(runpy.run_path(sys.argv[1])['transfer_of'](), Path(sys.argv[2]), 'x')"
    )
    maker = Path(__file__).with_name("conftest.py")
    other = tmp_path / "other.html"
    command = [sys.executable, "-c", code, str(maker), str(other)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    write_transfer_report(simulate.transfer(), tmp_path / "one.html", "x")
    assert (tmp_path / "one.html").read_bytes() == other.read_bytes()


def test_users_own_matplotlib_style_changes_nothing(simulate, tmp_path):
    import matplotlib

    write_transfer_report(simulate.transfer(), tmp_path / "one.html", "x")
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30, "lines.marker": "x"}):
        write_transfer_report(simulate.transfer(), tmp_path / "two.html", "x")
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_hostile_names_are_text_everywhere(report, simulate, tmp_path):
    result = simulate.transfer(n_standards=3)
    one = result.properties[0]
    row = next(row for row in one.rows if row.method == one.method)
    evil = replace(
        one, name=HOSTILE, unit=HOSTILE, method=HOSTILE, why=HOSTILE, weights={HOSTILE: 1.0},
        rows=(replace(row, method=HOSTILE, uses=HOSTILE, chosen=HOSTILE),
              replace(row, method="DS", refused=HOSTILE)),
    )  # fmt: skip
    curve = replace(result.curves[0], property=HOSTILE, unit=HOSTILE, says=HOSTILE)
    result = replace(
        result, source=HOSTILE, target=HOSTILE, value_unit=HOSTILE, standards=(HOSTILE,) * 3,
        properties=(evil,), curves=(curve,), about={HOSTILE: {HOSTILE: [HOSTILE, None, 1e-9]}},
        gates=(Gate(HOSTILE, 1.0, 2.0, False, HOSTILE, True),),
        source_spectra=replace(result.source_spectra, axis_unit=HOSTILE),
        target_before=replace(result.target_before, axis_unit=HOSTILE),
    )  # fmt: skip
    reader = report(result, HOSTILE)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert "<script>alert('x')</script>" in words(reader)
    raw = (tmp_path / "report.html").read_bytes()
    assert b"<script" not in raw
    assert not {"\x00", "\x1b", "\u202e"} & set(raw.decode("utf-8"))
    for svg in svgs(reader):
        assert b"<script" not in svg
        ElementTree.fromstring(svg)


def test_forced_gate_is_a_warning_nobody_misses(report, simulate):
    refused = Gate("q", 9.0, 2.5, False, "Q is 9.0, the limit 2.5.", True)
    reader = report(simulate.transfer(gates=(refused, *simulate.gates[1:])))
    text = words(reader)
    assert "a gate refused this transfer, and --force went on" in text
    assert "refused, forced" in text
    assert {"class": "box warning", "role": "alert"} in [attrs for _, attrs in reader.tags]
    assert text.index("--force") < text.index("RMSEP")


def test_gates_that_passed_or_refused_are_said(report, simulate):
    assert "All gates passed (3)" in words(report(simulate.transfer()))
    each = (
        Gate("skill", 0.1, 0.5, True, "fat: fine."),
        Gate("skill", 0.2, 0.5, True, "water: too."),
    )
    text = words(report(simulate.transfer(gates=(simulate.gates[0], *each))))
    assert "Checked: q and skill (2)." in text.replace("\u00a0", " ")
    refused = Gate("t2", np.nan, np.inf, False, "T² is not a number.")
    text = words(report(simulate.transfer(gates=(refused,))))
    assert "A gate refused this transfer." in text and "∞" in text
    assert "No gate was checked." in words(report(simulate.transfer(gates=())))


def test_without_test_samples_standards_left_out_carry_the_error(report, simulate):
    text = words(report(simulate.transfer(n_test=0, n_standards=3, half=None)))
    assert "3 standards left out in turn" in text
    assert "No 90 % prediction interval: 90 % needs 9 residuals" in text.replace("\u00a0", " ")
    assert "no labelled test samples" in text
    assert "fewer than 40 labelled target samples" in text
    assert "nan" not in text.lower().replace("covariance", "")
    assert "None" not in text


def test_every_method_is_in_the_table_and_refusals_say_why(report, simulate):
    result = simulate.transfer(n_methods=19)
    text = words(report(result))
    for row in result.properties[0].rows:
        assert row.method in text
    assert "the samples are not disjoint: sample-001 is on both sides" in text
    assert text.count("to compare with") >= 2


def test_missing_numbers_leave_gaps_and_no_error(report, simulate, tmp_path):
    result = simulate.transfer(n_standards=4)
    one = result.properties[0]
    nothing = np.full(len(one.standards.known), np.nan)
    holes = result.source_spectra.values.copy()
    holes[0] = np.nan
    holes[1, 5:50] = np.inf
    result = replace(
        result,
        source_spectra=replace(result.source_spectra, values=holes),
        scores=np.where(np.arange(80)[:, None] % 3 == 0, np.nan, result.scores),
        properties=(
            replace(one, standards=replace(one.standards, known=nothing, value=nothing), test=None,
                    interval=Interval(0.9, None, 0, "")),
        ),
    )  # fmt: skip
    write_transfer_report(result, tmp_path / "none.html", "x")
    some = replace(one.standards, known=np.array([9.0, np.nan, 11.0, 12.0]))
    some = replace(some, value=np.array([9.1, 10.0, 1.7e308, np.inf]))
    result = replace(result, properties=(replace(one, standards=some, test=None),))
    reader = report(result)
    assert "3 samples without known or predicted value not drawn" in words(reader)
    assert "1 spectrum without any number not drawn" in words(reader)
    assert all(b"nan" not in svg.lower() for svg in svgs(reader))


def test_means_of_two_instruments_are_over_the_same_samples(simulate):
    """A sample that one instrument lacks would look like a difference between them."""
    from spectrakit.report.draw_spectra import panels
    from spectrakit.report.drawing import house_style

    result = simulate.transfer(n_standards=4)
    holes = result.source_spectra.values.copy()
    holes[0] = np.nan
    holes[1, 5:50] = np.nan
    holed = replace(result, source_spectra=replace(result.source_spectra, values=holes))
    with house_style():
        axes = panels(holed, "nir")[0][0].axes[0]
    means = [line.get_ydata() for line in axes.lines if line.get_linewidth() > 1]
    np.testing.assert_allclose(means[0], holes[2:].mean(axis=0))
    np.testing.assert_allclose(means[1], result.target_before.values[2:].mean(axis=0))


def test_nothing_but_names_is_still_a_report(report, simulate):
    result = simulate.transfer(n_standards=0, n_test=0, gates=())
    empty = replace(
        result, target_after=None, properties=(replace(result.properties[0], rows=()),),
        curves=(), about={},
    )  # fmt: skip
    text = words(report(empty))
    assert "without any standard measured on the new instrument" in text
    assert "No standard was used." in text
    assert "error not known" in text.lower()
    report(replace(empty, properties=()))


def test_instruments_without_a_common_axis_get_a_figure_each(report, simulate):
    result = simulate.transfer()
    other = simulate.transfer(unit="cm-1", points=200)
    reader = report(replace(result, target_before=other.target_before, target_after=None))
    captions = words(reader)
    assert captions.count("on its own axis") == 2
    assert "do not map spectra" in captions


def test_wavenumbers_fall_to_the_right_and_raman_shifts_rise(simulate):
    from spectrakit.report.draw_spectra import panels
    from spectrakit.report.drawing import house_style

    result = simulate.transfer(unit="cm-1")
    with house_style():
        for modality, falls, title in (
            ("ir", True, "Wavenumber / cm⁻¹"),
            ("raman", False, "Raman shift / cm⁻¹"),
        ):
            axes = panels(result, modality)[0][0].axes[0]
            low, high = axes.get_xlim()
            assert (low > high) == falls
            assert axes.get_xlabel() == title


def test_report_is_not_left_half_written(simulate, tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report\.html"):
        write_transfer_report(simulate.transfer(), tmp_path / "report.html", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_large_report_takes_seconds(simulate, tmp_path):
    import matplotlib.backends.backend_svg  # noqa: F401  loading it is not drawing

    result = simulate.transfer(
        n_properties=6, n_standards=60, n_test=451, n_methods=19, points=3000
    )
    start = time.process_time()
    write_transfer_report(result, tmp_path / "large.html", "x")
    assert time.process_time() - start < 6  # 2 to 3 alone; a busy machine shares its caches
    assert (tmp_path / "large.html").stat().st_size < 8e6


def test_reports_load_matplotlib_only_when_they_draw():
    code = (
        "import sys, spectrakit.report.transfer, spectrakit.report.plan, "
        "spectrakit.report.drift, spectrakit.report.png; "
        "print([name for name in ('matplotlib', 'scipy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
