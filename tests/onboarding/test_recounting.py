"""What waits over New Year is due on a guess until the year's calendar is loaded; then by the calendar (CHEM-12.3)."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest
from flask import Flask
from sqlalchemy import select

from tests import builders
from tests.complaints.facts import at
from tests.conftest import StandingClock
from tests.onboarding import keeping
from tests.onboarding.test_inspecting import WANTING
from tierflow.admin.service import calendars
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.kernel.months import SHANGHAI
from tierflow.onboarding.models import Distribution, Inspection, InspectionFinding
from tierflow.onboarding.service import changing, distributing, inspecting
from tierflow.onboarding.service.examining import case_of

STARTED = at("2026-12-30 10:00")  # a Wednesday; of January only the statutory New Year's Day is known
JANUARY = {date(2027, 1, 1): (False, "元旦"), date(2027, 1, 4): (False, "元旦")}


class Winter:
    """A file on which three things were begun before New Year: a change, a distribution, a finding to mend."""

    def __init__(self, app: Flask, started: datetime = STARTED) -> None:
        self.app = app
        self.file = keeping.opened(app)
        with app.app_context(), transaction() as session:
            place = self.file.place
            customer = session.get_one(Customer, self.file.customer)
            distributing.distribute(session, customer, "changed", {}, started)
            inspecting.open_round(session, started, seed="seed")
            drawn = session.scalars(select(Inspection.id)).one()
            inspecting.inspect(session, place.actor(session, "sales", started), drawn, WANTING, started)
            li = place.actor(session, "li", started)
            changed = {"invoice_address": "新址"}
            self.change = changing.propose(session, li, customer.id, changed, started, reason="搬迁").id

    def dues(self) -> dict[str, str]:
        with self.app.app_context():
            session = db.session()
            sent = session.scalars(select(Distribution.due_at).where(Distribution.event == "changed")).one()
            mending = session.scalars(select(InspectionFinding.due_at)).one()
            waiting = case_of(session, (changing.SUBJECT, self.change)).due_at
        found = {"receipt": sent, "finding": mending, "step": waiting}
        return {name: due.astimezone(SHANGHAI).strftime("%m-%d %H:%M") for name, due in found.items()}

    def load(self, when: datetime, days: dict[date, tuple[bool, str]], year: int = 2027) -> int:
        """What the preview foretells to become firm."""
        with self.app.app_context(), transaction() as session:
            admin = self.file.place.actor(session, "admin", when)
            seen = calendars.preview(session, admin, year, days, when, is_empty=not days)
            calendars.load(
                session, admin, year, days, "国办", when, is_empty=not days, seen_version=seen.calendar_version
            )
        return seen.impact.firmed


@pytest.mark.rule("CHEM-12.3")
def test_a_loaded_year_makes_guesses_firm(both_app: Flask) -> None:
    winter = Winter(both_app)
    assert winter.dues() == {"receipt": "01-05 17:30", "finding": "01-14 17:30", "step": "01-05 17:30"}
    assert winter.load(at("2026-12-31 09:00"), JANUARY) == 3
    firm = {"receipt": "01-06 17:30", "finding": "01-15 17:30", "step": "01-06 17:30"}
    assert winter.dues() == firm
    assert winter.load(at("2026-12-31 10:00"), JANUARY | {date(2027, 1, 5): (False, "元旦")}) == 0
    assert winter.dues() == firm, "what was told as firm stays"


@pytest.mark.rule("CHEM-12.3")
def test_a_year_loaded_late_makes_nobody_late_at_once_and_moves_nothing_that_is_over(both_app: Flask) -> None:
    winter = Winter(both_app)
    morning = at("2027-01-05 09:00")
    with both_app.app_context(), transaction() as session:
        finance = winter.file.place.actor(session, "finance", morning)
        [sent] = session.scalars(select(Distribution.id).where(Distribution.event == "changed"))
        distributing.acknowledge(session, finance, sent, morning)
    # The second and third were made working days: counted so, the step was due on the fourth.
    working = {date(2027, 1, day): (True, "调休") for day in (2, 3)}
    assert winter.load(morning, {date(2027, 1, 1): (False, "元旦")} | working) == 2
    assert winter.dues() == {"receipt": "01-05 17:30", "finding": "01-12 17:30", "step": "01-05 17:30"}


@pytest.mark.rule("CHEM-12.3")
def test_what_passed_by_both_calendars_stays(app: Flask) -> None:
    winter = Winter(app)
    assert winter.load(at("2027-01-08 09:00"), JANUARY) == 3
    assert winter.dues() == {"receipt": "01-05 17:30", "finding": "01-15 17:30", "step": "01-05 17:30"}


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize("kind", ["page", "api"])
def test_the_inbox_shows_the_loaded_day_and_no_longer_calls_it_provisional(
    app: Flask, clock: StandingClock, kind: str
) -> None:
    winter = Winter(app)
    clock.at = at("2026-12-31 09:00")
    finance = builders.sign_in(app, winter.file.place.id_of("finance"))
    shown = finance.get("/").get_data(as_text=True)
    assert "2027-01-05 17:30" in shown
    assert "暂定" in shown
    admin = builders.sign_in(app, winter.file.place.id_of("admin"))
    headers = {"X-CSRFToken": builders.csrf_of(admin)}
    rows = [{"date": day.isoformat(), "working": works, "name": name} for day, (works, name) in JANUARY.items()]
    asked = {"year": 2027, "days": rows, "is_empty": False}
    told = admin.post("/api/v1/calendar/preview", json=asked, headers=headers).get_json()
    assert (told["impact"]["firmed"], told["impact"]["asked"]) == (3, 0)
    seen = told["calendar_version"]
    if kind == "page":
        given = {"year": 2027, "source": "国办", "content": json.dumps({"days": rows}), "seen_version": seen}
        assert admin.post("/calendar/load", data=given, headers=headers).status_code == 302
    else:
        given = {**asked, "source": "国办", "seen_version": seen}
        assert admin.post("/api/v1/calendar/years", json=given, headers=headers).status_code == 201
    shown = finance.get("/").get_data(as_text=True)
    assert "2027-01-06 17:30" in shown
    assert "2027-01-05 17:30" not in shown
    assert "暂定" not in shown
