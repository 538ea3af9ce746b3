"""The half-yearly inspection: a repeatable draw, every file within the half-year, findings closed (CHEM-8.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests import builders
from tests.conftest import NOW, StandingClock
from tests.onboarding import keeping, scenes
from tests.onboarding.test_pages import House
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tierflow.kernel.months import SHANGHAI
from tierflow.kernel.roles import Role
from tierflow.onboarding.models import Inspection, InspectionFinding, InspectionRound
from tierflow.onboarding.rules.inspection import ITEMS, draw, planned_days
from tierflow.onboarding.service import inspecting
from tierflow.onboarding.terms_keeping import KEEPING_TERMS, MEND_WORKING_DAYS
from tierflow.web import inbox

GOOD = [{"key": key, "verdict": "pass"} for key in ITEMS]
WANTING = [{**one, "verdict": "fail", "remark": "联系电话已停机"} if one["key"] == "contact" else one for one in GOOD]


@pytest.mark.rule("CHEM-8.2")
def test_a_draw_follows_from_its_seed_alone() -> None:
    assert draw("a", range(100)) == draw("a", reversed(range(100)))
    assert draw("a", range(100)) != draw("b", range(100))
    assert sorted(draw("a", range(100))) == list(range(100))


@pytest.mark.rule("CHEM-8.2")
def test_the_days_are_spread_over_the_half_year_and_fall_on_weekdays() -> None:
    days = planned_days(200, date(2026, 7, 1), date(2027, 1, 1))
    assert days[0] == date(2026, 7, 1)
    assert all(date(2026, 7, 1) <= day < date(2027, 1, 1) for day in days)
    assert list(days) == sorted(days)
    assert max(days.count(day) for day in days) <= 4


@pytest.mark.rule("CHEM-8.2")
def test_every_file_not_inspected_for_six_months_is_drawn_once_a_half_year(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        place = scenes.company(session)
        ids = {keeping.admitted(session, place, number) for number in (1, 2, 3)}
        gone = keeping.admitted(session, place, 4)
        session.get_one(Customer, gone).disqualified_on = date(2026, 11, 1)
        session.flush()
        assert inspecting.open_round(session, NOW) == 3
        assert inspecting.open_round(session, NOW + timedelta(days=30)) == 0
        assert set(session.scalars(select(Inspection.customer_id))) == ids
        assert inspecting.redraw(session, session.scalars(select(InspectionRound.id)).one())
        sales = place.actor(session, "sales")
        first = session.scalars(select(Inspection).order_by(Inspection.place)).first()
        assert first is not None
        inspecting.inspect(session, sales, first.id, GOOD, NOW)
        # January: inspected in November, this one is due again by May; none is passed over.
        assert inspecting.open_round(session, NOW + timedelta(days=50)) == 3
        assert inspecting.open_round(session, NOW + timedelta(days=230)) == 3


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize(("months", "drawn"), [(6, 2), (7, 1), (12, 1)])
def test_longer_between_two_inspections_leaves_out_what_is_not_due_yet(app: Flask, months: int, drawn: int) -> None:
    with app.app_context(), transaction() as session:
        place = scenes.company(session)
        for number in (1, 2):
            keeping.admitted(session, place, number)
        inspecting.open_round(session, NOW)
        first = session.scalars(select(Inspection).order_by(Inspection.place)).first()
        assert first is not None
        later = datetime(2026, 12, 31, 2, tzinfo=UTC)
        inspecting.inspect(session, place.actor(session, "sales", later), first.id, GOOD, later)
        builders.adopt(session, {"inspection.every_months": months})
        assert inspecting.open_round(session, later + timedelta(days=1)) == drawn


@pytest.mark.rule("CHEM-8.2")
def test_a_finding_is_mended_by_the_account_manager_and_closed_by_the_inspector(both_app: Flask) -> None:
    file = keeping.opened(both_app)
    place = file.place
    with both_app.app_context(), transaction() as session:
        inspecting.open_round(session, NOW, seed="seed")
        li, sales = place.actor(session, "li"), place.actor(session, "sales")
        for who in (li, place.actor(session, "gm"), place.actor(session, "sales_west")):
            with pytest.raises((Forbidden, NotFound)):
                inspecting.inspect(session, who, 1, GOOD, NOW)
        with pytest.raises(Invalid) as error:
            inspecting.inspect(session, sales, 1, [{"key": "contact", "verdict": "fail"}, *GOOD[:1]], NOW)
        assert "items.contact.remark" in error.value.errors
        assert "items.annex1.verdict" in error.value.errors
        inspecting.inspect(session, sales, 1, WANTING, NOW)
        with pytest.raises(Conflict):
            inspecting.inspect(session, sales, 1, GOOD, NOW)
        finding = session.scalars(select(InspectionFinding)).one()
        assert (finding.item, finding.remark) == ("contact", "联系电话已停机")
        with pytest.raises(Conflict):
            inspecting.close(session, sales, finding.id, NOW)
        with pytest.raises(Forbidden):
            inspecting.mend(session, sales, finding.id, "已更新", NOW)
        inspecting.mend(session, li, finding.id, "已更新联系电话", NOW)
        assert [row.findings for row in inspecting.listing(session, sales, NOW, state="findings").rows] == [1]
        inspecting.close(session, sales, finding.id, NOW)
        assert inspecting.listing(session, sales, NOW, state="findings").rows == []
    with both_app.app_context():
        assert db.session.scalars(select(InspectionFinding.closed_by_id)).one() == place.id_of("sales")


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize("stands_in", [False, True])
def test_what_was_mended_comes_back_to_who_inspected(both_app: Flask, stands_in: bool) -> None:
    """Of the distribution company's inspections to the distribution company too, its colleague's of today as well."""
    file = keeping.opened(both_app)
    place = file.place
    with both_app.app_context(), transaction() as session:
        keeping.admitted(session, place, 2)
        inspectors = [
            builders.user(session, login, Role.DISTRIBUTION_COMPANY, name=f"人{login}") for login in ("dc1", "dc2")
        ]
        session.flush()
        if stands_in:
            committee = session.get_one(User, place.id_of("committee"))
            builders.delegation(session, inspectors[0], committee, NOW.date(), NOW.date() + timedelta(days=5))
        who = builders.actor(session, committee if stands_in else inspectors[0])
        inspecting.open_round(session, NOW, seed="seed")
        theirs, ours = session.scalars(select(Inspection.id).order_by(Inspection.id)).all()
        inspecting.inspect(session, who, theirs, WANTING, NOW)
        inspecting.inspect(session, place.actor(session, "sales"), ours, WANTING, NOW)
        findings = session.scalars(select(InspectionFinding.id).order_by(InspectionFinding.inspection_id)).all()
        ids = {"dc2": inspectors[1].id, "sales": place.id_of("sales"), "sales_west": place.id_of("sales_west")}
    assert waiting(both_app, ids) == {"dc2": [], "sales": [], "sales_west": []}, "the account manager mends first"
    with both_app.app_context(), transaction() as session:
        for finding in findings:
            inspecting.mend(session, place.actor(session, "li"), finding, "已更新", NOW)
    assert waiting(both_app, ids) == {"dc2": [theirs], "sales": [theirs, ours], "sales_west": []}
    page = builders.sign_in(both_app, ids["dc2"]).get("/").get_data(as_text=True)
    assert f"/inspections/{theirs}" in page
    with both_app.app_context(), transaction() as session:
        colleague = builders.actor(session, session.get_one(User, ids["dc2"]))
        inspecting.close(session, colleague, findings[0], NOW)
    assert waiting(both_app, ids) == {"dc2": [], "sales": [ours], "sales_west": []}


def waiting(app: Flask, ids: dict[str, int]) -> dict[str, list[int]]:
    """Which inspections each inbox holds findings of."""
    found = {}
    for login, user_id in ids.items():
        with app.app_context(), app.test_request_context():
            who = builders.actor(db.session(), db.session().get_one(User, user_id))
            items = inbox.items(db.session(), who)
        found[login] = sorted(item.subject_id for item in items if item.kind == "finding")
    return found


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize(
    ("term", "due"),
    [
        (None, "2026-12-07 17:30"),  # ten working days from a Monday morning
        (1, "2026-11-24 17:30"),
        (15, "2026-12-14 17:30"),
    ],
)
def test_findings_are_to_be_mended_within_policys_working_days(
    app: Flask, clock: StandingClock, term: int | None, due: str
) -> None:
    file = keeping.opened(app)
    with app.app_context(), transaction() as session:
        if term is not None:
            builders.adopt(session, {MEND_WORKING_DAYS: term})
        inspecting.open_round(session, NOW, seed="seed")
        inspecting.inspect(session, file.place.actor(session, "sales"), 1, WANTING, NOW)
        finding = session.scalars(select(InspectionFinding)).one()
        assert finding.due_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") == due


@pytest.mark.rule("CHEM-8.2")
def test_a_later_policy_moves_no_day_that_was_told_and_the_page_tells_todays(app: Flask, clock: StandingClock) -> None:
    file = keeping.opened(app)
    with app.app_context(), transaction() as session:
        inspecting.open_round(session, NOW, seed="seed")
        keeping.admitted(session, file.place, 2)
    page = House(app, file.place).screen("sales")
    assert "须在 10 个工作日内整改" in page.get("/inspections/1")
    with app.app_context(), transaction() as session:
        inspecting.inspect(session, file.place.actor(session, "sales"), 1, WANTING, NOW)
        told = session.scalars(select(InspectionFinding.due_at)).one()
        builders.adopt(session, {MEND_WORKING_DAYS: 3})
    with app.app_context(), transaction() as session:
        assert session.scalars(select(InspectionFinding.due_at)).one() == told
        assert policy_on(session, NOW.date()).integer(MEND_WORKING_DAYS) == 3


@pytest.mark.parametrize(("value", "is_refused"), [(0, True), (1, False), (60, False), (61, True)])
def test_the_days_to_mend_have_bounds(value: int, is_refused: bool) -> None:
    term = next(term for term in KEEPING_TERMS.values() if term.key == MEND_WORKING_DAYS)
    assert (term.refuses(value) is not None) is is_refused
    assert term.clause == "CHEM-8.2"
