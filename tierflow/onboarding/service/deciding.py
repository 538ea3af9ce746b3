"""The chain: hand in, decide, take back, ask a colleague, approve what is all green (CHEM-7.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from tierflow.common import approvals, decisions
from tierflow.common.approvals import ApprovalCase, ApprovalDecision, AskedOpinion, Seen
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.kernel.approval import State, Verdict
from tierflow.kernel.errors import Forbidden, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import Application
from tierflow.onboarding.rules import chain
from tierflow.onboarding.rules.admission import as_json, is_over_quota
from tierflow.onboarding.rules.chain import Given, Item
from tierflow.onboarding.service import supplementing, telling
from tierflow.onboarding.service.access import SUBJECT, case_of, editing, for_manager, get_visible, keeping
from tierflow.onboarding.service.admitting import KIND, Admission, admission_of
from tierflow.onboarding.service.content import content_of
from tierflow.onboarding.service.creating import admit
from tierflow.onboarding.service.drafts import lines_of, stale_version
from tierflow.onboarding.service.reading import items_in, lines_with_names


def submit(session: Session, actor: Actor, application_id: int, now: datetime, *, seen_version: int) -> ApprovalCase:
    """Hand the application in, or in again. Raises `Refused` with everything that is missing, `Conflict` when stale.

    Only the steps whose examined fields changed are asked again, and always the general manager.
    """
    application, case = editing(session, actor, application_id)
    actor = for_manager(actor, application)
    stale = stale_version(session, application, seen_version)
    if stale is not None:
        raise stale
    refuse_if_any(supplementing.refusals(session, application))
    found = admission_of(session, actor, application, now)
    refuse_if_any(found.decision.refusals)
    _store(session, application, found, actor, now)
    application.over_quota = is_over_quota(found.decision)
    application.submitter_id = actor.user_id
    application.version += 1  # a form opened before is stale now
    approvals.submit(
        session,
        case,
        content_of(session, application),
        actor,
        now,
        seen_version=case.version,
        all_green=found.is_all_green,
    )
    session.flush()
    telling.waiting(session, application, case, actor, now)
    return case


def decide(
    session: Session,
    actor: Actor,
    application_id: int,
    seen: Seen,
    verdict: Verdict,
    now: datetime,
    *,
    reason: str = "",
    items: Sequence[Given] = (),
    struck: Mapping[int, str] | None = None,
) -> ApprovalDecision:
    """Give the waiting step's verdict; the general manager's approval makes the customer.

    `seen` is the case as the page showed it; `struck` maps product lines to reasons. Raises `Forbidden`, `Conflict`
    (the case has moved on), `Refused` (four eyes, items without verdict, a paper that ran out meanwhile).
    """
    require(actor, "application.decide")
    application = get_visible(session, actor, application_id)
    case = case_of(session, application_id)
    struck = dict(struck or {})
    lines = {line.product_line_id: line for line in lines_of(session, application.id)}
    # Whoever is too late or not entitled learns that from `approvals.decide`, and nothing else.
    if (case.version, case.step) == (seen.version, seen.step) and not approvals.why_not(session, case, actor):
        gone = {line_id: line.struck_at is not None for line_id, line in lines.items()}
        refuse_if_any(
            [
                *chain.verdict_refusals(items_for(session, case, seen.step), verdict, reason, items, struck),
                *chain.strike_refusals(seen.step, gone, struck),
            ]
        )
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
        reason=_reason(verdict, reason, items),
        items=[asdict(item) for item in items],
        details={"struck": {str(line_id): why for line_id, why in struck.items()}} if struck else {},
    )
    for line_id, why in struck.items():
        line = lines[line_id]
        line.struck_at, line.struck_by_id = now, actor.user_id
        line.struck_step, line.struck_reason = seen.step, why
    session.flush()
    if verdict is Verdict.APPROVE:
        _approve(session, application, case, actor, now)
    telling.decided(session, application, case, row, actor, now)
    return row


def _reason(verdict: Verdict, reason: str, items: Sequence[Given]) -> str:
    """A return's reasons stand at its items; together they are the reason the record shows."""
    if reason or verdict is not Verdict.RETURN:
        return reason
    return "; ".join(item.remark for item in items if item.verdict == "fail")


def _approve(session: Session, application: Application, case: ApprovalCase, actor: Actor, now: datetime) -> None:
    found = admission_of(session, actor, application, now)
    refuse_if_any(found.decision.refusals)
    if case.state == State.APPROVED:
        _store(session, application, found, actor, now)
        admit(session, application, found, actor, now)


def _store(session: Session, application: Application, found: Admission, actor: Actor, now: datetime) -> None:
    inputs = as_json(found.facts)
    decisions.store(session, KIND, (SUBJECT, application.id), found.decision, inputs, found.policy, actor, now)


def items_for(session: Session, case: ApprovalCase, step: str) -> tuple[Item, ...]:
    """What a step must give a verdict on in the present round; struck lines are left out."""
    return items_in(step, approvals.current_content(session, case), lines_with_names(session, case.subject_id))


def withdraw(session: Session, actor: Actor, application_id: int, now: datetime, *, reason: str) -> ApprovalCase:
    """The submitter takes the application back, to correct it."""
    application, case = keeping(session, actor, application_id)
    actor = for_manager(actor, application)
    step = case.step
    approvals.withdraw(session, case, actor, now, seen_version=case.version, reason=reason)
    telling.withdrawn(session, application, case, step, actor, now)
    return case


def takes_part(session: Session, actor: Actor, case: ApprovalCase) -> bool:
    """Whether the actor has a seat in the case, or holds the office it waits for."""
    facts = approvals.facts_of(session, case)
    return actor.person_id in (facts.seats or {}) or (
        approvals.capacity(actor, chain.ACCOUNT_OPENING, case, facts) is not None
    )


def ask(
    session: Session, actor: Actor, application_id: int, asked_id: int, question: str, kind: str, now: datetime
) -> AskedOpinion:
    """Ask a colleague's opinion (征询、加签) or copy one in; the chain does not move.

    Open to whoever has a seat in the case or could decide its waiting step. Raises `Invalid` for a colleague whose
    office sees no applications.
    """
    require(actor, "application.ask")
    application = get_visible(session, actor, application_id)
    case = case_of(session, application_id)
    if not takes_part(session, actor, case):
        raise Forbidden("application.ask")
    row = approvals.ask(session, case, asked_id, question, kind, actor, now, reading="application.read")
    telling.asked(session, application, row, actor, now)
    return row


def colleagues(session: Session, actor: Actor, now: datetime) -> list[tuple[int, str]]:
    """Whom one can ask, by name: whoever's office sees applications, oneself excepted."""
    query = approvals.askable("application.read", local_day(now)).where(User.person_id != actor.person_id)
    rows = session.execute(query.with_only_columns(User.id, User.name).order_by(User.name, User.id).limit(500))
    return [(row.id, row.name) for row in rows]


def bulk_approve(
    session: Session, actor: Actor, cases: Sequence[tuple[int, Seen]], now: datetime, *, reason: str = ""
) -> list[ApprovalDecision]:
    """Approve several applications at once, each by a verdict of its own; all or none.

    Only cases that wait for the actor and whose every check is green, today. Raises `Refused` naming each that is not.
    """
    require(actor, "application.decide")
    refusals = [
        refusal for application_id, seen in cases for refusal in _not_in_bulk(session, actor, application_id, seen, now)
    ]
    if len({application_id for application_id, _ in cases}) != len(cases):
        refusals.append(Refusal("CHEM-7.2", text("Each application once."), "applications"))
    refuse_if_any(refusals)
    return [
        decide(
            session,
            actor,
            application_id,
            seen,
            Verdict.APPROVE,
            now,
            reason=reason,
            items=[Given(item.key, "pass") for item in items_for(session, case_of(session, application_id), seen.step)],
        )
        for application_id, seen in cases
    ]


def _not_in_bulk(session: Session, actor: Actor, application_id: int, seen: Seen, now: datetime) -> list[Refusal]:
    field = f"applications.{application_id}"
    try:
        application = get_visible(session, actor, application_id)
    except NotFound:
        return [Refusal("access", text("There is nothing here."), field)]
    case = case_of(session, application_id)

    def refuse(clause: str, reason: Text) -> Refusal:
        return Refusal(clause, text("%(number)s: %(reason)s", number=application.number, reason=reason), field)

    found = [refuse(r.clause, r.reason) for r in approvals.why_not(session, case, actor)]
    if (case.version, case.step) != (seen.version, seen.step):
        found.append(refuse("conflict", text("The case has moved on.")))
    elif not found and not (case.all_green and admission_of(session, actor, application, now).is_all_green):
        found.append(refuse("CHEM-7.2", text("Not every check is green: look at it by itself.")))
    return found
