"""Adjustments: looked for before anybody is kept waiting, decided by the statement of every run, by the rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.conftest import StandingClock
from tests.grading.scenes import JAN, Scene, after
from tests.grading.test_doors import Door, newest
from tierflow.common.db import _writing
from tierflow.grading.service import late
from tierflow.kernel.months import Month


@pytest.mark.parametrize("kind", ["page", "api"])
@pytest.mark.rule("CHEM-9.5")
def test_late_facts_are_looked_for_before_the_transaction_begins(
    app: Flask, clock: StandingClock, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparing a year of everybody takes seconds, which no clerk's save may wait for."""
    clock.at = after(JAN)
    scene = Scene(app)
    door = Door(scene, kind)
    scene.close(JAN)
    scene.lift("a", JAN, "10")  # recorded, says its moment, before the month was run
    asked: list[bool] = []
    found = late._drifted

    def noted(session: Session, line_id: int) -> Iterator[tuple[int, Month]]:
        asked.append(_writing.get())
        return found(session, line_id)

    monkeypatch.setattr(late, "_drifted", noted)
    adjust = ("/levels/adjustments", "/grading/adjustments")
    assert door.send("am", *adjust, product_line_id=scene.line) == "forbidden"
    assert asked == [], "not for whoever may not adjust"
    assert door.send("sm", *adjust, product_line_id="x") == "invalid"
    assert door.send("sm", *adjust, product_line_id=scene.line) == "ok"
    assert asked == [False]
    assert set(scene.decisions(newest(scene).id)) == {"a"}
