"""Bank statements: taken in once, each receipt matched to orders by finance (CHEM-2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.customers import Customer, digits_key, name_key
from tierflow.common.imports import reading
from tierflow.common.uploads import clean_name
from tierflow.kernel.errors import Invalid, NotFound, Refusal, Refused
from tierflow.kernel.money import format_yuan
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, text
from tierflow.lifting.models import BankLine, BankStatement, LiftingOrder
from tierflow.lifting.rules import statements
from tierflow.lifting.rules.matching import OpenOrder, Proposal, Receipt, numbers_in, propose
from tierflow.lifting.rules.orders import State
from tierflow.lifting.service import money, scope

SUBJECT = "bank_statement"
MOST_LINES = 20_000
MOST_FAULTS = 20
OPEN = (State.PLACED.value, State.PAID.value, State.RELEASED.value, State.LIFTED.value)


@dataclass(frozen=True)
class Line:
    """A receipt with what it seems to be for."""

    line: BankLine
    proposal: Proposal | None
    order: LiftingOrder | None
    customer: Customer | None


def take_in(session: Session, actor: Actor, name: str, content: bytes, now: datetime) -> BankStatement:
    """Keep the receipts of a statement that are not known yet; the same file changes nothing.

    Raises `Invalid` with every row that is not understood: all or nothing.
    """
    require(actor, "bank.write")
    sha256 = hashlib.sha256(content).hexdigest()
    known = session.scalar(select(BankStatement).where(BankStatement.sha256 == sha256))
    if known is not None:
        return known
    entries = _read(content, local_day(now))
    keys = [entry.line_key for entry in entries]
    there: set[str] = set()
    for start in range(0, len(keys), 500):
        there |= set(session.scalars(select(BankLine.line_key).where(BankLine.line_key.in_(keys[start : start + 500]))))
    fresh = [entry for entry in entries if entry.line_key not in there]
    statement = BankStatement(
        sha256=sha256,
        name=clean_name(name, reading.kind_of(content)),
        new_lines=len(fresh),
        known_lines=len(entries) - len(fresh),
        by_id=actor.user_id,
        imported_at=now,
    )
    session.add(statement)
    session.flush()
    if fresh:
        session.execute(
            insert(BankLine),
            [
                {
                    "statement_id": statement.id,
                    "line_key": entry.line_key,
                    "booked_on": entry.booked_on,
                    "payer_name": entry.payer_name,
                    "payer_account": entry.payer_account,
                    "account_key": digits_key(entry.payer_account),
                    "fen": entry.fen,
                    "memo": entry.memo,
                    "matched_fen": 0,
                }
                for entry in fresh
            ],
        )
    after = {"file": statement.name, "new": statement.new_lines, "known": statement.known_lines}
    audit.record(session, actor, "bank.import", SUBJECT, statement.id, now, after=after)
    return statement


def _read(content: bytes, today: Any) -> list[statements.Entry]:
    kind = reading.kind_of(content)
    rows: list[Any] = []
    with reading.opened(content, kind) as table:
        columns = statements.columns_of(table.heads)
        if missing := [part for part in statements.NEEDED if part not in columns]:
            words = {
                "day": text("the day"),
                "amount": text("the amount received"),
                "payer": text("the payer's name"),
            }
            raise Invalid(
                {"file": [text("No column of this file holds %(part)s.", part=words[part]) for part in missing]}
            )
        for batch in table.rows():
            rows += batch
            if len(rows) > MOST_LINES:
                raise Invalid({"file": [text("At most %(most)s rows at once.", most=MOST_LINES)]})
    entries, wrong = statements.read(rows, columns)
    wrong += [(e.row, text("This day is still to come.")) for e in entries if e.booked_on > today]
    if wrong:
        found: list[Text] = [text("Row %(row)s: %(reason)s", row=row, reason=why) for row, why in wrong[:MOST_FAULTS]]
        raise Invalid({"file": found})
    if not entries:
        raise Invalid({"file": [text("This statement holds no receipt.")]})
    return entries


def statements_query() -> Select[BankStatement]:
    """The statements taken in, to be paged by id."""
    return select(BankStatement)


def lines(actor: Actor, state: str) -> Select[BankLine]:
    """Receipts: waiting, matched or put aside; to be paged by id."""
    require(actor, "bank.read")
    query = select(BankLine)
    if state == "waiting":
        return query.where(BankLine.matched_fen < BankLine.fen, BankLine.put_aside_at.is_(None))
    if state == "aside":
        return query.where(BankLine.put_aside_at.is_not(None))
    return query.where(BankLine.matched_fen == BankLine.fen)


def proposals(session: Session, rows: Sequence[BankLine]) -> list[Line]:
    """Each receipt with the order it seems to be for. Two queries, however many."""
    accounts = {row.account_key for row in rows if row.account_key}
    names = {name_key(row.payer_name) for row in rows if row.payer_name}
    numbers = {number for row in rows for number in numbers_in(row.memo)}
    amounts = {row.fen - row.matched_fen for row in rows}
    money_there = LiftingOrder.received_fen - LiftingOrder.paid_out_fen
    # Grams times price over 1,000,000, rounded up: what `cost_fen` says, for the database.
    missing = (LiftingOrder.quantity_grams * LiftingOrder.price_fen + 999_999) // 1_000_000 - money_there
    found = session.execute(
        select(LiftingOrder, Customer)
        .join(Customer, Customer.id == LiftingOrder.customer_id)
        .where(
            LiftingOrder.state.in_(OPEN),
            Customer.account_key.in_(accounts)
            | Customer.name_key.in_(names)
            | LiftingOrder.number.in_(numbers)
            | missing.in_(amounts),
        )
        .order_by(LiftingOrder.id)
        .limit(5000)
    ).all()
    by_id = {order.id: (order, customer) for order, customer in found}
    waiting = [
        OpenOrder(order.id, order.number, customer.account_key, customer.name_key, scope.standing(order).missing_fen)
        for order, customer in found
        if scope.standing(order).missing_fen
    ]
    lines_ = []
    for row in rows:
        receipt = Receipt(row.account_key, name_key(row.payer_name), row.fen - row.matched_fen, row.memo)
        proposal = propose(receipt, waiting)
        order, customer = by_id[proposal.order_id] if proposal is not None else (None, None)
        lines_.append(Line(row, proposal, order, customer))
    return lines_


def _lock(session: Session, line_id: int) -> BankLine:
    query = select(BankLine).where(BankLine.id == line_id).with_for_update()
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def match(session: Session, actor: Actor, line_id: int, command: Mapping[str, Any], now: datetime) -> BankLine:
    """Finance confirms: this receipt, or a part of it, pays this order. The rest waits for another order."""
    require(actor, "bank.write")
    order_id = session.scalar(select(LiftingOrder.id).where(LiftingOrder.number == command["order"]))
    if order_id is None:
        raise Invalid({"order": [text("There is no such order.")]})
    order = scope.lock(session, actor, order_id)
    line = _lock(session, line_id)
    left = line.fen - line.matched_fen
    found = []
    if line.put_aside_at is not None:
        found.append(Refusal("CHEM-2", text("This receipt was put aside.")))
    if command["fen"] > left:
        reason = text("Only %(left)s yuan of this receipt are left.", left=format_yuan(left))
        found.append(Refusal("CHEM-2", reason, "amount"))
    if found:
        raise Refused(found)
    line.matched_fen += command["fen"]
    payer = {"payer_name": line.payer_name, "payer_account": line.payer_account}
    given = {"fen": command["fen"], "value_on": line.booked_on, **payer, "reference": line.memo[:80]}
    money.book(session, actor, order, given, now, bank_line_id=line.id)
    after = {"order": order.number, "amount": format_yuan(command["fen"])}
    audit.record(session, actor, "bank.match", "bank_line", line.id, now, after=after)
    return line


def put_aside(session: Session, actor: Actor, line_id: int, command: Mapping[str, Any], now: datetime) -> BankLine:
    """A receipt that pays no order (interest, somebody's mistake): out of the way, with the reason."""
    require(actor, "bank.write")
    line = _lock(session, line_id)
    if line.put_aside_at is not None or line.matched_fen == line.fen:
        raise Refused(Refusal("house", text("This receipt does not wait any more.")))
    line.put_aside_at, line.put_aside_by_id, line.put_aside_reason = now, actor.user_id, command["reason"]
    session.flush()
    audit.record(session, actor, "bank.put_aside", "bank_line", line.id, now, reason=command["reason"])
    return line
