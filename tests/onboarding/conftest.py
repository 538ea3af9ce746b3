"""Fixtures of the tests of account opening."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.conftest import StandingClock
from tests.onboarding import scenes
from tests.onboarding.doors import Scene, scene_of
from tests.onboarding.listing_desk import Desk
from tests.onboarding.stages import Stage
from tierflow.common import decisions
from tierflow.common.db import transaction


@pytest.fixture
def stage(app: Flask) -> Iterator[Stage]:
    """On SQLite, for what the rules and services decide."""
    yield from _stage(app)


@pytest.fixture
def each_stage(both_app: Flask) -> Iterator[Stage]:
    """On each engine in turn, for what rests on constraints, locks or the planner."""
    yield from _stage(both_app)


@pytest.fixture
def desk(both_app: Flask, clock: StandingClock) -> Iterator[Desk]:
    """On each engine in turn: where companies are listed as disqualified."""
    with both_app.app_context():
        yield Desk(clock)


def _stage(app: Flask) -> Iterator[Stage]:
    with app.app_context(), transaction() as session:
        yield Stage(session, scenes.company(session))
    with app.app_context(), transaction() as session:
        assert list(decisions.verify(session)) == [], "every stored decision can be made again"


@pytest.fixture
def scene(app: Flask) -> Scene:
    return scene_of(app)
