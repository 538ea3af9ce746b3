"""What waits for whom: proposed runs for the sales manager, late ones for the general manager.

Levels by hand and policy drafts are approvals: they come from the cases that wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import String, cast, func

from tierflow.common.reference import ProductLine
from tierflow.grading.models import GradingRun
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import mark
from tierflow.web.inbox import Kind, row

KINDS = {
    "grading_run": Kind(mark("Levels of a month to confirm"), "star", "grading.run", "run_id"),
    "level_pin": Kind(mark("Level by hand to decide"), "pin-angle", "grading.pin", "pin_id"),
    "policy_draft": Kind(mark("Policy draft to decide"), "sliders", "grading.draft", "version"),
    "policy_draft.returned": Kind(mark("Policy draft to correct"), "arrow-return-left", "grading.draft", "version"),
}


def source(actor: Actor) -> Iterable[Any]:
    """SELECTs of what waits for the actor; each is one ordered index walk."""
    title = ProductLine.name + " · " + func.substr(cast(GradingRun.month, String), 1, 7)
    waiting = (
        row("grading_run", GradingRun.id, title, GradingRun.started_at, GradingRun.due_at)
        .join(ProductLine, ProductLine.id == GradingRun.product_line_id)
        .where(
            GradingRun.state == "proposed",
            (GradingRun.batch_id.is_(None)) | (GradingRun.batch_id == GradingRun.id),
        )
    )
    if Role.SALES_MANAGER in actor.roles:
        yield waiting
    elif Role.GENERAL_MANAGER in actor.roles:
        yield waiting.where(GradingRun.escalated_at.is_not(None))
