"""Approvals that wait: a reminder to whoever can decide, then word to whoever stands above them.

Asked is a state: a step that has waited longer than policy allows and has not been nudged for. After an outage a step
that is long overdue is escalated once and not reminded of as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.common.approvals import CHAINS, ApprovalCase, ApprovalNudge, ApprovalSeat
from tierflow.common.calendars import working_calendar
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.users import User, holders, stand_ins
from tierflow.kernel.approval import State
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import SHANGHAI, local_day, local_instant
from tierflow.kernel.roles import ROLE_LABELS, Role
from tierflow.kernel.text import Text, text

REMIND, ESCALATE = "remind", "escalate"


def waiting_too_long(session: Session, errand: Errand) -> Sequence[str]:
    """The steps to nudge for now, as "case.version.kind", longest overdue first."""
    now = errand.now
    policy = policy_on(session, local_day(now))
    days, close = policy.integer("approval.remind_after_working_days"), policy.time("office.closes_at")
    reminded_before = waits_since_before(working_calendar(session), now, days, close)

    def nudged(*kinds: str) -> ColumnElement[bool]:
        return exists().where(
            ApprovalNudge.case_id == ApprovalCase.id,
            ApprovalNudge.version == ApprovalCase.version,
            ApprovalNudge.kind.in_(kinds),
        )

    query = select(ApprovalCase.id, ApprovalCase.version).where(ApprovalCase.state == State.IN_APPROVAL.value)
    overdue = query.where(ApprovalCase.due_at < now, ~nudged(ESCALATE))
    slow = query.where(
        ApprovalCase.due_at >= now,
        ApprovalCase.waiting_since < reminded_before,
        ~nudged(REMIND, ESCALATE),
    )
    found = []
    for kind, rows in ((ESCALATE, overdue), (REMIND, slow)):
        ordered = rows.order_by(ApprovalCase.due_at, ApprovalCase.id)
        found += [f"{case_id}.{version}.{kind}" for case_id, version in session.execute(ordered)]
    return found


def waits_since_before(calendar: WorkingCalendar, now: datetime, days: int, close: time) -> datetime:
    """What has waited since before this instant has waited for more than so many working days."""
    day = local_day(now)
    while calendar.due_at(day, days, close) >= now:
        day -= timedelta(days=1)
    return local_instant(day + timedelta(days=1), time.min)


def nudge(session: Session, errand: Errand) -> Result:
    """Send one reminder or escalation, unless the case has moved on since it was looked for."""
    case_id, version, kind = errand.item.split(".")
    case = session.scalars(select(ApprovalCase).where(ApprovalCase.id == int(case_id)).with_for_update()).one()
    if case.version != int(version) or case.state != State.IN_APPROVAL:
        return {"moved_on": True}
    sent = escalate(session, case, errand.now) if kind == ESCALATE else remind(session, case, errand.now)
    session.add(ApprovalNudge(case_id=case.id, version=case.version, kind=kind, at=errand.now))
    return {"notices": sent}


def remind(session: Session, case: ApprovalCase, now: datetime) -> int:
    """Remind whoever can decide the step, and their stand-ins."""
    step = CHAINS[case.chain].step(case.step or "")
    able = _who(session, step.role, now, case.region_id if step.scoped else None, but_seated_in=case)
    message = text("%(title)s has waited for you since %(since)s.", title=case.title, since=_moment(case.waiting_since))
    if not able:  # nobody holds the office, or all who do have a seat already
        return _tell_administrators(session, case, REMIND, step.role, now)
    return _send(session, able, case, REMIND, message, now)


def escalate(session: Session, case: ApprovalCase, now: datetime) -> int:
    """Tell the general manager; of the general manager's own step, the administrators, who can set a delegation."""
    step = CHAINS[case.chain].step(case.step or "")
    above = _who(session, Role.GENERAL_MANAGER, now) if step.role is not Role.GENERAL_MANAGER else []
    if not above:
        return _tell_administrators(session, case, ESCALATE, step.role, now)
    message = text(
        "%(title)s has waited for the step “%(step)s” since %(since)s, longer than allowed.",
        title=case.title,
        step=Text(step.label),
        since=_moment(case.waiting_since),
    )
    return _send(session, above, case, ESCALATE, message, now)


def _tell_administrators(session: Session, case: ApprovalCase, kind: str, role: Role, now: datetime) -> int:
    # Administrators see no customer data: the case's title stays out.
    message = text(
        "Approval no. %(number)s has waited for the %(role)s since %(since)s. Set a delegation if nobody can decide.",
        number=case.id,
        role=Text(ROLE_LABELS[role]),
        since=_moment(case.waiting_since),
    )
    return _send(session, _who(session, Role.ADMINISTRATOR, now), case, kind, message, now)


def _who(
    session: Session,
    role: Role,
    now: datetime,
    region_id: int | None = None,
    *,
    but_seated_in: ApprovalCase | None = None,
) -> list[int]:
    """Accounts that hold the role today and those who stand in for them; without people seated in another step."""
    on = local_day(now)
    holding = [user.id for user in holders(session, role, on, region_id)]
    ids = set(holding)
    if role is not Role.ADMINISTRATOR:  # that office is never lent
        ids.update(*stand_ins(session, holding, on).values())
    if but_seated_in is not None and ids:
        seated = select(ApprovalSeat.person_id).where(
            ApprovalSeat.case_id == but_seated_in.id, ApprovalSeat.step != but_seated_in.step
        )
        ids &= set(session.scalars(select(User.id).where(User.id.in_(ids), User.person_id.not_in(seated))))
    return sorted(ids)


def _send(session: Session, ids: list[int], case: ApprovalCase, kind: str, message: Text, now: datetime) -> int:
    key = f"approval.{kind}.{case.id}.{case.version}"
    subject = (case.subject_type, case.subject_id)
    return len(notify(session, ids, f"approval.{kind}", message, subject, now, dedupe_key=key))


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
