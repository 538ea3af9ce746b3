"""JSON of the policy in force (CHEM-18)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.admin.schemas.policy import PolicyFilter, PolicyOut
from tierflow.admin.service import policy
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("policy", "Policy")


@blp.route("/policy")
@reads("policy.read")
@blp.arguments(PolicyFilter, location="query")
@blp.response(200, PolicyOut)
def show(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Every number of the rulebook on a day, with clause, unit and source."""
    return policy.in_force(session, actor, wanted["on"] or local_day(now))
