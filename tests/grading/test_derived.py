"""Evenness of the weeks, orders paid in time, days with papers: pure, and the same in SQL (CHEM-9.6, 10.9, 15, 16)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.builders import warehouse
from tests.conftest import StandingClock
from tests.grading.scenes import FEB, JAN, MAR, Scene, after, at
from tests.grading.test_doors import Door
from tierflow.common.db import transaction
from tierflow.common.offtake import Lifting, record
from tierflow.common.reference import Warehouse
from tierflow.grading.models import Review, ReviewScore
from tierflow.grading.rules.derived import evenness, payment_discipline, working_weeks
from tierflow.grading.service import derived, keying, proving, reviews
from tierflow.kernel.errors import Invalid
from tierflow.kernel.months import Month
from tierflow.kernel.qualification import Cover, suspended_days
from tierflow.lifting.models import LiftingOrder

T = 1_000_000


@pytest.mark.rule("CHEM-9.6")
@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ((25, 25, 25, 25), 10_000),
        ((100, 0, 0, 0), 0),
        ((0, 0, 0, 1), 0),
        ((50, 50, 0, 0), 3_333),  # 1 − 100 ÷ 150, rounded down
        ((40, 30, 20, 10), 7_333),
        ((1, 1, 1, 2), 8_000),
        ((3 * 10**12, 3 * 10**12 - 1), 9_999),  # one gram short of the same
        ((7, 7), 10_000),
        ((0, 0, 0, 0), None),
        ((100,), None),
        ((), None),
    ],
)
def test_evenness_is_one_for_the_same_every_week_and_nought_for_all_in_one(
    weeks: tuple[int, ...], expected: int | None
) -> None:
    assert evenness(weeks) == expected


@pytest.mark.rule("CHEM-9.6")
@pytest.mark.parametrize(
    ("due", "in_time", "expected"),
    [(0, 0, None), (1, 0, 0), (1, 1, 10_000), (3, 2, 6_666), (3, 1, 3_333), (20, 19, 9_500)],
)
def test_payment_discipline_is_orders_paid_in_time_of_those_due(due: int, in_time: int, expected: int | None) -> None:
    assert payment_discipline(due, in_time) == expected


@pytest.mark.rule("CHEM-9.6")
@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=53))
def test_evenness_lies_between_nought_and_one_and_knows_no_order(weeks: list[int]) -> None:
    value = evenness(weeks)
    assert value is None if sum(weeks) == 0 else 0 <= value <= 10_000  # type: ignore[operator]
    assert evenness(sorted(weeks)) == value
    assert evenness([week * 3 for week in weeks]) == value


@pytest.mark.rule("CHEM-9.6")
def test_a_week_belongs_to_its_thursday_and_counts_with_a_working_day() -> None:
    holidays = {date(2026, 10, 1) + timedelta(days=n) for n in range(8)} | {
        date(2026, 9, 28) + timedelta(days=n) for n in range(3)
    }
    weeks = working_weeks([Month(2026, 10)], lambda day: day.weekday() < 5 and day not in holidays)
    assert [str(week.days[0]) for week in weeks] == ["2026-10-05", "2026-10-12", "2026-10-19", "2026-10-26"]
    assert str(working_weeks([Month(2026, 10)], lambda _day: True)[0].days[0]) == "2026-09-28", (
        "1 October is a Thursday"
    )
    assert str(weeks[-1].days[-1]) == "2026-11-01"


@pytest.mark.rule("CHEM-15", "CHEM-16")
@pytest.mark.parametrize(
    ("covers", "days"),
    [
        ([("merged_licence", "2025-01-01", None)], 0),
        ([("merged_licence", "2025-01-01", "2026-03-31")], 0),
        ([("merged_licence", "2025-01-01", "2026-03-30")], 1),  # the last valid day is valid
        ([("merged_licence", "2025-01-01", "2025-12-31")], 90),
        ([("merged_licence", "2026-01-02", None)], 1),
        ([("merged_licence", "2025-01-01", "2026-01-31"), ("merged_licence", "2026-02-03", None)], 2),
        ([("business_licence", "2025-01-01", None), ("organisation_code_certificate", "2025-01-01", None)], 90),
        ([], 90),
    ],
)
def test_days_without_valid_papers_in_a_quarter(covers: list[tuple[str, str, str | None]], days: int) -> None:
    rows = [Cover(kind, date.fromisoformat(a), date.fromisoformat(b) if b else None) for kind, a, b in covers]
    assert suspended_days(rows, date(2026, 1, 1), date(2026, 3, 31)) == days


def lift(scene: Scene, letter: str, day: str, grams: int, now: datetime | None = None) -> None:
    scene.numbers += 1
    on = date.fromisoformat(day)
    row = Lifting(scene.customers[letter], scene.product, scene.line, on, grams, "planned", f"N{scene.numbers}")
    with scene.app.app_context(), transaction() as session:
        record(session, "erp", [row], now or at(f"{day} 18:00"))


def order(
    scene: Scene, letter: str, pay_by: str, paid: str | None, state: str = "paid", closed: str | None = None
) -> None:
    scene.numbers += 1
    with scene.app.app_context(), transaction() as session:
        place = session.scalars(select(Warehouse.id)).first() or warehouse(session).id
        session.add(
            LiftingOrder(
                number=f"TD-{scene.numbers}",
                customer_id=scene.customers[letter],
                product_line_id=scene.line,
                product_id=scene.product,
                warehouse_id=place,
                form_of_sale="planned",
                quantity_grams=T,
                price_fen=100,
                pay_by_on=date.fromisoformat(pay_by),
                remark="",
                placed_by_id=scene.people["am"],
                placed_at=at("2026-01-02 09:00"),
                state=state,
                received_fen=0,
                paid_out_fen=0,
                released_grams=0,
                lifted_grams=0,
                owes_fen=0,
                paid_on=date.fromisoformat(paid) if paid else None,
                closed_at=at(closed) if closed else None,
            )
        )


@pytest.fixture
def scene(both_app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-05-06 10:00")
    return Scene(both_app)


@pytest.mark.rule("CHEM-9.6")
def test_a_month_s_decisions_carry_what_the_ledger_and_the_orders_tell(scene: Scene) -> None:
    for day in (
        "2026-01-06",
        "2026-01-13",
        "2026-01-20",
        "2026-01-27",
        "2026-02-01",
    ):  # Sunday belongs to January's last
        lift(scene, "a", day, 50 * T)
    lift(scene, "b", "2026-01-14", 900 * T)
    lift(scene, "b", "2026-02-02", 7 * T)  # February's first Monday: not January's
    order(scene, "a", "2026-01-15", "2026-01-15")
    order(scene, "a", "2026-01-31", "2026-02-01")
    order(scene, "a", "2026-02-01", None, "placed")  # February's
    order(scene, "b", "2026-01-20", None, "cancelled", "2026-01-20 17:00")  # called off in time: never due
    order(scene, "b", "2026-01-20", None, "cancelled", "2026-01-21 00:30")
    run = scene.propose(JAN, at("2026-02-02 10:00"))
    rows = scene.decisions(run)
    found = scene.ask(
        lambda session: derived.inputs(session, derived.span(session, scene.line, [JAN]), scene.customers.values())
    )
    for letter, row in rows.items():
        told = found[scene.customers[letter]]
        assert (row.evenness, row.payment_discipline) == (told.evenness, told.payment_discipline), letter
    assert [grams for _week, grams in found[scene.customers["a"]].weeks] == [0, 50 * T, 50 * T, 50 * T, 100 * T]
    assert rows["a"].evenness == evenness([0, 50, 50, 50, 100])
    assert (rows["a"].payment_discipline, rows["b"].payment_discipline) == (5_000, 0)
    assert (rows["b"].evenness, rows["d"].evenness, rows["d"].payment_discipline) == (0, None, None)
    scene.confirm(run, at("2026-02-02 11:00"))
    lift(scene, "a", "2026-02-01", 30 * T, at("2026-02-03 09:00"))  # February's tonnes: no late fact of January
    assert scene.ask(lambda session: list(proving.verify(session))) == []


@pytest.mark.rule("CHEM-9.6")
def test_by_hand_only_where_nothing_is_on_record_and_with_a_reason(scene: Scene) -> None:
    lift(scene, "a", "2026-01-14", 900 * T)
    now = at("2026-02-02 09:00")

    def key(number: str, reason: str | None, **values: int) -> Any:
        command = {
            "product_line_id": scene.line,
            "month": JAN,
            "rows": [{"number": number, **values}],
            "reason": reason,
        }
        with scene.app.app_context(), transaction() as session:
            return keying.key(session, scene.actor(session, "am", now), command, now)

    with pytest.raises(Invalid) as told:
        key("C-000002", None, evenness=9_000)
    assert set(told.value.errors) == {"reason"}
    with pytest.raises(Invalid) as told:
        key("C-000001", "台账遗失", evenness=9_000)
    assert set(told.value.errors["rows"][0]) == {"evenness"}
    assert key("C-000002", "台账遗失", evenness=9_000, payment_discipline=8_000) == 1
    assert key("C-000001", None, cooperation=80) == 1
    rows = scene.decisions(scene.propose(JAN, at("2026-02-02 10:00")))
    assert (rows["a"].evenness, rows["b"].evenness, rows["b"].payment_discipline) == (0, 9_000, 8_000)
    lift(scene, "b", "2026-01-15", 10 * T, at("2026-02-02 11:00"))
    rows = scene.decisions(scene.propose_again(JAN, at("2026-02-02 12:00")))
    assert rows["b"].evenness == 0, "what the ledger tells goes before what was keyed in"


@pytest.mark.rule("CHEM-16", "CHEM-15")
def test_a_review_scores_weeks_orders_and_papers_of_its_whole_period(scene: Scene) -> None:
    for month in (JAN, FEB, MAR):
        lift(scene, "a", f"{month}-10", 500 * T)
    order(scene, "a", "2026-01-15", "2026-01-10")
    order(scene, "a", "2026-02-15", "2026-02-16")
    scene.let_papers_end("b", date(2026, 3, 22))
    scene.close(JAN, FEB, MAR)
    with scene.app.app_context(), transaction() as session:
        reviews.open_due(session, at("2026-04-07 07:00"))
    query = select(ReviewScore).join(Review, Review.id == ReviewScore.review_id)
    found = {
        row.customer_id: row
        for row in scene.ask(lambda session: session.scalars(query.where(Review.product_line_id == scene.line)).all())
    }
    a, b = found[scene.customers["a"]], found[scene.customers["b"]]
    span = scene.ask(lambda session: derived.span(session, scene.line, [JAN, FEB, MAR]))
    weeks = [0] * len(span.weeks)
    for number, week in enumerate(span.weeks):
        weeks[number] = 500 * sum(day.day == 10 for day in week.days)
    assert a.evenness == evenness(weeks)
    assert (a.orders_due, a.orders_in_time, a.payment_discipline) == (2, 1, 5_000)
    assert (a.suspended_days, a.papers_ok, b.suspended_days, b.papers_ok) == (0, True, 9, False)
    assert (b.days, b.evenness, b.recommended) == (86, None, "disqualify"), "a customer since 5 January"
    assert a.score == (15 * evenness(weeks) + 20 * 5_000 + 10 * 10_000 + 5 * 10_000) // 50
    assert (b.breaches, b.score) == (None, None), "nothing to breach, and papers alone make no score"


@pytest.mark.parametrize("kind", ["page", "api"])
def test_the_inputs_are_shown_through_either_door(app: Flask, clock: StandingClock, kind: str) -> None:
    clock.at = at("2026-05-06 10:00")
    scene = Scene(app)
    lift(scene, "a", "2026-01-14", 900 * T)
    order(scene, "a", "2026-01-15", "2026-01-10")
    door = Door(scene, kind)
    client, _token = door.client("am")
    if kind == "api":
        found = client.get(
            f"/api/v1/grading/inputs?product_line_id={scene.line}&customer_id={scene.customers['a']}&period=2026-Q1"
        ).json
        assert (found["evenness"], found["orders_due"], found["payment_discipline"], found["papers"]) == (
            0,
            1,
            10_000,
            10_000,
        )
        assert [week["tonnes"] for week in found["weeks"] if week["tonnes"] != "0"] == ["900"]
        bad = client.get("/api/v1/grading/inputs?product_line_id=1&customer_id=1&period=soon")
        assert bad.status_code == 422
        return
    page = client.get(f"/levels/inputs/{scene.line}/{scene.customers['a']}?period=2026-01").text
    assert "2026-01-12 – 01-18" in page
    assert "900" in page
    assert client.get(f"/levels/inputs/{scene.line}/99?period=2026-01").status_code == 404
    facts = client.get("/levels/facts?month=2026-01").text
    assert f"/levels/inputs/{scene.line}/{scene.customers['a']}?period=2026-01" in facts
    assert after(JAN)
