"""Who may see which complaint, who may work on it, and loading one for either."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session

from tierflow.common.customers import SEES_ALL, Customer, is_with_office_of
from tierflow.complaints.models import Clock, Complaint
from tierflow.kernel.errors import Forbidden, NotFound
from tierflow.kernel.roles import Actor, Role, in_name_of


def handlers(actor: Actor, region: Any, *people: Any) -> ColumnElement[bool]:
    """SQL condition: the rows the actor works on as account manager (own, taken) or sales manager (own regions)."""
    ways: list[ColumnElement[bool]] = [false()]
    if own := actor.user_ids_as(Role.ACCOUNT_MANAGER):
        ways += [column.in_(own) for column in people]
    if regions := actor.scopes(Role.SALES_MANAGER):
        ways.append(region.in_(regions))
    return or_(*ways)


def workable(actor: Actor) -> ColumnElement[bool]:
    """SQL condition: the complaints the actor may work on."""
    return handlers(actor, Complaint.region_id, Complaint.account_manager_id, Complaint.taken_by_id)


def visible(actor: Actor) -> ColumnElement[bool] | None:
    """SQL condition: the complaints the actor may see; None for all."""
    if actor.is_system or actor.roles & SEES_ALL:
        return None
    condition = workable(actor)
    if actor.scopes(Role.RESIDENT_OFFICE):
        theirs = select(Customer.id).where(is_with_office_of(actor, Customer.id, Customer.region_id))
        condition = or_(condition, Complaint.customer_id.in_(theirs))
    return condition


def seen_by(actor: Actor) -> list[ColumnElement[bool]]:
    """`visible` as a list of conditions, for `where(*seen_by(actor))`."""
    condition = visible(actor)
    return [] if condition is None else [condition]


def get(session: Session, actor: Actor, complaint_id: int) -> Complaint:
    """The complaint, when it exists and the actor may see it; else `NotFound`."""
    found = session.scalar(select(Complaint).where(Complaint.id == complaint_id, *seen_by(actor)))
    if found is None:
        raise NotFound
    return found


def lock(session: Session, actor: Actor, complaint_id: int) -> tuple[Complaint, Clock]:
    """A visible complaint and its present clock, held until the transaction ends, so that acts queue."""
    found = session.scalar(
        select(Complaint).where(Complaint.id == complaint_id, *seen_by(actor)).with_for_update(of=Complaint)
    )
    if found is None:
        raise NotFound
    session.refresh(found)
    return found, present_clock(session, found)


def lock_to_work(session: Session, actor: Actor, complaint_id: int) -> tuple[Complaint, Clock, Actor]:
    """Likewise, for the acts of sales, and in whose name the actor acts. Raises `Forbidden` for who may only look."""
    complaint, clock = lock(session, actor, complaint_id)
    if not actor.is_system and not _works_on(actor, complaint):
        raise Forbidden("complaint.write")
    return complaint, clock, for_sales(actor, "complaint.write", complaint)


def lock_to_direct(session: Session, actor: Actor, complaint_id: int) -> tuple[Complaint, Clock, Actor]:
    """Likewise, for the sales manager of the complaint's region."""
    complaint, clock = lock(session, actor, complaint_id)
    if not directs(actor, complaint):
        raise Forbidden("complaint.direct")
    return complaint, clock, for_sales(actor, "complaint.direct", complaint)


def for_sales(actor: Actor, action: str, complaint: Complaint) -> Actor:
    """Who acts for sales, in the name of the absent colleague whose complaint or region it is: the record names both.

    A complaint is its account manager's first, and then whoever took it.
    """
    own = actor.user_ids_as(Role.ACCOUNT_MANAGER)
    taken = complaint.account_manager_id not in own and complaint.taken_by_id in own
    manager = complaint.taken_by_id if taken else complaint.account_manager_id
    return in_name_of(actor, action, region_id=complaint.region_id, manager_id=manager)


def directs(actor: Actor, complaint: Complaint) -> bool:
    """Whether the actor is the sales manager of the complaint's region, or stands in for one."""
    return actor.holds(Role.SALES_MANAGER, complaint.region_id)


def _works_on(actor: Actor, complaint: Complaint) -> bool:
    own = actor.user_ids_as(Role.ACCOUNT_MANAGER)
    return bool(own & {complaint.account_manager_id, complaint.taken_by_id}) or directs(actor, complaint)


def works_on(actor: Actor, complaint: Complaint) -> bool:
    """Whether the actor may act for sales on it: for showing buttons; the verbs decide again."""
    return actor.is_system or _works_on(actor, complaint)


def present_clock(session: Session, complaint: Complaint) -> Clock:
    """The clock that runs, or ran last."""
    query = select(Clock).where(Clock.complaint_id == complaint.id, Clock.number == complaint.clock_number)
    return session.scalars(query.execution_options(populate_existing=True)).one()
