"""Complaints as plain rows for the API's schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tierflow.common.approvals import ApprovalCase
from tierflow.complaints.models import Complaint, Consultation, Measure
from tierflow.complaints.service.queries import Card
from tierflow.complaints.service.reckoning import Reckoning
from tierflow.complaints.service.whole import Decisions, Whole
from tierflow.web.i18n import show
from tierflow.web.paging import Page


def columns(row: Any) -> dict[str, Any]:
    """A table row as a dictionary."""
    return {attribute.key: getattr(row, attribute.key) for attribute in row.__mapper__.column_attrs}


def card(found: Card) -> dict[str, Any]:
    """A complaint in a list."""
    return {
        **_complaint(found.complaint),
        "product": found.product.name,
        "account_manager": found.manager,
        "countdown": found.countdown,
    }


def _complaint(complaint: Complaint) -> dict[str, Any]:
    return {**columns(complaint), "is_unknown_customer": complaint.customer_id is None}


def page(found: Page[Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A page of a list."""
    return {"rows": rows, "after": found.after, "before": found.before}


def case(row: ApprovalCase, decisions: Decisions) -> dict[str, Any]:
    """Where an approval stands, and who decided."""
    return {
        "state": row.state,
        "version": row.version,
        "step": row.step,
        "decisions": [{**columns(decision), "by": who, "on_behalf_of": behalf} for decision, who, behalf in decisions],
    }


def measure(row: Measure, owner: str) -> dict[str, Any]:
    """A measure with its owner's name."""
    return {**columns(row), "owner": owner}


def consultation(row: Consultation, department: str, asked_by: str, answered_by: str | None) -> dict[str, Any]:
    """A department asked."""
    return {**columns(row), "department": department, "asked_by": asked_by, "answered_by": answered_by}


def whole(found: Whole) -> dict[str, Any]:
    """A complaint whole."""
    return {
        **card(found.card),
        "region": found.region.name,
        "taken_by": found.taken_by,
        "inquiry": found.inquiry.number if found.inquiry else None,
        "clocks": [{**columns(clock), "is_paused": clock.paused_at is not None} for clock, _down in found.clocks],
        "events": [columns(event) for event, _who, _number in found.events],
        "consultations": [
            consultation(row, department.name, asked_by, answered_by)
            for row, department, asked_by, answered_by in found.consultations
        ],
        "opinions": [
            {
                **columns(seen.opinion),
                "drafted_by": seen.drafted_by,
                "measures": [measure(row, owner) for row, owner in seen.measures],
                "approval": case(seen.case, seen.decisions),
            }
            for seen in found.opinions
        ],
        "meetings": [{**columns(meeting), "recorded_by": who} for meeting, who in found.meetings],
        "extensions": [
            {**columns(extension), "requested_by": who, "approval": case(row, decisions)}
            for extension, row, who, decisions in found.extensions
        ],
        "tellings": [{**columns(telling), "told_by": who} for telling, who in found.tellings],
        "closings": [asdict(closing) for closing in found.closings],
        "responses": [{**columns(heard), "recorded_by": who} for heard, who in found.responses],
        "raised": [columns(event) for event in found.raised],
        "files": [columns(stored) for stored in found.files],
        "customer_breach": found.breach.what if found.breach else None,
    }


def reckoning(found: Reckoning) -> dict[str, Any]:
    """How a due time was worked out."""
    return {
        **{name: getattr(found, name) for name in ("received_at", "limit_days", "due_at", "is_provisional")},
        "calendar_version": found.calendar_version,
        "policy_version": found.policy_version,
        "days": [{"on": day.on, "counts": day.counts, "why": show(day.why)} for day in found.days],
        "cause": found.cause.value,
        "closing": show(found.closing) if found.closing else None,
    }
