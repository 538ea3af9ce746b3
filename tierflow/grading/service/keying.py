"""Indicators of a month keyed in or pasted: plan and cooperation, until allocation writes them (CHEM-9.6).

Evenness and payment discipline are worked out of the ledger and the orders; by hand they are told only where neither
knows anything, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tierflow.common import audit, suspension
from tierflow.common.customers import Customer, CustomerLine, visible
from tierflow.common.db import in_force, is_sqlite
from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import OfftakeMonth
from tierflow.common.standing import level_column
from tierflow.grading.rules.levels import Level
from tierflow.grading.service import derived, runs
from tierflow.grading.service.facts import INDICATOR_COLUMNS
from tierflow.kernel.errors import Invalid, Refusal, Refused
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, mark, text

SUBJECT = "month_facts"

# What is worked out, and why it is not keyed in where it can be.
WORKED_OUT = {
    "evenness": mark("%(number)s: the ledger tells the evenness of this month."),
    "payment_discipline": mark("%(number)s: the orders tell the payment discipline of this month."),
}


def key(session: Session, actor: Actor, command: Mapping[str, Any], now: datetime) -> int:
    """Set indicators of customers for a month: product_line_id, month, reason, rows of {number, and what is known}.

    All or nothing; a value left out stays as it was. What a closed month's decisions saw they keep: a change there is a
    late fact. A customer at auction has no plan (CHEM-9.1), and no new one is taken while business with a customer
    stands still (CHEM-15, CHEM-17). Raises `Invalid` by row, `Refused`. Returns how many it
    touched.
    """
    require(actor, "grading.key")
    line = runs.scheme_line(session, command["product_line_id"])
    month: Month = command["month"]
    if month.start > local_day(now):
        raise Refused(Refusal("CHEM-9.6", text("%(month)s has not begun.", month=str(month)), "month"))
    rows = command["rows"]
    reason = command.get("reason") or ""
    ids = _known(session, actor, line.id, month, rows, local_day(now))
    _refuse_known_better(session, line.id, month, rows, ids, reason)
    table: Any = MonthFacts.__table__
    make = insert_sqlite if is_sqlite(session) else insert_postgres
    for row in rows:
        given = {name: row[name] for name in INDICATOR_COLUMNS if row.get(name) is not None}
        by_hand = reason if given.keys() & set(WORKED_OUT) else ""
        given |= {"reason": by_hand} if by_hand else {}
        place = {"product_line_id": line.id, "month": month.start, "customer_id": ids[row["number"]]}
        statement = make(table).values(**place, **given, updated_at=now)
        session.execute(statement.on_conflict_do_update(index_elements=list(place), set_={**given, "updated_at": now}))
        after = {"month": str(month), **given}
        place_of = ids[row["number"]]
        audit.record(session, actor, "month_facts.key", SUBJECT, place_of, now, after=after, reason=by_hand)
    return len(rows)


def _refuse_known_better(
    session: Session, line_id: int, month: Month, rows: Sequence[Mapping[str, Any]], ids: Mapping[str, int], reason: str
) -> None:
    """A value by hand has a reason, and never stands in the way of what the ledger or the orders tell."""
    told = {name: [row for row in rows if row.get(name) is not None] for name in WORKED_OUT}
    wanted = {ids[row["number"]] for each in told.values() for row in each}
    if not wanted:
        return
    errors: dict[str, Any] = {}
    if not reason:
        errors["reason"] = [text("Evenness and payment discipline by hand: say why.")]
    span = derived.span(session, line_id, [month])
    found = derived.inputs(session, span, wanted)
    wrong: dict[int, dict[str, list[Text]]] = {}
    for at, row in enumerate(rows):
        for name, words in WORKED_OUT.items():
            if row.get(name) is not None and getattr(found[ids[row["number"]]], name) is not None:
                wrong.setdefault(at, {})[name] = [Text(words, {"number": row["number"]})]
    if wrong:
        errors["rows"] = wrong
    if errors:
        raise Invalid(errors)


def _known(
    session: Session, actor: Actor, line_id: int, month: Month, rows: Sequence[Mapping[str, Any]], today: date
) -> dict[str, int]:
    held = [CustomerLine.customer_id == Customer.id, CustomerLine.product_line_id == line_id]
    held.append(in_force(CustomerLine.from_on, CustomerLine.to_on, month.last_day))
    # The level that serves in the month: today's while it goes on, its last day's afterwards.
    level = level_column(Customer.id, line_id, min(today, month.last_day))
    query = (
        select(Customer.number, Customer.id, level)
        .join(CustomerLine, and_(*held))
        .where(Customer.number.in_([row["number"] for row in rows]), visible(actor))
    )
    found: dict[str, int] = {}
    at_auction: set[str] = set()
    for number, customer_id, stands in session.execute(query):
        found[number] = customer_id
        if stands == Level.AUCTION:
            at_auction.add(number)
    planned = {found[row["number"]] for row in rows if row["number"] in found and row.get("planned_grams") is not None}
    stopped = _stopped(session, planned, today) if today <= month.last_day else {}
    errors: dict[int, dict[str, list[Text]]] = {}
    seen: set[str] = set()
    for at, row in enumerate(rows):
        number = row["number"]
        if number not in found:
            errors[at] = {"number": [text("No customer of yours has this number and line: %(number)s.", number=number)]}
        elif number in seen:
            errors[at] = {"number": [text("%(number)s stands here twice.", number=number)]}
        elif all(row.get(name) is None for name in INDICATOR_COLUMNS):
            errors[at] = {"number": [text("%(number)s: no value is given.", number=number)]}
        elif number in at_auction and row.get("planned_grams") is not None:
            errors[at] = {"planned_tonnes": [_no_plan(number, month)]}
        elif found[number] in stopped and row.get("planned_grams") is not None:
            errors[at] = {"planned_tonnes": [stopped[found[number]]]}
        seen.add(number)
    if errors:
        raise Invalid({"rows": errors})
    return found


def _stopped(session: Session, customer_ids: set[int], today: date) -> dict[int, Text]:
    """Whose business stands still today, and why: no plan is taken from them (CHEM-15, CHEM-17)."""
    found = {one: row.reason for one, row in suspension.suspended(session, customer_ids, today).items()}
    for one, since in suspension.disqualified(session, customer_ids, today).items():
        found[one] = text("This customer was disqualified on %(day)s.", day=since.isoformat())
    return found


def _no_plan(number: str, month: Month) -> Text:
    return text("%(number)s is at auction level in %(month)s: it has no plan.", number=number, month=str(month))


def listed(actor: Actor, line_id: int, month: Month) -> Any:
    """Everybody who holds the line in the month with offtake and indicators, to be paged by number."""
    require(actor, "grading.read")
    line = CustomerLine
    place = [MonthFacts.customer_id == Customer.id, MonthFacts.product_line_id == line_id]
    lifted = [OfftakeMonth.customer_id == Customer.id, OfftakeMonth.product_line_id == line_id]
    query: Any = (
        select(Customer, OfftakeMonth.grams, MonthFacts)
        .join(line, and_(line.customer_id == Customer.id, line.product_line_id == line_id))
        .outerjoin(MonthFacts, and_(*place, MonthFacts.month == month.start))
        .outerjoin(OfftakeMonth, and_(*lifted, OfftakeMonth.month == month.start))
        .where(in_force(line.from_on, line.to_on, month.last_day), visible(actor))
    )
    return query
