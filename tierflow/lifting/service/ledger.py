"""The offtake ledger line by line, and taking one line of the ERP back (CHEM-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import audit, lookup, offtake
from tierflow.common.customers import Customer, visible
from tierflow.common.notices import notify
from tierflow.common.offtake import Offtake
from tierflow.common.reference import Product
from tierflow.kernel.errors import Conflict, NotFound, Refusal, refuse_if_any
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.rules.ledger import why_not_reverse
from tierflow.lifting.service.offtake_rows import SOURCE

SUBJECT = "offtake"


@dataclass(frozen=True)
class Line:
    """A line of the ledger. `left_grams`: what reversals have left of it; of a reversal itself, nothing."""

    row: Offtake
    customer: Customer
    product: Product
    left_grams: int

    @property
    def may_be_reversed(self) -> bool:
        """Whether it came from the ERP and something of it still counts."""
        return not why_not_reverse(self.row.source == SOURCE, self.row.reverses_id is not None, self.left_grams)


def listed(actor: Actor, wanted: Mapping[str, Any]) -> Any:
    """Lines of the customers one may see, narrowed; to be paged by `Offtake.id`."""
    require(actor, "offtake.read")
    query: Any = (
        select(Offtake, Customer, Product)
        .join(Customer, Customer.id == Offtake.customer_id)
        .join(Product, Product.id == Offtake.product_id)
        .where(visible(actor))
    )
    if wanted.get("month"):
        query = query.where(Offtake.month == wanted["month"].start)
    if wanted.get("source"):
        query = query.where(Offtake.source == wanted["source"])
    if wanted.get("customer_id"):
        query = query.where(Offtake.customer_id == wanted["customer_id"])
    if wanted.get("number"):
        query = query.where(Offtake.external_number == wanted["number"])
    if wanted.get("q"):
        found: Any = lookup.matching("customer", wanted["q"])
        query = query.where(Offtake.customer_id.in_(found))
    return query


def lines(session: Session, rows: Sequence[Any]) -> list[Line]:
    """The rows of `listed`, each with what is left of it. One query."""
    taken = select(Offtake.reverses_id, cast(func.sum(Offtake.grams), BigInteger)).group_by(Offtake.reverses_id)
    off = dict(session.execute(taken.where(Offtake.reverses_id.in_([row[0].id for row in rows]))).all())
    return [
        Line(row[0], row[1], row[2], 0 if row[0].reverses_id else row[0].grams + int(off.get(row[0].id, 0)))
        for row in rows
    ]


def get(session: Session, actor: Actor, line_id: int) -> Line:
    """One line; `NotFound` when it is not there or its customer not to be seen."""
    row = session.execute(listed(actor, {}).where(Offtake.id == line_id)).first()
    if row is None:
        raise NotFound
    return lines(session, [row])[0]


def reverse(session: Session, actor: Actor, line_id: int, command: Mapping[str, Any], now: datetime) -> Line:
    """Take back what is left of one line of the ERP, with a reason, in the line's own month (CHEM-2).

    A closed month shows it as an adjusting run. Raises `NotFound`, `Refused`, `Conflict` when somebody was faster.
    """
    require(actor, "offtake.reverse")
    line = get(session, actor, line_id)
    row = line.row
    refuse_if_any(why_not_reverse(row.source == SOURCE, row.reverses_id is not None, line.left_grams))
    try:
        with session.begin_nested():
            # Numbered as the revert of an import numbers it: of two at once the database refuses one.
            reversal = offtake.reverse(session, row.id, line.left_grams, f"{row.external_number}/R{row.id}", now)
    except IntegrityError as error:
        words = text("Somebody else has just taken this line back.")
        raise Conflict(Refusal("conflict", words)) from error
    after = {
        "number": row.external_number,
        "lifted_on": row.lifted_on.isoformat(),
        "tonnes": format_tonnes(line.left_grams),
        "reversal": reversal,
    }
    audit.record(session, actor, "offtake.reverse", SUBJECT, row.id, now, after=after, reason=command["reason"])
    message = text(
        "%(tonnes)s t of %(customer)s, %(number)s of %(day)s, were taken off the ledger: %(reason)s",
        tonnes=format_tonnes(line.left_grams),
        customer=line.customer.name,
        number=row.external_number,
        day=row.lifted_on.isoformat(),
        reason=command["reason"],
    )
    told, key = [line.customer.account_manager_id], f"offtake.reverse.{row.id}"
    notify(session, told, "offtake.reverse", message, ("customer", line.customer.id), now, dedupe_key=key)
    return get(session, actor, line_id)
