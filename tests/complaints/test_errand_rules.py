"""Measures, inquiries and departments' answers that slip: who hears, and when (CHEM-12.3's ladder, by policy)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.complaints.facts import at, calendar_2026, policy
from tierflow.complaints.rules.clock import LATE_BY
from tierflow.complaints.rules.errands import LEVELS, ErrandTerms, Level, first_rung, next_rung, told_at
from tierflow.complaints.terms import COMPLAINT_TERMS
from tierflow.kernel.policy import check
from tierflow.kernel.terms import GROUND_TERMS

CALENDAR = calendar_2026()


def terms(**changed: Any) -> ErrandTerms:
    return replace(ErrandTerms.of(policy()), **changed)


@pytest.mark.parametrize(
    ("due", "changed", "owner", "manager", "general"),
    [
        # Tuesday: reminded in the morning, overdue after the close, the general manager a working day later
        ("2026-11-24 17:30", {}, "2026-11-24 09:00", "2026-11-24 17:30", "2026-11-25 17:30"),
        # Friday before a weekend; then the Spring Festival of 2026 with its make-up Saturday on 28 February
        ("2026-11-27 17:30", {}, "2026-11-27 09:00", "2026-11-27 17:30", "2026-11-30 17:30"),
        ("2026-02-27 17:30", {}, "2026-02-27 09:00", "2026-02-27 17:30", "2026-02-28 17:30"),
        ("2026-02-14 17:30", {}, "2026-02-14 09:00", "2026-02-14 17:30", "2026-02-24 17:30"),
        # a time wished for on a day off, and one before the morning's reminder
        ("2026-11-28 12:00", {}, "2026-11-28 09:00", "2026-11-28 12:00", "2026-11-30 17:30"),
        ("2026-11-24 08:00", {}, "2026-11-24 08:00", "2026-11-24 08:00", "2026-11-25 17:30"),
        # other rungs by policy
        ("2026-11-24 17:30", {"manager_after": 1, "general_after": 3},
         "2026-11-24 09:00", "2026-11-25 17:30", "2026-11-27 17:30"),
        ("2026-11-24 17:30", {"general_after": 0}, "2026-11-24 09:00", "2026-11-24 17:30", "2026-11-24 17:30"),
    ],
)  # fmt: skip
def test_each_level_hears_at_its_time(
    due: str, changed: dict[str, int], owner: str, manager: str, general: str
) -> None:
    told = [told_at(level, at(due), terms(**changed), CALENDAR) for level in LEVELS]
    assert told == [at(owner), at(manager) + LATE_BY, at(general) + LATE_BY]


def test_the_ladder_is_climbed_from_the_owner_up_and_ends_with_the_general_manager() -> None:
    due, told, heard = at("2026-11-24 17:30"), None, []
    while (rung := next_rung(told, due, terms(), CALENDAR)) is not None:
        heard.append(rung.level)
        told = rung.level
    assert heard == ["owner", "sales_manager", "general_manager"]


@pytest.mark.parametrize(
    ("now", "told", "following"),
    [
        ("2026-11-23 10:00", None, Level.OWNER),
        ("2026-11-24 08:59", None, Level.OWNER),
        ("2026-11-24 09:00", Level.OWNER, Level.SALES_MANAGER),
        ("2026-11-24 15:00", Level.OWNER, Level.SALES_MANAGER),
    ],
)
def test_who_is_given_an_errand_on_its_own_day_needs_no_reminder(
    now: str, told: Level | None, following: Level
) -> None:
    found, rung = first_rung(at("2026-11-24 17:30"), terms(), CALENDAR, at(now))
    assert (found, rung.level) == (told, following)


@pytest.mark.parametrize(("manager", "general", "fits"), [(0, 1, True), (1, 1, True), (0, 0, True), (2, 1, False)])
def test_the_general_manager_never_hears_before_the_sales_manager(manager: int, general: int, fits: bool) -> None:
    draft = policy(complaint__errand_manager_days=manager, complaint__errand_general_days=general).values
    refused = [refusal.field for refusal in check(draft, GROUND_TERMS | COMPLAINT_TERMS)]
    assert refused == ([] if fits else ["complaint.errand_general_days"])
