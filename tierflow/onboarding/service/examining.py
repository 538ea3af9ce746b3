"""One matter of a customer's file before its examiners: hand in, decide, and who is told (CHEM-8.1, CHEM-15)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import approvals
from tierflow.common.approvals import ApprovalCase, ApprovalDecision, ApprovalSeat, Seen, deciders
from tierflow.common.customers import Customer
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.kernel.approval import SUBMIT_SEAT, Chain, State, Verdict
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import Text, text
from tierflow.onboarding.rules.examining import CHAINS

Subject = tuple[str, int]

for _chain in CHAINS.values():
    approvals.register(_chain)


def keeper(session: Session, actor: Actor, customer: Customer) -> bool:
    """Whether the customer is the actor's own, or that of somebody they stand in for."""
    return customer.account_manager_id in actor.user_ids_as(Role.ACCOUNT_MANAGER)


def in_business(customer: Customer) -> None:
    """Raise `Refused` once its status was withdrawn: it comes back by a new application only (CHEM-17)."""
    if customer.disqualified_on is not None:
        raise Refused(Refusal("CHEM-17", text("This customer is disqualified already.")))


def case_of(session: Session, subject: Subject) -> ApprovalCase:
    """The case of a matter."""
    query = select(ApprovalCase).where(ApprovalCase.subject_type == subject[0], ApprovalCase.subject_id == subject[1])
    return session.scalars(query).one()


def hand_in(
    session: Session,
    chain: Chain,
    subject: Subject,
    what: Text,
    customer: Customer,
    content: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> ApprovalCase:
    """Open the case of a matter and hand it in. What comes back goes to the customer's account manager."""
    title = f"{customer.number} {customer.name}"
    case = approvals.open_case(session, chain, subject, title, customer.region_id, actor, now)
    manager = session.get_one(User, customer.account_manager_id)
    case.submitter_id = manager.id
    if manager.person_id != actor.person_id:
        session.add(ApprovalSeat(case_id=case.id, person_id=manager.person_id, step=SUBMIT_SEAT))
    return hand_in_again(session, case, what, content, actor, now)


def hand_in_again(
    session: Session, case: ApprovalCase, what: Text, content: Mapping[str, Any], actor: Actor, now: datetime
) -> ApprovalCase:
    """Hand in what came back, corrected."""
    approvals.submit(session, case, content, actor, now, seen_version=case.version)
    _tell_waiting(session, case, what, actor, now)
    return case


def decide(
    session: Session,
    case: ApprovalCase,
    seen: Seen,
    verdict: Verdict,
    reason: str,
    what: Text,
    actor: Actor,
    now: datetime,
) -> ApprovalDecision:
    """The waiting step's verdict. Raises `Refused` without a reason where one is wanted, `Conflict`, `Forbidden`."""
    if verdict is not Verdict.APPROVE and not reason:
        raise Refused(Refusal("CHEM-7.2", text("Say why."), "reason"))
    on = local_day(now)
    row = approvals.decide(
        session,
        case,
        seen,
        verdict,
        actor,
        now,
        on=on,
        policy_version=policy_on(session, on).version,
        reason=reason,
    )
    if case.state == State.IN_APPROVAL:
        _tell_waiting(session, case, what, actor, now)
    else:
        _tell_keeper(session, case, what, row, actor, now)
    return row


def _tell_waiting(session: Session, case: ApprovalCase, what: Text, actor: Actor, now: datetime) -> None:
    if case.step is None:
        return
    message = text("%(title)s: %(what)s waits for your examination.", title=case.title, what=what)
    _tell(session, deciders(session, case, case.step, now) - {actor.user_id}, "waiting", message, case, now)


def _tell_keeper(
    session: Session, case: ApprovalCase, what: Text, row: ApprovalDecision, actor: Actor, now: datetime
) -> None:
    state = State(case.state)
    if state is State.APPROVED:
        message = text("%(title)s: %(what)s was accepted.", title=case.title, what=what)
    elif state is State.RETURNED:
        message = text(
            "%(title)s: %(what)s came back for correction: %(reason)s", title=case.title, what=what, reason=row.reason
        )
    else:
        message = text("%(title)s: %(what)s was rejected: %(reason)s", title=case.title, what=what, reason=row.reason)
    _tell(session, {case.submitter_id} - {actor.user_id}, state.value, message, case, now)


def _tell(session: Session, ids: set[int], word: str, message: Text, case: ApprovalCase, now: datetime) -> None:
    subject = (case.subject_type, case.subject_id)
    key = f"{case.subject_type}/{case.subject_id}/{case.version}/{word}"
    notify(session, ids, f"{case.subject_type}.{word}", message, subject, now, dedupe_key=key)
