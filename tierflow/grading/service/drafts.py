"""Policy versions in the making (CHEM-18, CMTE-2.1): drafted by the sales department, tried on past months, handed in,
adopted from a day by the general manager; adopted ones stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.notices import notify
from tierflow.common.policies import PolicyVersion, catalogue, policy_on
from tierflow.common.users import holders
from tierflow.grading.models import BackTest, GradingRun
from tierflow.grading.rules.drafted import CLAUSE, POLICY, why_not_hand_in
from tierflow.kernel.approval import State, Verdict, digest
from tierflow.kernel.errors import Conflict, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.policy import Change, Policy, check, difference
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import Text, text

SUBJECT = "policy_version"
CASE = "policy_draft"  # its approval, by the version's number

approvals.register(POLICY)


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
    """Change a draft's values and source. Every value and all of them together are checked first.

    What was handed in comes back from the general manager by it; a save that changes nothing leaves it there.
    """
    require(actor, "draft.write")
    row = _draft(session, actor, version)
    values = _plain({**row.values, **command.get("values", {})})
    source = command.get("source") or row.source
    refuse_if_any(check(values, catalogue()))
    old = {key: row.values.get(key) for key in values if row.values.get(key) != values[key]}
    if old or source != row.source:
        _take_back(session, row, actor, now)
    row.values, row.source = values, source
    after = {key: row.values[key] for key in old}
    audit.record(session, actor, "policy.draft", SUBJECT, row.id, now, before=old, after=after)
    session.flush()
    return row


def _take_back(session: Session, row: PolicyVersion, actor: Actor, now: datetime) -> None:
    case = case_of(session, row)
    if case is None:
        return
    approvals.take_pen(session, case, actor)
    if case.state == State.IN_APPROVAL:
        approvals.withdraw(session, case, actor, now, seen_version=case.version, reason="")


def drop(session: Session, actor: Actor, version: int, now: datetime) -> PolicyVersion:
    """Give a draft up, handed in or not."""
    require(actor, "draft.write")
    row = _draft(session, actor, version)
    _move(session, row, "dropped")
    case = case_of(session, row)
    if case is not None:
        approvals.void(session, case, actor, now, reason="")
    audit.record(session, actor, "policy.drop", SUBJECT, row.id, now, after={"version": version})
    return row


def hand_in(session: Session, actor: Actor, version: int, now: datetime) -> PolicyVersion:
    """Send a draft to the general manager, as it stands. Raises `Refused` where it was not tried on past months."""
    require(actor, "draft.write")
    row = _draft(session, actor, version)
    today = local_day(now)
    found = [
        *check(row.values, catalogue()),
        *why_not_hand_in(
            changes=len(changes(session, row, today)),
            has_closed_months=_has_closed_months(session),
            is_tried=_is_tried(session, row),
        ),
    ]
    refuse_if_any(found)
    title = f"V{row.version} · {row.source}"
    case = case_of(session, row)
    if case is None:
        case = approvals.open_case(session, POLICY, (CASE, row.version), title, None, actor, now)
    approvals.submit(session, case, {"policy": _examined(row)}, actor, now, seen_version=case.version)
    ids = {user.id for user in holders(session, Role.GENERAL_MANAGER, today)} - {actor.user_id}
    message = text("%(title)s: a policy draft waits for your decision.", title=title)
    key = f"{CASE}/{row.version}/{case.round}"
    notify(session, ids, "policy_draft.waiting", message, (CASE, row.version), now, dedupe_key=key)
    return row


def _examined(row: PolicyVersion) -> dict[str, Any]:
    return {"version": row.version, "source": row.source, "values": row.values}


def _has_closed_months(session: Session) -> bool:
    closed = select(GradingRun.id).where(GradingRun.kind == "monthly", GradingRun.state == "confirmed")
    return session.scalar(closed.limit(1)) is not None


def _is_tried(session: Session, row: PolicyVersion) -> bool:
    """Whether a finished trial saw the values as they are now."""
    tried = select(BackTest.id).where(
        BackTest.policy_version_id == row.id, BackTest.state == "done", BackTest.values_hash == digest(row.values)
    )
    return session.scalar(tried.limit(1)) is not None


def case_of(session: Session, row: PolicyVersion) -> ApprovalCase | None:
    """Where its approval stands; None for what was never handed in."""
    query = select(ApprovalCase).where(ApprovalCase.subject_type == CASE, ApprovalCase.subject_id == row.version)
    return session.scalars(query).one_or_none()


def cases(session: Session) -> dict[int, ApprovalCase]:
    """The cases of all drafts ever handed in, by the version's number."""
    query = select(ApprovalCase).where(ApprovalCase.subject_type == CASE)
    return {case.subject_id: case for case in session.scalars(query)}


def adopt(session: Session, actor: Actor, version: int, command: Mapping[str, Any], now: datetime) -> PolicyVersion:
    """The general manager adopts what was handed in, until the committee votes (CMTE-2.1): in_force_from, remark.

    In force tomorrow at the earliest: no day is decided by two versions. Months whose last day lies before keep their
    version. `version` and `step` of the command say what the decider saw. Raises `Refused`, `Conflict`, `Forbidden`.
    """
    require(actor, "draft.adopt")
    row = _draft(session, actor, version)
    found = list(check(row.values, catalogue()))
    if command["in_force_from"] <= local_day(now):
        found.append(Refusal(CLAUSE, text("A policy comes into force tomorrow at the earliest."), "in_force_from"))
    refuse_if_any(found)
    case = _decide(session, actor, row, Verdict.APPROVE, command, now)
    if approvals.current_content(session, case)["policy"] != _examined(row):
        raise Conflict(Refusal("conflict", text("Somebody else was faster; look at the draft again.")))
    day = command["in_force_from"]
    _move(session, row, "adopted", in_force_from=day, adopted_by_id=actor.user_id, adopted_at=now)
    after = {"version": version, "in_force_from": str(day)}
    audit.record(session, actor, "policy.adopt", SUBJECT, row.id, now, after=after)
    words = text("%(title)s was adopted; in force from %(day)s.", title=case.title, day=day.isoformat())
    _tell_sender(session, case, words, actor, now)
    return row


def send_back(session: Session, actor: Actor, version: int, command: Mapping[str, Any], now: datetime) -> PolicyVersion:
    """The general manager sends a draft back for correction: remark."""
    require(actor, "draft.adopt")
    row = _draft(session, actor, version)
    case = _decide(session, actor, row, Verdict.RETURN, command, now)
    words = text("%(title)s came back: %(reason)s", title=case.title, reason=command["remark"])
    _tell_sender(session, case, words, actor, now)
    return row


def _decide(
    session: Session, actor: Actor, row: PolicyVersion, verdict: Verdict, command: Mapping[str, Any], now: datetime
) -> ApprovalCase:
    case = case_of(session, row)
    if case is None or case.state != State.IN_APPROVAL:
        raise Refused(Refusal(CLAUSE, text("The draft was not handed in, or was taken back.")))
    today = local_day(now)
    approvals.decide(
        session,
        case,
        Seen(command["version"], command["step"]),
        verdict,
        actor,
        now,
        on=today,
        policy_version=policy_on(session, today).version,
        reason=command.get("remark") or "",
    )
    return case


def _tell_sender(session: Session, case: ApprovalCase, words: Text, actor: Actor, now: datetime) -> None:
    key = f"{CASE}/{case.subject_id}/{case.round}/decided"
    ids = {case.submitter_id} - {actor.user_id}
    notify(session, ids, "policy_draft.decided", words, (CASE, case.subject_id), now, dedupe_key=key)


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
