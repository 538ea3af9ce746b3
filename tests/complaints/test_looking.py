"""Looking at complaints: who sees which, countdowns, figures against a plain count, history, digest, duties."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from statistics import median_low

import pytest
from flask import Flask
from sqlalchemy import select

from tests.builders import office, sign_in, user
from tests.complaints.facts import at
from tests.complaints.scenes import Scene, statements_of
from tests.complaints.seen import licensed
from tests.conftest import StandingClock
from tierflow.common.customers import CustomerOffice
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice, as_text
from tierflow.complaints import duties
from tierflow.complaints.models import Clock, Complaint
from tierflow.complaints.rules.digest import Line, build
from tierflow.complaints.service import answering, handling, history, queries, statistics
from tierflow.complaints.service.digest import digest
from tierflow.complaints.service.sweep import sweep
from tierflow.kernel.errors import Forbidden
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Role


def seen(scene: Scene, login: str, when: str = "2026-11-23 12:00") -> list[int]:
    with scene.app.app_context(), transaction() as session:
        columns = queries.board(session, scene.actor(session, login, at(when)), at(when))
        return sorted(card.complaint.id for column in columns for card in column.cards)


def test_everybody_sees_their_own_part(scene: Scene) -> None:
    company = scene.company
    ours = scene.take()
    west = scene.take(login="sm2", customer_id=None, customer_name="西部某厂", region_id=company.other_region)
    with scene.app.app_context(), transaction() as session:
        desk = office(session)
        session.add(CustomerOffice(customer_id=company.customer, office_id=desk.id, since=at("2026-01-01 00:00")))
        company.people["resident"] = user(session, "resident", (Role.RESIDENT_OFFICE, desk.id)).id
        company.people["committee"] = user(session, "committee", Role.COMMITTEE_MEMBER).id
        company.people["distribution"] = user(session, "distribution", Role.DISTRIBUTION_COMPANY).id
    assert seen(scene, "am") == [ours]
    assert seen(scene, "am2") == []
    assert seen(scene, "sm") == [ours]
    assert seen(scene, "sm2") == [west]
    assert seen(scene, "resident") == [ours]
    for everywhere in ("gm", "finance", "committee", "distribution"):
        assert seen(scene, everywhere) == [ours, west]
    for nobody in ("admin", "qa"):
        with pytest.raises(Forbidden):
            seen(scene, nobody)


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("now", "outcome", "days", "minutes", "percent"),
    [
        ("2026-11-23 10:00", "running", 1, 450 + 540, 0),
        ("2026-11-24 13:00", "running", 0, 270, 72),
        ("2026-11-24 17:30", "running", 0, 0, 100),
        ("2026-11-24 17:31", "late", 0, 0, 100),
        ("2026-11-26 09:00", "late", -2, 0, 100),
    ],
)
def test_a_countdown_follows_from_the_time_alone(
    app: Flask, now: str, outcome: str, days: int, minutes: int, percent: int
) -> None:
    scene = Scene(app)
    scene.take()
    with app.app_context():
        clock = db.session.scalars(select(Clock)).one()
        down = queries.Cards(db.session(), at(now)).countdown(clock)
        assert (down.outcome, down.days_left, down.minutes_left, down.percent_used) == (outcome, days, minutes, percent)
        assert down.was_breached == (outcome == "late")


@pytest.mark.rule("CHEM-12.3")
def test_the_board_costs_the_same_whatever_lies_on_it(app: Flask) -> None:
    scene = Scene(app)
    counts = []
    for number in (1, 12):
        for _each in range(number):
            scene.take()
        with app.app_context():
            actor = scene.actor(db.session(), "sm", at("2026-11-23 12:00"))
            with statements_of(db.engine) as sent:
                queries.board(db.session(), actor, at("2026-11-23 12:00"))
            counts.append(len(sent))
    assert counts[0] == counts[1] <= 6


@pytest.mark.rule("CHEM-12.3")
def test_figures_agree_with_a_plain_count(scene: Scene) -> None:
    chance = random.Random(20261123)
    now = at("2026-11-25 12:00")
    for _each in range(14):
        received = at("2026-09-01 09:00") + timedelta(days=chance.randrange(80), minutes=chance.randrange(400))
        severity = chance.choice(["general", "major"])
        complaint = scene.take(received, severity=severity)
        if chance.random() < 0.8:
            scene.approve(scene.propose(complaint, received), received)
            told = min(received + timedelta(hours=chance.randrange(1, 90)), now)
            scene.act(answering.tell, "am", complaint, told, channel="phone", told_at=told, told_to="x", reply="y")
    with scene.app.app_context(), transaction() as session:
        actor = scene.actor(session, "gm", now)
        found = statistics.figures(session, actor, Month(2026, 9), Month(2026, 11), {}, now)
        rows = session.execute(select(Clock, Complaint).join(Complaint, Complaint.id == Clock.complaint_id)).all()
        for tally, chosen in (
            [(found.total, rows)]
            + [(tally, [row for row in rows if row.Clock.severity == tally.key]) for tally in found.by_severity]
            + [(tally, [row for row in rows if row.Clock.received_month == tally.key]) for tally in found.by_month]
        ):
            told = [row.Clock for row in chosen if row.Clock.told_at is not None]
            in_time = sum(clock.in_time for clock in told)
            late = len(told) - in_time + sum(row.Clock.told_at is None and row.Clock.due_at < now for row in chosen)
            minutes = sorted(clock.worked_minutes for clock in told)
            middle = None
            if minutes:
                high = minutes[len(minutes) // 2]
                middle = (median_low(minutes) + high) // 2 if len(minutes) % 2 == 0 else high
            assert (tally.received, tally.in_time, tally.late) == (len(chosen), in_time, late)
            assert tally.median_minutes == middle
        only = statistics.figures(session, actor, Month(2026, 9), Month(2026, 9), {"severity": "major"}, now)
        assert [tally.key for tally in only.by_month] == ["2026-09"]
        assert only.total.received == sum(
            row.Clock.severity == "major" and row.Clock.received_month == "2026-09" for row in rows
        )


@pytest.mark.rule("CHEM-12.3")
def test_each_figure_is_a_chart_with_its_numbers_as_a_table(scene: Scene, clock: StandingClock) -> None:
    scene.answered("2026-11-20 09:00", "2026-11-20 15:00", severity="major")  # six office hours
    scene.take("2026-11-20 10:00")  # general, open and late
    clock.at = at("2026-11-24 12:00")
    page = sign_in(scene.app, scene.company["gm"]).get("/complaints/statistics").text
    figures = page.split("<figure")[1:]
    charts = {re.search(r"<span>([^<]+)", each).group(1): each for each in figures}  # type: ignore[union-attr]
    assert len(charts) == 7
    assert "<title>较大 · 按时 · 1</title>" in charts["各严重程度投诉数"]
    assert "<title>一般 · 超时 · 1</title>" in charts["各严重程度投诉数"]
    assert "<title>较大 · 6.0 小时</title>" in charts["各严重程度答复用时中位数"]
    assert "6.0 小时</title>" in charts["各月答复用时中位数"]
    for drawn in charts.values():
        assert "<svg" in drawn
        assert "<table" in drawn


def test_the_customers_page_counts_all_and_lists_the_newest(scene: Scene) -> None:
    first = scene.answered("2026-11-20 09:00", "2026-11-20 15:00")
    second = scene.answered("2026-11-20 10:00", "2026-11-24 15:00")
    third = scene.take("2026-11-23 10:00")
    scene.act(answering.uphold_breach, "sm", second, "2026-11-24 16:00", what="转售")
    with scene.app.app_context(), transaction() as session:
        now = at("2026-11-24 17:00")
        found = history.of_customer(session, scene.actor(session, "am", now), scene.company.customer, now)
        assert [card.complaint.id for card in found.cards] == [third, second, first]
        assert (found.total, found.told, found.in_time, found.breaches) == (3, 2, 1, 1)
        count = statistics.upheld_breaches(session, scene.company.customer, 1, Month(2026, 11))
        other = statistics.upheld_breaches(session, scene.company.customer, 1, Month(2026, 10))
        assert (count, other) == (1, 0)


def test_the_digest_says_what_the_general_manager_must_know(scene: Scene) -> None:
    overdue = scene.take("2026-11-20 10:00")
    asked = {"department_id": scene.company.department, "question": "留样结果？"}
    scene.act(handling.consult, "am", overdue, "2026-11-20 11:00", **asked)
    today = scene.take("2026-11-23 10:00")
    serious = scene.take("2026-11-23 11:00", severity="serious")
    waiting = scene.take("2026-11-23 12:00", severity="major")
    request = scene.extend(waiting, "2026-11-23 13:00")
    scene.decide_extension(request, "sm", "2026-11-23 14:00")
    now = at("2026-11-24 08:30")
    licensed(scene, date(2026, 11, 23))
    with scene.app.app_context(), transaction() as session:
        found = digest(session, scene.actor(session, "gm", now), now)
        subjects = {part.key: [line.subject for line in part.lines] for part in found.parts}
        assert subjects == {
            "overdue": [("complaint", overdue)],
            "today": [("complaint", today)],
            "errands": [("complaint_consultation", 1)],
            "meetings": [("complaint", serious)],
            "waiting": [("complaint_extension", request)],
            "suspended": [("customer", scene.company.customer)],
        }
        assert found.summary().params["overdue"] == 1
        later = digest(session, scene.actor(session, "gm", now), at("2026-11-25 08:30"))
        assert [part.total for part in later.parts if part.key == "suspended"] == [0], "told once, on the first morning"
        with pytest.raises(Forbidden):
            digest(session, scene.actor(session, "sm", now), now)
    for _twice in range(2):
        with scene.app.app_context(), transaction() as session:
            duties.send_digest(session, now)
    with scene.app.app_context():
        sent = db.session.scalars(select(Notice).where(Notice.kind == "complaint.digest")).all()
        assert [each.user_id for each in sent] == [scene.company["gm"]], "once a day"
        told = str(as_text(sent[0].msgid, sent[0].params))
        assert "overdue 1, measures, inquiries and departments' answers overdue 1" in told
        name = scene.complaint(overdue).customer_name
        assert f" Overdue complaints: {scene.complaint(overdue).number} · {name}. Complaints due today: " in told
        assert told.endswith(f" Customers suspended since yesterday: C-000001 · {name}.")


def test_a_message_names_the_first_of_each_part_and_counts_the_rest() -> None:
    lines = [Line(f"TS-{number}", "", None, ("complaint", number)) for number in range(1, 21)]
    found = build(date(2026, 11, 24), {"overdue": (lines, 25), "today": (lines[:3], 3)})
    assert str(found.message()).endswith(
        " Overdue complaints: TS-1; TS-2; TS-3 and 22 more. Complaints due today: TS-1; TS-2; TS-3."
    )


def test_who_has_left_is_not_the_only_one_told(scene: Scene) -> None:
    from tierflow.common.users import User

    scene.take(severity="major")
    with scene.app.app_context(), transaction() as session:
        session.get_one(User, scene.company["am"]).disabled_at = at("2026-11-24 10:00")
    with scene.app.app_context(), transaction() as session:
        before = session.scalars(select(Notice.id).where(Notice.user_id == scene.company["sm"])).all()
        assert sweep(session, at("2026-11-25 09:00")) == {"halfway": 1}
        after = session.scalars(select(Notice.id).where(Notice.user_id == scene.company["sm"])).all()
        assert len(after) == len(before) + 1


@pytest.mark.rule("CHEM-12.3")
def test_a_closing_stays_in_the_history_when_the_complaint_is_reopened(scene: Scene) -> None:
    complaint = scene.answered("2026-11-23 10:00", "2026-11-23 15:00")
    scene.act(answering.close, "am", complaint, "2026-11-23 16:00", satisfaction=2, note="希望更快")
    said = at("2026-11-25 08:40")
    scene.act(answering.reopen, "am", complaint, "2026-11-25 09:00", said_at=said, facts="又出现")
    client = sign_in(scene.app, scene.company["am"])
    page = client.get(f"/complaints/{complaint}").get_data(as_text=True)
    history_of = page[page.index('class="timeline"') :]
    assert "投诉结案" in history_of
    assert "不满意 · 希望更快" in history_of
    assert history_of.index("重新打开投诉（第 2 次计时）") < history_of.index("投诉结案")
    answer = client.get(f"/api/v1/complaints/{complaint}").get_json()
    assert [(row["satisfaction"], row["note"]) for row in answer["closings"]] == [(2, "希望更快")]
    assert answer["closed_at"] is None


@pytest.mark.rule("CHEM-12.3")
def test_a_department_that_has_not_answered_in_time_is_shown_overdue(scene: Scene, clock: StandingClock) -> None:
    complaint = scene.take()
    due = at("2026-11-23 15:00")
    scene.act(
        handling.consult,
        "am",
        complaint,
        "2026-11-23 11:00",
        department_id=scene.company.department,
        question="请核查",
        due_at=due,
    )
    pages = []
    for when in ("2026-11-23 15:00", "2026-11-23 15:01"):
        clock.at = at(when)
        pages.append(sign_in(scene.app, scene.company["am"]).get(f"/complaints/{complaint}").get_data(as_text=True))
    assert ["已超时" in page for page in pages] == [False, True]
    assert all("时限 2026-11-23 15:00" in page for page in pages)
