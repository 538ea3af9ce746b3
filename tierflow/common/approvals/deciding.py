"""A verdict: whose turn it is, and the conditional UPDATE with the decision's row behind it (CHEM-7.2).

What lies before the decider is read once, and is safe to rely on: whoever moves the case meanwhile raises its version,
and the UPDATE asks for the version that was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.approvals.moves import move, take_seat
from tierflow.common.approvals.reading import CHAINS, capacity, current_content, facts_of, moved_on
from tierflow.common.approvals.tables import ApprovalCase, ApprovalDecision
from tierflow.common.users import acting
from tierflow.kernel import approval
from tierflow.kernel.approval import Chain, Verdict
from tierflow.kernel.errors import Forbidden, refuse_if_any
from tierflow.kernel.roles import Actor, Principal


@dataclass(frozen=True)
class Seen:
    """The state of the case on the page the decider looked at."""

    version: int
    step: str


@dataclass(frozen=True)
class Turn:
    """Somebody whose turn it is, with what they decide on. `decider`: as their roles are in this transaction."""

    case: ApprovalCase
    chain: Chain
    facts: approval.Case
    content: Mapping[str, Any]
    decider: Actor
    principal: Principal | None


def take_turn(
    session: Session, case: ApprovalCase, seen: Seen, actor: Actor, on: date, content: Mapping[str, Any] | None = None
) -> Turn:
    """Find that the actor can decide the waiting step now. `content`: what was handed in, when it was read already.

    The actor's roles are read again in this transaction: one revoked a moment ago does not decide.
    Raises `Forbidden`, `Refused` (four eyes, state), `Conflict` (the case has moved on).
    """
    chain = CHAINS[case.chain]
    decider = acting(session, actor.user_id, on)
    if decider is None:
        raise Forbidden("decide")
    if case.version != seen.version or case.step != seen.step:
        raise moved_on(case)
    facts = facts_of(session, case)
    found = capacity(decider, chain, case, facts)
    if found is None:
        raise Forbidden("decide")
    principal, against = found
    refuse_if_any(against)
    return Turn(case, chain, facts, current_content(session, case) if content is None else content, decider, principal)


def give(
    session: Session,
    turn: Turn,
    verdict: Verdict,
    actor: Actor,
    now: datetime,
    *,
    policy_version: int,
    reason: str = "",
    items: Sequence[Mapping[str, object]] = (),
    details: Mapping[str, object] | None = None,
    due_by: datetime | None = None,
) -> ApprovalDecision:
    """Give the waiting step's verdict. Raises `Conflict` when a rival was faster."""
    case, facts, decider, principal = turn.case, turn.facts, turn.decider, turn.principal
    step = facts.step or ""
    expected_hash, hashes = approval.hashes_of(turn.chain, turn.content)
    to = approval.decide(turn.chain, facts, verdict, hashes)
    move(session, case, turn.chain, to, now, case.version, expected_hash=expected_hash, due_by=due_by)
    take_seat(session, case.id, decider.person_id, step)
    if principal is not None:
        take_seat(session, case.id, principal.person_id, step)
    on_behalf_of_id = principal.user_id if principal else None
    values = {
        "case_id": case.id,
        "round": facts.round,
        "step": step,
        "verdict": verdict.value,
        "reason": reason,
        "items": list(items),
        "details": dict(details or {}),
        "content_hash": hashes[step],
        "moved_to": to.state.value,
        "next_step": to.step,
        "user_id": decider.user_id,
        "person_id": decider.person_id,
        "on_behalf_of_id": on_behalf_of_id,
        "policy_version": policy_version,
        "decided_at": now,
    }
    # As it was written; the session need not watch over a row that never changes.
    row = ApprovalDecision(id=session.execute(_WRITE, values).scalar_one(), **values)
    audit.record(
        session,
        actor,
        f"decide.{verdict.value}",
        case.subject_type,
        case.subject_id,
        now,
        after={"round": facts.round, "step": step, "moved_to": to.state.value, "next_step": to.step},
        reason=reason,
        on_behalf_of_id=on_behalf_of_id,
    )
    return row


_DECISIONS: Any = ApprovalDecision.__table__
_WRITE = insert(_DECISIONS).returning(_DECISIONS.c.id)


def decide(
    session: Session,
    case: ApprovalCase,
    seen: Seen,
    verdict: Verdict,
    actor: Actor,
    now: datetime,
    *,
    on: date,
    policy_version: int,
    reason: str = "",
    due_by: datetime | None = None,
) -> ApprovalDecision:
    """Give the waiting step's verdict, where nothing else is to be asked of whoever may: `take_turn` and `give`."""
    turn = take_turn(session, case, seen, actor, on)
    return give(session, turn, verdict, actor, now, policy_version=policy_version, reason=reason, due_by=due_by)
