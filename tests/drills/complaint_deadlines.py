"""Every hour of 2015-2026 against the second implementation: `python -m tests.drills.complaint_deadlines`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.complaints import plain_clock
from tests.complaints.facts import TERMS, calendar_2026
from tierflow.complaints.rules.clock import ClockFacts, schedule
from tierflow.complaints.rules.words import Severity

FIRST = datetime(2014, 12, 31, 16, tzinfo=UTC)  # 2015-01-01 00:00 in Shanghai
LAST = datetime(2026, 12, 31, 16, tzinfo=UTC)


def differences(step_hours: int = 1) -> Iterator[str]:
    calendar = calendar_2026()
    at = FIRST
    while at < LAST:
        for severity, extended_to, limit in (
            (Severity.GENERAL, None, 1),
            (Severity.MAJOR, None, 3),
            (Severity.SERIOUS, 5, 5),
            (Severity.MAJOR, 7, 7),
        ):
            if not plain_clock.is_published(at, limit + 1):
                continue  # its escalation would lie in the unpublished 2027
            ours = schedule(ClockFacts(at, severity, extended_to), TERMS, calendar)
            plain = plain_clock.instants(at, limit)
            got = {
                "due": ours.due_at,
                "warn": ours.warn_at,
                "halfway": ours.halfway_at,
                "escalate": ours.escalate_at,
            }
            if got != plain or ours.limit_days != limit or ours.is_provisional:
                yield f"{at.isoformat()} {severity} {limit}: {got} instead of {plain}"
        at += timedelta(hours=step_hours)


def due_differences() -> Iterator[str]:
    """The due time alone, every hour of the twelve years."""
    calendar, closes = calendar_2026(), TERMS.closes_at
    at = FIRST
    while at < LAST:
        for limit in (1, 3, 5, 7):
            if plain_clock.is_published(at, limit):
                ours, plain = calendar.deadline_at(at, limit, closes), plain_clock.due(at, limit)
                if ours.at != plain or ours.provisional:
                    yield f"{at.isoformat()} {limit}: {ours.at} instead of {plain}"
        at += timedelta(hours=1)


if __name__ == "__main__":
    found = list(differences())
    print("\n".join(found[:20]))
    print(f"{len(found)} differences")
    sys.exit(bool(found))
