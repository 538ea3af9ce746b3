"""Charts as SVG drawn on the server: they follow the theme through classes, print, and need no script.

Values are whole numbers in their own unit (grams, fen, counts); only places on the paper are fractions. Across, places
are percentages, so a chart fills its column and its words never stretch; down, they are pixels. Words of the axes
stand in the margins the class `chart` keeps free. Every function returns safe markup; pair it with the macro
`chart_with_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

Format = Callable[[int], str]

_TICKS = 4
# Lines are told apart best by these series colours in this order; bars take them as they come.
_LINE_ORDER = (1, 3, 4, 5, 2)

_FRAME = Markup('<svg class="{}" width="100%" height="{}" role="img" aria-label="{}">{}</svg>')
_ACROSS = Markup('<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/>')
_TICK = Markup('<text x="-8" y="{}" text-anchor="end">{}</text>')
_LABEL = Markup('<text class="{}" x="{}%" y="{}" text-anchor="middle">{}</text>')
_MARK = Markup('<g class="chart-mark"><title>{}</title>{}</g>')
_BAR = Markup('<rect class="chart-{}" x="{}%" y="{}" width="{}%" height="{}"{}/>')
_ROUND = Markup(' rx="2"')
_DOT = Markup('<circle class="chart-dot {}" cx="{}%" cy="{}" r="4"/>')
_PATH = Markup('<path class="{}" d="{}" vector-effect="non-scaling-stroke"/>')
_THRESHOLD = Markup('<g><title>{}</title>{}<text class="chart-threshold-label" x="100%" dx="6" y="{}">{}</text></g>')
_STRETCHED = Markup('<svg width="100%" height="{0}" viewBox="0 0 100 {0}" preserveAspectRatio="none">{1}</svg>')
_LEGEND_ITEM = Markup(
    '<li><svg width="10" height="10" aria-hidden="true"><rect class="{}" width="10" height="10" rx="2"/></svg>{}</li>'
)
_SPARK = Markup('<svg class="sparkline" width="{}" height="{}" role="img" aria-label="{}"><title>{}</title>{}</svg>')


@dataclass(frozen=True)
class Point:
    """One value under its label.

    `value` None is a gap, not a zero; `kind` is ok, warn, bad or muted; `note` adds to the tooltip.
    """

    label: str
    value: int | None
    kind: str = ""
    note: str = ""


@dataclass(frozen=True)
class Series:
    """One name and its values, as many as the chart has labels."""

    name: str
    values: Sequence[int | None]


@dataclass(frozen=True)
class Threshold:
    """A line across the chart at a value; `kind` is warn, ok or bad."""

    value: int
    label: str
    kind: str = "warn"


def plain(value: int) -> str:
    """Write a whole number with separators: 12,345."""
    return f"{value:,}"


def nice_step(largest: int) -> int:
    """Return the smallest 1, 2 or 5 times a power of ten that reaches `largest` in four ticks."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if step * _TICKS >= largest:
                return step
        power *= 10


@dataclass(frozen=True)
class _Scale:
    low: int
    high: int
    step: int
    height: int

    def y(self, value: int) -> float:
        return round(self.height * (self.high - value) / (self.high - self.low), 2)


def _scale(values: Sequence[int], thresholds: Sequence[Threshold], height: int) -> _Scale:
    every = [0, *values, *(t.value for t in thresholds)]
    low, high = min(every), max(every)
    step = nice_step(max(high, -low, 1))
    top = max(-(-high // step), 0 if low < 0 else 1)
    return _Scale(low // step * step, top * step, step, height)


def _join(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(parts)


def _tip(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _grid(scale: _Scale, form: Format) -> Markup:
    drawn = []
    for tick in range(scale.low, scale.high + 1, scale.step):
        y = scale.y(tick)
        drawn.append(_ACROSS.format("chart-grid" if tick else "chart-base", y, y) + _TICK.format(y + 4, form(tick)))
    return _join(drawn)


def _labels(labels: Sequence[str], height: int) -> Markup:
    # Every second label may be left out on narrow screens; the last one always stays.
    odd = len(labels) % 2
    pitch = 100 / len(labels)
    return _join(
        [
            _LABEL.format(
                "chart-x chart-alt" if len(labels) > 6 and at % 2 == odd else "chart-x",
                round(pitch * (at + 0.5), 3),
                height + 18,
                text,
            )
            for at, text in enumerate(labels)
        ]
    )


def _lines_across(thresholds: Sequence[Threshold], scale: _Scale, form: Format) -> Markup:
    drawn = []
    for threshold in thresholds:
        y = scale.y(threshold.value)
        across = _ACROSS.format(f"chart-threshold chart-threshold-{threshold.kind}", y, y)
        drawn.append(_THRESHOLD.format(f"{threshold.label}: {form(threshold.value)}", across, y + 4, threshold.label))
    return _join(drawn)


def _frame(title: str, height: int, body: Markup, marked: bool = False) -> Markup:
    return _FRAME.format("chart chart-marked" if marked else "chart", height, title, body)


def _nothing(title: str, height: int, words: str) -> Markup:
    base = _ACROSS.format("chart-base", height, height)
    return _frame(title, height, base + _LABEL.format("chart-none", 50, height // 2, words))


def _legend(names: Sequence[str], kinds: Sequence[str]) -> Markup:
    items = [_LEGEND_ITEM.format(kind, name) for name, kind in zip(names, kinds, strict=True)]
    return Markup('<ul class="chart-legend">{}</ul>').format(_join(items))


def bars(
    points: Sequence[Point],
    *,
    title: str,
    form: Format = plain,
    thresholds: Sequence[Threshold] = (),
    height: int = 176,
    show_values: bool = True,
    empty: str = "—",
) -> Markup:
    """Draw one bar a point, coloured by its kind, with the value above it and threshold lines across."""
    values = [p.value for p in points if p.value is not None]
    if not values:
        return _nothing(title, height, empty)
    scale = _scale(values, thresholds, height)
    pitch = 100 / len(points)
    width = min(pitch * 0.62, 8.0)
    drawn, words = [], []
    # Values that would run into each other are left to the tooltip and the table.
    show_values = show_values and max(_breadth(form(value)) for value in values) <= pitch
    for at, point in enumerate(points):
        if point.value is None:
            continue
        top, foot = sorted((scale.y(point.value), scale.y(0)))
        middle = round(pitch * (at + 0.5), 3)
        deep = max(round(foot - top, 2), 1 if point.value else 0)
        left = round(middle - width / 2, 3)
        bar = _BAR.format(point.kind or "s1", left, top, round(width, 3), deep, _ROUND)
        drawn.append(_MARK.format(_tip(point.label, form(point.value), point.note), bar))
        if show_values:
            words.append(_LABEL.format("chart-value", middle, top - 6, form(point.value)))
    body = _grid(scale, form) + _join(drawn) + _lines_across(thresholds, scale, form) + _join(words)
    return _frame(title, height, body + _labels([p.label for p in points], height), bool(thresholds))


def _breadth(words: str) -> float:
    """About how wide a label is, in per cent of a chart half a page wide."""
    return sum(12 if ord(sign) > 0x2E80 else 6.5 for sign in words) / 520 * 100


def stacked_bars(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    form: Format = plain,
    thresholds: Sequence[Threshold] = (),
    height: int = 176,
    empty: str = "—",
) -> Markup:
    """Draw one bar a label, its series stacked in order, with a legend. Raises ValueError for negative values."""
    if any((value or 0) < 0 for s in series for value in s.values):
        raise ValueError("stacked values must not be negative")
    totals = [sum(s.values[at] or 0 for s in series) for at in range(len(labels))]
    if not any(totals):
        return _nothing(title, height, empty)
    scale = _scale(totals, thresholds, height)
    pitch = 100 / len(labels)
    width = min(pitch * 0.62, 8.0)
    drawn = []
    for at, label in enumerate(labels):
        below = 0
        left = round(pitch * (at + 0.5) - width / 2, 3)
        for number, one in enumerate(series):
            value = one.values[at] or 0
            if value:
                top, foot = scale.y(below + value), scale.y(below)
                bar = _BAR.format(f"s{number % 5 + 1}", left, top, round(width, 3), round(foot - top, 2), "")
                drawn.append(_MARK.format(_tip(label, one.name, form(value)), bar))
            below += value
    body = _grid(scale, form) + _join(drawn) + _lines_across(thresholds, scale, form)
    svg = _frame(title, height, body + _labels(labels, height), bool(thresholds))
    return svg + _legend([s.name for s in series], [f"chart-s{n % 5 + 1}" for n in range(len(series))])


def _runs(values: Sequence[int | None]) -> list[list[tuple[int, int]]]:
    """Return the stretches without gaps, as (index, value)."""
    found: list[list[tuple[int, int]]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            found.append([])
        else:
            found[-1].append((at, value))
    return [run for run in found if run]


def _path(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{'L' if i else 'M'}{x} {y}" for i, (x, y) in enumerate(places))


def line(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    form: Format = plain,
    thresholds: Sequence[Threshold] = (),
    height: int = 176,
    empty: str = "—",
) -> Markup:
    """Draw one line a series, broken at gaps; a single series is filled beneath, several get a legend."""
    values = [value for s in series for value in s.values if value is not None]
    if not labels or not values:
        return _nothing(title, height, empty)
    scale = _scale(values, thresholds, height)
    pitch = 100 / len(labels)
    kinds = [f"chart-s{_LINE_ORDER[n % 5]}" for n in range(len(series))]
    strokes, dots = [], []
    for kind, one in zip(kinds, series, strict=True):
        for run in _runs(one.values):
            places = [(round(pitch * (at + 0.5), 3), scale.y(value)) for at, value in run]
            if len(series) == 1 and len(run) > 1:
                feet = [(places[-1][0], scale.y(0)), (places[0][0], scale.y(0))]
                strokes.append(_PATH.format(f"chart-area {kind}", _path(places + feet)))
            strokes.append(_PATH.format(f"chart-line {kind}", _path(places)))
            for (at, value), (x, y) in zip(run, places, strict=True):
                dots.append(_MARK.format(_tip(labels[at], one.name, form(value)), _DOT.format(kind, x, y)))
    # Only the strokes are stretched, inside a drawing of their own; dots and words keep their shape.
    stretched = _STRETCHED.format(height, _join(strokes))
    body = _grid(scale, form) + stretched + _lines_across(thresholds, scale, form) + _join(dots)
    svg = _frame(title, height, body + _labels(labels, height), bool(thresholds))
    return svg if len(series) == 1 else svg + _legend([s.name for s in series], kinds)


def sparkline(values: Sequence[int | None], *, title: str, width: int = 88, height: int = 24) -> Markup:
    """Draw a line the size of a word, with a dot on the last value."""
    known = [value for value in values if value is not None]
    if not known:
        body = _ACROSS.format("chart-base", height // 2, height // 2)
        return _SPARK.format(width, height, title, title, body)
    low, high = min(known), max(known)
    pace = (width - 6) / max(len(values) - 1, 1)

    def place(at: int, value: int) -> tuple[float, float]:
        level = (value - low) / (high - low) if high > low else 0.5
        return round(3 + pace * at, 2), round(height - 3 - level * (height - 6), 2)

    runs = [[place(*each) for each in run] for run in _runs(values)]
    body = _join([_PATH.format("chart-line chart-s1", _path(run)) for run in runs])
    dot = Markup('<circle class="chart-s1" cx="{}" cy="{}" r="2.5"/>').format(*runs[-1][-1])
    return _SPARK.format(width, height, title, title, body + dot)
