"""Orders as plain rows for the API's schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tierflow.common.customers import Customer
from tierflow.kernel.errors import Refusal
from tierflow.lifting.models import Invoice, LiftingOrder, Slip, Weighing
from tierflow.lifting.service import ledger
from tierflow.lifting.service.bank import Line
from tierflow.lifting.service.gate import SlipSeen
from tierflow.lifting.service.queries import Card, Whole
from tierflow.web.i18n import show
from tierflow.web.paging import Page


def columns(row: Any) -> dict[str, Any]:
    """A table row as a dictionary."""
    return {attribute.key: getattr(row, attribute.key) for attribute in row.__mapper__.column_attrs}


def page(found: Page[Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A page of a list."""
    return {"rows": rows, "after": found.after, "before": found.before}


def held(refusals: Sequence[Refusal]) -> list[dict[str, str]]:
    """Reasons in the reader's language."""
    return [{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals]


def card(found: Card) -> dict[str, Any]:
    """An order in a list."""
    standing = found.standing
    return {
        **columns(found.order),
        "customer": found.customer.name,
        "product": found.product.name,
        "warehouse": found.warehouse.name,
        "money_fen": standing.money_fen,
        "missing_fen": standing.missing_fen,
        "held": held(found.held),
    }


def whole(found: Whole) -> dict[str, Any]:
    """An order with everything."""
    standing = found.card.standing
    return {
        **card(found.card),
        "releasable_grams": standing.releasable_grams,
        "liftable_grams": standing.liftable_grams,
        "free_fen": standing.free_fen,
        "money": [{**columns(row), "by": by} for row, by in found.money],
        "slips": [slip(row, found.weighings.get(row.id, ()), found.returned) for row in found.slips],
        "settlements": [columns(row) for row, _by in found.settlements],
        "invoices": [columns(row) for row, _by in found.invoices],
    }


def slip(row: Slip, weighings: Sequence[Weighing], returned: Mapping[int, int]) -> dict[str, Any]:
    """A slip with its weighings."""
    return {**columns(row), "weighings": [weighing(each, returned) for each in weighings]}


def weighing(row: Weighing, returned: Mapping[int, int]) -> dict[str, Any]:
    """A weighing and what came back of it."""
    return {**columns(row), "returned": returned.get(row.id, 0)}


def gate(found: SlipSeen) -> dict[str, Any]:
    """A slip as the gate sees it."""
    return {
        **columns(found.slip),
        "order": found.order.number,
        "customer": found.customer.name,
        "product": found.product.name,
        "warehouse": found.warehouse.name,
        "left_grams": found.left_grams,
        "may_pass": found.left_grams > 0 and not found.held,
        "held": held(found.held),
        "weighings": [weighing(row, found.returned) for row in found.weighings],
    }


def line(found: Line) -> dict[str, Any]:
    """A receipt with its proposal."""
    proposal = None
    if found.proposal is not None and found.order is not None and found.customer is not None:
        proposal = {
            "order": found.order.number,
            "customer": found.customer.name,
            "fen": found.proposal.fen,
            "grounds": list(found.proposal.grounds),
            "is_other_payer": found.proposal.is_other_payer,
        }
    return {**columns(found.line), "proposal": proposal}


def invoice(invoice: Invoice, order: LiftingOrder, customer: Customer, by: str) -> dict[str, Any]:
    """An invoice with its order and customer."""
    told = {"order": order.number, "customer_id": customer.id, "customer": customer.name, "by": by}
    return {**columns(invoice), **told}


def ledger_line(found: ledger.Line) -> dict[str, Any]:
    """A line of the offtake ledger."""
    return {
        **columns(found.row),
        "number": found.row.external_number,
        "customer": found.customer.name,
        "product": found.product.name,
        "left_grams": found.left_grams,
    }
