"""Drafts tried on past months and adopted from a day; reviews opened, frozen, confirmed, printed."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from tests.builders import csrf_of, sign_in
from tests.conftest import StandingClock
from tests.grading.scenes import APR, FEB, JAN, MAR, Scene, after, at
from tests.grading.test_doors import Door
from tierflow.common.db import db, transaction
from tierflow.common.offtake import Lifting, record
from tierflow.common.policies import PolicyVersion, policy_on
from tierflow.grading.models import BackTest, BackTestMove, Review, ReviewScore
from tierflow.grading.service import drafts, proving_reviews, reviews, trials
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, Refused
from tierflow.kernel.months import Month

T = 1_000_000


@pytest.fixture
def scene(both_app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-05-06 10:00")
    made = Scene(both_app)
    for month in (JAN, FEB, MAR, APR):
        made.lift("a", month, "1500")
        made.lift("b", month, "900")
    return made


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


def _open(scene: Scene, when: str) -> dict[str, int]:
    with scene.app.app_context(), transaction() as session:
        return reviews.open_due(session, at(when))


def _review(scene: Scene, period: str = "2026-Q1") -> Review:
    query = select(Review).where(Review.period == period, Review.product_line_id == scene.line)
    row: Review = scene.ask(lambda session: session.scalars(query).one())
    return row


@pytest.mark.rule("CHEM-16")
def test_a_quarter_is_opened_after_it_frozen_with_its_last_month_and_confirmed(scene: Scene) -> None:
    scene.know("a", FEB, planned_grams=2000 * T, cooperation=90)
    scene.know("a", MAR, planned_grams=1000 * T)
    scene.know("b", JAN, planned_grams=2000 * T, cooperation=40, breaches=2)
    scene.close(JAN, FEB)
    assert _open(scene, "2026-03-31 07:00")["opened"] >= 0
    assert not [p for p in _periods(scene) if p == "2026-Q1"]
    _open(scene, "2026-04-01 07:00")
    review = _review(scene)
    assert (review.state, review.customers) == ("open", 3)
    with pytest.raises(Refused, match="not final"):
        scene.act(_confirm, "sm", at("2026-04-02 10:00"), review.id, {"ids": [], "reason": "同意"})
    assert _open(scene, "2026-04-01 07:01")["opened"] == 0
    scene.close(MAR)
    assert _open(scene, "2026-04-07 07:00")["frozen"] >= 1
    review = _review(scene)
    assert review.state == "frozen"
    scores = _scores(scene, review)
    # a: lifted 3000 of 3000 planned in the months that had a plan; b: 900 of 2000
    # both lifted alike in 3 of 12 weeks: evenness 1818, of the weight of 15
    assert (scores["a"].completion, scores["b"].completion, scores["d"].completion) == (10_000, 4500, None)
    assert (scores["a"].grams, scores["a"].cooperation, scores["b"].breaches) == (4500 * T, 90, 2)
    assert (scores["a"].score, scores["b"].score) == (8215, 4278)
    assert (scores["a"].recommended, scores["b"].recommended, scores["d"].recommended) == ("keep", "lower", "keep")
    # d: nothing lifted, nothing ordered: no data of breaches, and papers alone make no score
    assert (scores["d"].breaches, scores["d"].score) == (None, None)
    assert [scores[letter].rank for letter in "abd"] == [1, 2, 3]
    with pytest.raises(Invalid):
        scene.act(_confirm, "sm", at("2026-04-08 10:00"), review.id, {"ids": [], "reason": ""})
    one = {"ids": [scores["a"].id], "reason": ""}
    scene.act(_confirm, "sm", at("2026-04-08 10:00"), review.id, one)
    other = {"ids": [scores["b"].id], "recommendation": "keep", "reason": "检修停车"}
    scene.act(_confirm, "sm", at("2026-04-08 10:01"), review.id, other)
    scene.act(_confirm, "sm", at("2026-04-08 10:02"), review.id, {"ids": [], "reason": "同意"})
    assert _review(scene).state == "closed"
    assert _scores(scene, review)["b"].confirmed == "keep"


def _confirm(session: Any, actor: Any, review_id: int, command: Any, now: Any) -> Any:
    reviews.confirm(session, actor, review_id, command, now)
    return session.get(Review, review_id)


def _periods(scene: Scene) -> list[str]:
    query = select(Review.period).where(Review.product_line_id == scene.line).order_by(Review.id)
    found: list[str] = scene.ask(lambda session: session.scalars(query).all())
    return found


def _scores(scene: Scene, review: Review) -> dict[str, ReviewScore]:
    letters = {customer_id: letter for letter, customer_id in scene.customers.items()}
    query = select(ReviewScore).where(ReviewScore.review_id == review.id)
    return {letters[row.customer_id]: row for row in scene.ask(lambda session: session.scalars(query).all())}


@pytest.mark.rule("CHEM-16")
def test_january_opens_quarter_half_year_and_year(both_app: Flask) -> None:
    scene = Scene(both_app)
    _open(scene, "2027-01-03 07:00")  # a Sunday; 1 to 3 January are holidays
    assert "2026" not in _periods(scene)
    _open(scene, "2027-01-04 07:00")
    assert {"2026-Q4", "2026-H2", "2026"} <= set(_periods(scene))


@pytest.mark.rule("CHEM-16")
def test_a_neighbour_s_days_in_a_week_of_the_period_are_no_business_of_it(scene: Scene) -> None:
    """30 March 2026 lies in April's first week: evenness looks at it there, the second quarter lifted nothing."""
    day = Lifting(scene.customers["d"], scene.product, scene.line, date(2026, 3, 30), 9 * T, "planned", "W1")
    with scene.app.app_context(), transaction() as session:
        record(session, "erp", [day], at("2026-03-30 10:00"))
    scene.close(JAN, FEB, MAR, APR, Month.parse("2026-05"), Month.parse("2026-06"))
    _open(scene, "2026-07-06 07:00")
    seen_ = _scores(scene, _review(scene, "2026-Q2"))["d"]
    assert (seen_.grams, seen_.previous_grams, seen_.breaches) == (0, 9 * T, None)


@pytest.mark.rule("CHEM-16", "CHEM-18")
@pytest.mark.parametrize(
    ("lie", "statement"),
    [
        ("stored 10000", "UPDATE review_score SET score = 10000 WHERE rank = 1"),
        ("replayed", "UPDATE review_score SET recommended = 'raise' WHERE rank = 2"),
        ("replayed", "UPDATE review_score SET evenness = evenness + 100 WHERE rank = 1"),
        ("is not its place", "UPDATE review_score SET rank = 9 WHERE rank = 2"),
        ("1 counted", "UPDATE review SET confirmed = 1"),
        ("2 customers", "DELETE FROM review_score WHERE rank = 3"),
    ],
)
def test_verify_makes_frozen_scores_again_in_their_own_version(scene: Scene, lie: str, statement: str) -> None:
    scene.close(JAN, FEB, MAR)
    _open(scene, "2026-04-07 07:00")
    assert _review(scene).state == "frozen"
    assert scene.ask(lambda session: list(proving_reviews.verify(session))) == []
    with scene.app.app_context(), transaction() as session:
        session.execute(text(statement))
    found = scene.ask(lambda session: list(proving_reviews.verify(session)))
    assert any(lie in each for each in found), found


@pytest.mark.rule("CHEM-16")
def test_periods_missed_in_an_outage_are_opened_oldest_first_and_once(both_app: Flask) -> None:
    scene = Scene(both_app)
    scene.close(*(Month.parse(f"2026-{n:02d}") for n in range(1, 10)))
    _open(scene, "2026-04-01 07:00")
    quarters = [period for period in _periods(scene) if "Q" in period]
    assert quarters == ["2026-Q1"]
    _open(scene, "2026-10-08 06:00")  # the scheduler was out from April on; 1 to 7 October are holidays
    quarters = [period for period in _periods(scene) if "Q" in period]
    assert quarters == ["2026-Q1", "2026-Q2", "2026-Q3"]
    assert _open(scene, "2026-10-08 06:05")["opened"] == 0


def test_every_page_and_both_doors(app: Flask, clock: StandingClock) -> None:
    clock.at = at("2026-05-06 10:00")
    scene = Scene(app)
    for month in (JAN, FEB, MAR):
        scene.lift("b", month, "900")
    scene.close(JAN, FEB, MAR)
    _open(scene, "2026-05-06 07:00")
    review = _review(scene)
    sm = sign_in(app, scene.people["sm"])
    token = csrf_of(sm)

    def post(path: str, **data: Any) -> Any:
        return sm.post(path, data={"csrf_token": token, **data})

    assert post("/levels/policies", source="第九条修订").location.endswith("/levels/policies/2")
    page = sm.get("/levels/policies/2").text
    assert "1,000" in page
    assert post("/levels/policies/2", source="第九条修订", **{"v-grading.one_star_grams": "900"}).status_code == 302
    bad = post(
        "/levels/policies/2", source="x", **{"v-grading.one_star_grams": "lots", "v-review.weights": "papers:99"}
    )
    assert bad.status_code == 409
    assert 'id="f-v-grading-one_star_grams-error"' in bad.text
    assert 'id="f-v-review-weights-error"' in bad.text
    assert "lots" in bad.text
    tried = post("/levels/policies/2/trials", product_line_id=scene.line, first="2026-01", last="2026-03")
    assert tried.status_code == 302
    trial = sm.get(tried.location).text
    assert "客户b有限公司" in trial
    assert sm.get("/api/v1/backtests/1/moves?way=higher").json["rows"][0]["draft_level"] == "one_star"
    assert sm.get("/api/v1/backtests/1/moves?way=lower").json["rows"] == []
    assert sm.get("/api/v1/backtests/1").json["levels"][2] == ["one_star", 0, 1]
    assert post("/levels/policies/2/adopt", in_force_from="2026-06-01").status_code == 403
    assert post("/levels/policies/2/hand-in").status_code == 302
    gm = sign_in(app, scene.people["gm"])
    assert "待审定的管理办法草案" in gm.get("/", headers={"Accept-Language": "zh"}).text
    page = gm.get("/levels/policies/2", headers={"Accept-Language": "zh"}).text
    assert "v-grading" not in page, "the general manager decides and drafts nothing"
    shown = {name: re.findall(f'name="{name}" value="([^"]+)"', page)[0] for name in ("version", "step")}
    adopt = {"csrf_token": csrf_of(gm), "in_force_from": "2026-06-01", **shown}
    assert gm.post("/levels/policies/2/adopt", data=adopt).status_code == 302
    assert gm.get("/levels/policies").status_code == 200
    assert "2026-Q1" in sm.get("/reviews").text
    assert "客户b有限公司" in sm.get(f"/reviews/{review.id}").text
    pack = sm.get(f"/reviews/{review.id}/pack").text
    assert "客户b有限公司" in pack
    assert pack.count("<svg") >= 2
    for base in ("", "/api/v1"):
        book = sm.post(f"{base}/reviews/{review.id}/export", headers={"X-CSRFToken": csrf_of(sm)})
        names = zipfile.ZipFile(io.BytesIO(book.data)).namelist()
        assert [name for name in names if name.startswith("xl/charts/chart")] == [
            "xl/charts/chart1.xml",
            "xl/charts/chart2.xml",
        ]
    done = post(f"/reviews/{review.id}/confirm", all="1", reason="同意")
    assert done.status_code == 302
    assert _review(scene).state == "closed"


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


def test_half_a_year_is_reviewed_by_its_own_months(scene: Scene) -> None:
    scene.close(JAN, FEB, MAR, APR, Month.parse("2026-05"), Month.parse("2026-06"))
    _open(scene, "2026-07-06 07:00")
    assert _scores(scene, _review(scene, "2026-H1"))["a"].grams == 6000 * T
    assert _scores(scene, _review(scene, "2026-Q2"))["a"].grams == 1500 * T
    assert _scores(scene, _review(scene, "2026-Q2"))["a"].previous_grams == 4500 * T
    assert after(JAN)
