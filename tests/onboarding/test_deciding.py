"""What a verdict reads and relies on: once, nothing stale, and the same as everybody else reads (CHEM-7.2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from sqlalchemy import event, select

from tests import builders
from tests.conftest import NOW
from tests.onboarding import scenes
from tests.onboarding.stages import Stage
from tierflow.common import customers
from tierflow.common.decisions import DecisionRecord
from tierflow.common.policies import policy_on
from tierflow.common.users import RoleGrant
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Forbidden, Refused
from tierflow.onboarding import service
from tierflow.onboarding.models import Application
from tierflow.onboarding.rules.admission import dealers_worth_counting


@contextmanager
def asked(stage: Stage) -> Iterator[list[str]]:
    """The statements sent inside."""
    said: list[str] = []

    def note(*args: object) -> None:
        said.append(str(args[2]))

    bind = stage.session.get_bind()
    event.listen(bind, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(bind, "before_cursor_execute", note)


def in_bulk(stage: Stage, who: str, *numbers: int) -> list[str]:
    """Hand in applications of these numbers, let those before `who` approve each, `who` all at once; what was asked."""
    order = ("sales", "finance", "gm")
    rows = [scenes.submitted(stage.session, stage.place, number) for number in numbers]
    for row in rows:
        for before in order[: order.index(who)]:
            scenes.approve(stage.session, stage.place, row, before)
    cases = [(row.id, scenes.seen(stage.session, row)) for row in rows]
    actor = stage.actor(who)
    with asked(stage) as said:
        service.bulk_approve(stage.session, actor, cases, NOW)
    return said


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.parametrize("who", ["sales", "finance", "gm"])
def test_approving_many_asks_for_each_no_more_than_for_one(each_stage: Stage, who: str) -> None:
    few, many = in_bulk(each_stage, who, 1, 2), in_bulk(each_stage, who, *range(10, 20))
    each = (len(many) - len(few)) / 8
    assert each <= (32 if who == "gm" else 22), many


@pytest.mark.groundwork("CHEM-10.8")
def test_places_taken_by_those_approved_just_before_are_counted(each_stage: Stage) -> None:
    """All of them were green when they were looked at; each is decided on what is true at its own turn."""
    in_bulk(each_stage, "gm", 1, 2, 3)
    made = each_stage.session.scalars(select(DecisionRecord).order_by(DecisionRecord.id)).all()[-3:]
    assert [row.inputs["lines"][0]["dealers_in_region"] for row in made] == [0, 1, 2]


@pytest.mark.groundwork("CHEM-10.8")
def test_a_crowd_of_dealers_is_counted_as_far_as_it_matters(stage: Stage) -> None:
    builders.adopt(stage.session, {"region.dealers_while_volume_unknown": 30})
    on = date(2026, 11, 23)
    assert dealers_worth_counting(policy_on(stage.session, on)) == 150
    builders.adopt(stage.session, {"region.dealers_while_volume_unknown": 1})
    assert dealers_worth_counting(policy_on(stage.session, on)) == 100


@pytest.mark.rule("CHEM-7.1")
def test_who_sees_a_row_is_who_finds_it_in_lists(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    builders.delegation(
        session, place.users["li"], place.users["admin"], date(2026, 11, 1), date(2026, 11, 1) + timedelta(days=60)
    )
    for number, (who, region) in enumerate(
        [("li", place.region), ("li", place.other_region), ("wang", place.region), ("wang", None)], start=1
    ):
        scenes.drafted(session, place, number, who=who, region_id=region)
    rows = session.scalars(select(Application)).all()
    for name in place.users:
        actor = each_stage.actor(name)
        condition = customers.visible_rows(actor, Application.region_id, Application.account_manager_id)
        found = set(session.scalars(select(Application.id).where(condition)))
        assert {row.id for row in rows if customers.sees(actor, row.region_id, row.account_manager_id)} == found, name


@pytest.mark.rule("CHEM-7.1")
def test_what_is_not_given_agrees_with_nothing(each_stage: Stage) -> None:
    """Drafts are full of blanks: two blanks are no duplicate."""
    actor = each_stage.actor("li")
    for _ in range(2):
        service.create_draft(each_stage.session, actor, NOW, {})
    assert service.find_matches(each_stage.session, actor, {}) == ()
    assert service.find_matches(each_stage.session, actor, {"name": "", "phone": None, "credit_code": None}) == ()


@pytest.mark.rule("CHEM-7.2")
def test_an_approver_whose_role_just_ended_does_not_decide(each_stage: Stage) -> None:
    """The roles in hand are older than those in the database."""
    session, place = each_stage.session, each_stage.place
    application = scenes.submitted(session, place)
    actor, seen = each_stage.actor("sales"), scenes.seen(session, application)
    items = scenes.passes(session, application)
    held = session.scalars(select(RoleGrant).where(RoleGrant.user_id == place.id_of("sales"))).one()
    held.revoked_at = NOW
    session.flush()
    with pytest.raises(Forbidden):
        service.decide(session, actor, application.id, seen, Verdict.APPROVE, NOW, items=items)
    with pytest.raises(Refused, match="another office"):
        service.bulk_approve(session, actor, [(application.id, seen)], NOW)
    assert each_stage.state(application) == ("in_approval", 1, "sales")
