"""May I sell today? Per product line yes or no, every reason, and who clears it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tierflow.common.customers import CustomerLine, get_visible
from tierflow.common.db import in_force
from tierflow.common.reference import ProductLine, lines_on
from tierflow.kernel.errors import Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, mark, text
from tierflow.lifting.models import LiftingOrder
from tierflow.lifting.service import business
from tierflow.lifting.service.bank import OPEN

# Who must do what about each kind of reason.
REMEDIES = {
    "CHEM-15": mark("The account manager files valid papers; the examiner accepts them."),
    "CHEM-17": mark("It is admitted again by a new application."),
    "CHEM-9.1": mark("The account manager hands in a supplementary application for this line."),
}


@dataclass(frozen=True)
class Answer:
    """One line's answer. `may_sell` is no exactly when there is a reason."""

    line: ProductLine
    customer_class: str | None
    reasons: Sequence[Refusal]

    @property
    def may_sell(self) -> bool:
        """Whether an order would be taken now."""
        return not self.reasons


@dataclass(frozen=True)
class Selling:
    """The answers, the lines with a class first; `held` orders wait for the same reasons."""

    answers: Sequence[Answer]
    held: int


def may_sell(session: Session, actor: Actor, customer_id: int, now: datetime) -> Selling:
    """What an order for each line would meet today: the same reasons that refuse it."""
    require(actor, "customer.read")
    customer, today = get_visible(session, actor, customer_id), local_day(now)
    stopped = [stop.refusal for stop in business.stops(session, [customer.id], today).get(customer.id, [])]
    classes = {
        row.product_line_id: row.customer_class
        for row in session.scalars(
            select(CustomerLine).where(
                CustomerLine.customer_id == customer.id, in_force(CustomerLine.from_on, CustomerLine.to_on, today)
            )
        )
    }
    answers = [
        Answer(line, classes.get(line.id), [*stopped, *([] if line.id in classes else [_no_class()])])
        for line in lines_on(session, today)
    ]
    held = 0
    if stopped:
        query = select(func.count()).where(LiftingOrder.customer_id == customer.id, LiftingOrder.state.in_(OPEN))
        held = session.scalar(query) or 0
    return Selling(sorted(answers, key=lambda answer: answer.customer_class is None), held)


def remedy(refusal: Refusal) -> Text | None:
    """Who must do what to clear a reason."""
    words = REMEDIES.get(refusal.clause)
    return Text(words) if words else None


def _no_class() -> Refusal:
    return Refusal("CHEM-9.1", text("No class on this line."))
