"""Charts as SVG drawn on the server: they follow the theme through classes, print, and need no script.

Values are whole numbers in their own unit (grams, fen, counts); only places on the paper are fractions. Across, places
are percentages, so a chart fills its column and its words never stretch; down, they are pixels. Words of the axes stand
in the margins the class `chart` keeps free. Every function returns safe markup; pair it with the macro `chart_with_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

Format = Callable[[int], str]

_TICKS = 4


@dataclass(frozen=True)
class Point:
    """One value under its label. `value` None is a gap, not a zero; `kind` is ok, warn, bad or muted; `note` adds to the tooltip."""

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


def nice_top(largest: int) -> int:
    """Return the smallest 1, 2, 4, 5 or 8 times a power of ten that is not below `largest` (at least 1); splits into four ticks."""
    if largest <= 0:
        return 1
    power = int(10 ** (len(str(largest)) - 1))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= largest)


@dataclass(frozen=True)
class _Scale:
    low: int
    high: int
    height: int

    def y(self, value: int) -> float:
        return round(self.height * (self.high - value) / (self.high - self.low), 2)


def _scale(values: Sequence[int], thresholds: Sequence[Threshold], height: int) -> _Scale:
    every = [*values, *(t.value for t in thresholds)]
    low, high = min(0, *every, 0), max(0, *every, 0)
    return _Scale(-nice_top(-low) if low < 0 else 0, nice_top(high) if high > 0 or low == 0 else 0, height)


def _join(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(parts)


def _grid(scale: _Scale, form: Format) -> Markup:
    span = scale.high - scale.low
    ticks = sorted({scale.low + span * i // _TICKS for i in range(_TICKS + 1)} | {0})
    lines = [
        Markup(
            '<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/><text x="-8" y="{}" text-anchor="end">{}</text>'
        ).format(
            "chart-base" if tick == 0 else "chart-grid", scale.y(tick), scale.y(tick), scale.y(tick) + 4, form(tick)
        )
        for tick in ticks
    ]
    return _join(lines)


def _labels(labels: Sequence[str], height: int, middle: Callable[[int], float]) -> Markup:
    # Every second label may be left out on narrow screens; the last one always stays.
    odd = (len(labels) + 1) % 2
    return _join(
        [
            Markup('<text class="{}" x="{}%" y="{}" text-anchor="middle">{}</text>').format(
                "chart-x chart-alt" if len(labels) > 6 and at % 2 == odd else "chart-x",
                round(middle(at), 3),
                height + 18,
                text,
            )
            for at, text in enumerate(labels)
        ]
    )


def _threshold_lines(thresholds: Sequence[Threshold], scale: _Scale, form: Format) -> Markup:
    return _join(
        [
            Markup(
                '<g><title>{}: {}</title><line class="chart-threshold chart-threshold-{}" x1="0" x2="100%" y1="{}" y2="{}"/>'
                '<text class="chart-threshold-label" x="100%" y="{}" text-anchor="end">{}</text></g>'
            ).format(t.label, form(t.value), t.kind, scale.y(t.value), scale.y(t.value), scale.y(t.value) - 5, t.label)
            for t in thresholds
        ]
    )


def _frame(title: str, height: int, body: Markup) -> Markup:
    return Markup('<svg class="chart" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        height, title, body
    )


def _nothing(title: str, height: int, words: str) -> Markup:
    base = Markup('<line class="chart-base" x1="0" x2="100%" y1="{}" y2="{}"/>').format(height, height)
    text = Markup('<text class="chart-none" x="50%" y="{}" text-anchor="middle">{}</text>').format(height // 2, words)
    return _frame(title, height, base + text)


def _legend(names: Sequence[str], kinds: Sequence[str]) -> Markup:
    items = [
        Markup(
            '<li><svg width="10" height="10" aria-hidden="true"><rect class="{}" width="10" height="10" rx="2"/></svg>{}</li>'
        ).format(kind, name)
        for name, kind in zip(names, kinds, strict=True)
    ]
    return Markup('<ul class="chart-legend">{}</ul>').format(_join(items))


def _tip(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


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
    drawn = []
    for at, point in enumerate(points):
        if point.value is None:
            continue
        top, foot = sorted((scale.y(point.value), scale.y(0)))
        middle = round(pitch * (at + 0.5), 3)
        drawn.append(
            Markup(
                '<g class="chart-mark"><title>{}</title><rect class="chart-{}" x="{}%" y="{}" width="{}%" height="{}" rx="2"/>{}</g>'
            ).format(
                _tip(point.label, form(point.value), point.note),
                point.kind or "s1",
                round(middle - width / 2, 3),
                top,
                round(width, 3),
                max(round(foot - top, 2), 1 if point.value else 0),
                Markup('<text class="chart-value" x="{}%" y="{}" text-anchor="middle">{}</text>').format(
                    middle, top - 6, form(point.value)
                )
                if show_values
                else "",
            )
        )
    body = _grid(scale, form) + _join(drawn) + _threshold_lines(thresholds, scale, form)
    return _frame(title, height, body + _labels([p.label for p in points], height, lambda at: pitch * (at + 0.5)))


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
    """Draw one bar a label, its series stacked in order, with a legend. Values must not be negative."""
    totals = [sum(s.values[at] or 0 for s in series) for at in range(len(labels))]
    if not labels or not any(totals):
        return _nothing(title, height, empty)
    if any((value or 0) < 0 for s in series for value in s.values):
        raise ValueError("stacked values must not be negative")
    scale = _scale(totals, thresholds, height)
    pitch = 100 / len(labels)
    width = min(pitch * 0.62, 8.0)
    drawn = []
    for at, label in enumerate(labels):
        below = 0
        for number, one in enumerate(series):
            value = one.values[at] or 0
            if value:
                drawn.append(
                    Markup(
                        '<g class="chart-mark"><title>{}</title><rect class="chart-s{}" x="{}%" y="{}" width="{}%" height="{}"/></g>'
                    ).format(
                        _tip(label, one.name, form(value)),
                        number % 5 + 1,
                        round(pitch * (at + 0.5) - width / 2, 3),
                        scale.y(below + value),
                        round(width, 3),
                        round(scale.y(below) - scale.y(below + value), 2),
                    )
                )
            below += value
    body = _grid(scale, form) + _join(drawn) + _threshold_lines(thresholds, scale, form)
    svg = _frame(title, height, body + _labels(labels, height, lambda at: pitch * (at + 0.5)))
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
    """Draw one line a series, broken where a value is missing; a single series is filled beneath, several get a legend."""
    values = [value for s in series for value in s.values if value is not None]
    if not labels or not values:
        return _nothing(title, height, empty)
    scale = _scale(values, thresholds, height)
    pitch = 100 / len(labels)

    def x(at: int) -> float:
        return round(pitch * (at + 0.5), 3)

    strokes, dots = [], []
    for number, one in enumerate(series):
        kind = f"chart-s{number % 5 + 1}"
        for run in _runs(one.values):
            path = " ".join(f"{'L' if i else 'M'}{x(at)} {scale.y(value)}" for i, (at, value) in enumerate(run))
            if len(series) == 1 and len(run) > 1:
                area = f"{path} L{x(run[-1][0])} {scale.y(0)} L{x(run[0][0])} {scale.y(0)} Z"
                strokes.append(Markup('<path class="chart-area {}" d="{}"/>').format(kind, area))
            strokes.append(
                Markup('<path class="chart-line {}" d="{}" vector-effect="non-scaling-stroke"/>').format(kind, path)
            )
            dots += [
                Markup(
                    '<g class="chart-mark"><title>{}</title><circle class="chart-dot {}" cx="{}%" cy="{}" r="4"/></g>'
                ).format(_tip(labels[at], one.name, form(value)), kind, x(at), scale.y(value))
                for at, value in run
            ]
    # Only the strokes are stretched, inside a drawing of their own; dots and words keep their shape.
    stretched = Markup(
        '<svg width="100%" height="{}" viewBox="0 0 100 {}" preserveAspectRatio="none" overflow="visible">{}</svg>'
    ).format(height, height, _join(strokes))
    body = _grid(scale, form) + stretched + _threshold_lines(thresholds, scale, form) + _join(dots)
    svg = _frame(title, height, body + _labels(labels, height, x))
    if len(series) == 1:
        return svg
    return svg + _legend([s.name for s in series], [f"chart-s{n % 5 + 1}" for n in range(len(series))])


def sparkline(values: Sequence[int | None], *, title: str, width: int = 88, height: int = 24) -> Markup:
    """Draw a line the size of a word, with a dot on the last value."""
    known = [value for value in values if value is not None]
    if not known:
        body = Markup('<line class="chart-base" x1="0" x2="{}" y1="{}" y2="{}"/>').format(
            width, height // 2, height // 2
        )
        return Markup('<svg class="sparkline" width="{}" height="{}" role="img" aria-label="{}">{}</svg>').format(
            width, height, title, body
        )
    low, high = min(known), max(known)
    pace = (width - 6) / max(len(values) - 1, 1)

    def place(at: int, value: int) -> str:
        level = (value - low) / (high - low) if high > low else 0.5
        return f"{round(3 + pace * at, 2)} {round(height - 3 - level * (height - 6), 2)}"

    strokes = [
        Markup('<path class="chart-line chart-s1" d="{}"/>').format(
            " ".join(f"{'L' if i else 'M'}{place(*each)}" for i, each in enumerate(run))
        )
        for run in _runs(values)
    ]
    end_x, end_y = place(*_runs(values)[-1][-1]).split()
    dot = Markup('<circle class="chart-s1" cx="{}" cy="{}" r="2.5"/>').format(end_x, end_y)
    return Markup(
        '<svg class="sparkline" width="{}" height="{}" role="img" aria-label="{}"><title>{}</title>{}{}</svg>'
    ).format(width, height, title, title, _join(strokes), dot)
