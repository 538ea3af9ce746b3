"""A hundredth of the drill of the scheduler's five years."""

from __future__ import annotations

import pytest

from tests.drills.scheduler import simulate

pytestmark = [pytest.mark.drill, pytest.mark.rule("CHEM-12.3"), pytest.mark.timeout(600)]


def test_no_period_is_missed_doubled_or_invented(bare_database_url: str) -> None:
    found = simulate(bare_database_url, years=0.03)
    assert found.lies == []
    assert found.counts["killed"] > 0
    assert found.counts["both"] > 0
    assert found.counts["periods"] > 100
    assert found.counts["events"] > found.counts["complaints"] > 5
