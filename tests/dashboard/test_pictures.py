"""Numbers in, coordinates and words out."""

import pytest

from waypost.dashboard.html import charts, words
from waypost.dashboard.html.charts import HEIGHT, WIDTH


@pytest.mark.parametrize(("value", "top"), [(1, 1), (3, 5), (5, 5), (6, 10), (11, 20), (2001, 5000), (0, 1)])
def test_a_chart_ends_at_a_round_number(value: int, top: int) -> None:
    assert charts.ceiling(value) == top


def test_bars_stand_and_hang_as_long_as_their_values() -> None:
    made = charts.mirror(("accepted", [0, 10]), ("delivered", [5, 10]))
    assert made.top == 10
    heights = [(bar.name, bar.y, bar.height) for bar in made.bars]
    assert heights == [
        ("delivered", HEIGHT / 2, HEIGHT / 4),
        ("accepted", 0, HEIGHT / 2),
        ("delivered", HEIGHT / 2, HEIGHT / 2),
    ]


def test_a_stacked_bar_is_as_wide_as_its_total() -> None:
    parts = charts.stacked([("delivered", 3), ("skipped", 0), ("pending", 1)], 4)
    assert [(part.name, part.x, part.width) for part in parts] == [
        ("delivered", 0, WIDTH * 3 / 4),
        ("pending", WIDTH * 3 / 4, WIDTH / 4),
    ]
    assert charts.stacked([("delivered", 0)], 0) == []


def test_a_slope_ends_at_the_right_edge() -> None:
    made = charts.slope([(100.0, 10), (190.0, 5)], span=180)
    assert made.line == f"{WIDTH / 2},0.0 {float(WIDTH)},{HEIGHT / 2}"
    assert charts.slope([], span=180).line == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (125, "2 min"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_spans_are_said_in_one_or_two_units(seconds: int, said: str) -> None:
    assert words.span(seconds) == said


@pytest.mark.parametrize(("ms", "said"), [(13, "13 ms"), (2_540, "2.5 s"), (61_000, "1 min")])
def test_what_took_long_is_said_shortly(ms: int, said: str) -> None:
    assert words.took(ms) == said


def test_a_time_is_said_from_now_with_the_exact_one_beside_it() -> None:
    made = words.ago(1_766_000_000_000, 1_766_000_090_000)
    assert ">1 min ago</time>" in made
    assert 'title="2025-12-17 19:33:20.000 UTC"' in made
    assert words.relative(1_000, 0) == "in 1 s"
    assert words.relative(0, 1_000) == "just now"


def test_numbers_have_a_narrow_space_between_thousands() -> None:
    assert words.plural(1_234_567, "message") == "1\u202f234\u202f567 messages"
    assert words.plural(1, "message waits", "messages wait") == "1 message waits"
