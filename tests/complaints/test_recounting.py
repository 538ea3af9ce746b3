"""Inquiries and departments asked over New Year: due on a guess, counted anew when the year is loaded (CHEM-12.3)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from tests.complaints.facts import at
from tests.complaints.scenes import Scene
from tests.complaints.test_followups import ask, inquiry, run
from tests.complaints.test_redating import amended_2026, calendars_act
from tierflow.common.approvals import ApprovalCase
from tierflow.common.db import db
from tierflow.complaints.models import Consultation, Inquiry
from tierflow.complaints.rules import words

JANUARY = {date(2027, 1, 1): (False, "元旦"), date(2027, 1, 4): (False, "元旦")}


def dues(scene: Scene, table: Any) -> list[tuple[Any, Any, Any]]:
    with scene.app.app_context():
        query = select(table.due_at, table.raised_to, table.raise_at).order_by(table.id)
        return [tuple(row) for row in db.session().execute(query)]


@pytest.mark.rule("CHEM-4", "CHEM-12.3")
def test_inquiries_and_consultations_follow_a_loaded_year_with_who_hears_of_them(scene: Scene) -> None:
    complaint = scene.take("2026-12-31 10:00", severity="major")
    ask(scene, complaint, "2026-12-31 10:30")
    inquiry(scene, "2026-12-31 10:00")
    guess = (at("2027-01-04 17:30"), None, at("2027-01-04 09:00"))
    assert dues(scene, Consultation) == dues(scene, Inquiry) == [guess]
    impact = calendars_act(scene, 2027, JANUARY, "2026-12-31 15:00")
    assert (impact.firmed, impact.asked, [move.number for move in impact.moves]) == (
        3,
        0,
        [scene.complaint(complaint).number],
    )
    counted = (at("2027-01-05 17:30"), None, at("2027-01-05 09:00"))
    assert dues(scene, Consultation) == dues(scene, Inquiry) == [counted]
    assert run(scene, "2027-01-04 12:00") == {}, "nobody is reminded on the guess"


@pytest.mark.rule("CHEM-4", "CHEM-12.3")
def test_who_has_heard_by_the_guess_is_not_told_the_same_again(scene: Scene) -> None:
    inquiry(scene, "2026-12-31 10:00")
    assert run(scene, "2027-01-04 09:00") == {"owner": 1}
    calendars_act(scene, 2027, JANUARY, "2027-01-04 10:00")
    [(due_at, raised_to, raise_at)] = dues(scene, Inquiry)
    assert (due_at, raised_to) == (at("2027-01-05 17:30"), "owner")
    assert raise_at > due_at, "the sales manager, once it is overdue"


@pytest.mark.rule("CHEM-12.3")
def test_what_is_counted_anew_stays_within_the_complaint(scene: Scene) -> None:
    complaint = scene.take("2026-12-30 10:00", severity="major")
    scene.propose(complaint, "2026-12-30 11:00")
    answer_by = scene.clock(complaint).due_at
    assert answer_by == at("2027-01-05 17:30")
    # The amended year leaves the complaint's time to a person; the approval's own would come after it.
    calendars_act(
        scene,
        2026,
        {date.fromisoformat(day): (works, "") for day, works in amended_2026(d1231=False).items()},
        "2026-12-30 12:00",
    )
    with scene.app.app_context():
        waits = (
            db.session().scalars(select(ApprovalCase.due_at).where(ApprovalCase.subject_type == words.OPINION)).one()
        )
    assert waits == scene.clock(complaint).due_at == answer_by
