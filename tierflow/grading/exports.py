"""Levels of a run and the pack of a review as files, for pages and programs alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.grading.api import rows
from tierflow.grading.models import ReviewScore
from tierflow.grading.pages import review_book, scores, views
from tierflow.grading.service import looking, packs, runs
from tierflow.grading.service import reviews as service
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.web.exports import Column, Form, download, every
from tierflow.web.paging import page_of

LEVELS = [
    Column(text("Number"), lambda row: row[1].number, width=12),
    Column(text("Company name"), lambda row: row[1].name, width=36),
    Column(text("Sales region"), lambda row: row[2]),
    Column(text("Account manager"), lambda row: row[3]),
    Column(text("Offtake, t"), lambda row: format_tonnes(row[0].grams), width=16),
    Column(text("Level held"), lambda row: views.level_word(row[0].held)),
    Column(text("Target by tonnes"), lambda row: views.level_word(row[0].target)),
    Column(text("Level earned"), lambda row: views.level_word(row[0].level)),
    Column(text("Move"), lambda row: views.move_words()[row[0].move][1]),
    Column(text("Clauses"), lambda row: row[0].code, width=24),
]


def levels(
    session: Session, actor: Actor, run_id: int, wanted: Mapping[str, Any], form: Form, now: datetime
) -> Response:
    """A run's moves, or everybody's levels."""
    require(actor, "grading.export")
    run = runs.get(session, run_id)
    query, month = looking.decisions(actor, run, dict(wanted)), Month.of(run.month)
    found = every(lambda cursor: page_of(session, query, rows.BY_CUSTOMER, cursor=cursor, size=1000))
    title = _("Levels %(month)s", month=str(month))
    return download(found, LEVELS, form=form, name=f"levels-{month}", title=title, actor=actor, now=now)


def review(session: Session, actor: Actor, review_id: int, now: datetime) -> Response:
    """A review's pack as a workbook with charts: summary, months, every score."""
    require(actor, "review.export")
    row = service.get(session, actor, review_id)
    found = packs.pack(session, actor, row)
    ranked = session.execute(service.scores(actor, row, {}).order_by(ReviewScore.rank)).all()
    told = [scores.score_row(*each) for each in ranked]
    return review_book.download(row, scores.pack_title(row), found, told, actor, now)
