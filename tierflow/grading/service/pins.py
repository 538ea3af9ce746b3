"""A level set by hand: one step from the computed one, with a reason and an end; the GM is the second person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.customers import Customer, get_visible, in_name_of, visible
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.standing import StandingRow, standing_on
from tierflow.common.users import holders
from tierflow.grading.models import LevelPin
from tierflow.grading.rules.levels import PIN, Level, may_pin
from tierflow.grading.service import runs
from tierflow.kernel.approval import State, Verdict
from tierflow.kernel.errors import Conflict, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import add_months, local_day
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import text

SUBJECT = "level_pin"

approvals.register(PIN)


def ask(session: Session, actor: Actor, customer_id: int, command: Mapping[str, Any], now: datetime) -> LevelPin:
    """Ask for a level by hand: product_line_id, level, from_on, to_on, reason. Raises `Refused` with every reason."""
    require(actor, "grading.pin")
    customer = get_visible(session, actor, customer_id)
    actor = in_name_of(actor, "grading.pin", customer)
    line = runs.scheme_line(session, command["product_line_id"])
    today = local_day(now)
    stands = standing_on(session, [customer_id], line.id, today).get(customer_id)
    if stands is None:
        raise Refused(Refusal("CHEM-9.1", text("The customer does not hold this product line."), "product_line_id"))
    longest = policy_on(session, today).integer("grading.pin_months")
    found = list(may_pin(stands.basis == "direct", Level(stands.computed), command["level"]))
    from_on = command.get("from_on") or today
    if from_on < today:
        found.append(Refusal("CHEM-9.5", text("The past is not rewritten: begin today or later."), "from_on"))
    if command["to_on"] <= from_on:
        found.append(Refusal("CHEM-9.5", text("The end must come after the beginning."), "to_on"))
    elif command["to_on"] > add_months(from_on, longest):
        words = text("A level set by hand lasts %(months)s months at most.", months=longest)
        found.append(Refusal("CHEM-9.5", words, "to_on"))
    refuse_if_any(found)
    pin = LevelPin(
        customer_id=customer_id,
        product_line_id=line.id,
        level=command["level"].value,
        computed=stands.computed,
        from_on=from_on,
        to_on=command["to_on"],
        reason=command["reason"],
        state="waiting",
        asked_by_id=actor.user_id,
        asked_at=now,
    )
    try:
        with session.begin_nested():
            session.add(pin)
            session.flush()
    except IntegrityError as error:
        raise Conflict(Refusal("conflict", text("A level by hand waits for the general manager already."))) from error
    after = {"level": pin.level, "from_on": str(from_on), "to_on": str(pin.to_on), "reason": pin.reason}
    audit.record(session, actor, "pin.ask", SUBJECT, pin.id, now, after=after)
    _hand_in(session, pin, customer, line.code, actor, now)
    return pin


def _hand_in(session: Session, pin: LevelPin, customer: Customer, line: str, actor: Actor, now: datetime) -> None:
    title = f"{customer.number} {customer.name}"
    case = approvals.open_case(session, PIN, (SUBJECT, pin.id), title, customer.region_id, actor, now)
    content = {
        "customer": customer.number,
        "name": customer.name,
        "line": line,
        "level": pin.level,
        "computed": pin.computed,
        "from": str(pin.from_on),
        "to": str(pin.to_on),
        "reason": pin.reason,
    }
    approvals.submit(session, case, {"pin": content}, actor, now, seen_version=case.version)
    ids = {user.id for user in holders(session, Role.GENERAL_MANAGER, local_day(now))} - {actor.user_id}
    message = text("%(title)s: a level by hand waits for your decision.", title=title)
    notify(session, ids, "level_pin.waiting", message, (SUBJECT, pin.id), now, dedupe_key=f"{SUBJECT}/{pin.id}")


def decide(session: Session, actor: Actor, pin_id: int, command: Mapping[str, Any], now: datetime) -> LevelPin:
    """The general manager says yes (in force from its day, today at the earliest) or no: verdict, remark.

    `version` and `step` say what the decider saw. Raises `Refused` with every reason, `Conflict`, `Forbidden`.
    """
    require(actor, "grading.decide")
    pin = get(session, actor, pin_id)
    case, today = case_of(session, pin.id), local_day(now)
    if case is None:  # decided before approvals of this kind had a case
        raise Conflict(Refusal("conflict", text("This was decided already.")))
    verdict, remark = Verdict(command["verdict"]), command.get("remark") or ""
    approvals.decide(
        session,
        case,
        Seen(command["version"], command["step"]),
        verdict,
        actor,
        now,
        on=today,
        policy_version=policy_on(session, today).version,
        reason=remark,
    )
    pin.decided_by_id, pin.decided_at, pin.remark = actor.user_id, now, remark
    if case.state == State.APPROVED:
        pin.state = "approved"
        _put_in_force(session, pin, actor, now)
    else:
        pin.state = "rejected"
    session.flush()
    _tell_asker(session, pin, case, actor, now)
    return pin


def _put_in_force(session: Session, pin: LevelPin, actor: Actor, now: datetime) -> None:
    from_on = max(pin.from_on, local_day(now))
    found = []
    if from_on >= pin.to_on:
        found.append(Refusal("CHEM-9.5", text("Its end has passed."), "to_on"))
    stands = standing_on(session, [pin.customer_id], pin.product_line_id, local_day(now)).get(pin.customer_id)
    computed = Level(stands.computed if stands else pin.computed)
    found += may_pin(stands is None or stands.basis == "direct", computed, Level(pin.level))
    refuse_if_any(found)
    session.add(
        StandingRow(
            customer_id=pin.customer_id,
            product_line_id=pin.product_line_id,
            level=pin.level,
            basis="pinned",
            from_on=from_on,
            to_on=pin.to_on,
            pin_id=pin.id,
            recorded_at=now,
        )
    )
    after = {"level": pin.level, "from_on": str(from_on), "to_on": str(pin.to_on)}
    audit.record(session, actor, "pin.approve", SUBJECT, pin.id, now, after=after, reason=pin.remark)


def _tell_asker(session: Session, pin: LevelPin, case: ApprovalCase, actor: Actor, now: datetime) -> None:
    if pin.state == "approved":
        message = text("%(title)s: the level by hand was approved.", title=case.title)
    else:
        message = text("%(title)s: the level by hand was rejected: %(reason)s", title=case.title, reason=pin.remark)
    ids, subject = {case.submitter_id} - {actor.user_id}, (SUBJECT, pin.id)
    notify(session, ids, f"level_pin.{pin.state}", message, subject, now, dedupe_key=f"{SUBJECT}/{pin.id}/decided")


def case_of(session: Session, pin_id: int) -> ApprovalCase | None:
    """Where its approval stands; None for what was decided before approvals of this kind had a case."""
    query = select(ApprovalCase).where(ApprovalCase.subject_type == SUBJECT, ApprovalCase.subject_id == pin_id)
    return session.scalars(query).one_or_none()


def get(session: Session, actor: Actor, pin_id: int) -> LevelPin:
    """The pin, when the actor may see its customer; else `NotFound`."""
    query = select(LevelPin).join(Customer, Customer.id == LevelPin.customer_id)
    pin = session.scalars(query.where(LevelPin.id == pin_id, visible(actor))).first()
    if pin is None:
        raise NotFound
    return pin


def listed(actor: Actor, state: str | None = None) -> Any:
    """Pins of the customers one may see, each with its customer and its case, to be paged by id."""
    require(actor, "grading.read")
    query: Any = select(LevelPin, Customer, ApprovalCase).join(Customer, Customer.id == LevelPin.customer_id)
    mine = (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == LevelPin.id)
    query = query.outerjoin(ApprovalCase, mine)
    query = query.where(visible(actor))
    return query.where(LevelPin.state == state) if state else query
