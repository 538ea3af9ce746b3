"""The money on an order: confirmed, refunded, carried over, settled, invoiced (CHEM-2, CHEM-5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, case, cast, func, select
from sqlalchemy.orm import Session

from tierflow.common import audit, particulars
from tierflow.common.customers import Customer, digits_key, name_key
from tierflow.common.notices import notify
from tierflow.kernel.errors import Invalid, Refusal, Refused, refuse_if_any
from tierflow.kernel.money import format_yuan
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.models import Invoice, LiftingOrder, Money, Settlement
from tierflow.lifting.rules import orders as rules
from tierflow.lifting.service import scope
from tierflow.lifting.service.scope import SUBJECT

PARTICULARS = (
    "name",
    "credit_code",
    "organisation_code",
    "invoice_address",
    "invoice_phone",
    "bank_name",
    "bank_account",
)


def receive(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """Finance confirms a receipt by hand. A payer other than the customer is flagged, not refused."""
    require(actor, "order.pay")
    order = scope.lock(session, actor, order_id)
    _check_day(command["value_on"], now, "value_on")
    book(session, actor, order, command, now)
    return order


def book(
    session: Session,
    actor: Actor,
    order: LiftingOrder,
    command: Mapping[str, Any],
    now: datetime,
    *,
    bank_line_id: int | None = None,
) -> Money:
    """Put a receipt on an order that is already held."""
    fen = command["fen"]
    refuse_if_any(rules.why_not_receive(scope.standing(order), fen))
    customer = session.get_one(Customer, order.customer_id)
    payer = {"payer_name": command.get("payer_name") or "", "payer_account": command.get("payer_account") or ""}
    order.received_fen += fen
    row = Money(
        order_id=order.id,
        kind="receipt",
        fen=fen,
        value_on=command["value_on"],
        **payer,
        is_other_payer=is_other(customer, payer["payer_name"], payer["payer_account"]),
        reference=command.get("reference") or "",
        note=command.get("note") or "",
        bank_line_id=bank_line_id,
        by_id=actor.user_id,
        recorded_at=now,
    )
    _moved(session, order, row)
    after = {"amount": format_yuan(fen), "payer": payer["payer_name"], "other_payer": row.is_other_payer}
    audit.record(session, actor, "order.receive", SUBJECT, order.id, now, after=after)
    message = text(
        "%(amount)s yuan are confirmed on order %(number)s of %(customer)s.",
        amount=format_yuan(fen),
        number=order.number,
        customer=customer.name,
    )
    key = f"order.receive.{row.id}"
    notify(session, [customer.account_manager_id], "order.receive", message, (SUBJECT, order.id), now, dedupe_key=key)
    return row


def is_other(customer: Customer, payer_name: str, payer_account: str) -> bool:
    """Whether somebody else than the customer paid: another account, or, where none is told, another name."""
    if payer_account:
        return digits_key(payer_account) != customer.account_key
    return bool(payer_name) and name_key(payer_name) != customer.name_key


def refund(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """Money back to the customer: never what pays for released goods."""
    require(actor, "order.pay")
    order = scope.lock(session, actor, order_id)
    _check_day(command["value_on"], now, "value_on")
    fen = command["fen"]
    refuse_if_any(rules.why_not_pay_out(scope.standing(order), fen))
    order.paid_out_fen += fen
    customer = session.get_one(Customer, order.customer_id)
    row = Money(
        order_id=order.id,
        kind="refund",
        fen=fen,
        value_on=command["value_on"],
        payer_name=customer.name,
        payer_account=customer.bank_account,
        is_other_payer=False,
        reference=command.get("reference") or "",
        note=command.get("note") or "",
        by_id=actor.user_id,
        recorded_at=now,
    )
    _moved(session, order, row)
    audit.record(session, actor, "order.refund", SUBJECT, order.id, now, after={"amount": format_yuan(fen)})
    return order


def carry(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """Free money goes on to another open order of the same customer, in one step."""
    require(actor, "order.pay")
    target_id = session.scalar(select(LiftingOrder.id).where(LiftingOrder.number == command["to_order"]))
    if target_id is None or target_id == order_id:
        raise Invalid({"to_order": [text("There is no such order.")]})
    # Always in one order, so that two of these never wait for each other.
    locked = {each: scope.lock(session, actor, each) for each in sorted((order_id, target_id))}
    order, target = locked[order_id], locked[target_id]
    if order.customer_id != target.customer_id:
        raise Refused(Refusal(rules.SETTLING, text("That is another customer's order."), "to_order"))
    fen, today = command["fen"], local_day(now)
    refuse_if_any(
        [*rules.why_not_pay_out(scope.standing(order), fen), *rules.why_not_receive(scope.standing(target), fen)]
    )
    order.paid_out_fen += fen
    target.received_fen += fen
    customer = session.get_one(Customer, order.customer_id)
    shared: dict[str, Any] = {
        "fen": fen,
        "value_on": today,
        "payer_name": customer.name,
        "payer_account": "",
        "is_other_payer": False,
        "note": "",
        "by_id": actor.user_id,
        "recorded_at": now,
    }
    out = Money(order_id=order.id, kind="carry_out", other_order_id=target.id, reference=target.number, **shared)
    into = Money(order_id=target.id, kind="carry_in", other_order_id=order.id, reference=order.number, **shared)
    _moved(session, order, out)
    _moved(session, target, into)
    for each, other in ((order, target), (target, order)):
        after = {"amount": format_yuan(fen), "other": other.number, "to": target.number}
        audit.record(session, actor, "order.carry", SUBJECT, each.id, now, after=after)
    return order


def settle(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """Lifted times price against what was received; the rest is owed to the customer (CHEM-5)."""
    require(actor, "order.settle")
    order = scope.lock(session, actor, order_id)
    refuse_if_any(rules.why_not_settle(scope.standing(order)))
    close_account(session, actor, order, command.get("note") or "", now)
    return order


def close_account(session: Session, actor: Actor, order: LiftingOrder, note: str, now: datetime) -> None:
    """Settle an order that is held and of which nothing is out."""
    order.settled_fen = rules.value_fen(order.lifted_grams, order.price_fen)
    order.closed_at = now
    scope.settle_state(session, order)
    session.add(
        Settlement(
            order_id=order.id,
            number=1,
            lifted_grams=order.lifted_grams,
            price_fen=order.price_fen,
            value_fen=order.settled_fen,
            money_fen=order.received_fen - order.paid_out_fen,
            note=note,
            by_id=actor.user_id,
            settled_at=now,
        )
    )
    session.flush()
    after = {
        "tonnes": format_tonnes(order.lifted_grams),
        "value": format_yuan(order.settled_fen),
        "balance": format_yuan(order.owes_fen),
    }
    audit.record(session, actor, "order.settle", SUBJECT, order.id, now, after=after)


def invoice(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """Record an invoice issued elsewhere, with the particulars in force on its day (CHEM-5). A red one is negative."""
    require(actor, "order.settle")
    order = scope.lock(session, actor, order_id)
    _check_day(command["invoiced_on"], now, "invoiced_on")
    if session.scalar(select(Invoice.id).where(Invoice.number == command["number"])) is not None:
        raise Invalid({"number": [text("An invoice of this number is on record.")]})
    total = select(cast(func.coalesce(func.sum(Invoice.fen), 0), BigInteger)).where(Invoice.order_id == order.id)
    refuse_if_any(rules.why_not_invoice(order.settled_fen, session.scalar(total) or 0, command["fen"]))
    customer = session.get_one(Customer, order.customer_id)
    session.add(
        Invoice(
            order_id=order.id,
            number=command["number"],
            invoiced_on=command["invoiced_on"],
            fen=command["fen"],
            particulars=particulars.in_force_on(session, customer, PARTICULARS, command["invoiced_on"]),
            by_id=actor.user_id,
            recorded_at=now,
        )
    )
    session.flush()
    after = {"number": command["number"], "amount": format_yuan(command["fen"])}
    audit.record(session, actor, "order.invoice", SUBJECT, order.id, now, after=after)
    return order


def _moved(session: Session, order: LiftingOrder, *rows: Money) -> None:
    """Write a movement down with what follows from it.

    The day the whole order was covered is what payment discipline looks at (CHEM-9.6); once it is closed, that day
    stays: what goes back then was owed.
    """
    session.add_all(rows)
    session.flush()
    standing = scope.standing(order)
    if not standing.is_closed:
        order.paid_on = None if standing.missing_fen else _covered_since(session, order.id, standing.owed_fen)
    scope.settle_state(session, order)


def _covered_since(session: Session, order_id: int, owed_fen: int) -> date | None:
    signed = case((Money.kind.in_(("receipt", "carry_in")), Money.fen), else_=-Money.fen)
    moved = session.execute(select(Money.value_on, signed).where(Money.order_id == order_id))
    return rules.covered_since(owed_fen, [(day, fen) for day, fen in moved])


def _check_day(day: date, now: datetime, field: str) -> None:
    if day > local_day(now):
        raise Invalid({field: [text("This day is still to come.")]})
    if day.year < 2000:
        raise Invalid({field: [text("This is too long ago.")]})
