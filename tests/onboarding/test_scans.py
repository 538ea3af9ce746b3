"""Scans owed by customers taken over: who sees which, when they are due, and how the debt is paid."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from tests.conftest import NOW, StandingClock
from tests.onboarding import keeping, lists, scenes
from tests.onboarding.test_pages import House
from tierflow.common.approvals import Seen
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.imports import service as imports
from tierflow.common.imports import work
from tierflow.kernel.approval import Verdict
from tierflow.onboarding.rules.papers import PaperFact
from tierflow.onboarding.rules.renewal import OnFile, Terms, renewal_refusals
from tierflow.onboarding.service import examining, renewing, scans
from tierflow.onboarding.service.scans import OwedFilters
from tierflow.onboarding.service.takeover import CUSTOMERS

LONG, DATED = {"merged_licence.valid_to": "长期"}, {"merged_licence.valid_to": "2030-12-31"}


class Taken:
    """Three customers taken over: two of 人li's in the east, one of 人wang's."""

    def __init__(self, app: Flask, clock: StandingClock) -> None:
        self.app, self.clock = app, clock
        with app.app_context(), transaction() as session:
            self.place = scenes.company(session)
        rows = [lists.customer(1, **LONG), lists.customer(2, **DATED), lists.customer(3, account_manager="wang")]
        self.take_over(rows)

    def take_over(self, rows: list[dict[str, Any]]) -> int:
        mapping = {key: at for at, key in enumerate(lists.HEADS)}
        with self.app.app_context():
            with transaction() as session:
                sales = self.place.actor(session, "sales", self.clock.at)
                content = lists.as_csv(rows)
                batch = imports.receive(session, sales, CUSTOMERS, "老客户.csv", content, self.clock.at, spoken=str).id
            with transaction() as session:
                sales = self.place.actor(session, "sales", self.clock.at)
                imports.set_mapping(session, sales, CUSTOMERS, batch, mapping, self.clock.at)
            work.work_off(self.clock, pause=0)
            with transaction() as session:
                sales = self.place.actor(session, "sales", self.clock.at)
                imports.hand_in(session, sales, CUSTOMERS, batch, {"doubts_seen": True}, self.clock.at)
            with transaction() as session:
                general_manager = self.place.actor(session, "gm", self.clock.at)
                imports.apply(session, general_manager, CUSTOMERS, batch, Seen(1, "management"), self.clock.at)
            work.work_off(self.clock, pause=0)
        return batch

    def owed(self, who: str = "gm", **narrowed: Any) -> list[str]:
        with self.app.app_context(), transaction() as session:
            actor = self.place.actor(session, who, self.clock.at)
            page = scans.owed(session, actor, OwedFilters(**narrowed), self.clock.at)
            tally = scans.tally(session, actor, OwedFilters(**narrowed), self.clock.at)
            if not {"within", "overdue"} & set(narrowed):
                assert tally.owed == len(page.rows)
            return [row.customer.name for row in page.rows]

    def hand_in(self, number: int, **changed: Any) -> int:
        printed = {
            "number": scenes.credit_code(10_000_000 + number),
            "issuer": "市场监督管理局",
            "valid_from": date(2016, 3, 1),
            **changed,
        }
        with self.app.app_context(), transaction() as session:
            found = session.scalars(select(Customer).where(Customer.name == f"老客户第{number}有限公司")).one()
            li = self.place.actor(session, "li", self.clock.at)
            row = renewing.renew(session, li, found.id, "merged_licence", printed, keeping.scan(), self.clock.at)
            return row.id

    def decide(self, renewal: int, who: str) -> None:
        with self.app.app_context(), transaction() as session:
            case = examining.case_of(session, (renewing.SUBJECT, renewal))
            seen, actor = Seen(case.version, case.step or ""), self.place.actor(session, who, self.clock.at)
            renewing.decide(session, actor, renewal, seen, Verdict.APPROVE, self.clock.at)


@pytest.fixture
def taken(both_app: Flask, clock: StandingClock) -> Taken:
    return Taken(both_app, clock)


@pytest.mark.rule("CHEM-3.3", "CHEM-7.1")
@pytest.mark.parametrize(("number", "end"), [(1, {"is_long_term": True}), (2, {"valid_to": date(2030, 12, 31)})])
def test_a_scan_is_owed_until_it_is_examined(taken: Taken, number: int, end: dict[str, Any]) -> None:
    name = f"老客户第{number}有限公司"
    assert name in taken.owed("li")
    renewal = taken.hand_in(number, **end)
    assert name in taken.owed("li"), "handed in is not examined"
    taken.decide(renewal, "sales")
    assert name in taken.owed("li")
    taken.decide(renewal, "finance")
    assert name not in taken.owed("li")


def test_seen_by_whose_they_are_and_narrowed(taken: Taken) -> None:
    ours = ["老客户第1有限公司", "老客户第2有限公司"]
    everybody = [*ours, "老客户第3有限公司"]
    assert taken.owed("li") == ours
    assert taken.owed("wang") == everybody[2:]
    assert taken.owed("sales") == taken.owed("gm") == everybody
    assert taken.owed("sales_west") == []
    assert taken.owed(account_manager_id=taken.place.id_of("wang")) == everybody[2:]
    assert taken.owed(region_id=taken.place.other_region) == []
    assert taken.owed(batch_id=1) == everybody
    assert taken.owed(batch_id=2) == []


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize(
    ("days", "overdue", "within_7"), [(82, False, False), (83, False, True), (90, False, True), (91, True, True)]
)
def test_due_so_many_days_after_the_takeover(
    taken: Taken, clock: StandingClock, days: int, overdue: bool, within_7: bool
) -> None:
    clock.forward(days=days)
    assert bool(taken.owed(overdue=True)) is overdue
    assert bool(taken.owed(within=7)) is within_7
    with taken.app.app_context(), transaction() as session:
        gm = taken.place.actor(session, "gm", clock.at)
        assert scans.owed(session, gm, OwedFilters(), clock.at).rows[0].days_left == 90 - days
        assert scans.tally(session, gm, OwedFilters(), clock.at).overdue == (3 if overdue else 0)


def test_earlier_imports_are_due_first_and_pages_go_by_key(taken: Taken, clock: StandingClock) -> None:
    clock.forward(days=1)
    taken.take_over([lists.customer(4), lists.customer(5)])
    with taken.app.app_context(), transaction() as session:
        gm = taken.place.actor(session, "gm", clock.at)
        seen: list[str] = []
        cursor = None
        while True:
            page = scans.owed(session, gm, OwedFilters(), clock.at, cursor=cursor, size=2)
            seen += [row.customer.name for row in page.rows]
            if (cursor := page.after) is None:
                break
        asked: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        scans.owed(session, gm, OwedFilters(), clock.at)
        assert len([one for one in asked if "policy" not in one]) == 2
    assert seen == [f"老客户第{number}有限公司" for number in (1, 2, 3, 4, 5)]


def _new(**changed: Any) -> PaperFact:
    printed = {"number": "1", "issuer": "局", "valid_from": date(2016, 3, 1), "valid_to": date(2030, 12, 31)}
    return PaperFact(kind="merged_licence", is_long_term=False, names_code=True, **{**printed, **changed})


@pytest.mark.rule("CHEM-7.1", "CHEM-15")
@pytest.mark.parametrize(
    ("has_scan", "ends", "refused"),
    [
        (True, date(2030, 12, 31), True),  # the same paper again proves nothing
        (False, date(2030, 12, 31), False),  # its scan is what is owed
        (False, date(2030, 12, 30), True),  # an older one is not
        (False, date(2031, 1, 1), False),
    ],
)
def test_the_scan_of_the_very_paper_is_taken_only_where_it_is_owed(has_scan: bool, ends: date, refused: bool) -> None:
    on_file = OnFile(date(2016, 3, 1), date(2030, 12, 31), has_scan)
    found = renewal_refusals(
        _new(valid_to=ends), is_proof=False, remark="", on_file=on_file, on=NOW.date(), terms=Terms(60)
    )
    assert [row.field for row in found] == (["valid_to"] if refused else [])


@pytest.mark.rule("CHEM-3.3", "CHEM-7.1")
def test_from_the_result_to_the_list_to_the_form_and_away(app: Flask, clock: StandingClock) -> None:
    taken = Taken(app, clock)
    house = House(app, taken.place)
    gm, li = house.screen("gm"), house.screen("li")
    result = gm.get("/takeover/1")
    assert 'href="/customers/scans-owed?batch_id=1"' in result
    assert "尚待补交扫描件：3 份" in result
    page = li.get("/customers/scans-owed")
    assert "/customers/2/papers/merged_licence/renew" in page
    assert 'href="/customers/scans-owed"' in li.get("/"), "in the navigation"
    form = li.get("/customers/2/papers/merged_licence/renew")
    assert 'value="2030-12-31"' in form
    assert "此证照尚待补交扫描件" in form
    body = li.client.get("/api/v1/customers/scans-owed?within=90").get_json()
    assert [(row["customer_id"], row["kind"], row["days_left"], row["is_waiting"]) for row in body["rows"]] == [
        (1, "merged_licence", 90, False),
        (2, "merged_licence", 90, False),
    ]
    sent = {
        "number": scenes.credit_code(10_000_002),
        "issuer": "市场监督管理局",
        "valid_from": "2016-03-01",
        "valid_to": "2030-12-31",
        "file": (io.BytesIO(scenes.png()), "营业执照.png"),
    }
    answer = li.post("/customers/2/papers/merged_licence/renew", sent)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    body = li.client.get("/api/v1/customers/scans-owed").get_json()
    assert [row["is_waiting"] for row in body["rows"]] == [False, True]
    for who in ("sales", "finance"):
        taken.decide(1, who)
    assert "尚待补交扫描件：2 份" in gm.get("/takeover/1")
    table = gm.post("/customers/scans-owed/export", {"form": "csv"}).get_data().decode("utf-8-sig")
    assert "老客户第1有限公司" in table
    assert "老客户第2有限公司" not in table
    assert li.client.get("/customers/scans-owed?within=x").status_code == 422


def test_reverted_owes_nothing(app: Flask, clock: StandingClock) -> None:
    taken = Taken(app, clock)
    with app.app_context():
        with transaction() as session:
            later = clock.at + timedelta(hours=1)
            imports.revert(session, taken.place.actor(session, "gm"), CUSTOMERS, 1, "名单有误", later)
        work.work_off(clock, pause=0)
    assert taken.owed() == []
