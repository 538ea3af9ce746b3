"""What the demo company sold: a year of offtake from its ERP, and orders of the last weeks in every state.

Through the services people use. Tonnes follow from the customer's number and the month alone: nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.reference import Product, ProductLine
from tierflow.common.standing import standing_on
from tierflow.common.users import User, actor_of
from tierflow.demo import company
from tierflow.demo.diary import Diary, Story
from tierflow.demo.house import House
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.tonnage import GRAMS_PER_TONNE, format_tonnes
from tierflow.lifting.models import LiftingOrder, Slip
from tierflow.lifting.rules.orders import cost_fen
from tierflow.lifting.service import bank, gate, money, offtake_import, orders

MONTHS = 12

# Tonnes a month of polyolefin, from small to large: on both sides of every threshold of CHEM-9.4, some exactly on it.
LEVELS = (0, 60, 180, 320, 540, 760, 980, 1000, 1120, 1480, 1990, 2000, 2260, 2980, 3000, 3420)
# What a month makes of it, in per mille: steady, growing, falling, seasonal, and one that stops.
SHAPES = (
    (1000,) * MONTHS,
    (620, 660, 700, 760, 800, 850, 900, 940, 980, 1000, 1040, 1100),
    (1400, 1350, 1300, 1220, 1150, 1100, 1050, 1000, 940, 880, 800, 700),
    (1000, 1120, 1200, 1060, 900, 760, 720, 800, 960, 1100, 1180, 1040),
    (1000, 1000, 980, 940, 900, 860, 700, 420, 160, 0, 0, 0),
    (0, 0, 0, 0, 0, 300, 600, 900, 1000, 1000, 1000, 1000),
)
PRICES_FEN = {"PO": 812_000, "AR": 655_000, "ME": 231_500}
WAREHOUSES = {"EAST": ("ZH-01", "tangbo"), "NORTH": ("ZH-01", "tangbo"), "SOUTH": ("MM-01", "caoning")}
VEHICLES = (("浙B·7K215", "王建军"), ("粤K·32B18", "李国栋"), ("沪A·9F660", "陈海"), ("津C·18D77", "孙立"))


def stories(session: Session, house: House, diary: Diary, calendar: WorkingCalendar) -> Iterator[Story]:
    """The ERP's lines month by month, then the orders, then the bank's last statement."""
    this_month = Month.of(diary.today)
    for back in range(MONTHS, 0, -1):
        yield _month(session, house, calendar, this_month.plus(-back), back)
    for script in SCRIPTS:
        yield _order(_Desk(session, house, diary), script)
    yield _statement(session, house, diary)


def _month(session: Session, house: House, calendar: WorkingCalendar, month: Month, back: int) -> Story:
    """On the second working day after a month its lines come from the ERP, for who was a customer then."""
    at = calendar.due_at(month.last_day, 2, time(10, 15))
    yield at
    rows = session.execute(
        select(Customer, CustomerLine.product_line_id, ProductLine.code)
        .join(CustomerLine, CustomerLine.customer_id == Customer.id)
        .join(ProductLine, ProductLine.id == CustomerLine.product_line_id)
        .where(Customer.approved_on < month.end)
        .order_by(Customer.id, ProductLine.code)
    ).all()
    products: dict[int, list[str]] = {}
    for product in session.scalars(select(Product).order_by(Product.code)):
        products.setdefault(product.product_line_id, []).append(product.code)
    lines = []
    for customer, line_id, code in rows:
        first = max(month.start, customer.approved_on)
        lines += list(_lines_of(customer, code, products[line_id], month, first, MONTHS - back))
    if lines:
        finance = actor_of(session, house.users[company.FINANCE[0]], local_day(at))
        offtake_import.take_batch(session, finance, lines, at)


def _lines_of(
    customer: Customer, line: str, products: list[str], month: Month, first: date, position: int
) -> Iterator[dict[str, Any]]:
    """A customer's liftings of a month: one to four, on days of their own, adding up exactly."""
    serial = customer.id
    level = LEVELS[serial * 7 % len(LEVELS)] if line == "PO" else LEVELS[serial * 5 % 7]
    grams = level * SHAPES[serial % len(SHAPES)][position] * (GRAMS_PER_TONNE // 1000)
    parts = 1 + serial % 4
    days = (month.end - first).days
    if grams == 0 or days < parts:
        return
    for part in range(parts):
        share = grams * (part + 1) // parts - grams * part // parts
        day = first + timedelta(days=(part * days // parts + serial) % days)
        yield {
            "number": f"CK{month.year}{month.number:02d}-{serial:04d}-{line}-{part + 1}",
            "customer": customer.number,
            "product": products[(serial + part) % len(products)],
            "lifted_on": day.isoformat(),
            "tonnes": format_tonnes(share),
            "form_of_sale": "auction" if (serial + part) % 5 == 0 else "planned",
        }


@dataclass(frozen=True)
class Script:
    """One order: how long ago it began, whose it is (a place in the list of customers, or a name), and how far it came.

    `acts` follow each other, one a working day: pay (per cent of the order), release and lift (tonnes), settle,
    invoice, return (tonnes), cancel.
    """

    days_ago: int
    customer: int | str
    tonnes: int
    acts: tuple[tuple[str, int], ...] = ()
    form_of_sale: str = "planned"


_LIFTED = (("pay", 100), ("release", 64), ("lift", 32), ("lift", 32))
SCRIPTS = (
    Script(1, 3, 120),
    Script(2, 7, 35, form_of_sale="auction"),
    Script(9, 11, 60),  # nobody has paid, and the day has passed
    Script(4, 5, 200, (("pay", 60),)),
    Script(3, 9, 90, (("pay", 100),)),
    Script(5, 13, 64, (("pay", 100), ("release", 64))),
    Script(6, 2, 160, (("pay", 100), ("release", 64), ("lift", 32))),
    Script(7, 6, 300, (("pay", 50), ("release", 96), ("lift", 32), ("lift", 31))),
    Script(8, 10, 64, _LIFTED),
    Script(12, 4, 64, (*_LIFTED, ("settle", 0), ("invoice", 0))),
    Script(13, 8, 64, (("pay", 103), *_LIFTED[1:], ("settle", 0))),
    Script(11, 12, 48, (("pay", 100), ("cancel", 0))),
    Script(14, 1, 64, (*_LIFTED, ("settle", 0), ("return", 2))),
    Script(15, 14, 96, (("pay", 100), ("release", 32), ("lift", 32), ("release", 64))),
    Script(25, "上海浦汇塑胶有限公司", 40, (("pay", 100), ("release", 40), ("lift", 8))),
)


@dataclass
class _Desk:
    """Who does what for one order."""

    session: Session
    house: House
    diary: Diary

    def actor(self, user: User, at: datetime) -> Actor:
        return actor_of(self.session, user, local_day(at))

    def finance(self, at: datetime) -> Actor:
        return self.actor(self.house.users[company.FINANCE[1]], at)


def _order(desk: _Desk, script: Script) -> Story:
    at = desk.diary.at(script.days_ago, 9, 20)
    yield at
    session = desk.session
    customer, region = _customer(session, desk.house, script.customer)
    place, keeper = WAREHOUSES[region]
    seller = session.get_one(User, customer.account_manager_id)
    product = session.scalars(
        select(Product)
        .where(Product.product_line_id == desk.house.lines["PO"])
        .order_by(Product.code)
        .offset(customer.id % 4)
    ).first()
    if product is None:
        raise RuntimeError("the line has four products")
    given = {
        "customer_id": customer.id,
        "product_id": product.id,
        "warehouse_id": desk.house.warehouses[place],
        "form_of_sale": _form(session, customer, desk.house.lines["PO"], script, at),
        "quantity_grams": script.tonnes * GRAMS_PER_TONNE,
        "price_fen": PRICES_FEN["PO"] + customer.id * 500,
    }
    order_id = orders.place(session, desk.actor(seller, at), given, at).id
    for number, (act, value) in enumerate(script.acts, start=1):
        at = desk.diary.at(max(1, script.days_ago - number), 10 + number, customer.id * 7 % 60)
        yield at
        order = session.get_one(LiftingOrder, order_id)
        _act(desk, order, customer, (seller, keeper), (act, value), at)


def _form(session: Session, customer: Customer, line_id: int, script: Script, at: datetime) -> str:
    """An auction customer buys by auction only (CHEM-9.1)."""
    stands = standing_on(session, [customer.id], line_id, local_day(at)).get(customer.id)
    return "auction" if stands is not None and stands.level == "auction" else script.form_of_sale


def _act(
    desk: _Desk,
    order: LiftingOrder,
    customer: Customer,
    who: tuple[User, str],
    what: tuple[str, int],
    at: datetime,
) -> None:
    session, today = desk.session, local_day(at)
    seller, keeper = desk.actor(who[0], at), desk.actor(desk.house.users[who[1]], at)
    act, value = what
    grams = value * GRAMS_PER_TONNE
    vehicle, driver = VEHICLES[order.id % len(VEHICLES)]
    if act == "pay":
        fen = cost_fen(order.quantity_grams, order.price_fen) * value // 100
        given = {"fen": fen, "value_on": today, "payer_name": customer.name, "payer_account": customer.bank_account}
        money.receive(session, desk.finance(at), order.id, {**given, "reference": f"货款 {order.number}"}, at)
    elif act == "release":
        orders.release(session, seller, order.id, {"grams": grams, "vehicle": vehicle, "driver": driver}, at)
    elif act == "lift":
        gate.weigh(session, keeper, _slip(session, order).code, {"grams": grams}, at)
    elif act == "return":
        slip = _slip(session, order)
        seen = gate.seen(session, keeper, slip.code, at)
        command = {"pass_number": seen.weighings[0].number, "grams": grams, "reason": "包装破损，原车退回。"}
        gate.take_back(session, keeper, slip.code, command, at)
    elif act == "settle":
        money.settle(session, desk.finance(at), order.id, {}, at)
    elif act == "invoice":
        number = f"2633200000{order.id:010d}"
        given = {"number": number, "invoiced_on": today, "fen": order.settled_fen or 0}
        money.invoice(session, desk.finance(at), order.id, given, at)
    else:
        orders.cancel(session, seller, order.id, {"reason": "客户装置停车，暂不需要。"}, at)


def _slip(session: Session, order: LiftingOrder) -> Slip:
    return session.scalars(select(Slip).where(Slip.order_id == order.id).order_by(Slip.id.desc()).limit(1)).one()


def _customer(session: Session, house: House, which: int | str) -> tuple[Customer, str]:
    query = (
        select(Customer)
        .join(CustomerLine, CustomerLine.customer_id == Customer.id)
        .where(CustomerLine.product_line_id == house.lines["PO"])
        .order_by(Customer.id)
    )
    query = query.where(Customer.name == which) if isinstance(which, str) else query.offset(which * 2)
    found = session.scalars(query.limit(1)).one()
    code = next(code for code, region_id in house.regions.items() if region_id == found.region_id)
    return found, code


def _statement(session: Session, house: House, diary: Diary) -> Story:
    """This morning's statement: receipts by account, by number, by somebody else, and one nobody knows."""
    at = diary.at(1, 17, 40)
    yield at
    waiting = session.execute(
        select(LiftingOrder, Customer)
        .join(Customer, Customer.id == LiftingOrder.customer_id)
        .where(LiftingOrder.state == "placed")
        .order_by(LiftingOrder.id)
        .limit(3)
    ).all()
    day = local_day(at).isoformat()
    rows = ["交易日期,对方户名,对方账号,贷方金额,附言,交易流水号"]
    for number, (order, customer) in enumerate(waiting):
        whole = cost_fen(order.quantity_grams, order.price_fen)
        payer = (customer.name, customer.bank_account, "货款")
        if number == 1:
            payer = ("上海汇融供应链管理有限公司", "1001234509006677889", f"代付 {order.number}")
        rows.append(f"{day},{payer[0]},{payer[1]},{whole // 100}.{whole % 100:02d},{payer[2]},S{day}-{number + 1}")
    rows.append(f"{day},中国工商银行宁波分行,,218.46,结息,S{day}-9")
    finance = actor_of(session, house.users[company.FINANCE[1]], local_day(at))
    bank.take_in(session, finance, f"工行对账单 {day}.csv", "\n".join(rows).encode(), at)
