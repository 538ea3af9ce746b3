"""Levels set by hand on real databases: who asks, who decides, and that it is an approval like every other."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.grading.scenes import FEB, JAN, Scene, at
from tests.grading.test_runs import level, lies
from tierflow.common import approvals, verify
from tierflow.common.approvals import ApprovalCase, ApprovalDecision
from tierflow.common.audit import AuditEntry
from tierflow.common.db import make_engine, transaction
from tierflow.common.notices import Notice
from tierflow.common.schema import downgrade, upgrade
from tierflow.common.users import User
from tierflow.grading.models import LevelPin
from tierflow.grading.rules.levels import PIN, Level
from tierflow.grading.service import pins
from tierflow.kernel import approval
from tierflow.kernel.errors import Conflict, Forbidden, Refused
from tierflow.web import inbox


@pytest.fixture
def scene(both_app: Flask) -> Scene:
    return Scene(both_app)


YES: dict[str, Any] = {"verdict": "approve", "version": 1, "step": "management"}
NO = {**YES, "verdict": "reject", "remark": "理由不足"}


def _pin(scene: Scene, wanted: Level, when: str = "2026-03-06 10:00", **changed: object) -> int:
    command = {
        "product_line_id": scene.line,
        "level": wanted,
        "from_on": None,
        "to_on": date(2026, 5, 1),
        "reason": "新建装置",
        **changed,
    }
    return scene.act(pins.ask, "sm", when, scene.customers["a"], command)


@pytest.mark.rule("CHEM-9.5")
def test_a_level_by_hand_needs_the_gm_an_end_and_is_one_step_off(scene: Scene) -> None:
    scene.lift("a", JAN, "10")
    scene.close(JAN, FEB)
    with pytest.raises(Refused, match="One step at most"):
        _pin(scene, Level.TWO_STAR)
    with pytest.raises(Refused, match="6 months at most"):
        _pin(scene, Level.ONE_STAR, to_on=date(2026, 9, 7))
    with pytest.raises(Refused, match="past is not rewritten"):
        _pin(scene, Level.ONE_STAR, from_on=date(2026, 3, 5))
    pin = _pin(scene, Level.ONE_STAR)
    with pytest.raises(Conflict):
        _pin(scene, Level.ONE_STAR)
    assert level(scene, "a", date(2026, 3, 7)) == "ordinary"
    with pytest.raises(Forbidden):
        scene.act(pins.decide, "sm", "2026-03-07 10:00", pin, YES)
    scene.act(pins.decide, "gm", "2026-03-07 10:00", pin, YES)
    days = [date(2026, 3, 6), date(2026, 3, 7), date(2026, 4, 30), date(2026, 5, 1)]
    assert [level(scene, "a", day) for day in days] == ["ordinary", "one_star", "one_star", "ordinary"]
    assert lies(scene) == []


@pytest.mark.rule("CHEM-9.3")
def test_a_direct_customer_is_never_set_by_hand(scene: Scene) -> None:
    command = {
        "product_line_id": scene.line,
        "level": Level.ONE_STAR,
        "from_on": None,
        "to_on": date(2026, 5, 1),
        "reason": "x",
    }
    with pytest.raises(Refused, match="direct customer"):
        scene.act(pins.ask, "sm", "2026-03-06 10:00", scene.customers["d"], command)


def test_pins_wait_for_one_decision_only(scene: Scene) -> None:
    scene.close(JAN)
    pin = _pin(scene, Level.ORDINARY, "2026-02-06 10:00")
    scene.act(pins.decide, "gm", "2026-02-07 10:00", pin, NO)
    with pytest.raises(Conflict):
        scene.act(pins.decide, "gm", "2026-02-07 10:01", pin, YES)
    state = scene.ask(lambda session: session.get(LevelPin, pin).state)
    assert state == "rejected"


def _waiting(scene: Scene, login: str) -> list[tuple[str, int]]:
    def look(session: Session) -> list[tuple[str, int]]:
        reader = scene.actor(session, login, at("2026-02-07 09:00"))
        return [(item.kind, item.subject_id) for item in inbox.items(session, reader)]

    found: list[tuple[str, int]] = scene.ask(look)
    return found


@pytest.mark.rule("CHEM-7.2")
def test_a_level_by_hand_is_an_approval_like_every_other(scene: Scene) -> None:
    scene.close(JAN)
    pin = _pin(scene, Level.ORDINARY, "2026-02-06 10:00")
    assert _waiting(scene, "gm") == [("level_pin", pin)]  # once
    assert _waiting(scene, "sm") == []
    case: ApprovalCase = scene.ask(lambda session: pins.case_of(session, pin))
    assert (case.state, case.step, case.round) == ("in_approval", "management", 1)
    content = scene.ask(lambda session: approvals.current_content(session, case))
    assert content["pin"] == {
        "customer": "C-000001",
        "name": "客户a有限公司",
        "line": "PO",
        "level": "ordinary",
        "computed": "auction",
        "from": "2026-02-06",
        "to": "2026-05-01",
        "reason": "新建装置",
    }
    with pytest.raises(Conflict):  # the page is older than the case
        scene.act(pins.decide, "gm", "2026-02-07 10:00", pin, {**YES, "version": 0})
    scene.act(pins.decide, "gm", "2026-02-07 10:00", pin, YES)
    assert _waiting(scene, "gm") == []
    decided: ApprovalDecision = scene.ask(lambda session: session.scalars(select(ApprovalDecision)).one())
    assert (decided.verdict, decided.content_hash) == ("approve", approval.digest(content))
    told = scene.ask(lambda session: session.scalars(select(Notice).where(Notice.kind == "level_pin.approved")).all())
    assert [notice.user_id for notice in told] == [scene.people["sm"]]
    assert scene.ask(lambda session: list(verify.approval_cases(session))) == []


@pytest.mark.rule("CHEM-7.2")
def test_four_eyes_hold_for_a_level_by_hand_and_a_stand_in_leaves_both_names(scene: Scene) -> None:
    scene.close(JAN)
    pin = _pin(scene, Level.ORDINARY, "2026-02-06 10:00")
    with scene.app.app_context(), transaction() as session:
        gm, sm, finance = (session.get_one(User, scene.people[who]) for who in ("gm", "sm", "finance"))
        builders.delegation(session, gm, sm, date(2026, 2, 1), date(2026, 2, 7))
        builders.delegation(session, gm, finance, date(2026, 2, 7), date(2026, 3, 1))
    with pytest.raises(Refused, match="Nobody decides on an application they submitted"):
        scene.act(pins.decide, "sm", "2026-02-06 11:00", pin, YES)
    scene.act(pins.decide, "finance", "2026-02-07 10:00", pin, YES)
    decided: ApprovalDecision = scene.ask(lambda session: session.scalars(select(ApprovalDecision)).one())
    assert (decided.user_id, decided.on_behalf_of_id) == (scene.people["finance"], scene.people["gm"])


@pytest.mark.rule("CHEM-7.2", "CHEM-9.5")
def test_a_level_by_hand_asked_for_in_another_region_names_both(scene: Scene) -> None:
    scene.close(JAN)
    with scene.app.app_context(), transaction() as session:
        sm, sm2 = (session.get_one(User, scene.people[who]) for who in ("sm", "sm2"))
        builders.delegation(session, sm, sm2, date(2026, 2, 1), date(2026, 3, 1))
    command = {"product_line_id": scene.line, "level": Level.ORDINARY, "from_on": None, "to_on": date(2026, 5, 1)}
    scene.act(pins.ask, "sm2", "2026-02-06 10:00", scene.customers["a"], {**command, "reason": "新建装置"})
    asked = scene.ask(lambda session: session.scalars(select(AuditEntry).where(AuditEntry.action == "pin.ask")).one())
    assert (asked.actor_id, asked.on_behalf_of_id) == (scene.people["sm2"], scene.people["sm"])


@pytest.mark.rule("CHEM-9.5")
def test_a_level_by_hand_whose_end_has_passed_can_only_be_refused(scene: Scene) -> None:
    scene.close(JAN)
    pin = _pin(scene, Level.ORDINARY, "2026-02-06 10:00", to_on=date(2026, 2, 8))
    with pytest.raises(Refused, match="end has passed"):
        scene.act(pins.decide, "gm", "2026-02-08 10:00", pin, YES)
    assert scene.ask(lambda session: session.scalars(select(ApprovalDecision)).all()) == []
    scene.act(pins.decide, "gm", "2026-02-08 10:01", pin, NO)
    assert scene.ask(lambda session: session.get(LevelPin, pin).state) == "rejected"


@pytest.mark.rule("CHEM-7.2")
def test_what_waited_before_pins_had_cases_is_decided_like_what_came_after(scene: Scene) -> None:
    scene.close(JAN)
    later = _pin(scene, Level.ORDINARY, "2026-02-06 10:00")
    with scene.app.app_context(), transaction() as session:
        values = {
            "customer_id": scene.customers["b"],
            "product_line_id": scene.line,
            "level": "ordinary",
            "computed": "auction",
            "from_on": date(2026, 2, 6),
            "to_on": date(2026, 5, 1),
            "reason": "新建装置",
            "asked_by_id": scene.people["sm"],
            "asked_at": at("2026-02-06 09:00"),
        }
        old = LevelPin(**values, state="waiting")
        done = LevelPin(**values, state="rejected", decided_by_id=scene.people["gm"], decided_at=at("2026-02-06 10:00"))
        session.add_all([old, done])
        session.flush()
        old_id, done_id = old.id, done.id
    engine = make_engine(scene.app.config["SQLALCHEMY_DATABASE_URI"])
    downgrade(engine, "0061")
    upgrade(engine)
    engine.dispose()
    cases = {pin_id: scene.ask(pins.case_of, pin_id) for pin_id in (old_id, later)}
    assert scene.ask(pins.case_of, done_id) is None
    assert {case.state for case in cases.values()} == {"in_approval"}
    assert cases[old_id].waiting_since == at("2026-02-06 09:00")
    content = scene.ask(lambda session: approvals.current_content(session, cases[old_id]))
    mine = scene.ask(lambda session: approvals.current_content(session, cases[later]))
    assert content["pin"] == {**mine["pin"], "customer": "C-000002", "name": "客户b有限公司"}
    assert content.keys() == mine.keys() == PIN.steps[0].examines
    assert sorted(_waiting(scene, "gm")) == [("level_pin", pin_id) for pin_id in sorted((old_id, later))]
    for pin_id, case in cases.items():
        scene.act(pins.decide, "gm", "2026-02-07 10:00", pin_id, {**YES, "version": case.version})
    assert scene.ask(lambda session: list(verify.approval_cases(session))) == []
    with pytest.raises(Conflict):
        scene.act(pins.decide, "gm", "2026-02-07 10:00", done_id, YES)
