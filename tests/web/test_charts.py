"""Charts keep every number readable: drawn, in the tooltip, and never as unescaped markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tierflow.web.charts import Point, Series, Threshold, bars, line, nice_step, plain, sparkline, stacked_bars

TONNE = 1_000_000


def tonnes(grams: int) -> str:
    return f"{grams // TONNE:,}"


def parse(markup: str) -> ET.Element:
    return ET.fromstring(f"<root>{markup}</root>")


@pytest.mark.parametrize(
    ("largest", "step"),
    [(1, 1), (3, 1), (5, 2), (9, 5), (10, 5), (81, 50), (281, 100), (2999, 1000), (10**15 + 1, 5 * 10**14)],
)
def test_four_round_steps_reach_the_largest_value(largest: int, step: int) -> None:
    assert nice_step(largest) == step
    assert 4 * step >= largest


def test_bars_draw_one_rect_a_value_and_no_rect_for_a_gap() -> None:
    svg = parse(bars([Point("2026-01", 5), Point("2026-02", None), Point("2026-03", 0)], title="x"))
    assert len(svg.findall(".//rect")) == 2
    assert [t.text for t in svg.findall(".//title")] == ["2026-01 · 5", "2026-03 · 0"]


def test_bars_keep_integers_beyond_floating_point() -> None:
    exact = 9_007_199_254_740_993
    assert f"2026-01 · {exact:,}" in bars([Point("2026-01", exact)], title="x")


def test_bars_below_zero_hang_from_the_base_line() -> None:
    rects = parse(bars([Point("a", -10), Point("b", 10)], title="x", height=100)).findall(".//rect")
    assert [(r.get("y"), r.get("height")) for r in rects] == [("50.0", "50.0"), ("0.0", "50.0")]


@pytest.mark.parametrize("value", [1, 2999, 123_456_789])
def test_a_single_bar_stays_inside_the_chart(value: int) -> None:
    rect = parse(bars([Point("a", value)], title="x", height=100)).find(".//rect")
    assert rect is not None
    assert 0 <= float(rect.get("y", "")) <= 100


def test_threshold_above_every_value_stretches_the_scale() -> None:
    svg = parse(bars([Point("a", 10)], title="x", height=100, thresholds=[Threshold(80, "三星", "ok")]))
    mark = svg.find(".//line[@class='chart-threshold chart-threshold-ok']")
    assert mark is not None
    assert mark.get("y1") == "0.0"
    assert "三星: 80" in [t.text for t in svg.findall(".//title")]


def test_values_are_written_in_the_given_unit() -> None:
    assert "1,500" in bars([Point("a", 1500 * TONNE)], title="x", form=tonnes)


@pytest.mark.parametrize(
    "draw",
    [
        bars([], title="t"),
        bars([Point("a", None)], title="t"),
        line([], [], title="t"),
        stacked_bars([], [], title="t"),
    ],
)
def test_nothing_to_draw_says_so(draw: str) -> None:
    svg = parse(draw)
    assert svg.find("svg").get("aria-label") == "t"  # type: ignore[union-attr]
    assert svg.find(".//text[@class='chart-none']") is not None


def test_line_breaks_at_a_gap() -> None:
    svg = parse(line(list("abcd"), [Series("甲", [1, 2, None, 4])], title="x"))
    assert len(svg.findall(".//path[@class='chart-line chart-s1']")) == 2
    assert len(svg.findall(".//circle")) == 3


def test_line_of_one_value_is_a_dot() -> None:
    assert len(parse(line(["a"], [Series("甲", [3])], title="x")).findall(".//circle")) == 1


def test_several_lines_get_a_legend() -> None:
    names = [
        li.text or "".join(li.itertext())
        for li in parse(line(["a"], [Series("甲", [3]), Series("乙", [4])], title="x")).findall(".//li")
    ]
    assert names == ["甲", "乙"]


def test_stacked_bars_stand_on_each_other() -> None:
    svg = parse(stacked_bars(["a"], [Series("甲", [30]), Series("乙", [10])], title="x", height=100))
    rects = svg.findall(".//g[@class='chart-mark']/rect")
    assert [(r.get("y"), r.get("height")) for r in rects] == [("25.0", "75.0"), ("0.0", "25.0")]


def test_stacked_bars_refuse_negative_values() -> None:
    with pytest.raises(ValueError, match="negative"):
        stacked_bars(["a"], [Series("甲", [3]), Series("乙", [-1])], title="x")


@pytest.mark.parametrize("values", [[], [None], [5], [5, 5, 5], [1, None, 3], [0, -4, 9]])
def test_sparkline_always_draws(values: list[int | None]) -> None:
    svg = parse(sparkline(values, title="x")).find("svg")
    assert svg is not None
    assert svg.get("role") == "img"


def test_words_from_users_are_escaped_and_nothing_needs_inline_style() -> None:
    evil = '<script>alert(1)</script>"'
    for markup in (
        bars([Point(evil, 1, note=evil)], title=evil, thresholds=[Threshold(1, evil)]),
        line([evil], [Series(evil, [1]), Series(evil, [2])], title=evil),
        stacked_bars([evil], [Series(evil, [1])], title=evil),
        sparkline([1], title=evil),
    ):
        assert "<script" not in markup
        assert "style=" not in markup
        parse(markup)


def test_whole_numbers_have_separators() -> None:
    assert plain(-1234567) == "-1,234,567"


def test_values_that_would_run_into_each_other_are_left_to_the_tooltip() -> None:
    def hours(value: int) -> str:
        return f"{value / 10} 小时"

    twelve = [Point(str(month), 142 + month) for month in range(12)]
    assert "chart-value" not in bars(twelve, title="x", form=hours)
    assert "14.2 小时" in bars(twelve, title="x", form=hours), "it stands in the tooltip"
    assert bars(twelve[:3], title="x", form=hours).count("chart-value") == 3
    assert bars(twelve, title="x").count("chart-value") == 12
