"""What is due on the clocks: warnings, breaches, escalations, found and noted in sets (CHEM-12.3).

The cost follows what is due, never what is open: each clock carries the next thing to note and from when on, under a
partial index of the running clocks. A clock is only marked for an event that is there, so two sweeps at once and a
crash between two statements do no harm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, literal, null, select, update
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tierflow.common.db import UtcDateTime, is_sqlite
from tierflow.common.notices import Message, notify_many
from tierflow.common.users import User, holders, stand_ins
from tierflow.complaints.models import Clock, ClockEvent, Complaint
from tierflow.complaints.rules.words import SEVERITY_LABELS, Event, Severity
from tierflow.kernel.months import SHANGHAI, local_day
from tierflow.kernel.roles import Role
from tierflow.kernel.text import Text, text

BATCH = 2000

# After each event the next one, and the column that says from when on.
_FOLLOWS: dict[Event, tuple[Event | None, Any]] = {
    Event.HALFWAY: (Event.DUE_DAY, Clock.warn_at),
    Event.DUE_DAY: (Event.BREACHED, Clock.late_at),
    Event.BREACHED: (Event.ESCALATED, Clock.escalate_at),
    Event.ESCALATED: (None, null()),
}
_NEXT_KIND = {
    kind.value: null() if following is None else following.value for kind, (following, _at) in _FOLLOWS.items()
}
_NEXT_AT = {kind.value: at for kind, (_following, at) in _FOLLOWS.items()}
_NOTED = {str(following): kind for kind, (following, _at) in _FOLLOWS.items()}


@dataclass(frozen=True)
class Found:
    """One clock's latest event of a sweep."""

    clock_id: int
    kind: Event
    revision: int


def due_clocks(now: datetime) -> Any:
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
    while found := _pass(session, now, clock_id, limit if not latest else None, latest):
        counts.update(each.kind.value for each in found)
        latest.update({each.clock_id: each for each in found})
    if latest:
        _tell(session, latest.values(), now)
    return dict(counts)


def _pass(
    session: Session, now: datetime, clock_id: int | None, limit: int | None, only: Mapping[int, Found]
) -> list[Found]:
    """Note one event of each clock that has one due. After the first pass only the same clocks are looked at again."""
    due = select(
        Clock.id,
        Clock.revision,
        Clock.next_kind,
        case((Clock.next_kind == "breached", Clock.due_at), else_=Clock.next_at).label("at"),
    ).where(due_clocks(now))
    if clock_id is not None:
        due = due.where(Clock.id == clock_id)
    if limit is not None:
        due = due.order_by(Clock.next_at, Clock.id).limit(limit)
    else:
        due = due.where(Clock.id.in_(list(only)))
    rows = due.with_for_update(skip_locked=True).subquery()
    insert = insert_sqlite if is_sqlite(session) else insert_postgres
    columns = ["clock_id", "revision", "kind", "at", "recorded_at", "note"]
    source = select(
        rows.c.id, rows.c.revision, rows.c.next_kind, rows.c.at, literal(now, UtcDateTime()), literal("")
    ).where(sql("1 = 1"))  # without a WHERE, SQLite reads ON CONFLICT as a join's ON
    session.execute(insert(ClockEvent).from_select(columns, source).on_conflict_do_nothing())
    noted = (
        select(ClockEvent.id)
        .where(
            ClockEvent.clock_id == Clock.id,
            ClockEvent.revision == Clock.revision,
            ClockEvent.kind == Clock.next_kind,
        )
        .exists()
    )
    mark = update(Clock).where(due_clocks(now), noted)
    if clock_id is not None:
        mark = mark.where(Clock.id == clock_id)
    marked = session.execute(
        mark.values(
            next_kind=case(
                {kind.value: following for kind, (following, _at) in _FOLLOWS.items()}, value=Clock.next_kind
            ),
            next_at=case({kind.value: at for kind, (_following, at) in _FOLLOWS.items()}, value=Clock.next_kind),
            breached_at=case(
                (Clock.next_kind == Event.BREACHED.value, func.coalesce(Clock.breached_at, Clock.due_at)),
                else_=Clock.breached_at,
            ),
        ).returning(Clock.id, Clock.next_kind, Clock.revision),
        execution_options={"synchronize_session": False},
    )
    return [Found(row.id, _NOTED[str(row.next_kind)], row.revision) for row in marked]


def _tell(session: Session, found: Iterable[Found], now: datetime) -> None:
    """Notices for the latest event of each clock, in a few statements."""
    by_id = {each.clock_id: each for each in found}
    rows = session.execute(
        select(
            Clock.id,
            Clock.due_at,
            Complaint.id.label("complaint_id"),
            Complaint.number,
            Complaint.customer_name,
            Complaint.severity,
            Complaint.region_id,
            Complaint.account_manager_id,
        )
        .join(Complaint, Complaint.id == Clock.complaint_id)
        .where(Clock.id.in_(list(by_id)))
    ).all()
    people = Recipients(session, now, {row.account_manager_id for row in rows})
    messages = []
    for row in rows:
        event = by_id[row.id]
        messages.append(
            Message(
                people.of(event.kind, row.region_id, row.account_manager_id),
                f"complaint.{event.kind}",
                _sentence(event.kind, row),
                ("complaint", row.complaint_id),
                f"complaint.{event.kind}.{row.id}.{event.revision}",
            )
        )
    notify_many(session, messages, now)


def _sentence(kind: Event, row: Any) -> Text:
    values = {
        "number": row.number,
        "customer": row.customer_name,
        "severity": text(SEVERITY_LABELS[Severity(row.severity)]),
        "due": row.due_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M"),
    }
    if kind is Event.ESCALATED:
        return text("Complaint %(number)s of %(customer)s (%(severity)s) is still unanswered; due %(due)s.", **values)
    if kind is Event.BREACHED:
        return text("Complaint %(number)s of %(customer)s (%(severity)s) has passed its limit of %(due)s.", **values)
    if kind is Event.DUE_DAY:
        return text("Complaint %(number)s of %(customer)s (%(severity)s) is due today: %(due)s.", **values)
    return text("Complaint %(number)s of %(customer)s (%(severity)s): half the time has passed; due %(due)s.", **values)


class Recipients:
    """Who hears of what, looked up once for a whole sweep. Who has left hears nothing: whoever stands above does."""

    def __init__(self, session: Session, now: datetime, account_manager_ids: Iterable[int] = ()) -> None:
        self.session = session
        self.on = local_day(now)
        self._owners = self._reachable(account_manager_ids)
        self._sales: dict[int, list[int]] = {}
        self._general: list[int] | None = None

    def of(self, kind: Event, region_id: int, account_manager_id: int) -> list[int]:
        """Warnings go to the account manager; a breach to the sales manager too; an escalation to the GM."""
        if kind is Event.ESCALATED:
            return self.general_managers()
        owner = self.owner(account_manager_id)
        if kind is Event.BREACHED or not owner:
            return [*owner, *self.sales_managers(region_id)]
        return owner

    def owner(self, account_manager_id: int) -> list[int]:
        """The account manager and who stands in; nobody when the account is disabled."""
        if account_manager_id not in self._owners:
            self._owners.update(self._reachable([account_manager_id]))
        return self._owners[account_manager_id]

    def sales_managers(self, region_id: int) -> list[int]:
        """Sales managers of a region and their stand-ins; the general manager where a region has none."""
        if region_id not in self._sales:
            self._sales[region_id] = self._holding(Role.SALES_MANAGER, region_id) or self.general_managers()
        return self._sales[region_id]

    def general_managers(self) -> list[int]:
        """The general manager and who stands in."""
        if self._general is None:
            self._general = self._holding(Role.GENERAL_MANAGER)
        return self._general

    def _holding(self, role: Role, region_id: int | None = None) -> list[int]:
        ids = [user.id for user in holders(self.session, role, self.on, region_id)]
        return [each for several in self._reachable(ids).values() for each in several]

    def _reachable(self, user_ids: Iterable[int]) -> dict[int, list[int]]:
        ids = sorted(set(user_ids))
        if not ids:
            return {}
        enabled = set(self.session.scalars(select(User.id).where(User.id.in_(ids), User.disabled_at.is_(None))))
        instead = stand_ins(self.session, ids, self.on)
        return {each: ([each] if each in enabled else []) + instead.get(each, []) for each in ids}
