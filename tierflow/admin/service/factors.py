"""Taking a lost second factor away: one administrator asks, a second approves; on the server, whoever holds the server.

Whoever could do it alone would need a password reset beside it, and nothing else, to sign in as anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.admin.models import FactorReset
from tierflow.admin.service.people import one_time_password
from tierflow.admin.service.shared import account, administrator_persons, resets_of, tell_administrators
from tierflow.common import approvals, audit, sessions
from tierflow.common.approvals import ApprovalCase, ApprovalSeat, Seen
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.kernel.approval import State, Verdict
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SYSTEM, Actor, require
from tierflow.kernel.text import text
from tierflow.web.signing_in import hash_password

CHAIN = approvals.register(rules.FACTOR_RESET)
SUBJECT = "factor_reset"


@dataclass(frozen=True)
class FactorSight:
    """A request as this administrator sees it. `state`: proposed, approved, rejected, withdrawn."""

    row: FactorReset
    user: User
    asked_by: User
    case: ApprovalCase
    refusals: tuple[Refusal, ...]  # why not decide
    is_asker: bool

    @property
    def state(self) -> str:
        """Where it stands, in one word."""
        words = {None: "proposed", "done": "approved", "refused": "rejected", "taken_back": "withdrawn"}
        return words[self.row.outcome]


def ask(session: Session, actor: Actor, user_id: int, reason: str, now: datetime) -> FactorReset:
    """Ask for somebody's second factor to be taken away; nothing happens before another administrator approves.

    Raises `Refused` for one's own, for an account without one, and where nobody is left to approve; `Conflict` when
    it is asked for already.
    """
    require(actor, "people.write")
    user = account(session, user_id)
    left = administrator_persons(session, local_day(now))
    refuse_if_any(rules.why_not_reset(user.person_id, user.totp_confirmed_at, actor.person_id, left, user.login))
    row = FactorReset(
        user_id=user.id, factor_at=user.totp_confirmed_at, reason=reason, asked_by_id=actor.user_id, asked_at=now
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        raise Conflict(Refusal("conflict", text("This waits for another administrator already."))) from error
    title = f"{user.name} ({user.login})"
    case = approvals.open_case(session, CHAIN, (SUBJECT, row.id), title, None, actor, now)
    session.add(ApprovalSeat(case_id=case.id, person_id=user.person_id, step=rules.BENEFICIARY_SEAT))
    content = {"user": {"id": user.id, "login": user.login, "name": user.name}, "reason": reason}
    approvals.submit(session, case, {"factor": content}, actor, now, seen_version=case.version)
    message = text(
        "%(who)s asks to reset the second factor of %(login)s; it waits for another administrator.",
        who=actor.name,
        login=user.login,
    )
    tell_administrators(session, actor, "account", message, (SUBJECT, row.id), now, also=[user.id], key="factor")
    return row


def decide(
    session: Session, actor: Actor, reset_id: int, seen: Seen, verdict: Verdict, reason: str, now: datetime
) -> FactorReset:
    """The second administrator's word. Approved: the factor is gone, and every browser of the account signed out.

    Raises `Invalid` for a return, and for a refusal without reason; `Refused` for whoever asked, whose factor it is,
    and after a password reset by whoever asked; `Conflict` when the account has another factor by now.
    """
    require(actor, "grant.decide")
    sight = get(session, actor, reset_id, now)
    row, user = sight.row, sight.user
    if verdict is Verdict.RETURN:
        raise Invalid({"verdict": [text("Choose one of the list.")]})
    if verdict is Verdict.REJECT and not reason:
        raise Invalid({"reason": [text("Say why.")]})
    if row.outcome is None:
        refuse_if_any(_why_not_decide(session, sight.asked_by, user, actor, now))
    on = local_day(now)
    policy = policy_on(session, on)
    approvals.decide(
        session, sight.case, seen, verdict, actor, now, on=on, policy_version=policy.version, reason=reason
    )
    row.outcome, row.ended_at = "refused" if verdict is Verdict.REJECT else "done", now
    if verdict is Verdict.APPROVE:
        session.refresh(user, with_for_update=True)
        if user.totp_confirmed_at != row.factor_at:
            raise Conflict(Refusal("conflict", text("The account has set up another second factor since.")))
        _take_away(session, user)
        audit.record(session, actor, "second_factor.reset", "user", user.id, now, reason=row.reason)
        _log(session, user, now, f"asked by {sight.asked_by.name}, approved by {actor.name} ({actor.user_id})")
        message = text(
            "The second factor of %(login)s was reset: asked for by %(asker)s, approved by %(who)s.",
            login=user.login,
            asker=sight.asked_by.name,
            who=actor.name,
        )
    else:
        message = text("%(who)s refused to reset the second factor of %(login)s.", who=actor.name, login=user.login)
    subject = (SUBJECT, row.id)
    tell_administrators(session, actor, "account", message, subject, now, also=[user.id], key="factor decided")
    session.flush()
    return row


def take_back(session: Session, actor: Actor, reset_id: int, reason: str, now: datetime) -> FactorReset:
    """Whoever asked takes it back: the device was found."""
    require(actor, "people.write")
    sight = get(session, actor, reset_id, now)
    approvals.withdraw(session, sight.case, actor, now, seen_version=sight.case.version, reason=reason)
    approvals.discard(session, sight.case, actor, now, seen_version=sight.case.version, reason=reason)
    sight.row.outcome, sight.row.ended_at = "taken_back", now
    session.flush()
    return sight.row


def recover(session: Session, login: str, reason: str, now: datetime, *, password: bool) -> tuple[User, str | None]:
    """On the server, where nobody is left who could approve: the factor goes, and `password` makes a one-time one.

    Every administrator is told, and the logs say that it was done on the server. Raises `NotFound`.
    """
    user = session.scalar(select(User).where(User.login == login.strip().casefold()))
    if user is None:
        raise NotFound
    _take_away(session, user)
    once = one_time_password() if password else None
    if once is not None:
        user.password_hash, user.must_change_password = hash_password(once), True
    after = {"password": password}
    audit.record(session, SYSTEM, "second_factor.recover", "user", user.id, now, after=after, reason=reason)
    _log(session, user, now, f"on the server: {reason}")
    message = text("The access of %(login)s was recovered on the server: %(reason)s", login=user.login, reason=reason)
    tell_administrators(session, SYSTEM, "account", message, ("user", user.id), now, also=[user.id])
    return user, once


def get(session: Session, actor: Actor, reset_id: int, now: datetime) -> FactorSight:
    """One request as this administrator sees it. Raises `NotFound`."""
    require(actor, "people.read")
    row = session.get(FactorReset, reset_id)
    if row is None:
        raise NotFound
    mine = (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == row.id)
    case = session.scalars(select(ApprovalCase).where(mine)).one()
    user, asked_by = account(session, row.user_id), account(session, row.asked_by_id)
    refusals: tuple[Refusal, ...] = ()
    if case.state == State.IN_APPROVAL:
        refusals = _why_not_decide(session, asked_by, user, actor, now) or approvals.why_not(session, case, actor)
    return FactorSight(row, user, asked_by, case, refusals, row.asked_by_id == actor.user_id)


def waiting_for(session: Session, actor: Actor, user_id: int) -> FactorReset | None:
    """What is asked for an account and not decided yet."""
    require(actor, "people.read")
    query = select(FactorReset).where(FactorReset.user_id == user_id, FactorReset.outcome.is_(None))
    return session.scalars(query).one_or_none()


def _why_not_decide(session: Session, asked_by: User, user: User, actor: Actor, now: datetime) -> tuple[Refusal, ...]:
    days = policy_on(session, local_day(now)).integer("grant.reset_bars_days")
    pairs = resets_of(session, actor.person_id, now - timedelta(days=days))
    return rules.why_not_approve_reset(actor.person_id, user.person_id, asked_by.person_id, pairs, now, days)


def _take_away(session: Session, user: User) -> None:
    user.totp_secret = user.totp_confirmed_at = user.totp_last_step = None
    sessions.end_sessions_of(session, user.id)


def _log(session: Session, user: User, now: datetime, detail: str) -> None:
    kind = "second_factor.reset"
    sessions.log_security(session, kind, now, user_id=user.id, login=user.login, address="", detail=detail)
