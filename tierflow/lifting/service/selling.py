"""May I sell today? Per product line yes or no, every reason, and who clears it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Date, bindparam, func, select
from sqlalchemy.orm import Session

from tierflow.common.customer_today import CustomerToday, lines_held
from tierflow.common.customers import Customer, get_visible
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
    at_auction = set() if stopped else _at_auction(session, today)
    answers = [
        Answer(
            line,
            held.customer_class if held else None,
            [*stopped, *([] if held else [_no_class()])],
            by_auction_only=line.id in at_auction,
        )
        for line, held in today.held
    ]
    held = 0
    if stopped:
        query = select(func.count()).where(LiftingOrder.customer_id == customer.id, LiftingOrder.state.in_(OPEN))
        held = session.scalar(query) or 0
    return Selling(sorted(answers, key=lambda answer: answer.customer_class is None), held)


def _at_auction(session: Session, today: CustomerToday) -> set[int]:
    """The lines with levels on which the customer buys by auction only. One query, none where no line has levels."""
    tiered = [
        line.id
        for line, held in today.held
        if line.scheme == "polyolefin" and held is not None and held.customer_class != "direct"
    ]
    given = {"customer_id": today.customer.id, "on_day": today.on, "line_ids": tiered}
    return set(session.scalars(_AT_AUCTION, given)) if tiered else set()


# Written once: writing it costs a customer's page more than asking it.
_AT_AUCTION = select(ProductLine.id).where(
    ProductLine.id.in_(bindparam("line_ids", expanding=True)),
    level_column(bindparam("customer_id", type_=Id), ProductLine.id, bindparam("on_day", type_=Date())) == "auction",
)


def remedy(refusal: Refusal) -> Text | None:
    """Who must do what to clear a reason."""
    words = REMEDIES.get(refusal.clause)
    return Text(words) if words else None


def _no_class() -> Refusal:
    return Refusal("CHEM-9.1", text("No class on this line."))
