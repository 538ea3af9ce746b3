"""Who is told what about an application; written in the transaction that causes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase, ApprovalDecision, AskedOpinion, deciders
from tierflow.common.notices import notify
from tierflow.kernel.approval import State
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import Application
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.service.access import SUBJECT


def waiting(session: Session, application: Application, case: ApprovalCase, actor: Actor, now: datetime) -> None:
    """Tell whoever can decide the step the case now waits for: the office's holders and their stand-ins."""
    if case.step is None:
        return
    message = text(
        "%(title)s waits for your verdict: %(step)s.",
        title=case.title,
        step=Text(ACCOUNT_OPENING.step(case.step).label),
    )
    _tell(session, deciders(session, case, case.step, now), "waiting", message, application, case, actor, now)


def decided(
    session: Session, application: Application, case: ApprovalCase, row: ApprovalDecision, actor: Actor, now: datetime
) -> None:
    """Tell the next office; or, when it is over or sent back, the submitter and the account manager."""
    if case.state == State.IN_APPROVAL:
        waiting(session, application, case, actor, now)
        return
    mine = {application.submitter_id, application.account_manager_id, case.submitter_id}
    if case.state == State.RETURNED:
        message = text("%(title)s came back for correction: %(reason)s", title=case.title, reason=row.reason)
        _tell(session, mine, "returned", message, application, case, actor, now)
    elif case.state == State.REJECTED:
        message = text("%(title)s was rejected: %(reason)s", title=case.title, reason=row.reason)
        _tell(session, mine, "rejected", message, application, case, actor, now)
    else:
        message = text("%(title)s is approved; the company is a customer now.", title=case.title)
        _tell(session, mine, "approved", message, application, case, actor, now)


def withdrawn(
    session: Session, application: Application, case: ApprovalCase, step: str | None, actor: Actor, now: datetime
) -> None:
    """Tell those it waited for that it does so no longer."""
    if step is not None:
        message = text("%(title)s was withdrawn by its submitter.", title=case.title)
        _tell(session, deciders(session, case, step, now), "withdrawn", message, application, case, actor, now)


def asked(session: Session, application: Application, row: AskedOpinion, actor: Actor, now: datetime) -> None:
    """Tell the colleague who is asked, or copied in."""
    title = f"{application.number} {application.name}"
    if row.kind == "ask":
        message = text(
            "%(who)s asks your opinion on %(title)s: %(question)s", who=actor.name, title=title, question=row.question
        )
    else:
        message = text("%(who)s shows you %(title)s.", who=actor.name, title=title)
    notify(
        session,
        [row.asked_id],
        "opinion.asked",
        message,
        (SUBJECT, application.id),
        now,
        dedupe_key=f"opinion/{row.id}",
    )


def _tell(
    session: Session,
    user_ids: Iterable[int],
    what: str,
    message: Text,
    application: Application,
    case: ApprovalCase,
    actor: Actor,
    now: datetime,
) -> None:
    notify(
        session,
        set(user_ids) - {actor.user_id},
        f"application.{what}",
        message,
        (SUBJECT, application.id),
        now,
        dedupe_key=f"application/{application.id}/{case.version}/{what}",
    )
