"""The chain: hand in, decide, take back, ask a colleague, approve what is all green (CHEM-7.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tierflow.common import approvals, customers, decisions
from tierflow.common.approvals import ApprovalCase, ApprovalDecision, ApprovalRound, AskedOpinion, Seen, Turn
from tierflow.common.policies import policy_on
from tierflow.common.reference import Region
from tierflow.common.users import User
from tierflow.kernel.approval import State, Verdict
from tierflow.kernel.errors import Forbidden, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import Application
from tierflow.onboarding.rules import chain
from tierflow.onboarding.rules.admission import LineFact, as_json, is_over_quota
from tierflow.onboarding.rules.chain import Given, Item
from tierflow.onboarding.service import supplementing, telling
from tierflow.onboarding.service.access import SUBJECT, case_of, editing, for_manager, get_visible, keeping
from tierflow.onboarding.service.admitting import KIND, Admission, admission_of, lines_asked
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
    taken = _take(session, actor, application_id, seen, now)
    return _carry_out(session, actor, taken, verdict, now, reason=reason, items=items, struck=dict(struck or {}))


@dataclass(frozen=True)
class _Taken:
    """An application before somebody whose turn it is, read once for the verdict and all that follows from it."""

    application: Application
    region: Region | None  # held, so that the admission finds it by its id
    turn: Turn
    lines: tuple[LineFact, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """What a verdict must be given on; struck lines are left out."""
        content = self.turn.content
        kept = {str(line.product_line_id): line.name for line in self.lines if not line.is_struck}
        asked = {line_id: row for line_id, row in content["lines"].items() if line_id in kept}
        names = {int(line_id): name for line_id, name in kept.items()}
        return chain.items_of(self.turn.facts.step or "", {**content, "lines": asked}, names)


def _take(session: Session, actor: Actor, application_id: int, seen: Seen, now: datetime) -> _Taken:
    """Raises `NotFound`, and whatever keeps the actor from deciding now."""
    return _take_up(session, actor, _file_of(session, actor, application_id), seen, now)


def _file_of(session: Session, actor: Actor, application_id: int) -> Any:
    require(actor, "application.decide")
    require(actor, "application.read")
    found = session.execute(_FILE, {"application_id": application_id}).one_or_none()
    if found is None:
        raise NotFound
    if not customers.sees(actor, found.Application.region_id, found.Application.account_manager_id):
        get_visible(session, actor, application_id)  # who was asked about it sees it too
    return found


def _take_up(session: Session, actor: Actor, found: Any, seen: Seen, now: datetime) -> _Taken:
    on = local_day(now)
    turn = approvals.take_turn(session, found.ApprovalCase, seen, actor, on, found.content)
    return _Taken(found.Application, found.Region, turn, lines_asked(session, found.Application.id, on))


# The application with its region, its case and what was handed in last; written once.
_FILE = (
    select(Application, ApprovalCase, ApprovalRound.content, Region)
    .outerjoin(Region, Region.id == Application.region_id)
    .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == Application.id))
    .outerjoin(ApprovalRound, (ApprovalRound.case_id == ApprovalCase.id) & (ApprovalRound.round == ApprovalCase.round))
    .where(Application.id == bindparam("application_id"))
)


def _carry_out(
    session: Session,
    actor: Actor,
    taken: _Taken,
    verdict: Verdict,
    now: datetime,
    *,
    reason: str,
    items: Sequence[Given],
    struck: Mapping[int, str],
) -> ApprovalDecision:
    application, case, step = taken.application, taken.turn.case, taken.turn.facts.step or ""
    gone = {line.product_line_id: line.is_struck for line in taken.lines}
    refuse_if_any(
        [
            *chain.verdict_refusals(taken.items, verdict, reason, items, struck),
            *chain.strike_refusals(step, gone, struck),
        ]
    )
    row = approvals.give(
        session,
        taken.turn,
        verdict,
        actor,
        now,
        policy_version=policy_on(session, local_day(now)).version,
        reason=_reason(verdict, reason, items),
        items=[dict(vars(item)) for item in items],
        details={"struck": {str(line_id): why for line_id, why in struck.items()}} if struck else {},
    )
    lines = _strike(session, application, taken.lines, struck, step, actor, now)
    if verdict is Verdict.APPROVE:
        _approve(session, application, case, lines, actor, now)
    telling.decided(session, application, case, row, actor, now)
    return row


def _strike(
    session: Session,
    application: Application,
    lines: tuple[LineFact, ...],
    struck: Mapping[int, str],
    step: str,
    actor: Actor,
    now: datetime,
) -> tuple[LineFact, ...]:
    """Strike lines with reasons; the lines as they are then."""
    if not struck:
        return lines
    for line in lines_of(session, application.id):
        if line.product_line_id in struck:
            line.struck_at, line.struck_by_id = now, actor.user_id
            line.struck_step, line.struck_reason = step, struck[line.product_line_id]
    session.flush()
    return lines_asked(session, application.id, local_day(now))


def _reason(verdict: Verdict, reason: str, items: Sequence[Given]) -> str:
    """A return's reasons stand at its items; together they are the reason the record shows."""
    if reason or verdict is not Verdict.RETURN:
        return reason
    return "; ".join(item.remark for item in items if item.verdict == "fail")


def _approve(
    session: Session,
    application: Application,
    case: ApprovalCase,
    lines: Sequence[LineFact],
    actor: Actor,
    now: datetime,
) -> None:
    found = admission_of(session, actor, application, now, lines)
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
    taken: list[_Taken] = []
    refusals: list[Refusal] = []
    for application_id, seen in cases:
        found = _in_bulk(session, actor, application_id, seen, now)
        if isinstance(found, _Taken):
            taken.append(found)
        else:
            refusals += found
    if len({application_id for application_id, _ in cases}) != len(cases):
        refusals.append(Refusal("CHEM-7.2", text("Each application once."), "applications"))
    refuse_if_any(refusals)
    return [_approve_in_bulk(session, actor, one, reason, now) for one in taken]


def _in_bulk(session: Session, actor: Actor, application_id: int, seen: Seen, now: datetime) -> _Taken | list[Refusal]:
    """The application taken up to be approved with others, or why it cannot be."""
    field = f"applications.{application_id}"
    try:
        found = _file_of(session, actor, application_id)
    except NotFound:
        return [Refusal("access", text("There is nothing here."), field)]

    def refuse(clause: str, reason: Text) -> Refusal:
        number = found.Application.number
        return Refusal(clause, text("%(number)s: %(reason)s", number=number, reason=reason), field)

    try:
        taken = _take_up(session, actor, found, seen, now)
    except Forbidden:
        return [refuse("access", text("This step belongs to another office."))]
    except Refused as refused:
        return [refuse(one.clause, one.reason) for one in refused.refusals]
    admission = admission_of(session, actor, taken.application, now, taken.lines)
    if not (taken.turn.case.all_green and admission.is_all_green):
        return [refuse("CHEM-7.2", text("Not every check is green: look at it by itself."))]
    return taken


def _approve_in_bulk(session: Session, actor: Actor, taken: _Taken, reason: str, now: datetime) -> ApprovalDecision:
    # Those approved just before may have taken dealers' places.
    taken = replace(taken, lines=lines_asked(session, taken.application.id, local_day(now)))
    items = [Given(item.key, "pass") for item in taken.items]
    return _carry_out(session, actor, taken, Verdict.APPROVE, now, reason=reason, items=items, struck={})
