"""Errands that slip rise: owner, sales manager, general manager; each told once, each telling stored once (CHEM-12.3).

Asked is a state, "due by now and the next not told", so that it may run late, twice or after an outage. Several levels
due at once are all noted; all of them hear the latest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.calendars import working_calendar
from tierflow.common.db import capped_count
from tierflow.common.notices import Message, notify_many
from tierflow.common.policies import policy_on
from tierflow.common.reference import Department
from tierflow.common.users import User
from tierflow.complaints.models import Complaint, Consultation, ErrandEvent, Inquiry, Measure
from tierflow.complaints.rules.errands import ErrandKind, ErrandTerms, Level, first_rung, next_rung
from tierflow.complaints.service.recipients import Recipients
from tierflow.kernel.months import SHANGHAI, local_day
from tierflow.kernel.text import Text, mark, text

BATCH = 500

OPEN: Mapping[ErrandKind, Any] = {
    ErrandKind.MEASURE: Measure.agreed_at.is_not(None) & Measure.done_at.is_(None),
    ErrandKind.CONSULTATION: Consultation.answered_at.is_(None) & Consultation.lapsed_at.is_(None),
    ErrandKind.INQUIRY: Inquiry.answered_at.is_(None) & Inquiry.turned_at.is_(None),
}
TABLES: Mapping[ErrandKind, type[Measure] | type[Consultation] | type[Inquiry]] = {
    ErrandKind.MEASURE: Measure,
    ErrandKind.CONSULTATION: Consultation,
    ErrandKind.INQUIRY: Inquiry,
}


@dataclass(frozen=True)
class Found:
    """An errand with something to tell: its row, where it belongs, what it is called, who is to do it."""

    row: Measure | Consultation | Inquiry
    complaint_id: int | None
    region_id: int
    title: Text
    owners: Sequence[int]


def begin(session: Session, due_at: datetime, now: datetime) -> dict[str, Any]:
    """The columns of an errand given now: whom it has told already, and from when on the next hears."""
    terms = ErrandTerms.of(policy_on(session, local_day(now)))
    told, rung = first_rung(due_at, terms, working_calendar(session), now)
    return {"due_at": due_at, "raised_to": told, "raise_at": rung.at}


def move(session: Session, row: Consultation, due_at: datetime, now: datetime) -> None:
    """Another due time for an errand that is open: who has heard of it need not hear the same again."""
    row.due_at = due_at
    told = Level(row.raised_to) if row.raised_to else None
    terms = ErrandTerms.of(policy_on(session, local_day(now)))
    rung = next_rung(told, due_at, terms, working_calendar(session))
    row.raise_at = rung.at if rung else None


def anything(session: Session, now: datetime) -> bool:
    """Whether anybody is to be told of anything: one read of three small indexes."""
    looks = [_due(kind, now).limit(1).scalar_subquery().is_not(None) for kind in ErrandKind]
    return any(session.execute(select(*looks)).one())


def outstanding(session: Session, now: datetime, most: int) -> int:
    """How many errands have somebody to be told, counted no further than `most` of each kind."""
    return sum(capped_count(session, _due(kind, now), most) for kind in ErrandKind)


def _due(kind: ErrandKind, now: datetime) -> Any:
    table = TABLES[kind]
    return select(table.id).where(OPEN[kind], table.raise_at <= now).order_by(table.raise_at, table.id)


def run(session: Session, now: datetime, limit: int = BATCH) -> dict[str, int]:
    """Note and tell everything that is due, `limit` errands of each kind at most; counts by level."""
    counts: Counter[str] = Counter()
    terms, calendar = ErrandTerms.of(policy_on(session, local_day(now))), working_calendar(session)
    people = Recipients(session, now)
    messages = []
    for kind, find in _FINDERS.items():
        for found in find(session, now, limit):
            row, passed = found.row, []
            told = Level(row.raised_to) if row.raised_to else None
            while (rung := next_rung(told, row.due_at, terms, calendar)) is not None and rung.at <= now:
                told = rung.level
                passed.append(rung)
            row.raised_to, row.raise_at = told, rung.at if rung else None
            for each in passed:
                session.add(
                    ErrandEvent(
                        kind=kind,
                        subject_id=row.id,
                        complaint_id=found.complaint_id,
                        due_at=row.due_at,
                        level=each.level,
                        at=each.at,
                        recorded_at=now,
                    )
                )
            counts.update([each.level.value for each in passed])
            if passed and told is not None:
                ids = {user for each in passed for user in _whom(people, found, each.level)}
                messages.append(_message(kind, found, told, ids))
    session.flush()
    notify_many(session, messages, now)
    return dict(counts)


def _whom(people: Recipients, found: Found, level: Level) -> list[int]:
    """Who hears. An owner who has left hears nothing: the sales manager does."""
    if level is Level.GENERAL_MANAGER:
        return people.general_managers()
    owners = [user for owner in found.owners for user in people.owner(owner)]
    if level is Level.SALES_MANAGER or not owners:
        return [*owners, *people.sales_managers(found.region_id)]
    return owners


_SENTENCES = {
    Level.OWNER: mark("%(errand)s is due today: %(due)s."),
    Level.SALES_MANAGER: mark("%(errand)s is overdue since %(due)s."),
    Level.GENERAL_MANAGER: mark("%(errand)s is overdue since %(due)s and still not done."),
}


def _message(kind: ErrandKind, found: Found, level: Level, ids: set[int]) -> Message:
    due = found.row.due_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    sentence = Text(_SENTENCES[level], {"errand": found.title, "due": due})
    key = f"errand.{kind}.{found.row.id}.{level}.{due}"
    return Message(ids, f"errand.{level}", sentence, (kind, found.row.id), key)


def _measures(session: Session, now: datetime, limit: int) -> list[Found]:
    query = _locked(ErrandKind.MEASURE, now, limit, Measure, Complaint.number)
    rows = session.execute(query.join(Complaint, Complaint.id == Measure.complaint_id)).all()
    return [
        Found(row, row.complaint_id, row.region_id, measure_title(number, row.what), [row.owner_id])
        for row, number in rows
    ]


def _consultations(session: Session, now: datetime, limit: int) -> list[Found]:
    query = _locked(
        ErrandKind.CONSULTATION, now, limit, Consultation, Complaint.number, Complaint.region_id, Department
    )
    rows = session.execute(
        query.join(Complaint, Complaint.id == Consultation.complaint_id).join(
            Department, Department.id == Consultation.department_id
        )
    ).all()
    members: dict[int, list[int]] = {}
    asked = {row.department_id for row, *_rest in rows}
    own = select(User.department_id, User.id).where(User.department_id.in_(asked), User.disabled_at.is_(None))
    for department_id, user_id in session.execute(own.order_by(User.id)) if asked else ():
        members.setdefault(department_id or 0, []).append(user_id)
    return [
        Found(
            row,
            row.complaint_id,
            region_id,
            consultation_title(number, department.name),
            [*members.get(row.department_id, ()), row.asked_by_id],
        )
        for row, number, region_id, department in rows
    ]


def _inquiries(session: Session, now: datetime, limit: int) -> list[Found]:
    rows = session.execute(_locked(ErrandKind.INQUIRY, now, limit, Inquiry)).all()
    return [
        Found(row, None, row.region_id, inquiry_title(row.number, row.customer_name), [row.owner_id]) for (row,) in rows
    ]


def _locked(kind: ErrandKind, now: datetime, limit: int, *columns: Any) -> Any:
    """The rows to tell of, locked; those a rival has in hand are left to it."""
    table = TABLES[kind]
    return (
        select(*columns)
        .where(OPEN[kind], table.raise_at <= now)
        .order_by(table.raise_at, table.id)
        .limit(limit)
        .with_for_update(of=table, skip_locked=True)
    )


def measure_title(number: str, what: str) -> Text:
    """What people call a measure."""
    return text("Complaint %(number)s: the measure “%(what)s”", number=number, what=what)


def consultation_title(number: str, department: str) -> Text:
    """What people call a department's answer."""
    return text("Complaint %(number)s: the answer of %(department)s", number=number, department=department)


def inquiry_title(number: str, customer: str) -> Text:
    """What people call an inquiry."""
    return text("Inquiry %(number)s of %(customer)s", number=number, customer=customer)


_FINDERS: Mapping[ErrandKind, Callable[[Session, datetime, int], list[Found]]] = {
    ErrandKind.MEASURE: _measures,
    ErrandKind.CONSULTATION: _consultations,
    ErrandKind.INQUIRY: _inquiries,
}
