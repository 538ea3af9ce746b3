"""A hundredth of the benchmark, for what does not depend on the machine: how often a page asks the database."""

from __future__ import annotations

from functools import lru_cache

import pytest

from bench import approving
from bench.run import PAGES, Figures, measure
from tests.databases import fresh_databases

# What each asks today; issue 2 allows inbox and customer page eight.
MOST_QUERIES = {
    "inbox": 3,
    "customer page": 7,
    "customer list": 7,
    "expiry wall": 7,
    "application list": 6,
    "approver's page": 14,
    "approval: sales": 22,
    "approval: finance": 22,
    "approval: management": 33,
}


@lru_cache
def measured(engine: str) -> tuple[Figures, Figures]:
    with fresh_databases(engine, outlives_power_cuts=False) as fresh:
        return measure(fresh(), 10, 5, rounds=1), measure(fresh(), 1000, 200, rounds=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def figures(request: pytest.FixtureRequest) -> tuple[Figures, Figures]:
    return measured(request.param)


def test_no_page_asks_more_than_it_did(figures: tuple[Figures, Figures]) -> None:
    _, large = figures
    assert set(large.queries) == {*PAGES, *approving.NAMES}
    assert {name: large.queries[name] for name, most in MOST_QUERIES.items() if large.queries[name] > most} == {}


def test_no_page_asks_more_as_data_grow(figures: tuple[Figures, Figures]) -> None:
    small, large = figures
    assert large.queries == small.queries
