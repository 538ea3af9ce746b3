"""Grading as plain rows for the API's schemas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase, decided_for
from tierflow.common.customers import Customer
from tierflow.common.indicators import MonthFacts
from tierflow.grading.models import GradingRun, LevelDecisionRow, LevelPin
from tierflow.grading.service.inputs import Shown
from tierflow.grading.service.looking import Proof
from tierflow.grading.service.watching import Picture
from tierflow.kernel.months import Month
from tierflow.web.paging import Page, Sort

BY_CUSTOMER = (Sort("customer", LevelDecisionRow.customer_id),)


def page(found: Page[Any], shown: Sequence[Any]) -> dict[str, Any]:
    """A page of a list."""
    return {"rows": shown, "after": found.after, "before": found.before}


def run(row: GradingRun) -> dict[str, Any]:
    """A run."""
    values = {attribute.key: getattr(row, attribute.key) for attribute in row.__mapper__.column_attrs}
    return {**values, "month": str(Month.of(row.month))}


def pins(session: Session, found: Iterable[tuple[LevelPin, ApprovalCase | None]]) -> list[dict[str, Any]]:
    """Levels by hand: where the approval of each stands, and in whose name it was decided."""
    shown = list(found)
    absent = decided_for(session, [case.id for _row, case in shown if case])
    return [
        {
            **{attribute.key: getattr(row, attribute.key) for attribute in row.__mapper__.column_attrs},
            "case": case,
            "decided_for": absent.get(case.id) if case else None,
        }
        for row, case in shown
    ]


def pin(session: Session, row: LevelPin, case: ApprovalCase | None) -> dict[str, Any]:
    """One level by hand."""
    return pins(session, [(row, case)])[0]


def decision(
    row: LevelDecisionRow, customer: Customer, region: str, manager: str, before: LevelDecisionRow | None
) -> dict[str, Any]:
    """A decision in a list."""
    names = ("customer_id", "customer_class", "grams", "held", "level", "target", "move")
    return {
        **{name: getattr(row, name) for name in names},
        "number": customer.number,
        "name": customer.name,
        "region": region,
        "account_manager": manager,
        "clauses": row.code.split(),
        "idle_months": row.idle,
        "before": before.level if before else None,
    }


def proof(found: Proof) -> dict[str, Any]:
    """A decision with all it saw."""
    return {
        **decision(found.row, found.customer, "", "", None),
        "month": str(Month.of(found.run.month)),
        "policy_version": found.run.policy_version,
        "indicators": [asdict(indicator) for indicator in found.indicators],
        "agrees": found.agrees,
    }


def way(customer: Customer, level: str, grams: int, keep: int, gain: int) -> dict[str, Any]:
    """A customer on its way through the month."""
    return {
        "customer_id": customer.id,
        "number": customer.number,
        "name": customer.name,
        "level": level,
        "tonnes": grams,
        "keep_tonnes": keep,
        "gain_tonnes": gain,
    }


def picture(found: Picture) -> dict[str, Any]:
    """A customer on a product line."""
    ahead = found.outlook
    return {
        "product_line_id": found.line.id,
        "customer_class": found.customer_class,
        "level": found.standing.level,
        "basis": found.standing.basis,
        "computed": found.standing.computed,
        "is_pending": found.pending is not None,
        "months": [
            {
                "month": str(each.month),
                "grams": each.grams,
                "level": each.decision.level if each.decision else None,
                "move": each.decision.move if each.decision else None,
                "run_id": each.decision.run_id if each.decision else None,
            }
            for each in found.months
        ],
        "outlook": {
            "held": ahead.held.value,
            "would": ahead.would.level.value,
            "grams": ahead.grams,
            "keep_grams": ahead.keep_grams,
            "gain": ahead.gain.value if ahead.gain else None,
            "gain_grams": ahead.gain_grams,
            "held_back_by": [asdict(indicator) for indicator in ahead.held_back_by],
            "days_left": found.days_left,
        },
        "history": found.history,
    }


def inputs(found: Shown) -> dict[str, Any]:
    """The inputs of a customer's period."""
    told = found.inputs
    return {
        "weeks": [{"from_on": week.days[0], "to_on": week.days[-1], "grams": grams} for week, grams in told.weeks],
        "evenness": told.evenness,
        "orders_due": told.due,
        "orders_in_time": told.in_time,
        "payment_discipline": told.payment_discipline,
        "days": found.days,
        "suspended_days": found.suspended_days,
        "papers": found.papers,
    }


FACTS = ("evenness", "payment_discipline", "breaches", "cooperation")


def facts(customer: Customer, grams: int | None, known: MonthFacts | None) -> dict[str, Any]:
    """What is known of a customer's month."""
    return {
        "customer_id": customer.id,
        "number": customer.number,
        "name": customer.name,
        "tonnes": grams or 0,
        "planned_tonnes": known.planned_grams if known else None,
        **{name: getattr(known, name) if known else None for name in FACTS},
    }
