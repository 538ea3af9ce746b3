"""Statistics: charts drawn on the server, the same numbers as tables one click away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.reference import Product
from tierflow.complaints.api.complaints import stretch
from tierflow.complaints.pages import choices, views
from tierflow.complaints.pages.blueprint import bp
from tierflow.complaints.rules.figures import Tally
from tierflow.complaints.rules.words import SATISFACTION, SEVERITY_LABELS, Severity
from tierflow.complaints.schemas import given
from tierflow.complaints.service import statistics as service
from tierflow.kernel.money import format_percent
from tierflow.kernel.roles import Actor
from tierflow.web import charts
from tierflow.web.access import reads
from tierflow.web.i18n import show
from tierflow.web.schemas import load


@bp.get("/complaints/statistics")
@reads("complaint.read")
def statistics(*, session: Session, actor: Actor, now: datetime) -> str:
    """In time, median working time, satisfaction: by month, severity and product."""
    wanted = load(given.FiguresSchema(), request.args.to_dict())
    first, last = stretch(wanted, now)
    found = service.figures(session, actor, first, last, wanted, now)
    products = {str(product.id): product for product in session.scalars(select(Product))}
    by_product = [replace(tally, label=views.product_name(products[tally.key])) for tally in found.by_product]
    coded = [replace(tally, label=products[tally.key].code) for tally in found.by_product[:8]]  # fits under a bar
    by_month = [replace(tally, label=_short(tally.label)) for tally in found.by_month]
    by_severity = [replace(tally, label=show(tally.label)) for tally in found.by_severity]
    satisfied = [found.satisfaction.get(score, 0) for score in sorted(SATISFACTION, reverse=True)]
    return render_template(
        "complaints/statistics.html",
        tiles=_tiles(found),
        columns=_columns(),
        by_month=_stacked(by_month, _("Complaints by month")),
        in_time=_in_time(by_month),
        months=_rows(found.by_month),
        severities=_rows(by_severity),
        severity_chart=_stacked(by_severity, _("Complaints by severity")),
        median_month=_medians(by_month, _("Median time to the answer by month")),
        median_severity=_medians(by_severity, _("Median time to the answer by severity")),
        products=_rows(by_product),
        product_chart=_stacked(coded, _("Complaints by product")),
        satisfied=list(zip([show(label) for label in SATISFACTION.values()], satisfied, strict=True)),
        satisfaction_chart=charts.bars(
            [charts.Point(show(SATISFACTION[score]), found.satisfaction.get(score, 0)) for score in SATISFACTION]
            if found.satisfaction
            else [],
            title=_("Satisfaction at closing"),
            empty=_("No data yet"),
        ),
        first=str(first),
        last=str(last),
        severity_options=[(str(each), show(SEVERITY_LABELS[each])) for each in Severity],
        product_options=[option for _line, options in choices.product_options(session, now) for option in options],
        regions=choices.region_options(session, now),
    )


def _short(month: str) -> str:
    """A month under a bar: its number, with the year where one begins."""
    return month[2:] if month.endswith("-01") else month[-2:]


def percent(basis_points: int | None) -> str:
    """A share in words; a dash where nothing is decided."""
    return "—" if basis_points is None else format_percent(basis_points - basis_points % 10, 1)


def _tiles(found: service.Figures) -> list[dict[str, Any]]:
    total = found.total
    share = total.in_time_bp
    kind = None if share is None else "ok" if share >= 9500 else "warn" if share >= 8000 else "bad"
    median = "—" if total.median_minutes is None else views.span(total.median_minutes)
    scored = sum(found.satisfaction.values())
    average = sum(score * number for score, number in found.satisfaction.items())
    return [
        {"label": _("Received"), "value": charts.plain(total.received), "note": f"{found.first} – {found.last}"},
        {
            "label": _("Answered in time"),
            "value": percent(share),
            "note": _("%(late)d late, %(open)d open", late=total.late, open=total.still_open),
            "kind": kind,
        },
        {"label": _("Median time to the answer"), "value": median, "note": _("office hours from receipt to telling")},
        {
            "label": _("Satisfaction"),
            "value": "—" if not scored else f"{average * 10 // scored // 10}.{average * 10 // scored % 10}",
            "unit": "" if not scored else "/ 5",
            "note": _("of %(number)d closed", number=scored),
        },
    ]


def _columns() -> list[str]:
    return [_("Received"), _("In time"), _("Late"), _("Still open"), _("In time, share"), _("Median working time")]


def _rows(tallies: Sequence[Tally]) -> list[list[str]]:
    return [
        [
            tally.label,
            charts.plain(tally.received),
            charts.plain(tally.in_time),
            charts.plain(tally.late),
            charts.plain(tally.still_open),
            percent(tally.in_time_bp),
            "—" if tally.median_minutes is None else views.span(tally.median_minutes),
        ]
        for tally in tallies
    ]


def _stacked(tallies: Sequence[Tally], title: str) -> Any:
    series = [
        charts.Series(_("In time"), [tally.in_time for tally in tallies]),
        charts.Series(_("Still open"), [tally.still_open for tally in tallies]),
        charts.Series(_("Late"), [tally.late for tally in tallies]),
    ]
    return charts.stacked_bars([tally.label for tally in tallies], series, title=title, empty=_("No data yet"))


def _medians(tallies: Sequence[Tally], title: str) -> Any:
    """Office hours to the answer, in tenths so that the axis has round ones; a gap where nobody was told yet."""
    points = [
        charts.Point(tally.label, None if tally.median_minutes is None else tally.median_minutes // 6)
        for tally in tallies
    ]
    return charts.bars(points, title=title, form=_hours, empty=_("No data yet"))


def _hours(tenths: int) -> str:
    """Hours with one decimal, short enough for an axis and the top of a bar."""
    return str(_("%(hours)s h", hours=f"{tenths // 10}.{tenths % 10}"))


def _in_time(tallies: Sequence[Tally]) -> Any:
    shares = [None if tally.in_time_bp is None else tally.in_time_bp // 100 for tally in tallies]
    return charts.line(
        [tally.label for tally in tallies],
        [charts.Series(_("In time"), shares)],
        title=_("Answered in time, share of what is decided"),
        form=lambda value: f"{value}%",
        empty=_("No data yet"),
    )
