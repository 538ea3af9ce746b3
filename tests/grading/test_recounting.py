"""A month that waits over New Year is due by the calendar of the new year, once that is loaded (CHEM-9.5)."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from flask import Flask

from tests import builders
from tests.grading.scenes import Scene, at
from tierflow.admin.service import calendars
from tierflow.common.db import transaction
from tierflow.kernel.months import SHANGHAI, Month
from tierflow.kernel.roles import Role

DECEMBER = Month.parse("2026-12")
BEGUN = "2027-01-02 10:00"
LONGER = {date(2027, 1, 1): (False, "元旦"), date(2027, 1, 4): (False, "元旦")}
SHORTER = {
    date(2027, 1, 1): (False, "元旦"),
    date(2027, 1, 2): (True, "调休上班"),
    date(2027, 1, 3): (True, "调休上班"),
}


class Waiting:
    """December 2026, proposed while of 2027 only the statutory holidays are known."""

    def __init__(self, app: Flask) -> None:
        self.scene = Scene(app)
        with app.app_context(), transaction() as session:
            self.admin = builders.user(session, "calendar", Role.ADMINISTRATOR).id
        self.run_id = self.scene.propose(DECEMBER, at(BEGUN))

    def due(self) -> str:
        return self.scene.run(self.run_id).due_at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")

    def load(self, when: datetime, days: dict[date, tuple[bool, str]]) -> int:
        """Load 2027; what the preview foretold to become firm."""
        self.scene.people["calendar"] = self.admin
        with self.scene.app.app_context(), transaction() as session:
            admin = self.scene.actor(session, "calendar", when)
            seen = calendars.preview(session, admin, 2027, days, when, is_empty=not days)
            version = seen.calendar_version
            calendars.load(session, admin, 2027, days, "国办", when, is_empty=not days, seen_version=version)
            return seen.impact.firmed


@pytest.mark.rule("CHEM-9.5")
@pytest.mark.parametrize(
    ("days", "when", "due"),
    [
        (LONGER, "2027-01-05 10:00", "01-11 17:30"),
        (SHORTER, "2027-01-05 10:00", "01-06 17:30"),
        (SHORTER, "2027-01-06 18:00", "01-07 17:30"),  # nobody becomes late at once
        (LONGER, "2027-01-12 10:00", "01-08 17:30"),  # passed by both calendars
    ],
)
def test_a_month_that_waits_is_due_by_the_year_that_was_loaded(
    both_app: Flask, days: dict[date, tuple[bool, str]], when: str, due: str
) -> None:
    waiting = Waiting(both_app)
    assert waiting.due() == "01-08 17:30"
    assert waiting.load(at(when), days) == 1
    assert waiting.due() == due


@pytest.mark.rule("CHEM-9.5")
def test_a_confirmed_month_and_a_firm_due_time_stay(both_app: Flask) -> None:
    waiting = Waiting(both_app)
    waiting.scene.confirm(waiting.run_id, at("2027-01-04 10:00"))
    assert waiting.load(at("2027-01-05 10:00"), LONGER) == 0
    assert waiting.due() == "01-08 17:30"
