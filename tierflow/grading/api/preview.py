"""JSON: what would these months earn?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.grading.schemas.preview import LevelAnswerSchema, LevelPreviewSchema
from tierflow.grading.service import preview as service
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("grading", "Monthly levels")


@blp.route("/grading/preview", methods=["POST"])
@reads("grading.preview", preview=True)
@blp.arguments(LevelPreviewSchema)
@blp.response(200, LevelAnswerSchema)
def preview(question: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> dict[str, Any]:
    """What levels would these months earn? Nothing is stored."""
    return service.preview(session, actor, question)
