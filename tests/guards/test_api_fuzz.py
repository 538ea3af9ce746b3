"""A small run of the drill tests/drills/api_fuzz.py: made-up requests never end in a 5xx."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills import api_fuzz

TURNS = 2  # of the nine roles each operation is asked as: coprime to nine, so that neighbours meet other pairs


@pytest.mark.drill
def test_no_made_up_request_breaks_the_api(sqlite_template: Path) -> None:
    tally = api_fuzz.fuzz(2, template=sqlite_template, turns=TURNS)
    assert not tally.failures, "\n".join(tally.failures.values())
    assert len(tally.operations) > 80
    assert tally.requests >= len(tally.operations) * TURNS
    # The requests get through the doors: many are answered, and a person who asks is known.
    assert sum(count for status, count in tally.statuses.items() if status < 300) > tally.requests / 20
    assert tally.statuses[401] < tally.requests / 20
