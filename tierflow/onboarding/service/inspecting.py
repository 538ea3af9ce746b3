"""The half-yearly inspection of customer files: the draw, the checklist, findings and their closing (CHEM-8.2)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, or_, select, union_all
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.calendars import working_calendar
from tierflow.common.counted import Counted
from tierflow.common.customers import Customer, in_name_of, visible
from tierflow.common.db import one_of
from tierflow.common.desks import Desk, Vacancy
from tierflow.common.policies import policy_on
from tierflow.common.portfolios import count_rows
from tierflow.common.users import Delegation, RoleGrant, User
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from tierflow.kernel.months import HalfYear, Month, local_day
from tierflow.kernel.roles import SYSTEM, Actor, Role, require
from tierflow.kernel.text import mark, text
from tierflow.onboarding.models import Inspection, InspectionFinding, InspectionRound
from tierflow.onboarding.rules.inspection import CLAUSE, ITEMS, draw, planned_days
from tierflow.onboarding.service import examining
from tierflow.onboarding.terms_keeping import MEND_WORKING_DAYS
from tierflow.web.paging import Page, Sort, page_of

_INSPECTED_AT = (
    select(Inspection.inspected_at)
    .where(Inspection.id == InspectionFinding.inspection_id)
    .correlate(InspectionFinding)
    .scalar_subquery()
)
MENDING = Counted(InspectionFinding, _INSPECTED_AT, InspectionFinding.closed_at.is_(None), MEND_WORKING_DAYS)


@dataclass(frozen=True)
class Planned:
    """An inspection as lists show it. `findings`: how many are open."""

    row: Inspection
    customer: Customer
    period: str
    inspector: str | None
    findings: int
    is_late: bool


@dataclass(frozen=True)
class InspectionView:
    """An inspection whole."""

    row: Inspection
    round: InspectionRound
    customer: Customer
    inspector: User | None
    inspected_for: str | None  # whom the inspector only stood in for
    findings: Sequence[InspectionFinding]


def open_round(session: Session, now: datetime, *, seed: str | None = None) -> int:
    """Draw the round of the half-year that holds `now`; the number of files drawn, 0 when it was drawn before.

    Every file that comes due before the half-year ends is in it: not inspected in policy's months before that end.
    With six months that is each file once a half-year; the draw decides the day of each.
    """
    half = HalfYear.at(now)
    if session.scalar(select(InspectionRound.id).where(InspectionRound.period == str(half))) is not None:
        return 0
    on = local_day(now)
    since = Month.of(half.end).plus(-policy_on(session, on).integer("inspection.every_months")).start
    recent = select(Inspection.customer_id).where(Inspection.inspected_at >= Month.of(since).starts_at)
    ids = session.scalars(select(Customer.id).where(Customer.disqualified_on.is_(None), Customer.id.not_in(recent)))
    chosen = secrets.token_hex(16) if seed is None else seed
    order = draw(chosen, ids)
    opened = InspectionRound(
        period=str(half), seed=chosen, begins_on=on, ends_on=half.end, drawn_at=now, drawn=len(order)
    )
    session.add(opened)
    session.flush()
    days = planned_days(len(order), on, half.end)
    rows = [
        {"round_id": opened.id, "customer_id": customer_id, "place": place, "planned_on": day, "answers": []}
        for place, (customer_id, day) in enumerate(zip(order, days, strict=True), start=1)
    ]
    for first in range(0, len(rows), 5000):
        session.execute(insert(Inspection), rows[first : first + 5000])
    after = {"period": opened.period, "seed": opened.seed, "drawn": opened.drawn}
    audit.record(session, SYSTEM, "inspection.draw", "inspection_round", opened.id, now, after=after)
    return len(order)


def redraw(session: Session, round_id: int) -> bool:
    """Whether the round's order is the one its seed gives: the draw can be repeated by anybody."""
    opened = session.get_one(InspectionRound, round_id)
    query = select(Inspection.customer_id).where(Inspection.round_id == round_id).order_by(Inspection.place)
    ids = list(session.scalars(query))
    return ids == draw(opened.seed, ids)


def inspect(
    session: Session, actor: Actor, inspection_id: int, answers: Sequence[dict[str, str]], now: datetime
) -> Inspection:
    """Record the checklist; what is wanting becomes a finding with a day to be mended by."""
    require(actor, "inspection.write")
    row, customer = get(session, actor, inspection_id)
    if not may_inspect(actor, customer):
        raise Forbidden("inspection.write")
    actor = in_name_of(actor, "inspection.write", customer)
    session.refresh(row, with_for_update=True)
    if row.inspected_at is not None:
        raise Conflict(Refusal("conflict", text("A colleague has inspected this file already.")))
    said = {one["key"]: one for one in answers}
    errors: dict[str, Any] = {}
    for key in ITEMS:
        if key not in said:
            errors[f"items.{key}.verdict"] = [text("This item has no verdict yet.")]
        elif said[key]["verdict"] == "fail" and not said[key].get("remark"):
            errors[f"items.{key}.remark"] = [text("Say why.")]
    errors |= {f"items.{key}": [text("Choose one of the list.")] for key in said if key not in ITEMS}
    if errors:
        raise Invalid(errors)
    row.answers = [
        {"key": key, "verdict": said[key]["verdict"], "remark": said[key].get("remark") or ""} for key in ITEMS
    ]
    row.inspected_at, row.inspector_id = now, actor.user_id
    policy = policy_on(session, local_day(now))
    days, closes = policy.integer(MEND_WORKING_DAYS), policy.time("office.closes_at")
    due = working_calendar(session).deadline_at(now, days, closes).at
    wanting = [one for one in row.answers if one["verdict"] == "fail"]
    for one in wanting:
        session.add(InspectionFinding(inspection_id=row.id, item=one["key"], remark=one["remark"], due_at=due))
    after = {"inspection": row.id, "findings": [one["key"] for one in wanting]}
    audit.record(session, actor, "inspection.inspect", "customer", customer.id, now, after=after)
    session.flush()
    return row


def mend(session: Session, actor: Actor, finding_id: int, how: str, now: datetime) -> InspectionFinding:
    """The account manager says how it was put right."""
    require(actor, "finding.write")
    finding, _row, customer = _finding(session, actor, finding_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("finding.write")
    actor = in_name_of(actor, "finding.write", customer)
    if finding.closed_at is not None:
        raise Conflict(Refusal("conflict", text("This finding is closed.")))
    finding.mended, finding.mended_at, finding.mended_by_id = how, now, actor.user_id
    after = {"finding": finding.item, "mended": how}
    audit.record(session, actor, "inspection.mend", "customer", customer.id, now, after=after)
    session.flush()
    return finding


def close(session: Session, actor: Actor, finding_id: int, now: datetime) -> InspectionFinding:
    """Whoever inspects closes what was put right; never the person who mended it."""
    require(actor, "inspection.write")
    finding, _row, customer = _finding(session, actor, finding_id)
    if not may_inspect(actor, customer):
        raise Forbidden("inspection.write")
    actor = in_name_of(actor, "inspection.write", customer)
    if finding.mended_at is None or finding.closed_at is not None:
        raise Conflict(Refusal("conflict", text("It is not mended yet, or closed already.")))
    mender = session.get_one(User, finding.mended_by_id)
    if mender.person_id == actor.person_id:
        raise Conflict(Refusal(CLAUSE, text("Whoever mended it does not close it.")))
    finding.closed_at, finding.closed_by_id = now, actor.user_id
    after = {"finding": finding.item}
    audit.record(session, actor, "inspection.close", "customer", customer.id, now, after=after)
    session.flush()
    return finding


def get(session: Session, actor: Actor, inspection_id: int) -> tuple[Inspection, Customer]:
    """An inspection and its customer, when the actor may see them; else `NotFound`."""
    require(actor, "inspection.read")
    found = session.execute(
        select(Inspection, Customer)
        .join(Customer, Customer.id == Inspection.customer_id)
        .where(Inspection.id == inspection_id, visible(actor))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found.Inspection, found.Customer


def view(session: Session, actor: Actor, inspection_id: int) -> InspectionView:
    """An inspection whole."""
    row, customer = get(session, actor, inspection_id)
    findings = select(InspectionFinding).where(InspectionFinding.inspection_id == row.id)
    return InspectionView(
        row=row,
        round=session.get_one(InspectionRound, row.round_id),
        customer=customer,
        inspector=session.get(User, row.inspector_id) if row.inspector_id else None,
        inspected_for=audit.in_whose_name(session, ("customer", customer.id), "inspection.inspect", row.inspected_at),
        findings=session.scalars(findings.order_by(InspectionFinding.id)).all(),
    )


def listing(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    state: str | None = None,
    cursor: str | None = None,
    size: int = 30,
) -> Page[Planned]:
    """Inspections of the customers the actor may see, by their planned day. `state`: "open", "findings" or all."""
    require(actor, "inspection.read")
    open_finding = select(InspectionFinding.inspection_id).where(InspectionFinding.closed_at.is_(None))
    query: Any = (
        select(Inspection, Customer, InspectionRound.period, User.name)
        .join(Customer, Customer.id == Inspection.customer_id)
        .join(InspectionRound, InspectionRound.id == Inspection.round_id)
        .outerjoin(User, User.id == Inspection.inspector_id)
        .where(visible(actor))
    )
    if state == "open":
        query = query.where(Inspection.inspected_at.is_(None))
    elif state == "findings":
        query = query.where(Inspection.id.in_(open_finding))
    sorts = [Sort("planned_on", Inspection.planned_on), Sort("id", Inspection.id)]
    page = page_of(session, query, sorts, cursor=cursor, size=size)
    ids = [row[0].id for row in page.rows]
    counts: dict[int, int] = {}
    waiting = select(InspectionFinding.inspection_id).where(
        InspectionFinding.inspection_id.in_(ids), InspectionFinding.closed_at.is_(None)
    )
    for inspection_id in session.scalars(waiting):
        counts[inspection_id] = counts.get(inspection_id, 0) + 1
    on = local_day(now)
    rows = [
        Planned(row, customer, period, who, counts.get(row.id, 0), row.inspected_at is None and row.planned_on < on)
        for row, customer, period, who in page.rows
    ]
    return Page(rows, page.after, page.before, page.size)


def may_inspect(actor: Actor, customer: Customer) -> bool:
    """Whether the actor inspects this customer's file: the region's sales manager, or the distribution company."""
    return actor.holds(Role.SALES_MANAGER, customer.region_id) or Role.DISTRIBUTION_COMPANY in actor.roles


# Whoever held the office when they inspected, or stood in for it: it may be a colleague's today.
_OF_DISTRIBUTION = select(RoleGrant.user_id).where(RoleGrant.role == Role.DISTRIBUTION_COMPANY.value)
_FOR_DISTRIBUTION = select(Delegation.to_user_id).where(Delegation.from_user_id.in_(_OF_DISTRIBUTION))


def to_close(actor: Actor) -> ColumnElement[bool] | None:
    """SQL condition on `Inspection` and `Customer`: whose mended findings wait for the actor; None when nobody's.

    The region's sales manager has them all, the distribution company those of its own inspections.
    """
    conditions = []
    if regions := actor.scopes(Role.SALES_MANAGER):
        conditions.append(one_of(Customer.region_id, regions))
    if Role.DISTRIBUTION_COMPANY in actor.roles:
        conditions.append(Inspection.inspector_id.in_(union_all(_OF_DISTRIBUTION, _FOR_DISTRIBUTION)))
    return or_(*conditions) if conditions else None


def _finding(session: Session, actor: Actor, finding_id: int) -> tuple[InspectionFinding, Inspection, Customer]:
    finding = session.get(InspectionFinding, finding_id)
    if finding is None:
        raise NotFound
    row, customer = get(session, actor, finding.inspection_id)
    session.refresh(finding, with_for_update=True)
    return finding, row, customer


def _left_to_inspect(session: Session, vacancy: Vacancy) -> int:
    """Files of the round under way nobody has inspected, where the customer is one still, and findings not closed."""
    here = (Inspection.customer_id == Customer.id, vacancy.left(Customer.region_id))
    files = count_rows(
        session, Inspection, Inspection.inspected_at.is_(None), Customer.disqualified_on.is_(None), *here
    )
    found = (InspectionFinding.inspection_id == Inspection.id, InspectionFinding.closed_at.is_(None))
    return files + count_rows(session, InspectionFinding, *found, *here)


DESKS = (
    Desk(
        "inspections",
        mark("Files to inspect and findings to close"),
        frozenset({Role.SALES_MANAGER, Role.DISTRIBUTION_COMPANY}),
        _left_to_inspect,
    ),
)
