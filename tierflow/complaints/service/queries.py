"""Looking at complaints: board, list, calendar, and one whole. Each a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session, aliased

from tierflow.common import lookup
from tierflow.common.calendars import working_calendar
from tierflow.common.reference import Product
from tierflow.common.users import User
from tierflow.complaints.models import (
    Clock,
    Complaint,
)
from tierflow.complaints.rules.hours import working_minutes
from tierflow.complaints.rules.words import UNANSWERED, State
from tierflow.complaints.service import clocks, scope
from tierflow.complaints.service.intake import SUBJECT
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import Month, local_day, local_instant
from tierflow.kernel.roles import Actor, require

BOARD = (State.HANDLING, State.IN_APPROVAL, State.APPROVED, State.ANSWERED)
A_COLUMN = 20
COUNTED_TO = 500

Manager = aliased(User)


@dataclass(frozen=True)
class Countdown:
    """How a clock stands at a moment. `minutes_left`: office minutes to the due time, 0 when it has passed.

    `percent_used`: of the office time between receipt and due. `outcome`: running, paused, late (past, paused or not),
    in_time or told_late.
    """

    outcome: str
    due_at: datetime
    days_left: int
    minutes_left: int
    percent_used: int
    is_provisional: bool
    is_paused: bool
    was_breached: bool


@dataclass(frozen=True)
class Card:
    """One complaint on the board or in a list."""

    complaint: Complaint
    clock: Clock
    product: Product
    manager: str
    countdown: Countdown


@dataclass(frozen=True)
class Column:
    """A state and its most urgent complaints; `count` stops at a cap."""

    state: State
    cards: Sequence[Card]
    count: int


def countdown(clock: Clock, calendar: WorkingCalendar, hours: tuple[time, time], now: datetime) -> Countdown:
    """How the clock stands now: derived from the time alone, whatever the scheduler has done."""
    opens, closes = hours
    if clock.told_at is not None:
        outcome = "in_time" if clock.in_time else "told_late"
    elif now > clock.due_at:
        outcome = "late"
    else:
        outcome = "running" if clock.paused_at is None else "paused"
    until = clock.told_at or now
    whole = working_minutes(calendar, opens, closes, clock.received_at, clock.due_at)
    used = working_minutes(calendar, opens, closes, clock.received_at, until)
    return Countdown(
        outcome=outcome,
        due_at=clock.due_at,
        days_left=calendar.working_days_left(until, clock.due_at),
        minutes_left=working_minutes(calendar, opens, closes, until, clock.due_at),
        percent_used=min(100, 100 * used // whole) if whole else 100,
        is_provisional=clock.is_provisional,
        is_paused=clock.told_at is None and clock.paused_at is not None,
        was_breached=clock.breached_at is not None or outcome == "late",
    )


def cards_query() -> Any:
    """Complaints with what a card shows."""
    return (
        select(Complaint, Clock, Product, Manager.name.label("manager"))
        .join(Clock, (Clock.complaint_id == Complaint.id) & (Clock.number == Complaint.clock_number))
        .join(Product, Product.id == Complaint.product_id)
        .join(Manager, Manager.id == Complaint.account_manager_id)
    )


class Cards:
    """Makes cards of rows; the office hours are those of each clock's own policy version, read once."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.now = now
        self.calendar = working_calendar(session)
        self._hours: dict[int, tuple[time, time]] = {}

    def of(self, row: Any) -> Card:
        """The card of a row of `cards_query`."""
        complaint, clock, product, manager = row
        return Card(complaint, clock, product, manager, self.countdown(clock))

    def countdown(self, clock: Clock) -> Countdown:
        """How a clock stands."""
        if clock.policy_version not in self._hours:
            terms = clocks.terms_of(self.session, clock)
            self._hours[clock.policy_version] = (terms.opens_at, terms.closes_at)
        return countdown(clock, self.calendar, self._hours[clock.policy_version], self.now)


def board(session: Session, actor: Actor, now: datetime, *, mine: bool = False) -> list[Column]:
    """The open complaints by state, the most urgent first. Four queries."""
    require(actor, "complaint.read")
    conditions = [*scope.seen_by(actor), *([_mine(actor)] if mine else [])]
    parts, counts = [], []
    for state in BOARD:
        here = select(Complaint.id).where(Complaint.state == state.value, *conditions)
        urgent = here.order_by(Complaint.due_at, Complaint.id).limit(A_COLUMN)
        parts.append(select(urgent.subquery().c.id))
        counts.append(
            select(literal(state.value).label("state"), func.count().label("n")).select_from(
                here.limit(COUNTED_TO).subquery()
            )
        )
    ids = union_all(*parts).subquery()
    rows = session.execute(
        cards_query().where(Complaint.id.in_(select(ids.c.id))).order_by(Complaint.due_at, Complaint.id)
    ).all()
    numbers = {row.state: row.n for row in session.execute(union_all(*counts))}
    make = Cards(session, now)
    cards = [make.of(row) for row in rows]
    return [Column(state, [card for card in cards if card.complaint.state == state], numbers[state]) for state in BOARD]


def _mine(actor: Actor) -> Any:
    people = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    return Complaint.account_manager_id.in_(people) | Complaint.taken_by_id.in_(people)


def complaints(actor: Actor, filters: Mapping[str, Any], now: datetime) -> Any:
    """The list, to be paged: filters state (a state, `open` or `overdue`), severity, product_id, customer_id,
    region_id, mine, unidentified, q."""
    require(actor, "complaint.read")
    query = cards_query().where(*scope.seen_by(actor))
    state = filters.get("state")
    if state in ("open", "overdue"):
        query = query.where(Complaint.state.in_([each.value for each in UNANSWERED]))
        if state == "overdue":
            query = query.where(Complaint.due_at < now)
    elif state:
        query = query.where(Complaint.state == state)
    for name in ("severity", "product_id", "customer_id", "region_id"):
        if filters.get(name):
            query = query.where(getattr(Complaint, name) == filters[name])
    if filters.get("mine"):
        query = query.where(_mine(actor))
    if filters.get("unidentified"):
        query = query.where(Complaint.customer_id.is_(None))
    if filters.get("q"):
        query = query.where(Complaint.id.in_(lookup.matching(SUBJECT, filters["q"])))  # type: ignore[arg-type]
    return query


@dataclass(frozen=True)
class DayOf:
    """A day of the calendar view."""

    on: date
    in_month: bool
    works: bool
    is_today: bool
    cards: Sequence[Card]


def month_view(session: Session, actor: Actor, month: Month, now: datetime) -> list[list[DayOf]]:
    """The month's weeks, Monday first, with what is due each day. Open ones first; at most 300 in all."""
    require(actor, "complaint.read")
    first = month.start - timedelta(days=month.start.weekday())
    last = month.end + timedelta(days=-month.end.weekday() % 7)
    midnight = time(0, 0)
    rows = session.execute(
        cards_query()
        .where(
            Complaint.due_at >= local_instant(first, midnight),
            Complaint.due_at < local_instant(last, midnight),
            *scope.seen_by(actor),
        )
        .order_by(Complaint.due_at, Complaint.id)
        .limit(300)
    ).all()
    make = Cards(session, now)
    by_day: dict[date, list[Card]] = {}
    for row in rows:
        by_day.setdefault(local_day(row.Complaint.due_at), []).append(make.of(row))
    today, days = local_day(now), []
    for n in range((last - first).days):
        on = first + timedelta(days=n)
        cards = sorted(by_day.get(on, []), key=lambda card: card.complaint.state not in UNANSWERED)
        works = make.calendar.is_working_day(on)
        days.append(DayOf(on, month.start <= on < month.end, works, on == today, cards))
    return [days[at : at + 7] for at in range(0, len(days), 7)]
