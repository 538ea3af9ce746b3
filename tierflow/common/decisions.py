"""Decisions as recorded: the rule, its inputs, the policy version, and what came out; replayable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ForeignKey, Index, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.common.policies import policy_numbered
from tierflow.kernel.decisions import Decision
from tierflow.kernel.policy import Policy
from tierflow.kernel.roles import Actor


class DecisionRecord(Model):
    """One decision. `inputs` is all the rule saw; `policy_version` the numbers it used."""

    __tablename__ = append_only("decision")
    __table_args__ = (Index("ix_decision_subject", "subject_type", "subject_id", "id"),)

    id: Mapped[int] = pk()
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    outcome: Mapped[str]
    clauses: Mapped[list[Any]]
    indicators: Mapped[list[Any]]
    inputs: Mapped[dict[str, Any]]
    policy_version: Mapped[int]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    decided_at: Mapped[datetime]


Replay = Callable[[dict[str, Any], Policy], Decision]
REPLAYS: dict[str, Replay] = {}


def replayed_by(kind: str, replay: Replay) -> None:
    """Say how decisions of a kind are replayed from their stored inputs; domains call it in their service."""
    REPLAYS[kind] = replay


def store(
    session: Session,
    kind: str,
    subject: tuple[str, int],
    decision: Decision,
    inputs: dict[str, Any],
    policy: Policy,
    actor: Actor,
    now: datetime,
) -> None:
    """Keep a decision with all it takes to make it again. `inputs` must be JSON."""
    row = {
        "kind": kind,
        "subject_type": subject[0],
        "subject_id": subject[1],
        "outcome": decision.outcome,
        "clauses": list(decision.clauses),
        "indicators": [asdict(indicator) for indicator in decision.indicators],
        "inputs": inputs,
        "policy_version": policy.version,
        "user_id": actor.user_id or None,
        "decided_at": now,
    }
    session.execute(_KEEP, row)


_KEEP = insert(cast(Any, DecisionRecord.__table__))


def verify(session: Session, batch: int = 2000) -> Iterator[str]:
    """Make every stored decision again and yield those that come out differently."""
    policies: dict[int, Policy] = {}
    last = 0
    while True:
        rows = session.scalars(
            select(DecisionRecord).where(DecisionRecord.id > last).order_by(DecisionRecord.id).limit(batch)
        ).all()
        for row in rows:
            last = row.id
            replay = REPLAYS.get(row.kind)
            if replay is None:
                yield f"decision {row.id}: nobody can replay a {row.kind}"
                continue
            try:
                if row.policy_version not in policies:
                    policies[row.policy_version] = policy_numbered(session, row.policy_version)
                again = replay(row.inputs, policies[row.policy_version])
            except Exception as error:  # altered inputs break rules in any way they like
                yield f"decision {row.id} ({row.kind}): cannot be replayed: {type(error).__name__}: {error}"
                continue
            told = (row.outcome, row.clauses, row.indicators)
            if told != (again.outcome, list(again.clauses), [asdict(indicator) for indicator in again.indicators]):
                yield f"decision {row.id} ({row.kind}): stored {row.outcome}, replayed {again.outcome}"
        session.expunge_all()
        if len(rows) < batch:
            return
