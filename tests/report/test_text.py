"""Numbers and names as reports print them."""

import math

import pytest

from spectrakit.report.page import el, join
from spectrakit.report.text import listing, number, percent, places, plain, sentence, spread


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (None, None, "–"), (math.nan, 2, "–"), (math.inf, None, "∞"), (-math.inf, 1, "−∞"),
        (0.0, 2, "0.00"), (-0.001, 2, "0.00"), (-1.5, 1, "−1.5"), (0.012345, None, "0.0123"),
        (1234.5, None, "1234"), (1e9, None, "1.00·10⁹"), (-2.5e-8, None, "−2.50·10⁻⁸"),
    ],
)  # fmt: skip
def test_numbers(value, decimals, shown):
    assert number(value, decimals) == shown


def test_places_show_the_smallest_size_with_three_digits():
    assert places([0.123, 4.0, None, math.nan]) == 3
    assert places([1500.0]) == 0
    assert places([]) == 3


def test_small_words():
    assert spread(1.0, None) == "" and spread(1.0, 2.5, 1) == "1.0 to 2.5"
    assert percent(0.9) == "90\u00a0%" and percent(0.875) == "87.5\u00a0%" and percent(None) == "–"
    assert listing([]) == "" and listing("a") == "a" and listing("abc") == "a, b and c"
    assert listing("abcd", 2) == "a, b and 2 more"
    assert sentence("it is so") == "It is so." and sentence("") == ""


def test_long_and_invisible_text_is_cut_and_shown():
    assert plain("a\tb\x07\u202ec\ud800") == "a b��c�"
    assert plain("x" * 50, 10) == "x" * 9 + "…"


def test_text_is_escaped_unless_it_was_built_here():
    assert el("p", "<b>", title='"<') == '<p title="&quot;&lt;">&lt;b&gt;</p>'
    assert join(el("b", "x"), "&") == "<b>x</b>&amp;"
