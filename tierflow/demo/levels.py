"""What the demo company made of its sales: twelve months of levels, reviews by quarter, a policy draft on trial.

Through the services people use, after each month's lines have come from the ERP. Plans and cooperation follow from the
customer's number and the month alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import monthly
from tierflow.common.standing import standing_on
from tierflow.common.users import actor_of
from tierflow.demo import company
from tierflow.demo.diary import Diary, Story
from tierflow.demo.house import House
from tierflow.demo.sales import MONTHS
from tierflow.grading.models import GradingRun
from tierflow.grading.service import drafts, keying, reviews, runs, trials
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import SYSTEM, Actor
from tierflow.lifting.models import LiftingOrder

PLAN_STEP = 20_000_000  # grams: plans are written in whole 20 t
DRAFT_DAYS_AGO, HANDED_IN_DAYS_AGO = 4, 1
BEFORE_ORDERS = "订单上线前，按财务收款台账补录付款及时率"


def stories(session: Session, house: House, diary: Diary, calendar: WorkingCalendar) -> Iterator[Story]:
    """Every month closed in its turn, its reviews, and the draft of a new threshold."""
    line_id = house.lines["PO"]
    this_month = Month.of(diary.today)
    for back in range(MONTHS, 0, -1):
        yield _month(session, house, calendar, line_id, this_month.plus(-back))
    yield _draft(session, house, diary, line_id, this_month)


def _manager(session: Session, house: House, at: Any) -> Actor:
    return actor_of(session, house.users[company.SALES_MANAGER_OF["EAST"]], local_day(at))


def _month(session: Session, house: House, calendar: WorkingCalendar, line_id: int, month: Month) -> Story:
    """Plans are keyed in, the scheduler proposes, the sales manager confirms on the fourth working day."""
    at = calendar.due_at(month.last_day, 3, time(9, 0))
    yield at
    if local_day(at) > local_day(calendar.due_at(month.last_day, 20, time(9, 0))):
        return
    rows = _known(session, line_id, month)
    if rows:
        known = {"product_line_id": line_id, "month": month, "rows": rows, "reason": BEFORE_ORDERS}
        keying.key(session, SYSTEM, known, at)
    session.flush()
    if runs.why_not(session, line_id, month, local_day(at)):
        return
    run = runs.start(session, SYSTEM, line_id, month, at)
    at = calendar.due_at(month.last_day, 4, time(14, 30))
    yield at
    runs.confirm(session, _manager(session, house, at), run.id, "", at)
    reviews.open_due(session, at)


def _known(session: Session, line_id: int, month: Month) -> list[dict[str, Any]]:
    """What each customer had planned, and how it worked with us."""
    query = (
        select(Customer)
        .join(CustomerLine, CustomerLine.customer_id == Customer.id)
        .where(CustomerLine.product_line_id == line_id, Customer.approved_on < month.end)
        .order_by(Customer.id)
    )
    customers = session.scalars(query).all()
    lifted = monthly(session, [customer.id for customer in customers], line_id, month, month)
    told = set(session.scalars(select(MonthFacts.customer_id).where(MonthFacts.month == month.start)))
    due = select(LiftingOrder.customer_id).where(LiftingOrder.pay_by_on.between(month.start, month.last_day))
    has_orders = set(session.scalars(due))
    stands = standing_on(session, [customer.id for customer in customers], line_id, month.last_day)
    rows = []
    for customer in customers:
        grams = lifted.get(customer.id, {}).get(month, 0)
        if customer.id in told or customer.id % 6 == 0:
            continue  # some never hand in a plan: no data
        share = (92, 100, 108, 125, 140)[(customer.id + month.number) % 5]
        row: dict[str, Any] = {"number": customer.number}
        if customer.id in stands and stands[customer.id].level != "auction":
            row["planned_grams"] = max(PLAN_STEP, grams * share // 100 // PLAN_STEP * PLAN_STEP)
        if month.number % 3 == 0:
            row["cooperation"] = 62 + customer.id * 13 % 37
        if customer.id not in has_orders:
            row["payment_discipline"] = (10_000, 10_000, 9_500, 8_750)[customer.id % 4]
        if len(row) > 1:
            rows.append(row)
    return rows


def _draft(session: Session, house: House, diary: Diary, line_id: int, this_month: Month) -> Story:
    """Somebody proposes to gate a rise at 80 % of the plan, tries it on the past year and sends it to the GM."""
    at = diary.at(DRAFT_DAYS_AGO, 15, 0)
    yield at
    manager = _manager(session, house, at)
    values = {"grading.gates": ["plan_completion:8000"]}
    row = drafts.create(session, manager, {"source": "第九条（计划完成率与升级挂钩）", "values": values}, at)
    newest = runs.newest(session, line_id)
    if newest is None or newest.state != "confirmed":
        return
    first = session.scalars(
        select(GradingRun.month).where(GradingRun.product_line_id == line_id).order_by(GradingRun.month)
    ).first()
    last = Month.of(newest.month)
    if first is not None:
        command = {"product_line_id": line_id, "first": Month.of(first), "last": last}
        trials.start(session, manager, row.version, command, at)
        at = diary.at(HANDED_IN_DAYS_AGO, 11, 0)
        yield at
        drafts.hand_in(session, _manager(session, house, at), row.version, at)
