"""May I sell today? Per product line yes or no, every reason, and who clears it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Date, bindparam, func, select
from sqlalchemy.orm import Session

from tierflow.common.customer_today import CustomerToday, lines_held
from tierflow.common.customers import Customer, CustomerLine, get_visible
from tierflow.common.db import Id
from tierflow.common.reference import ProductLine
from tierflow.common.standing import level_column
from tierflow.common.suspension import is_suspended
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
    """One line's answer. `may_sell` is no exactly when there is a reason; a yes may be by auction alone (CHEM-9.1)."""

    line: ProductLine
    customer_class: str | None
    reasons: Sequence[Refusal]
    by_auction_only: bool = False

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
    customer, on = get_visible(session, actor, customer_id), local_day(now)
    suspended = session.scalar(select(is_suspended(on)).where(Customer.id == customer_id))
    return answers_for(session, CustomerToday(customer, on, bool(suspended), lines_held(session, customer_id, on)))


def answers_for(session: Session, today: CustomerToday) -> Selling:
    """The same for a customer whose day is known already: while nothing stops it, only its level is asked."""
    customer = today.customer
    is_stopped = today.is_suspended or today.is_disqualified
    found = business.stops(session, [customer.id], today.on).get(customer.id, []) if is_stopped else []
    stopped = [stop.refusal for stop in found]
    answers = [
        Answer(
            line,
            held.customer_class if held else None,
            [*stopped, *([] if held else [_no_class()])],
            by_auction_only=held is not None and not stopped and _is_at_auction(session, line, held, today),
        )
        for line, held in today.held
    ]
    held = 0
    if stopped:
        query = select(func.count()).where(LiftingOrder.customer_id == customer.id, LiftingOrder.state.in_(OPEN))
        held = session.scalar(query) or 0
    return Selling(sorted(answers, key=lambda answer: answer.customer_class is None), held)


def _is_at_auction(session: Session, line: ProductLine, held: CustomerLine, today: CustomerToday) -> bool:
    if line.scheme != "polyolefin" or held.customer_class == "direct":
        return False
    given = {"customer_id": today.customer.id, "line_id": line.id, "on_day": today.on}
    return session.scalar(_LEVEL, given) == "auction"


# Written once: writing it costs a customer's page more than asking it.
_LEVEL = select(
    level_column(bindparam("customer_id", type_=Id), bindparam("line_id", type_=Id), bindparam("on_day", type_=Date()))
)


def remedy(refusal: Refusal) -> Text | None:
    """Who must do what to clear a reason."""
    words = REMEDIES.get(refusal.clause)
    return Text(words) if words else None


def _no_class() -> Refusal:
    return Refusal("CHEM-9.1", text("No class on this line."))
