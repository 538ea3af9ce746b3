"""Levels and reviews as files; each is noted in the security log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from tierflow.grading import exports
from tierflow.grading.schemas import given
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads
from tierflow.web.exports import FILE, WORKBOOK
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("level_exports", "Levels and reviews as files")

ROW_ID = "int(max=9007199254740991)"


@blp.route(f"/grading/runs/<{ROW_ID}:run_id>/export", methods=["POST"])
@reads("grading.export", preview=True)
@blp.arguments(given.LevelExportSchema)
@blp.doc(responses=FILE)
def export_levels(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, run_id: int) -> Response:
    """A run's moves, or everybody's levels, narrowed as its decisions are."""
    return exports.levels(session, actor, run_id, wanted, wanted["form"], now)


@blp.route(f"/reviews/<{ROW_ID}:review_id>/export", methods=["POST"])
@reads("review.export", preview=True)
@blp.doc(responses=WORKBOOK)
def export_review(*, session: Session, actor: Actor, now: datetime, review_id: int) -> Response:
    """A review's pack as a workbook with charts: summary, months, every score."""
    return exports.review(session, actor, review_id, now)
