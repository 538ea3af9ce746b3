"""A hundredth of the drill of racing approvals."""

from __future__ import annotations

import pytest

from tests.drills.approvals import race

pytestmark = [pytest.mark.drill, pytest.mark.rule("CHEM-7.2"), pytest.mark.timeout(600)]


def test_no_step_is_decided_twice_and_none_is_lost(bare_database_url: str) -> None:
    result = race(bare_database_url, acts=100, kills=2)
    assert result.lies == []
    assert result.acts >= 100
    assert result.kills > 0
    assert result.told[201] == result.decided > 0
    assert result.told[409] > result.told[201]
    assert result.customers > 0
