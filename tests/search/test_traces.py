"""Search for traces, against closed forms and numpy's own correlation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrakit.search.traces.families import GRIDS, comparable, laser_nm
from spectrakit.search.traces.grids import LEVELS, Grid, Segment
from spectrakit.search.traces.index import LEAST_SHARE, TraceIndex, build
from spectrakit.search.traces.library import TraceLibraryBuilder
from spectrakit.search.traces.measures import Measure
from spectrakit.search.traces.search import TraceQuery, TraceSearch, TraceSettings
from spectrakit.spectrum import Modality

from .trace_spectra import BANDS, absorbance, even, library_traces, trace

IR = GRIDS["ir"]
NOTHING = np.zeros(IR.bins, bool)


def centres(level=0):
    """Middles of the infrared grid's bins."""
    (segment,) = IR.segments
    edges = segment.edges[:: 2**level]
    return (edges[1:] + edges[:-1]) / 2


def on_grid(values, axis, **fields):
    form = comparable(trace(values, axis, **fields))
    assert form.reason == ""
    return form.on_grid


def brute(x, y, measure):
    """The index of two placed spectra by numpy.corrcoef, bin by bin, at the coarser level."""
    level = max(x.level, y.level)
    (a, ma), (b, mb) = x.coarser(level), y.coarser(level)
    common = np.flatnonzero(ma & mb)
    inside = [k for k in range(2, len(a) - 2) if set(range(k - 2, k + 3)) <= set(common)]
    slope = np.array(
        [[np.polyfit(range(5), one[k - 2 : k + 3], 1)[0] for k in inside] for one in (a, b)]
    )
    r = max(np.corrcoef(a[common], b[common])[0, 1], 0.0)
    d = max(np.corrcoef(*slope)[0, 1], 0.0)
    return {"correlation": r * r, "derivative": d * d, "combined": (r * r + d * d) / 2}[measure]


def random_traces(n, seed):
    """Random band spectra on axes of every kind: steps, directions, ranges, a hole."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        step = float(rng.choice([1.0, 2.0, 3.7, 7.0, 15.0, 30.0]))
        axis = np.arange(rng.uniform(350, 900), rng.uniform(2900, 4000), step)
        if rng.random() < 0.3:
            axis = axis[(axis < 2280) | (axis > 2400)]
        bands = [(rng.uniform(500, 3500), rng.uniform(0.1, 1), rng.uniform(20, 90)) for _ in "1234"]
        values = absorbance(bands, axis) + rng.uniform(-1, 1) + rng.normal(0, 0.01, len(axis))
        made.append(
            on_grid(values[::-1], axis[::-1]) if rng.random() < 0.5 else on_grid(values, axis)
        )
    return made


@pytest.mark.parametrize("measure", list(Measure))
def test_scores_are_those_of_numpy_pair_by_pair(measure):
    """Levels, coverages, holes: the matrix products give what corrcoef gives for each pair."""
    held, asked = random_traces(25, 1), random_traces(12, 2)
    index, order = build(IR, held)
    assert len({group.level for group in index.groups}) == LEVELS
    for query in asked:
        (quality,), (share,) = index.scores([query], NOTHING, measure)
        exact = index.exact_score(query, NOTHING, np.arange(len(held)), measure)
        for row, source in enumerate(order):
            if share[row] == 0:
                continue
            wanted = brute(held[source], query, measure)
            assert quality[row] == pytest.approx(wanted, abs=2e-5)
            assert exact[row] == pytest.approx(wanted, abs=1e-6)


def test_queries_are_answered_alike_alone_and_together():
    index, _ = build(IR, random_traces(30, 3))
    axis = even()
    asked = [on_grid(absorbance(b, axis), axis) for b in BANDS.values()]
    together, share = index.scores(asked, NOTHING, Measure.COMBINED)
    for k, one in enumerate(asked):
        (alone,), (part,) = index.scores([one], NOTHING, Measure.COMBINED)
        np.testing.assert_allclose(alone, together[k], atol=1e-6)
        np.testing.assert_array_equal(part, share[k])


def test_two_bands_have_the_correlation_of_the_closed_form():
    """sin and cos + sin over whole periods: r is 1/sqrt(2) for values and for slopes."""
    axis = np.arange(800.0, 3872.0, 0.5) + 0.25
    phase = 2 * np.pi * (axis - 800) / 256  # 12 whole periods
    index, _ = build(IR, [on_grid(np.sin(phase), axis)])
    query = on_grid(np.sin(phase) + np.cos(phase), axis)
    for measure in Measure:
        (score,) = index.exact_score(query, NOTHING, np.array([0]), measure)
        assert score == pytest.approx(0.5, abs=5e-3)  # r squared; the ends cost a part of a period


def test_a_bin_holds_the_mean_of_the_interpolant():
    """Exact for straight lines, whatever the axis; for a parabola, its own trapezoids."""
    rng = np.random.default_rng(5)
    grid = Grid((Segment("cm-1", 0.0, 80.0, 1.0),))
    axis = np.sort(rng.uniform(5, 70, 60))
    placed = grid.place(axis, 3 * axis - 7, "cm-1")
    middle = np.arange(80) + 0.5
    inside = placed.covered & (middle > axis[0] + 1) & (middle < axis[-1] - 1)
    np.testing.assert_allclose(placed.values[inside], 3 * middle[inside] - 7, atol=1e-9)
    fine = np.linspace(0, 80, 80 * 4000, endpoint=False) + 80 / 80 / 8000
    values = rng.normal(size=60)
    placed = grid.place(axis, values, "cm-1")
    dense = np.interp(fine, axis, values).reshape(80, -1).mean(axis=1)
    np.testing.assert_allclose(placed.values[inside], dense[inside], atol=1e-3)


def test_what_is_missing_is_not_covered():
    axis = np.arange(900.0, 3000.0, 2.0)
    values = np.sin(axis / 100)
    values[(axis > 2279) & (axis < 2401)] = np.nan
    placed = on_grid(values, axis)
    bins = centres()
    inside = (bins > 905) & (bins < 2995)
    hole = (bins > 2280) & (bins < 2400)
    assert placed.covered[inside & ~hole].mean() > 0.99
    assert not placed.covered[hole].any()
    assert not placed.covered[~inside & (np.abs(bins - 1950) > 1060)].any()


@pytest.mark.parametrize(
    ("step", "level"), [(0.5, 0), (2, 0), (4, 0), (8, 1), (16, 2), (32, 3), (64, 3)]
)
def test_the_level_is_that_of_the_own_spacing(step, level):
    axis = np.arange(500.0, 4000.0, step)
    assert on_grid(np.sin(axis / 150), axis).level == level


def test_fine_and_coarse_spectra_of_one_curve_agree():
    """A band twice as wide as the coarse step is the same to both after averaging."""
    bands = [(1000, 1.0, 60), (1700, 0.7, 80), (2900, 0.9, 70)]
    fine, coarse = np.arange(450.0, 4000.0, 1.0), np.arange(450.0, 4000.0, 16.0)
    index, _ = build(IR, [on_grid(absorbance(bands, fine), fine)])
    query = on_grid(absorbance(bands, coarse), coarse)
    (score,) = index.exact_score(query, NOTHING, np.array([0]), Measure.COMBINED)
    assert score > 0.995


@given(
    st.floats(1e-3, 1e3), st.floats(-100, 100), st.booleans(), st.sampled_from(["cm-1", "nm", "um"])
)
def test_scale_offset_direction_and_unit_change_nothing(scale, offset, turn, unit):
    axis = even(3990.0, 500.0)
    plain = absorbance(BANDS["polyester"], axis)
    index, _ = build(IR, [on_grid(absorbance(b, axis), axis) for b in BANDS.values()])
    rows = np.arange(len(BANDS))
    there = {"cm-1": axis, "nm": 1e7 / axis, "um": 1e4 / axis}[unit]
    values = scale * plain + offset * scale
    step = -1 if turn else 1
    query = on_grid(values[::step], there[::step], unit=unit)
    for measure in Measure:
        before = index.exact_score(on_grid(plain, axis), NOTHING, rows, measure)
        after = index.exact_score(query, NOTHING, rows, measure)
        np.testing.assert_allclose(after, before, atol=2e-3 if unit != "cm-1" else 1e-7)


def test_a_query_with_too_little_in_common_has_no_share():
    short = np.arange(700.0, 1200.0, 2.0)
    index, _ = build(IR, [on_grid(np.sin(short / 30), short)])
    axis = even()
    query = on_grid(absorbance(BANDS["polystyrene"], axis), axis)
    _, share = index.scores([query], NOTHING, Measure.COMBINED)
    assert share[0, 0] == 0
    _, share = index.scores([on_grid(np.sin(short / 30), short)], NOTHING, Measure.COMBINED)
    assert share[0, 0] == 1
    half = np.arange(700.0, 1500.0, 2.0)
    _, share = index.scores([on_grid(np.sin(half / 30), half)], NOTHING, Measure.COMBINED)
    assert LEAST_SHARE <= share[0, 0] == pytest.approx(500 / 800, abs=0.02)


def test_transmittance_is_compared_as_absorbance():
    axis = even()
    plain = absorbance(BANDS["polyamide"], axis)
    wanted = on_grid(plain, axis).values
    for unit, values in (
        ("transmittance", 10**-plain),
        ("percent transmittance", 100 * 10**-plain),
        ("transmittance", 100 * 10**-plain),  # said as a ratio, written as percent
        ("reflectance", 10**-plain),
        ("Kubelka-Munk", (1 - 10**-plain) ** 2 / (2 * 10**-plain)),
    ):
        np.testing.assert_allclose(on_grid(values, axis, value_unit=unit).values, wanted, atol=1e-9)
    dark = comparable(trace(np.maximum(10**-plain - 0.2, -0.05), axis, value_unit="transmittance"))
    assert np.isfinite(dark.on_grid.values).all()


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_values_of_any_size_are_compared(factor):
    axis = even()
    plain = absorbance(BANDS["polyamide"], axis)
    index, _ = build(IR, [on_grid(plain, axis)])
    row = np.array([0])
    (score,) = index.exact_score(on_grid(plain * factor, axis), NOTHING, row, Measure.COMBINED)
    assert score == pytest.approx(1)


def test_raman_in_wavelength_needs_the_laser():
    shift = np.arange(200.0, 3000.0, 2.0)
    values = absorbance([(1001, 1, 8), (1600, 0.5, 10)], shift)
    nm = 1e7 / (1e7 / 785 - shift)
    fields = {"modality": Modality.RAMAN, "value_unit": "counts"}
    plain = comparable(trace(values, shift, **fields))
    assert comparable(trace(values, nm, "nm", **fields)).reason.endswith("laser not stated")
    said = comparable(trace(values, nm, "nm", extra={"laser_wavelength_nm": 785.0}, **fields))
    both = plain.on_grid.covered & said.on_grid.covered
    assert both.sum() > 690
    np.testing.assert_allclose(said.on_grid.values[both], plain.on_grid.values[both], atol=5e-3)
    assert laser_nm({"laser_power": 500, "Laser": "532 nm"}) == 532


def test_families_do_not_meet():
    axis = even()
    values = absorbance(BANDS["nitrile"], axis)
    builder = TraceLibraryBuilder("one")
    assert builder.add(trace(values, axis), "a") == ""
    search = TraceSearch([builder.finish()], TraceSettings())
    raman = comparable(trace(values, axis, modality=Modality.RAMAN, value_unit="counts"))
    (answer,) = search.identify([TraceQuery(raman.family, raman.on_grid)])
    assert answer == "no library holds raman spectra"


def test_an_index_opens_as_it_was_and_damage_is_refused():
    index, _ = build(IR, random_traces(20, 8))
    arrays = index.arrays()
    query = random_traces(1, 9)[0]
    again = TraceIndex.from_arrays(IR, arrays)
    np.testing.assert_array_equal(
        again.scores([query], NOTHING, Measure.COMBINED)[0],
        index.scores([query], NOTHING, Measure.COMBINED)[0],
    )
    for key in arrays:
        with pytest.raises(ValueError, match=r"\w"):
            TraceIndex.from_arrays(IR, {**arrays, key: arrays[key][:-1]})
    beyond = arrays["groups"].copy()
    beyond[0, 3] = 99
    with pytest.raises(ValueError, match="groups"):
        TraceIndex.from_arrays(IR, {**arrays, "groups": beyond})


def test_every_library_spectrum_finds_itself():
    builder = TraceLibraryBuilder("all")
    traces = library_traces()
    for one in traces:
        assert builder.add(one, "x") == ""
    search = TraceSearch([builder.finish()], TraceSettings(top=3))
    forms = [comparable(one) for one in traces]
    answers = search.identify([TraceQuery(form.family, form.on_grid) for form in forms])
    for one, hits in zip(traces, answers, strict=True):
        assert hits[0].source_id == one.native_id
        assert hits[0].score == pytest.approx(1.0, abs=1e-6)
