"""A supplementary application (增项): lines and classes of a customer, through the whole chain (CHEM-8.1)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer, CustomerLine, get_visible
from tierflow.kernel.approval import ENDED
from tierflow.kernel.errors import Forbidden, Refusal, Refused
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application, Paper
from tierflow.onboarding.rules.examining import FIELD_GROUPS
from tierflow.onboarding.service import examining
from tierflow.onboarding.service.access import SUBJECT
from tierflow.onboarding.service.drafts import copy_checks, copy_papers, create_draft

CLAUSE = "CHEM-8.1"


def begin(session: Session, actor: Actor, customer_id: int, now: datetime) -> Application:
    """A draft with all that is on file: what is changed are its product lines and classes.

    Raises `Forbidden` for whoever does not keep the file, `Refused` while another is open or the customer disqualified.
    """
    require(actor, "application.write")
    customer = get_visible(session, actor, customer_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("application.write")
    session.refresh(customer, with_for_update=True)
    examining.in_business(customer)
    if (number := _open(session, customer.id)) is not None:
        raise Refused(Refusal(CLAUSE, text("A supplementary application is open already: %(number)s.", number=number)))
    held = session.scalars(
        select(CustomerLine).where(CustomerLine.customer_id == customer.id, CustomerLine.to_on.is_(None))
    )
    data = {
        **{field: getattr(customer, field) for field in FIELD_GROUPS},
        "region_id": customer.region_id,
        "lines": [{"product_line_id": row.product_line_id, "customer_class": row.customer_class} for row in held],
        "account_manager_id": customer.account_manager_id,
    }
    application = create_draft(session, actor, now, data)
    application.supplements_id = customer.id
    opened = select(Application.id).where(Application.customer_id == customer.id).order_by(Application.id.desc())
    if (source_id := session.scalar(opened.limit(1))) is not None:
        copy_checks(session, source_id, application, actor, now)
    newest: dict[str, Paper] = {}
    for paper in session.scalars(select(Paper).where(Paper.customer_id == customer.id).order_by(Paper.id)):
        newest[paper.kind] = paper
    copy_papers(session, list(newest.values()), application, actor, now)
    return application


def refusals(session: Session, application: Application) -> tuple[Refusal, ...]:
    """A supplement changes lines and classes only; the rest is changed in the customer's file."""
    if application.supplements_id is None:
        return ()
    customer = session.get_one(Customer, application.supplements_id)
    if customer.disqualified_on is not None:
        return (Refusal("CHEM-17", text("This customer is disqualified already.")),)
    reason = text("A supplementary application leaves this as it is on file; change it in the customer file.")
    return tuple(
        Refusal(CLAUSE, reason, field)
        for field in (*FIELD_GROUPS, "region_id")
        if (getattr(application, field) or None) != (getattr(customer, field) or None)
    )


def _open(session: Session, customer_id: int) -> str | None:
    ended = [state.value for state in ENDED]
    query = (
        select(Application.number)
        .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == Application.id))
        .where(Application.supplements_id == customer_id, ApprovalCase.state.not_in(ended))
    )
    return session.scalar(query.limit(1))
