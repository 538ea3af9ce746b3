"""What the pages of one examined matter share: where its case stands, and refusals at their fields."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase, decisions_of, why_not
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import Customer
from tierflow.kernel.approval import State
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.onboarding.pages import chain, views
from tierflow.onboarding.service.reading import DecisionSeen
from tierflow.web.i18n import show


def split(refusals: tuple[Refusal, ...], fields: Collection[str]) -> tuple[dict[str, list[str]], list[dict[str, str]]]:
    """Refusals at the fields of the form, and those of the whole."""
    at_field: dict[str, list[str]] = {}
    for row in refusals:
        if row.field in fields:
            at_field.setdefault(row.field or "", []).append(show(row.reason))
    rest = [row for row in refusals if row.field not in at_field]
    return at_field, [{"clause": row.clause, "reason": show(row.reason)} for row in rest]


def of_case(
    session: Session, actor: Actor, case: ApprovalCase, customer: Customer | None, action: str, now: datetime
) -> dict[str, Any]:
    """Badge, deadline, steps so far, and whether the reader decides now."""
    in_approval = case.state == State.IN_APPROVAL.value
    return {
        "case": case,
        "customer": customer,
        "badge": views.state_badge(case),
        "due": views.deadline(views.due(case, working_calendar(session), now)),
        "steps": [chain.step_of(DecisionSeen(*row)) for row in decisions_of(session, case.id)],
        "may_decide": in_approval and is_allowed(actor, action) and not why_not(session, case, actor),
    }
