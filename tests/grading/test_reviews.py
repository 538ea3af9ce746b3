"""Periodic reviews: opened, frozen, confirmed, proven again, printed; and the pages of drafts beside them."""

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
from tests.grading.scenes import APR, FEB, JAN, MAR, Scene, at, lifted
from tierflow.common.db import transaction
from tierflow.common.offtake import Lifting, record
from tierflow.grading.models import Review, ReviewScore
from tierflow.grading.service import proving_reviews, reviews
from tierflow.kernel.errors import Invalid, Refused
from tierflow.kernel.months import Month

T = 1_000_000


@pytest.fixture
def scene(both_app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-05-06 10:00")
    return lifted(both_app)


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


def test_half_a_year_is_reviewed_by_its_own_months(scene: Scene) -> None:
    scene.close(JAN, FEB, MAR, APR, Month.parse("2026-05"), Month.parse("2026-06"))
    _open(scene, "2026-07-06 07:00")
    assert _scores(scene, _review(scene, "2026-H1"))["a"].grams == 6000 * T
    assert _scores(scene, _review(scene, "2026-Q2"))["a"].grams == 1500 * T
    assert _scores(scene, _review(scene, "2026-Q2"))["a"].previous_grams == 4500 * T
