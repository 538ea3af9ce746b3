"""A customer's complaints, found again from the customer's page (CHEM-12.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from tierflow.complaints.models import Clock, Complaint, CustomerBreach
from tierflow.complaints.service import scope
from tierflow.complaints.service.queries import Card, Cards, cards_query
from tierflow.kernel.roles import Actor, require

LISTED = 10


@dataclass(frozen=True)
class History:
    """The newest complaints of a customer, and figures over all of them."""

    cards: Sequence[Card]
    total: int
    told: int
    in_time: int
    breaches: int


def of_customer(session: Session, actor: Actor, customer_id: int, now: datetime) -> History:
    """What the actor may see of a customer's complaints. Four queries."""
    require(actor, "complaint.read")
    conditions = [Complaint.customer_id == customer_id, *scope.seen_by(actor)]
    rows = session.execute(cards_query().where(*conditions).order_by(Complaint.id.desc()).limit(LISTED)).all()
    counted = session.execute(
        select(
            func.count(func.distinct(Clock.complaint_id)).label("total"),
            func.count(Clock.told_at).label("told"),
            func.sum(case((Clock.in_time.is_(True), 1), else_=0)).label("in_time"),
        )
        .select_from(Clock)
        .join(Complaint, Complaint.id == Clock.complaint_id)
        .where(*conditions)
    ).one()
    upheld = select(func.count()).select_from(CustomerBreach).where(CustomerBreach.customer_id == customer_id)
    make = Cards(session, now)
    return History(
        cards=[make.of(row) for row in rows],
        total=counted.total,
        told=counted.told,
        in_time=int(counted.in_time or 0),
        breaches=session.scalar(upheld) or 0,
    )
