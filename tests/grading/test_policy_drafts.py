"""Drafts of a policy: checked, tried on past months, sent to the general manager, adopted from a day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.builders import csrf_of, sign_in
from tests.conftest import StandingClock
from tests.grading.scenes import APR, FEB, JAN, MAR, Scene, at, lifted
from tests.grading.test_doors import Door
from tierflow.common.db import db
from tierflow.common.policies import PolicyVersion, policy_on
from tierflow.grading.models import BackTest, BackTestMove
from tierflow.grading.service import drafts, trials
from tierflow.kernel.errors import Conflict, Forbidden, Refused

T = 1_000_000


@pytest.fixture
def scene(both_app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-05-06 10:00")
    return lifted(both_app)


def draft(scene: Scene, **values: Any) -> int:
    command = {"source": "第九条修订", "values": {key.replace("__", "."): value for key, value in values.items()}}
    row_id = scene.act(drafts.create, "sm", at("2026-05-06 10:00"), command)
    version: int = scene.ask(lambda session: session.get(PolicyVersion, row_id).version)
    return version


def hand_in(scene: Scene, version: int, when: str = "2026-05-06 10:00") -> None:
    """Tried on January, and sent to the general manager."""
    scene.act(trials.start, "sm", at(when), version, {"product_line_id": scene.line, "first": JAN, "last": JAN})
    scene.act(drafts.hand_in, "sm", at(when), version)


def case_of(scene: Scene, version: int) -> Any:
    query = select(PolicyVersion).where(PolicyVersion.version == version)
    return scene.ask(lambda session: drafts.case_of(session, session.scalars(query).one()))


def seen(scene: Scene, version: int, day: date | None = None, remark: str = "") -> dict[str, Any]:
    """What the general manager's page showed, and the answer."""
    case = case_of(scene, version)
    return {"version": case.version, "step": case.step, "in_force_from": day, "remark": remark}


@pytest.mark.rule("CHEM-4", "CHEM-18")
@pytest.mark.groundwork("CMTE-2.1")
def test_a_draft_goes_to_the_gm_tried_as_it_stands_and_comes_back_with_every_change(scene: Scene) -> None:
    scene.close(JAN)
    now = at("2026-05-06 10:00")
    with pytest.raises(Forbidden):  # the sales department drafts, CHEM-4
        scene.act(drafts.create, "gm", now, {"source": "x", "values": {}})
    same = draft(scene)
    with pytest.raises(Refused, match="changes nothing"):
        scene.act(drafts.hand_in, "sm", now, same)
    version = draft(scene, grading__one_star_grams=900 * T)
    with pytest.raises(Refused, match="Try the draft on past months"):
        scene.act(drafts.hand_in, "sm", now, version)
    hand_in(scene, version)
    with pytest.raises(Refused, match="in approval"):
        scene.act(drafts.hand_in, "sm", now, version)
    first = seen(scene, version, date(2026, 6, 1))
    same_again = {"source": "第九条修订", "values": {"grading.one_star_grams": 900 * T}}
    scene.act(drafts.save, "sm", now, version, same_again)
    assert case_of(scene, version).state == "in_approval", "a save that changes nothing leaves it there"
    scene.act(drafts.save, "sm", now, version, {"values": {"grading.one_star_grams": 800 * T}})
    assert case_of(scene, version).state == "withdrawn", "what was edited is not what was handed in"
    with pytest.raises(Refused, match="taken back"):
        scene.act(drafts.adopt, "gm", now, version, first)
    with pytest.raises(Refused, match="as it stands now"):
        scene.act(drafts.hand_in, "sm", now, version)
    hand_in(scene, version)
    with pytest.raises(Conflict):  # the page of the first round
        scene.act(drafts.adopt, "gm", now, version, first)
    scene.act(drafts.send_back, "gm", now, version, seen(scene, version, remark="二星起点一并核对"))
    assert case_of(scene, version).state == "returned"
    scene.act(drafts.hand_in, "sm", now, version)
    scene.act(drafts.adopt, "gm", now, version, seen(scene, version, date(2026, 6, 1)))
    row = scene.ask(lambda session: session.scalars(select(PolicyVersion).order_by(PolicyVersion.id.desc())).first())
    assert (row.state, row.in_force_from, row.values["grading.one_star_grams"]) == (
        "adopted",
        date(2026, 6, 1),
        800 * T,
    )
    scene.act(drafts.drop, "sm", now, same)


@pytest.mark.rule("CHEM-18")
@pytest.mark.groundwork("CMTE-2.1")
def test_a_draft_is_checked_adopted_from_a_day_and_old_months_keep_their_version(scene: Scene) -> None:
    run_id = scene.close(JAN)
    now = at("2026-05-06 10:00")
    with pytest.raises(Refused, match="Each star must ask for more"):
        draft(scene, grading__one_star_grams=2500 * T)
    with pytest.raises(Refused, match="total 99"):
        draft(scene, review__weights=["completion:99"])
    with pytest.raises(Refused, match="no policy value of this name"):
        draft(scene, grading__four_star_grams=1)
    version = draft(scene, grading__one_star_grams=800 * T)
    with pytest.raises(Refused, match="not handed in"):
        scene.act(drafts.adopt, "gm", now, version, {"in_force_from": date(2026, 5, 7)})
    hand_in(scene, version)
    with pytest.raises(Forbidden):
        scene.act(drafts.adopt, "sm", now, version, seen(scene, version, date(2026, 5, 7)))
    with pytest.raises(Refused, match="tomorrow at the earliest"):
        scene.act(drafts.adopt, "gm", now, version, seen(scene, version, date(2026, 5, 6)))
    scene.act(drafts.adopt, "gm", now, version, seen(scene, version, date(2026, 5, 7)))
    found = [scene.ask(policy_on, day).version for day in (date(2026, 5, 6), date(2026, 5, 7))]
    assert found == [1, version]
    with pytest.raises(Refused, match="Only a draft"):
        scene.act(drafts.save, "sm", now, version, {"values": {}, "source": "x"})
    assert scene.run(run_id).policy_version == 1
    scene.close(FEB)  # a month that ended before: the old version


@pytest.mark.groundwork("CMTE-2.1")
def test_a_draft_is_tried_on_the_real_months_beside_what_they_came_to(scene: Scene) -> None:
    scene.close(JAN, FEB, MAR)
    version = draft(scene, grading__one_star_grams=900 * T)
    command = {"product_line_id": scene.line, "first": JAN, "last": MAR}
    test_id = scene.act(trials.start, "sm", at("2026-05-06 10:00"), version, command)
    test: BackTest = scene.ask(lambda session: session.get(BackTest, test_id))
    assert (test.state, test.done, test.total) == ("done", 3, 3)
    query = select(BackTestMove).order_by(BackTestMove.month)
    moves = scene.ask(lambda session: session.scalars(query).all())
    b = scene.customers["b"]
    assert [(m.customer_id, m.month, m.real_level, m.draft_level) for m in moves] == [
        (b, FEB.start, "ordinary", "one_star"),
        (b, MAR.start, "ordinary", "one_star"),
    ]
    told = scene.ask(trials.summary, test)
    assert told["levels"] == [
        ("auction", 0, 0),
        ("ordinary", 2, 1),
        ("one_star", 1, 2),
        ("two_star", 0, 0),
        ("three_star", 0, 0),
    ]
    assert told["months"]["2026-02"]["higher"] == 1
    assert told["regions"]["华东"]["higher_grams"] == 1800 * T
    assert scene.ask(policy_on, date(2026, 5, 6)).version == 1  # nothing real has moved


def test_a_trial_of_the_policy_in_force_moves_nobody(scene: Scene) -> None:
    scene.close(JAN, FEB, MAR, APR)
    version = draft(scene)
    command = {"product_line_id": scene.line, "first": JAN, "last": APR}
    scene.act(trials.start, "sm", at("2026-05-06 10:00"), version, command)
    assert scene.ask(lambda session: session.scalars(select(BackTestMove)).all()) == []


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_trial_in_stretches_says_what_a_trial_at_once_says(
    scene: Scene, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.close(JAN, FEB)
    version = draft(scene, grading__one_star_grams=900 * T)
    command = {"product_line_id": scene.line, "first": JAN, "last": FEB}
    at_once = scene.act(trials.start, "sm", at("2026-05-06 10:00"), version, command)
    monkeypatch.setattr(trials, "AT_ONCE", 0)
    slow = scene.act(trials.start, "sm", at("2026-05-06 10:00"), version, command)
    assert scene.ask(trials.computing) == [slow]
    with scene.app.app_context():
        trials.compute(db.session(), slow, size=size)
    tests = [scene.ask(lambda session, each=each: session.get(BackTest, each)) for each in (at_once, slow)]
    assert scene.ask(trials.summary, tests[0]) == scene.ask(trials.summary, tests[1])
    assert tests[1].done == 3


def test_only_closed_months_are_tried(scene: Scene) -> None:
    scene.close(JAN)
    version = draft(scene)
    command = {"product_line_id": scene.line, "first": JAN, "last": FEB}
    with pytest.raises(Refused, match="only closed months"):
        scene.act(trials.start, "sm", at("2026-05-06 10:00"), version, command)


@pytest.mark.rule("CHEM-4")
def test_every_version_is_drafted_by_the_sales_department(scene: Scene) -> None:
    now = at("2026-05-06 10:00")
    scene.close(JAN)
    version = draft(scene, grading__one_star_grams=800 * T)
    acts: list[tuple[Any, tuple[Any, ...]]] = [
        (drafts.create, ({"source": "x"},)),
        (drafts.save, (version, {"values": {}, "source": "x"})),
        (drafts.drop, (version,)),
    ]
    for act, given in acts:
        with pytest.raises(Forbidden):
            scene.act(act, "gm", now, *given)
    months = {"product_line_id": scene.line, "first": JAN, "last": JAN}
    assert scene.act(trials.start, "gm", now, version, months), "whoever adopts may try it first"


@pytest.mark.parametrize("kind", ["page", "api"])
def test_drafts_through_either_door(app: Flask, clock: StandingClock, kind: str) -> None:
    clock.at = at("2026-05-06 10:00")
    door = Door(Scene(app), kind)
    start = ("/levels/policies", "/policy-drafts")
    assert door.send("am", *start, source="x") == "forbidden"
    assert door.send("sm", *start) == "invalid"
    assert door.send("sm", *start, source="第九条") == "ok"
    hand_in_ = ("/levels/policies/2/hand-in", "/policy-drafts/2/hand-in")
    back = ("/levels/policies/2/return", "/policy-drafts/2/return")
    adopt = ("/levels/policies/2/adopt", "/policy-drafts/2/adopt")
    now = {"version": "1", "step": "management"}
    assert door.send("gm", *hand_in_) == "forbidden"
    assert door.send("sm", *hand_in_) == "refused", "it changes nothing"
    change = {"values": {"grading.idle_months": 4}} if kind == "api" else {"v-grading.idle_months": "4"}
    assert door.send("sm", "/levels/policies/2", "/policy-drafts/2", source="第九条", **change) == "ok"
    assert door.send("gm", *adopt, in_force_from="2026-06-01", **now) == "refused", "nobody handed it in"
    assert door.send("sm", *hand_in_) == "ok"
    assert door.send("sm", *adopt, in_force_from="2026-06-01", **now) == "forbidden"
    assert door.send("gm", *adopt, in_force_from="2026-05-06", **now) == "refused"
    assert door.send("gm", *adopt, in_force_from="soon", **now) == "invalid"
    assert door.send("gm", *adopt, in_force_from="2026-06-01", version="0", step="management") == "refused"
    assert door.send("gm", *back, **now) == "invalid", "a no says why"
    assert door.send("gm", *back, remark="写明依据", **now) == "ok"
    assert door.send("sm", *hand_in_) == "ok"
    drop = ("/levels/policies/2/drop", "/policy-drafts/2/drop")
    assert door.send("sm", *drop) == "ok"
    assert door.send("gm", *adopt, in_force_from="2026-06-01", **now) == "refused"
    nine = ("/levels/policies/9/adopt", "/policy-drafts/9/adopt")
    assert door.send("gm", *nine, in_force_from="2026-06-01", **now) == "missing"


@pytest.mark.rule("CHEM-18")
def test_lists_are_typed_entry_by_entry_and_read_in_words(app: Flask, clock: StandingClock) -> None:
    """Conditions, weights and bands: a field each, the version in force in words beside them."""
    clock.at = at("2026-05-06 10:00")
    scene = Scene(app)
    sm = sign_in(app, scene.people["sm"])

    def post(path: str, **data: Any) -> Any:
        return sm.post(path, data={"csrf_token": csrf_of(sm), "source": "第九条", **data})

    post("/levels/policies")
    weights = {"completion": "40", "evenness": "20", "payment_discipline": "20", "cooperation": "20"}
    typed = {
        "v-grading.gates.plan_completion": "79.5",
        "v-grading.gates.breaches": "2",
        **{f"v-review.weights.{name}": weight for name, weight in weights.items()},
        "v-review.bands.lower": "0",
        "v-review.bands.keep": "50",
        "v-review.bands.raise": "95",
    }
    assert post("/levels/policies/2", **typed).status_code == 302
    values = sm.get("/api/v1/policy-drafts/2").json["values"]
    assert values["grading.gates"] == ["plan_completion:7950", "breaches:2"]
    assert values["review.weights"] == [f"{name}:{weight}" for name, weight in weights.items()]
    assert values["review.bands"] == ["0-50:lower", "50-95:keep", "95-100:raise"]
    page = sm.get("/levels/policies/2", headers={"Accept-Language": "zh"}).text
    assert "计划完成率低于 79.5 %" in page
    assert "认定违约高于 2" in page
    assert "60 分至不足 90 分：维持" in page, "the version in force, in words"
    assert "plan_completion:" not in page
    bad = post("/levels/policies/2", **typed | {"v-review.weights.cooperation": "19"})
    assert bad.status_code == 409
    assert 'id="f-v-review-weights-error"' in bad.text
    assert 'value="19"' in bad.text, "what was typed stays"
    cliff = post("/levels/policies/2", **typed | {"v-review.bands.keep": ""})
    assert 'id="f-v-review-bands-error"' in cliff.text


@pytest.mark.groundwork("CMTE-2.1")
def test_a_draft_handed_in_says_that_it_waits_and_one_that_came_back_that_it_did(scene: Scene) -> None:
    scene.close(JAN)
    version = draft(scene, grading__one_star_grams=800 * T)
    sm = sign_in(scene.app, scene.people["sm"])

    def shown() -> list[set[str]]:
        pages = [sm.get(path).text for path in ("/levels/policies", f"/levels/policies/{version}")]
        return [{word for word in ("草案", "等待审批", "退回更正") if f"</i>{word}</span>" in page} for page in pages]

    assert shown() == [{"草案"}, {"草案"}]
    hand_in(scene, version)
    assert shown() == [{"等待审批"}, {"等待审批"}]
    remark = seen(scene, version, remark="二星起点一并核对")
    scene.act(drafts.send_back, "gm", at("2026-05-06 10:00"), version, remark)
    assert shown() == [{"退回更正"}, {"退回更正"}]
