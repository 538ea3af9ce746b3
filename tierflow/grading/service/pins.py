"""A level set by hand: one step from the computed one, with a reason and an end; the GM is the second person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.customers import Customer, get_visible, visible
from tierflow.common.policies import policy_on
from tierflow.common.standing import StandingRow, standing_on
from tierflow.common.users import User
from tierflow.grading.models import LevelPin
from tierflow.grading.rules.levels import Level, may_pin
from tierflow.grading.service import runs
from tierflow.kernel.errors import Conflict, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import add_months, local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

SUBJECT = "level_pin"


def ask(session: Session, actor: Actor, customer_id: int, command: Mapping[str, Any], now: datetime) -> LevelPin:
    """Ask for a level by hand: product_line_id, level, from_on, to_on, reason. Raises `Refused` with every reason."""
    require(actor, "grading.pin")
    get_visible(session, actor, customer_id)
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
    return pin


def decide(session: Session, actor: Actor, pin_id: int, command: Mapping[str, Any], now: datetime) -> LevelPin:
    """The general manager says yes (in force from its day, today at the earliest) or no: verdict, remark."""
    require(actor, "grading.decide")
    pin = get(session, actor, pin_id)
    asker = session.get_one(User, pin.asked_by_id)
    approves = command["verdict"] == "approve"
    from_on = max(pin.from_on, local_day(now))
    found = []
    if asker.person_id in {actor.person_id, *(one.person_id for one in actor.principals)}:
        found.append(Refusal("CHEM-9.5", text("Whoever asked for it does not decide it.")))
    if approves and from_on >= pin.to_on:
        found.append(Refusal("CHEM-9.5", text("Its end has passed."), "to_on"))
    if approves:
        stands = standing_on(session, [pin.customer_id], pin.product_line_id, local_day(now)).get(pin.customer_id)
        computed = Level(stands.computed if stands else pin.computed)
        found += may_pin(stands is None or stands.basis == "direct", computed, Level(pin.level))
    refuse_if_any(found)
    state = "approved" if approves else "rejected"
    moved = session.execute(
        update(LevelPin)
        .where(LevelPin.id == pin.id, LevelPin.state == "waiting")
        .values(state=state, decided_by_id=actor.user_id, decided_at=now, remark=command.get("remark") or "")
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Refusal("conflict", text("This was decided already.")))
    session.refresh(pin)
    if approves:
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
    audit.record(session, actor, "pin.approve" if approves else "pin.reject", SUBJECT, pin.id, now, reason=pin.remark)
    session.flush()
    return pin


def get(session: Session, actor: Actor, pin_id: int) -> LevelPin:
    """The pin, when the actor may see its customer; else `NotFound`."""
    query = select(LevelPin).join(Customer, Customer.id == LevelPin.customer_id)
    pin = session.scalars(query.where(LevelPin.id == pin_id, visible(actor))).first()
    if pin is None:
        raise NotFound
    return pin


def listed(actor: Actor, state: str | None = None) -> Select[Any]:
    """Pins of the customers one may see, to be paged by id."""
    require(actor, "grading.read")
    query: Select[Any] = select(LevelPin, Customer).join(Customer, Customer.id == LevelPin.customer_id)
    query = query.where(visible(actor))
    return query.where(LevelPin.state == state) if state else query
