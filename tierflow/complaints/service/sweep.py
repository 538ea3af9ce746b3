"""What is due on the clocks: warnings, breaches, escalations, found and noted in sets (CHEM-12.3).

The cost follows what is due, never what is open: each clock carries the next thing to note and from when on, under a
partial index of the running clocks. A clock is only marked for an event that is there, so two sweeps at once and a
crash between two statements do no harm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, bindparam, case, cast, func, literal, null, select, true, update
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tierflow.common.db import UtcDateTime, is_sqlite
from tierflow.common.notices import messages, notify_selected
from tierflow.common.sql import as_json, json_object, numbers_table, shanghai_minute
from tierflow.complaints.models import Clock, ClockEvent, Complaint
from tierflow.complaints.rules.words import SEVERITY_LABELS, Event
from tierflow.complaints.service.recipients import Recipients
from tierflow.kernel.text import mark

BATCH = 2000

# After each event the next one, and the column that says from when on.
_FOLLOWS: dict[Event, tuple[Event | None, Any]] = {
    Event.HALFWAY: (Event.DUE_DAY, Clock.warn_at),
    Event.DUE_DAY: (Event.BREACHED, Clock.late_at),
    Event.BREACHED: (Event.ESCALATED, Clock.escalate_at),
    Event.ESCALATED: (None, null()),
}
_NOTED = {None if following is None else following.value: kind for kind, (following, _at) in _FOLLOWS.items()}
_REGION_AND_MANAGER = (Complaint.region_id, Complaint.account_manager_id)


def _hands(on_sqlite: bool) -> list[Any]:
    """In whose hands the complaint of a marked clock is; where the engine has arrays, at one look instead of two."""
    together = [[column] for column in _REGION_AND_MANAGER] if on_sqlite else [[array(_REGION_AND_MANAGER)]]
    return [select(*columns).where(Complaint.id == Clock.complaint_id).scalar_subquery() for columns in together]


class Found(NamedTuple):
    """One clock's latest event of a sweep, and in whose hands the complaint is."""

    clock_id: int
    kind: Event
    revision: int
    next_at: datetime | None
    region_id: int
    account_manager_id: int


def due_clocks(now: Any) -> Any:
    """SQL condition: running clocks with something to note."""
    return Clock.told_at.is_(None) & (Clock.next_at <= now)


def outstanding(session: Session, now: datetime) -> int:
    """How many clocks a sweep would touch now."""
    return session.scalar(select(func.count()).select_from(Clock).where(due_clocks(now))) or 0


def sweep(session: Session, now: datetime, *, clock_id: int | None = None, limit: int = BATCH) -> dict[str, int]:
    """Note everything that is due, at most `limit` clocks; counts by event. Call again while it returns something.

    Several things due on one clock (after an outage) are all noted, and people hear of the latest only.
    """
    latest: dict[int, Found] = {}
    counts: Counter[str] = Counter()
    if clock_id is None:
        found = _pass(session, "any", {"by_now": now, "most": limit})
    else:
        found = _pass(session, "one", {"by_now": now, "this_clock": clock_id})
    while found:
        counts.update([each.kind.value for each in found])
        latest.update({each.clock_id: each for each in found})
        again = [each.clock_id for each in found if each.next_at is not None and each.next_at <= now]
        found = _pass(session, "these", {"by_now": now, "these_clocks": again}) if again else []
    if latest:
        _tell(session, list(latest.values()), now)
    return dict(counts)


def _pass(session: Session, which: str, given: dict[str, Any]) -> list[Found]:
    """Note one event of each clock that has one due."""
    *before, marking = _statements(is_sqlite(session), which)
    for statement in before:
        session.execute(statement, given)
    marked = session.execute(marking, given).all()  # at once: a thousand rows one by one cost as much as noting them
    if is_sqlite(session):
        return [Found(clock_id, _NOTED[kind], *rest) for clock_id, kind, *rest in marked]
    return [Found(clock_id, _NOTED[kind], *rest, *hands) for clock_id, kind, *rest, hands in marked]


_CLOCK: Any = Clock.__table__  # the tables, not the models: parameters of the statement are no new values
_EVENT: Any = ClockEvent.__table__
_NOW = bindparam("by_now", type_=UtcDateTime())
_WHICH: dict[str, ColumnElement[bool]] = {
    "any": true(),  # "most" of them
    "one": Clock.id == bindparam("this_clock"),
    "these": Clock.id.in_(bindparam("these_clocks", expanding=True)),
}


@cache
def _statements(on_sqlite: bool, which: str) -> tuple[Any, ...]:
    """Insert the events and mark the clocks whose event is there: in one statement where the engine can.

    Built once: a sweep a minute need not.
    """
    due = select(
        Clock.id,
        Clock.revision,
        Clock.next_kind,
        case((Clock.next_kind == "breached", Clock.due_at), else_=Clock.next_at).label("at"),
    ).where(due_clocks(_NOW), _WHICH[which])
    if which == "any":
        due = due.order_by(Clock.next_at, Clock.id).limit(bindparam("most"))
    rows = due.with_for_update(skip_locked=True).cte("due")
    source = select(rows.c.id, rows.c.revision, rows.c.next_kind, rows.c.at, _NOW, literal(""))
    columns = ["clock_id", "revision", "kind", "at", "recorded_at", "note"]
    marked = (
        update(_CLOCK)
        .values(
            next_kind=case(
                {kind.value: following for kind, (following, _at) in _FOLLOWS.items()}, value=Clock.next_kind
            ),
            next_at=case({kind.value: at for kind, (_following, at) in _FOLLOWS.items()}, value=Clock.next_kind),
            breached_at=case(
                (Clock.next_kind == Event.BREACHED.value, func.coalesce(Clock.breached_at, Clock.due_at)),
                else_=Clock.breached_at,
            ),
        )
        .returning(Clock.id, Clock.next_kind, Clock.revision, Clock.next_at, *_hands(on_sqlite))
    )
    if not on_sqlite:
        noted = insert_postgres(_EVENT).from_select(columns, source).on_conflict_do_nothing().cte("noted")
        # Said once more that they are due: else the planner may read every open clock to find the few.
        return (marked.where(Clock.id == rows.c.id, due_clocks(_NOW)).add_cte(noted),)
    noted_there = (
        select(ClockEvent.id)
        .where(
            ClockEvent.clock_id == Clock.id,
            ClockEvent.revision == Clock.revision,
            ClockEvent.kind == Clock.next_kind,
        )
        .exists()
    )
    source = source.where(sql("1 = 1"))  # without a WHERE, SQLite reads ON CONFLICT as a join's ON
    return (
        insert_sqlite(_EVENT).from_select(columns, source).on_conflict_do_nothing(),
        marked.where(due_clocks(_NOW), _WHICH[which], noted_there),
    )


def _tell(session: Session, found: Sequence[Found], now: datetime) -> None:
    """Notices for the latest event of each clock: who hears is decided here, the sentences are written in sets."""
    people = Recipients(session, now, {each.account_manager_id for each in found})
    told: dict[Event, list[tuple[int, int, int]]] = {}
    for each in found:
        users = people.of(each.kind, each.region_id, each.account_manager_id)
        told.setdefault(each.kind, []).extend((each.clock_id, each.revision, user) for user in users)
    for kind, notes in told.items():
        if notes:
            notes.sort(key=itemgetter(2))  # what one account is told lies together in the indexes
            notify_selected(session, _notices(is_sqlite(session), kind), {"notes": as_json(notes)}, now)


@cache
def _notices(on_sqlite: bool, kind: Event) -> Any:
    """Write one notice for each of the "notes" (clock, revision, account) about this event."""
    note = numbers_table("notes", "clock_id", "revision", "user_id")
    severity = case(
        {
            severity.value: json_object(msgid=literal(label), params=json_object())
            for severity, label in SEVERITY_LABELS.items()
        },
        value=Complaint.severity,
    )
    params = json_object(
        number=Complaint.number,
        customer=Complaint.customer_name,
        severity=severity,
        due=shanghai_minute(Clock.due_at),
    )
    key = literal(f"complaint.{kind}.") + cast(Clock.id, String) + "." + cast(note.c.revision, String)
    source = (
        select(
            note.c.user_id.label("user_id"),
            params.label("params"),
            Complaint.id.label("subject_id"),
            key.label("dedupe_key"),
        )
        .join(Clock, Clock.id == note.c.clock_id)
        .join(Complaint, Complaint.id == Clock.complaint_id)
    )
    return messages(on_sqlite, f"complaint.{kind}", SENTENCES[kind], "complaint", source)


SENTENCES = {
    Event.HALFWAY: mark("Complaint %(number)s of %(customer)s (%(severity)s): half the time has passed; due %(due)s."),
    Event.DUE_DAY: mark("Complaint %(number)s of %(customer)s (%(severity)s) is due today: %(due)s."),
    Event.BREACHED: mark("Complaint %(number)s of %(customer)s (%(severity)s) has passed its limit of %(due)s."),
    Event.ESCALATED: mark("Complaint %(number)s of %(customer)s (%(severity)s) is still unanswered; due %(due)s."),
}
