"""The review pack as a workbook: a summary with charts, and every score. Text never becomes a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any
from urllib.parse import quote

import xlsxwriter
from flask import Response
from flask_babel import gettext as _

from tierflow.common.db import transaction
from tierflow.common.sessions import log_security
from tierflow.grading.models import Review
from tierflow.grading.terms import RECOMMENDATION_LABELS
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import SHANGHAI
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.web import exports
from tierflow.web.context import address
from tierflow.web.i18n import show

GRAMS = 1_000_000


def download(
    review: Review,
    title: str,
    found: Mapping[str, Any],
    scores: Sequence[Mapping[str, Any]],
    actor: Actor,
    now: datetime,
) -> Response:
    """The file, noted in the security log. Raises `Refused` beyond the rows an export may have."""
    if len(scores) > exports.MOST_ROWS:
        words = text("More than %(most)s rows: narrow the filter and export again.", most=exports.MOST_ROWS)
        raise Refused(Refusal("house", words))
    body = _book(title, found, scores)
    with transaction() as session:
        log_security(
            session,
            "export",
            now,
            user_id=actor.user_id or None,
            login=actor.name,
            address=address(),
            detail=f"review-{review.period}.xlsx: {len(scores)} rows",
        )
    response = Response(body, content_type=exports.MEDIA["xlsx"])
    stamp = now.astimezone(SHANGHAI).strftime("%Y%m%d-%H%M")
    plain, spoken = f"review-{review.period}-{stamp}.xlsx", quote(f"{title}-{stamp}.xlsx")
    response.headers["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{spoken}"
    return response


def _book(title: str, found: Mapping[str, Any], scores: Sequence[Mapping[str, Any]]) -> bytes:
    buffer = BytesIO()
    settings = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, settings) as book:
        _summary(book, title, found)
        _scores(book, scores)
    return buffer.getvalue()


def _summary(book: Any, title: str, found: Mapping[str, Any]) -> None:
    bold = book.add_format({"bold": True, "bottom": 1})
    head = book.add_format({"bold": True, "font_size": 14})
    number = book.add_format({"num_format": "#,##0.000"})
    name = _("Summary")
    sheet = book.add_worksheet(name)
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 3, 14)
    sheet.write_string(0, 0, title, head)
    for at, label in enumerate((_("Month"), _("Offtake, t"), _("Plan, t"))):
        sheet.write_string(2, at, label, bold)
    for at, (month, grams, planned) in enumerate(found["months"], start=3):
        sheet.write_string(at, 0, month)
        sheet.write_number(at, 1, grams / GRAMS, number)
        sheet.write_number(at, 2, planned / GRAMS, number)
    last = 2 + len(found["months"])
    lifted = book.add_chart({"type": "column"})
    for column in (1, 2):
        series = {
            "name": [name, 2, column],
            "categories": [name, 3, 0, last, 0],
            "values": [name, 3, column, last, column],
        }
        lifted.add_series(series)
    lifted.set_title({"name": _("Offtake against plan, t")})
    sheet.insert_chart("F3", lifted)
    top = max(last + 3, 20)
    sheet.write_string(top, 0, _("Score"), bold)
    sheet.write_string(top, 1, _("Customers"), bold)
    for n, count in enumerate(found["tens"]):
        sheet.write_string(top + 1 + n, 0, f"{10 * n}–{10 * n + 10}")
        sheet.write_number(top + 1 + n, 1, count)
    spread = book.add_chart({"type": "column"})
    rows = (top + 1, top + 10)
    spread.add_series({"categories": [name, rows[0], 0, rows[1], 0], "values": [name, rows[0], 1, rows[1], 1]})
    spread.set_title({"name": _("Customers by score")})
    spread.set_legend({"none": True})
    sheet.insert_chart(top, 5, spread)
    sheet.write_string(top + 13, 0, _("Recommendation"), bold)
    sheet.write_string(top + 13, 1, _("Customers"), bold)
    for at, (word, label) in enumerate(RECOMMENDATION_LABELS.items(), start=top + 14):
        sheet.write_string(at, 0, show(label))
        sheet.write_number(at, 1, found["recommended"].get(word, 0))


def _scores(book: Any, scores: Sequence[Mapping[str, Any]]) -> None:
    bold = book.add_format({"bold": True, "bottom": 1})
    plain = book.add_format({"quote_prefix": True})
    sheet = book.add_worksheet(_("Scores"))
    columns = (
        (_("Rank"), "rank", 8),
        (_("Number"), "number", 12),
        (_("Company name"), "name", 36),
        (_("Sales region"), "region", 12),
        (_("Account manager"), "manager", 12),
        (_("Offtake"), "tonnes", 16),
        (_("Period before"), "previous", 16),
        (_("Plan"), "planned", 16),
        (_("Plan completion"), "completion", 12),
        (_("Weekly evenness"), "evenness", 12),
        (_("Payment discipline"), "payment", 12),
        (_("Breaches upheld"), "breaches", 12),
        (_("Cooperation"), "cooperation", 12),
        (_("Papers"), "papers", 12),
        (_("Score"), "score", 10),
    )
    for at, (label, _key, width) in enumerate(columns):
        sheet.set_column(at, at, width)
        sheet.write_string(0, at, label, bold)
    sheet.write_string(0, len(columns), _("Recommendation"), bold)
    sheet.write_string(0, len(columns) + 1, _("Confirmed"), bold)
    sheet.freeze_panes(1, 3)
    for at, row in enumerate(scores, start=1):
        for column, (_label, key, _width) in enumerate(columns):
            value = row[key]
            if isinstance(value, int):
                sheet.write_number(at, column, value)
            else:
                sheet.write_string(at, column, str(value), plain)
        sheet.write_string(at, len(columns), row["advice"][1], plain)
        sheet.write_string(at, len(columns) + 1, row["confirmed"][1] if row["confirmed"] else "", plain)
