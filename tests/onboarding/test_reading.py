"""What is read about applications: the queue, the list, what changed, and how many queries it takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from tests.conftest import NOW
from tests.onboarding import scenes
from tests.onboarding.stages import Stage
from tierflow.common import approvals, files
from tierflow.common.uploads import Upload
from tierflow.onboarding import service
from tierflow.onboarding.models import Application, Paper
from tierflow.onboarding.service.listing import Filters


@pytest.mark.rule("CHEM-7.2")
def test_the_queue_goes_by_urgency_and_around(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    made = []
    for number in range(3):
        application = scenes.drafted(session, place, number + 1)
        scenes.hand_in(session, place, application, now=NOW + timedelta(days=number))
        made.append(application.id)
    other = scenes.submitted(session, place, 9, region_id=place.other_region)
    sales = each_stage.actor("sales")
    assert service.next_in_queue(session, sales) == made[0]
    assert [service.next_in_queue(session, sales, here) for here in made] == [made[1], made[2], made[0]]
    scenes.approve(session, place, session.get_one(Application, made[0]), "sales")
    assert service.next_in_queue(session, sales, made[0]) == made[1]
    assert service.next_in_queue(session, each_stage.actor("finance")) == made[0]
    assert service.next_in_queue(session, each_stage.actor("sales_west")) == other.id
    assert service.next_in_queue(session, each_stage.actor("gm")) is None


def test_the_list_is_narrowed_and_scoped(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    east = scenes.submitted(session, place, 1)
    west = scenes.submitted(session, place, 2, who="wang", region_id=place.other_region)
    draft = scenes.drafted(session, place, 3, lines=scenes.lines((place.other_line, "exclusive_agent")))

    def ids(who: str, **narrowed: Any) -> list[int]:
        page = service.list_applications(session, each_stage.actor(who), Filters(**narrowed))
        return [row.application.id for row in page.rows]

    assert ids("gm") == [draft.id, west.id, east.id]
    assert ids("sales") == [draft.id, east.id]
    assert ids("li") == [draft.id, east.id]
    assert ids("wang") == [west.id]
    assert ids("gm", state="in_approval") == [west.id, east.id]
    assert ids("gm", step="finance") == []
    assert ids("gm", region_id=place.other_region) == [west.id]
    assert ids("gm", account_manager_id=place.id_of("li")) == [draft.id, east.id]
    assert ids("gm", product_line_id=place.other_line) == [draft.id]
    assert ids("gm", customer_class="dealer") == [west.id, east.id]
    assert ids("gm", q="第2") == [west.id]
    assert ids("gm", q="KH-2026-00003") == [draft.id]
    assert ids("gm", q=scenes.credit_code(1)[-6:]) == [east.id]
    assert ids("gm", over_quota=True) == []
    first = service.list_applications(session, each_stage.actor("gm"), Filters(), size=2)
    second = service.list_applications(session, each_stage.actor("gm"), Filters(), size=2, cursor=first.after)
    assert [row.application.id for row in (*first.rows, *second.rows)] == [draft.id, west.id, east.id]


def test_summary_and_changes_are_told_in_words(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    case = service.case_of(session, application.id)
    content = approvals.current_content(session, case)
    sections = service.summary(session, content)
    assert [section.title.msgid for section in sections][:2] == ["company particulars", "product lines and classes"]
    rows = {str(label): str(value) for section in sections for label, value in section.rows}
    assert rows["sales region"] == "华东"
    assert rows["聚烯烃"] == "dealer"
    assert rows["merged business licence"].startswith(f"No. {application.credit_code}")
    service.withdraw(session, stage.actor("li"), application.id, NOW, reason="改")
    stage.save(application, region_id=place.other_region, address="别处")
    scenes.hand_in(session, place, application)
    shown = service.show_changes(session, service.changes_since(session, application.id, 1))
    assert [(str(row.field), str(row.old), str(row.new)) for row in shown] == [
        ("registered address", "上海市浦东新区世纪大道1号", "别处"),
        ("sales region", "华东", "华西"),
    ]


def test_content_is_the_same_until_something_changes(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.drafted(session, place)
    before = service.content_of(session, application)
    actor = stage.actor("li")
    paper = session.scalars(select(Paper).where(Paper.kind == "annex1_signed")).one()
    scan = service.file_for(session, actor, paper.file_id)
    same = Upload(scan.name, files.content_of(session, scan))
    service.change_paper(session, actor, paper.id, {}, NOW, upload=same)
    stage.save(application, **scenes.particulars(place))
    assert service.content_of(session, application) == before
    service.change_paper(session, actor, paper.id, {}, NOW, upload=Upload(scan.name, scenes.pdf()))
    assert service.content_of(session, application) != before


def test_a_page_asks_the_database_no_more_for_more_data(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    counted: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        counted.append(statement)

    def queries(ask: Any) -> int:
        session.flush()
        session.expire_all()
        actor = each_stage.actor("gm")
        event.listen(session.get_bind(), "before_cursor_execute", note)
        counted.clear()
        ask(actor)
        event.remove(session.get_bind(), "before_cursor_execute", note)
        return len(counted)

    def asked() -> dict[str, int]:
        return {
            "application": queries(lambda actor: service.view(session, actor, 1)),
            "customer": queries(lambda actor: service.customer_view(session, actor, 1, NOW)),
            "applications": queries(lambda actor: service.list_applications(session, actor, Filters())),
            "customers": queries(lambda actor: service.list_customers(session, actor, service.CustomerFilters(), NOW)),
        }

    for number in (1, 2, 3, 4):
        application = scenes.submitted(session, place, number)
        for who in ("sales", "finance", "gm"):
            scenes.approve(session, place, application, who)
        if number == 1:
            few = asked()
    assert asked() == few
    assert few["customer"] <= 8
    assert few["customers"] <= 3
    assert few["applications"] == 1
    assert few["application"] <= 12
