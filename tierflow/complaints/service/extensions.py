"""More time: asked for once, approved by the sales manager and then the GM before the limit passes (CHEM-12.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tierflow.common import approvals
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.complaints.models import Clock, Complaint, Extension
from tierflow.complaints.rules import acts, words
from tierflow.complaints.rules.words import Event
from tierflow.complaints.service import clocks, scope
from tierflow.complaints.service.intake import SUBJECT
from tierflow.kernel.approval import Chain, State, Step, Verdict
from tierflow.kernel.errors import NotFound, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SYSTEM, Actor, Role, require
from tierflow.kernel.text import Text, mark, text

KIND = words.EXTENSION
_EXAMINED = frozenset({"extension"})

CHAIN = approvals.register(
    Chain(
        KIND,
        "CHEM-12.3",
        mark("Extension of a complaint's time"),
        (
            Step("sales_manager", mark("Sales manager"), Role.SALES_MANAGER, _EXAMINED, scoped=True),
            Step("general_manager", mark("General manager"), Role.GENERAL_MANAGER, _EXAMINED),
        ),
    )
)


def ask(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Ask for the time until working day `to_day`, stating the circumstance."""
    require(actor, "complaint.write")
    complaint, clock, actor = scope.lock_to_work(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    terms = clocks.terms_of(session, clock)
    standing = clocks.standing_of(session, complaint, clock)
    refuse_if_any(acts.why_not_extend(standing, command["to_day"], terms, now))
    extension = Extension(
        complaint_id=complaint.id,
        clock_id=clock.id,
        to_day=command["to_day"],
        circumstance=command["circumstance"],
        requested_by_id=actor.user_id,
        requested_at=now,
    )
    session.add(extension)
    session.flush()
    title = f"{complaint.number} · {complaint.customer_name}"
    case = approvals.open_case(session, CHAIN, (KIND, extension.id), title, complaint.region_id, actor, now)
    content = {
        "extension": {
            "complaint": complaint.number,
            "severity": complaint.severity,
            "received_at": clock.received_at.isoformat(),
            "due_at": clock.due_at.isoformat(),
            "to_day": extension.to_day,
            "circumstance": extension.circumstance,
        }
    }
    approvals.submit(session, case, content, actor, now, seen_version=case.version, due_by=clock.base_due_at)
    return complaint


def case_of(session: Session, extension_id: int) -> ApprovalCase:
    """The approval of a request."""
    query = select(ApprovalCase).where(ApprovalCase.subject_type == KIND, ApprovalCase.subject_id == extension_id)
    return session.scalars(query).one()


def get(session: Session, actor: Actor, extension_id: int) -> tuple[Extension, Complaint]:
    """A request and its complaint, when the actor may see them; else `NotFound`."""
    extension = session.get(Extension, extension_id)
    if extension is None:
        raise NotFound
    return extension, scope.get(session, actor, extension.complaint_id)


def decide(session: Session, actor: Actor, extension_id: int, command: Mapping[str, Any], now: datetime) -> Extension:
    """The waiting step's verdict. Once the limit has passed a decision is void and is refused."""
    require(actor, "complaint.decide")
    extension, complaint = get(session, actor, extension_id)
    complaint, clock = scope.lock(session, actor, complaint.id)
    clocks.catch_up(session, clock, now)
    case = case_of(session, extension.id)
    refuse_if_any(acts.why_extension_is_void(clocks.standing_of(session, complaint, clock), now))
    today: date = local_day(now)
    approvals.decide(
        session,
        case,
        Seen(command["version"], command["step"]),
        Verdict(command["verdict"]),
        actor,
        now,
        on=today,
        policy_version=policy_on(session, today).version,
        reason=command.get("reason") or "",
        due_by=clock.base_due_at,
    )
    if case.state == State.APPROVED:
        extension.outcome, extension.decided_at = "granted", now
        clock.extended_to = extension.to_day
        clocks.rebind(session, complaint, clock, Event.EXTENDED, actor, now, extension.circumstance)
        message = text("Complaint %(number)s: its time was extended.", number=complaint.number)
        _tell(session, extension, complaint, now, message)
    elif case.state == State.REJECTED:
        extension.outcome, extension.decided_at = "refused", now
        message = text("Complaint %(number)s: the extension was refused.", number=complaint.number)
        _tell(session, extension, complaint, now, message)
    session.flush()
    return extension


def void_pending(session: Session, clock: Clock, actor: Actor, now: datetime, reason: str) -> None:
    """A waiting request that can no longer be granted ends."""
    waiting = select(Extension).where(Extension.clock_id == clock.id, Extension.outcome.is_(None))
    for extension in session.scalars(waiting).all():
        _void(session, extension, actor, now, reason)
    session.flush()


def lapsing(now: datetime) -> Select[int]:
    """The waiting requests whose limit has passed, by the index of those that wait."""
    passed = select(Clock.id).where(Clock.id == Extension.clock_id, Clock.base_due_at < now)
    return select(Extension.id).where(Extension.outcome.is_(None), passed.exists())


def lapsed(session: Session, now: datetime, limit: int = 200) -> list[Extension]:
    """Waiting requests whose limit has passed."""
    return list(session.scalars(select(Extension).where(Extension.id.in_(lapsing(now))).limit(limit)))


def void_lapsed(session: Session, now: datetime) -> int:
    """End every waiting request whose limit has passed: a later decision would be void (CHEM-12.3)."""
    found = lapsed(session, now)
    for extension in found:
        _void(session, extension, SYSTEM, now, "limit passed")
    session.flush()
    return len(found)


def _void(session: Session, extension: Extension, actor: Actor, now: datetime, reason: str) -> None:
    approvals.void(session, case_of(session, extension.id), actor, now, reason=reason)
    extension.outcome, extension.decided_at = "void", now


def _tell(session: Session, extension: Extension, complaint: Complaint, now: datetime, message: Text) -> None:
    ids = {extension.requested_by_id, complaint.account_manager_id}
    key = f"{KIND}.{extension.outcome}.{extension.id}"
    notify(session, ids, KIND, message, (SUBJECT, complaint.id), now, dedupe_key=key)
