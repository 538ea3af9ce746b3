"""The rules of an order, to the gram and the fen; and a state machine that plays an order against a plain model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tierflow.kernel.tonnage import GRAMS_PER_TONNE
from tierflow.lifting.rules import codes
from tierflow.lifting.rules.matching import OpenOrder, Receipt, numbers_in, propose
from tierflow.lifting.rules.orders import (
    MOST_FEN,
    MOST_GRAMS,
    MOST_PRICE_FEN,
    Standing,
    State,
    cost_fen,
    covered_since,
    state_of,
    value_fen,
    why_not_cancel,
    why_not_invoice,
    why_not_lift,
    why_not_pay_out,
    why_not_place,
    why_not_receive,
    why_not_release,
    why_not_return,
    why_not_settle,
    why_not_withdraw,
)

T = GRAMS_PER_TONNE
OPEN = Standing(quantity_grams=10 * T, price_fen=100)  # 1 yuan a tonne: a fen is 10 kg


def clauses(found: object) -> list[str]:
    return [refusal.clause for refusal in found]  # type: ignore[attr-defined]


@pytest.mark.rule("CHEM-9.6")
@pytest.mark.parametrize(
    ("movements", "since"),
    [
        ([], None),
        ([(10, 99)], None),
        ([(10, 100)], 10),
        ([(30, 60), (20, 40)], 30),  # matched in any order: the last one needed came on the 30th
        ([(20, 40), (30, 60)], 30),
        ([(30, 40), (20, 100)], 20),  # what came on top of the whole changes nothing
        ([(10, 60), (20, 60), (25, -20)], 20),  # nor does what went back of it
        ([(10, 100), (12, -50), (30, 50)], 30),  # what went back and had to come again
        ([(10, 100), (10, -50), (10, 50)], 10),
        ([(10, 100), (12, -1)], None),
    ],
)
def test_an_order_is_covered_since_the_value_date_that_made_it_whole(
    movements: list[tuple[int, int]], since: int | None
) -> None:
    found = covered_since(100, [(date(2026, 11, day), fen) for day, fen in movements])
    assert found == (since and date(2026, 11, since))


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize(
    ("grams", "price", "refused"),
    [
        (1, 1, 0),
        (0, 1, 1),
        (1, 0, 1),
        (MOST_GRAMS, MOST_PRICE_FEN, 0),
        (MOST_GRAMS + 1, 1, 1),
        (1, MOST_PRICE_FEN + 1, 1),
        (-1, -1, 2),
    ],
)
def test_quantity_and_price_are_within_reason(grams: int, price: int, refused: int) -> None:
    assert len(why_not_place(grams, price)) == refused
    assert MOST_GRAMS * MOST_PRICE_FEN < 2**63, "what the database multiplies fits its columns"
    assert MOST_FEN * GRAMS_PER_TONNE < 2**63


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize(
    ("money", "released", "grams", "refused"),
    [
        (999, 0, 10 * T - 10_000, []),  # 9.99 t cost 9.99 yuan
        (999, 0, 10 * T - 9_999, ["CHEM-2"]),  # one gram more
        (1000, 0, 10 * T, []),
        (1000, 0, 10 * T + 1, ["CHEM-2", "CHEM-2"]),
        (2000, 10 * T, 1, ["CHEM-2"]),
        (500, 4 * T, T, []),
        (500, 4 * T, T + 1, ["CHEM-2"]),
        (0, 0, 1, ["CHEM-2"]),
    ],
)
def test_released_is_never_more_than_paid_or_ordered(money: int, released: int, grams: int, refused: list[str]) -> None:
    order = replace(OPEN, money_fen=money, released_grams=released)
    assert clauses(why_not_release(order, grams)) == refused
    assert not why_not_release(order, order.releasable_grams)
    assert why_not_release(order, order.releasable_grams + 1)


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize(("left", "grams", "refused"), [(5, 5, []), (5, 6, ["CHEM-2"]), (0, 1, ["CHEM-2"])])
def test_lifted_is_never_more_than_the_slip_has(left: int, grams: int, refused: list[str]) -> None:
    assert clauses(why_not_lift(OPEN, left, grams)) == refused
    assert clauses(why_not_return(left, grams)) == refused


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize(
    ("order", "free"),
    [
        (replace(OPEN, money_fen=1000), 1000),
        (replace(OPEN, money_fen=1000, released_grams=T), 900),
        (replace(OPEN, money_fen=1000, released_grams=T + 1), 899),  # a gram binds the next fen
        (replace(OPEN, money_fen=1000, is_cancelled=True), 1000),
        (replace(OPEN, money_fen=1000, released_grams=T, lifted_grams=T, settled_fen=100), 900),
    ],
)
def test_only_free_money_is_paid_out(order: Standing, free: int) -> None:
    assert not why_not_pay_out(order, free)
    assert clauses(why_not_pay_out(order, free + 1)) == ["CHEM-2"]


CLOSED = (replace(OPEN, is_cancelled=True), replace(OPEN, settled_fen=0))


@pytest.mark.rule("CHEM-2", "CHEM-5")
@pytest.mark.parametrize("order", CLOSED)
@pytest.mark.parametrize(
    "ask",
    [
        lambda order: why_not_receive(order, 1),
        lambda order: why_not_release(order, 1),
        lambda order: why_not_withdraw(order, 1),
        lambda order: why_not_lift(order, 1, 1),
        why_not_cancel,
        why_not_settle,
    ],
)
def test_a_closed_order_stays_closed(order: Standing, ask: Callable[[Standing], object]) -> None:
    assert clauses(ask(order))


@pytest.mark.rule("CHEM-5")
@pytest.mark.parametrize(
    ("released", "lifted", "settle", "cancel"),
    [
        (0, 0, ["CHEM-5"], []),
        (T, 0, ["CHEM-5", "CHEM-5"], ["CHEM-2"]),
        (T, T - 1, ["CHEM-5"], ["CHEM-5"]),
        (T, T, [], ["CHEM-5"]),
    ],
)
def test_settled_is_what_was_lifted(released: int, lifted: int, settle: list[str], cancel: list[str]) -> None:
    order = replace(OPEN, money_fen=1000, released_grams=released, lifted_grams=lifted)
    assert clauses(why_not_settle(order)) == settle
    assert clauses(why_not_cancel(order)) == cancel


@pytest.mark.rule("CHEM-5")
@pytest.mark.parametrize(
    ("settled", "invoiced", "fen", "refused"),
    [
        (None, 0, 1, ["CHEM-5"]),
        (100, 0, 100, []),
        (100, 0, 101, ["CHEM-5"]),
        (100, 60, 40, []),
        (100, 60, 41, ["CHEM-5"]),
        (100, 60, -60, []),
        (100, 60, -61, ["CHEM-5"]),
    ],
)
def test_invoices_add_up_to_the_settlement_at_most(
    settled: int | None, invoiced: int, fen: int, refused: list[str]
) -> None:
    assert clauses(why_not_invoice(settled, invoiced, fen)) == refused


@pytest.mark.rule("CHEM-5")
@given(grams=st.integers(0, MOST_GRAMS), price=st.integers(1, MOST_PRICE_FEN))
def test_a_settlement_is_rounded_once_and_always_covered(grams: int, price: int) -> None:
    exact = grams * price
    assert abs(value_fen(grams, price) * GRAMS_PER_TONNE - exact) <= GRAMS_PER_TONNE // 2
    assert value_fen(grams, price) <= cost_fen(grams, price)
    assert exact <= cost_fen(grams, price) * GRAMS_PER_TONNE < exact + GRAMS_PER_TONNE


class Played(RuleBasedStateMachine):
    """An order moved by its rules alone, beside a tally of every gram and fen that nobody rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.order = Standing(quantity_grams=1_000, price_fen=777_777)  # a gram costs 0.777777 fen
        self.paid_in = self.paid_out = self.went_out = self.came_back = 0

    def move(self, refusals: object, **change: object) -> bool:
        if refusals:
            return False
        self.order = replace(self.order, **change)  # type: ignore[arg-type]
        return True

    @rule(fen=st.integers(1, 900))
    def receive(self, fen: int) -> None:
        if self.move(why_not_receive(self.order, fen), money_fen=self.order.money_fen + fen):
            self.paid_in += fen

    @rule(fen=st.integers(1, 900))
    def pay_out(self, fen: int) -> None:
        if self.move(why_not_pay_out(self.order, fen), money_fen=self.order.money_fen - fen):
            self.paid_out += fen

    @rule(grams=st.integers(1, 600))
    def release(self, grams: int) -> None:
        self.move(why_not_release(self.order, grams), released_grams=self.order.released_grams + grams)

    @rule()
    def withdraw(self) -> None:
        left = self.order.released_grams - self.order.lifted_grams
        self.move(why_not_withdraw(self.order, left), released_grams=self.order.lifted_grams)

    @rule(grams=st.integers(1, 600))
    def lift(self, grams: int) -> None:
        left = self.order.released_grams - self.order.lifted_grams
        if self.move(why_not_lift(self.order, left, grams), lifted_grams=self.order.lifted_grams + grams):
            self.went_out += grams

    @rule(grams=st.integers(1, 600))
    def take_back(self, grams: int) -> None:
        lifted, released = self.order.lifted_grams - grams, self.order.released_grams - grams
        settled = None if self.order.settled_fen is None else value_fen(max(lifted, 0), self.order.price_fen)
        refusals = why_not_return(self.order.lifted_grams, grams)
        if self.move(refusals, lifted_grams=lifted, released_grams=released, settled_fen=settled):
            self.came_back += grams

    @rule()
    def settle(self) -> None:
        self.move(why_not_settle(self.order), settled_fen=value_fen(self.order.lifted_grams, self.order.price_fen))

    @rule()
    def cancel(self) -> None:
        self.move(why_not_cancel(self.order), is_cancelled=True)

    @invariant()
    def every_gram_is_paid_and_every_fen_is_there(self) -> None:
        order = self.order
        assert order.money_fen == self.paid_in - self.paid_out >= 0
        assert order.lifted_grams == self.went_out - self.came_back >= 0
        assert order.lifted_grams <= order.released_grams <= order.quantity_grams
        if order.settled_fen is None:
            assert order.released_grams * order.price_fen <= order.money_fen * GRAMS_PER_TONNE
        else:
            assert order.lifted_grams == order.released_grams
            assert order.settled_fen <= order.money_fen
        if order.is_cancelled:
            assert order.released_grams == 0
        assert order.free_fen >= 0
        assert state_of(order) in State


TestPlayed = Played.TestCase
TestPlayed.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


BODY = "K7QM3XW9P2"


def test_a_wrong_or_swapped_character_is_always_found() -> None:
    code = codes.with_check(BODY)
    assert codes.is_code(code)
    for place, right in enumerate(code):
        for wrong in codes.ALPHABET:
            if wrong != right:
                assert not codes.is_code(code[:place] + wrong + code[place + 1 :])
        swapped = code[:place] + code[place + 1 : place + 2] + right + code[place + 2 :]
        if swapped != code and len(swapped) == len(code):
            assert not codes.is_code(swapped)


@pytest.mark.parametrize("written", ["{c}", " {g} ", "https://t.example/gate/{c}", "{l}", "{g}/"])
def test_a_code_is_read_as_typed_or_scanned(written: str) -> None:
    code = codes.with_check(BODY)
    given_ = written.format(c=code, g=codes.grouped(code), l=code.lower())
    assert codes.is_code(codes.plain(given_))
    for wrong in ("", "K7QM3", code + "2", "K7QM3XW9P0" + code[-1]):
        assert not codes.is_code(codes.plain(wrong))


ORDERS = [OpenOrder(1, "TD-2026-000001", "111", "甲", 500), OpenOrder(2, "TD-2026-000002", "222", "乙", 700)]


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize(
    ("receipt", "order", "fen", "grounds", "is_other"),
    [
        (Receipt("222", "乙", 700, ""), 2, 700, ("account", "name", "amount"), False),
        (Receipt("222", "乙", 500, "td2026000001"), 1, 500, ("number", "amount"), True),
        (Receipt("111", "甲", 900, ""), 1, 500, ("account", "name"), False),
        (Receipt("", "乙", 1, ""), 2, 1, ("name",), False),
        (Receipt("999", "丙", 700, ""), 2, 700, ("amount",), True),
        (Receipt("999", "丙", 701, ""), None, 0, (), False),
    ],
)
def test_the_strongest_ground_says_which_order_a_receipt_pays(
    receipt: Receipt, order: int | None, fen: int, grounds: tuple[str, ...], is_other: bool
) -> None:
    found = propose(receipt, ORDERS)
    if order is None:
        assert found is None
        return
    assert found is not None
    assert (found.order_id, found.fen, found.grounds, found.is_other_payer) == (order, fen, grounds, is_other)


def test_an_amount_two_orders_wait_for_says_nothing() -> None:
    twins = [replace(order, missing_fen=500) for order in ORDERS]
    assert propose(Receipt("999", "丙", 500, ""), twins) is None


def test_order_numbers_are_found_in_what_people_write() -> None:
    assert numbers_in("货款ＴＤ－2026－000012，td 2026 000013") == ("TD-2026-000012", "TD-2026-000013")
    assert numbers_in("TD-2026-12") == ()
