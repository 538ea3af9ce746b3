"""Policy versions in the making: drafted, tried on past months, adopted from a day; adopted ones stay (CHEM-18)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.policies import PolicyVersion, catalogue, policy_on
from tierflow.kernel.errors import Conflict, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.policy import Change, Policy, check, difference
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

SUBJECT = "policy_version"
CLAUSE = "CMTE-2.1"


def listed(session: Session, actor: Actor) -> list[PolicyVersion]:
    """Every version and draft, newest first."""
    require(actor, "draft.read")
    return list(session.scalars(select(PolicyVersion).order_by(PolicyVersion.version.desc())))


def get(session: Session, actor: Actor, version: int) -> PolicyVersion:
    """One version or draft; else `NotFound`."""
    require(actor, "draft.read")
    row = session.scalars(select(PolicyVersion).where(PolicyVersion.version == version)).first()
    if row is None:
        raise NotFound
    return row


def as_draft(row: PolicyVersion, values: Mapping[str, Any] | None = None) -> Policy:
    """A draft as the rules read it; it has no day yet."""
    day = row.in_force_from or date.max
    return Policy(row.version, day, values if values is not None else row.values, row.drafter, row.source)


def changes(session: Session, row: PolicyVersion, today: date) -> tuple[Change, ...]:
    """What a draft changes of the policy in force today."""
    return difference(policy_on(session, today), as_draft(row))


def create(session: Session, actor: Actor, command: Mapping[str, Any], now: datetime) -> PolicyVersion:
    """Begin a draft from the policy in force: source (article), and the values that change. Raises `Refused`."""
    require(actor, "draft.write")
    base = policy_on(session, local_day(now))
    values = {**base.values, **command.get("values", {})}
    refuse_if_any(check(values, catalogue()))
    number = (session.scalar(select(func.max(PolicyVersion.version))) or 0) + 1
    row = PolicyVersion(version=number, state="draft", values=_plain(values), source=command["source"])
    row.drafter = actor.name
    session.add(row)
    session.flush()
    audit.record(session, actor, "policy.draft", SUBJECT, row.id, now, after={"version": number, "source": row.source})
    return row


def save(session: Session, actor: Actor, version: int, command: Mapping[str, Any], now: datetime) -> PolicyVersion:
    """Change a draft's values and source. Every value and all of them together are checked first."""
    require(actor, "draft.write")
    row = _draft(session, actor, version)
    values = {**row.values, **command.get("values", {})}
    refuse_if_any(check(values, catalogue()))
    old = {key: row.values.get(key) for key in values if row.values.get(key) != _plain(values)[key]}
    row.values, row.source = _plain(values), command.get("source") or row.source
    after = {key: row.values[key] for key in old}
    audit.record(session, actor, "policy.draft", SUBJECT, row.id, now, before=old, after=after)
    session.flush()
    return row


def drop(session: Session, actor: Actor, version: int, now: datetime) -> PolicyVersion:
    """Give a draft up."""
    require(actor, "draft.write")
    row = _draft(session, actor, version)
    _move(session, row, "dropped")
    audit.record(session, actor, "policy.drop", SUBJECT, row.id, now, after={"version": version})
    return row


def adopt(session: Session, actor: Actor, version: int, in_force_from: date, now: datetime) -> PolicyVersion:
    """Adopt a draft from a day on, tomorrow at the earliest: no day is decided by two versions (CMTE-2.1).

    By the general manager until the committee votes. Months whose last day lies before keep their version.
    """
    require(actor, "draft.adopt")
    row = _draft(session, actor, version)
    found = list(check(row.values, catalogue()))
    if in_force_from <= local_day(now):
        found.append(Refusal(CLAUSE, text("A policy comes into force tomorrow at the earliest."), "in_force_from"))
    refuse_if_any(found)
    _move(session, row, "adopted", in_force_from=in_force_from, adopted_by_id=actor.user_id, adopted_at=now)
    after = {"version": version, "in_force_from": str(in_force_from)}
    audit.record(session, actor, "policy.adopt", SUBJECT, row.id, now, after=after)
    return row


def _draft(session: Session, actor: Actor, version: int) -> PolicyVersion:
    row = get(session, actor, version)
    if row.state != "draft":
        raise Refused(Refusal("CHEM-18", text("Only a draft can be changed; begin a new one.")))
    return row


def _move(session: Session, row: PolicyVersion, to: str, **values: Any) -> None:
    moved = session.execute(
        update(PolicyVersion)
        .where(PolicyVersion.id == row.id, PolicyVersion.state == "draft")
        .values(state=to, **values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Refusal("conflict", text("Somebody else was faster; look at the draft again.")))
    session.refresh(row)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
