"""Writing in an application for an absent account manager: four eyes, and both names in the record (CHEM-7.2)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests import builders
from tests.conftest import NOW
from tests.onboarding import keeping, scenes
from tests.onboarding.doors import Scene
from tests.onboarding.stages import Stage
from tierflow.common import approvals
from tierflow.common.approvals import Seen
from tierflow.common.audit import AuditEntry, write_pending
from tierflow.common.db import db, transaction
from tierflow.common.uploads import Upload
from tierflow.common.users import User
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Refused
from tierflow.kernel.roles import Actor
from tierflow.onboarding import service
from tierflow.onboarding.models import Application, EntryCheck, Inspection, InspectionFinding, Paper
from tierflow.onboarding.rules.inspection import ITEMS
from tierflow.onboarding.service import changing, disqualifying, handover, inspecting, links
from tierflow.onboarding.service.examining import case_of


def _saves(stage: Stage, application: Application, actor: Actor) -> None:
    data = {"bank_account": "1001 0000 0000 0077"}
    service.save_draft(stage.session, actor, application.id, data, NOW, seen_version=application.version)


def _adds_a_paper(stage: Stage, application: Application, actor: Actor) -> None:
    upload = Upload("组织机构代码证.png", scenes.png())
    service.add_paper(stage.session, actor, application.id, "organisation_code_certificate", upload, {}, NOW)


def _changes_a_paper(stage: Stage, application: Application, actor: Actor) -> None:
    paper = stage.session.scalars(select(Paper).where(Paper.application_id == application.id)).first()
    assert paper is not None
    service.change_paper(stage.session, actor, paper.id, {"issuer": "另一机关"}, NOW)


def _removes_a_paper(stage: Stage, application: Application, actor: Actor) -> None:
    paper = stage.session.scalars(select(Paper).where(Paper.application_id == application.id)).first()
    assert paper is not None
    service.remove_paper(stage.session, actor, paper.id, NOW)


def _attaches_evidence(stage: Stage, application: Application, actor: Actor) -> None:
    check = stage.session.scalars(select(EntryCheck).where(EntryCheck.application_id == application.id)).first()
    assert check is not None
    upload = Upload("考察记录.pdf", scenes.pdf())
    service.attach_evidence(stage.session, actor, application.id, check.customer_class, check.item, upload, NOW)


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.parametrize("write", [_saves, _adds_a_paper, _changes_a_paper, _removes_a_paper, _attaches_evidence])
def test_who_writes_in_a_draft_as_a_stand_in_never_decides_on_it(stage: Stage, write: Any) -> None:
    session, place = stage.session, stage.place
    application = scenes.drafted(session, place)
    day = date(2026, 11, 23)
    lent = builders.delegation(session, place.users["li"], place.users["sales"], day, day + timedelta(days=5))
    write(stage, application, stage.actor("sales"))
    lent.revoked_at = NOW
    session.flush()
    case = service.case_of(session, application.id)
    approvals.submit(session, case, {}, stage.actor("li"), NOW, seen_version=case.version)
    refusals = approvals.why_not(session, case, stage.actor("sales"))
    assert [refusal.clause for refusal in refusals] == ["CHEM-7.2"]


@pytest.mark.rule("CHEM-7.2")
def test_who_only_looked_into_a_draft_as_a_stand_in_may_decide(stage: Stage) -> None:
    """A save that changes nothing is no writing."""
    session, place = stage.session, stage.place
    application = scenes.drafted(session, place)
    day = date(2026, 11, 23)
    lent = builders.delegation(session, place.users["li"], place.users["sales"], day, day + timedelta(days=5))
    same = {"bank_name": application.bank_name}
    actor = stage.actor("sales")
    service.save_draft(session, actor, application.id, same, NOW, seen_version=application.version)
    lent.revoked_at = NOW
    session.flush()
    scenes.hand_in(session, place, application)
    scenes.approve(session, place, application, "sales")


@pytest.mark.rule("CHEM-7.2")
def test_who_decided_does_not_write_in_the_next_round(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    scenes.send_back(session, place, application, "sales", "address", "不一致")
    day = date(2026, 11, 23)
    builders.delegation(session, place.users["li"], place.users["sales"], day, day + timedelta(days=5))
    for write in (_saves, _adds_a_paper):
        with pytest.raises(Refused, match="cannot write"):
            write(stage, application, stage.actor("sales"))


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.parametrize("own_role", [True, False])
def test_every_writing_of_a_stand_in_names_both(stage: Stage, own_role: bool) -> None:
    """Also when the stand-in is an account manager too: the application is the other's."""
    session, place = stage.session, stage.place
    stand_in = "wang" if own_role else "committee"
    day = date(2026, 11, 23)
    builders.delegation(session, place.users["li"], place.users[stand_in], day, day + timedelta(days=5))
    application = scenes.drafted(session, place, who=stand_in, account_manager_id=place.id_of("li"))
    actor = stage.actor(stand_in)
    for write in (_saves, _adds_a_paper, _changes_a_paper, _attaches_evidence, _removes_a_paper):
        write(stage, application, actor)
    version = service.case_of(session, application.id).version
    scenes.drafted(session, place, 2)  # the account manager's own, in nobody else's name
    again = scenes.drafted(session, place, 3, who=stand_in, account_manager_id=place.id_of("li"))
    scenes.hand_in(session, place, again, stand_in)
    service.withdraw(session, actor, again.id, NOW, reason="补充")
    service.discard(session, actor, again.id, NOW, reason="不再需要")
    assert service.case_of(session, application.id).version == version
    write_pending(session)
    told = {row.action: set() for row in session.scalars(select(AuditEntry))}
    for row in session.scalars(select(AuditEntry)):
        told[row.action].add((row.actor_id, row.on_behalf_of_id))
    both = (place.id_of(stand_in), place.id_of("li"))
    for act in ("application.create", "application.save", "paper.add"):
        assert told[act] == {both, (place.id_of("li"), None)}, act
    for act in ("paper.change", "paper.remove", "evidence.attach", "submit", "withdraw", "discard"):
        assert told[act] == {both}, act


def test_any_door_that_opens_by_a_lent_office_alone_names_the_lender(scene: Scene) -> None:
    """The record of every write, whatever its service says: here a reply template of complaints."""
    place, day = scene.place, date(2026, 11, 23)
    with scene.app.app_context(), transaction() as session:
        absent = session.get_one(User, place.id_of("sales"))
        for stand_in in ("finance", "sales_west"):  # of whom the second holds such an office too
            builders.delegation(session, absent, session.get_one(User, place.id_of(stand_in)), day, day + timedelta(9))
    for who in ("finance", "sales_west", "sales"):
        client = builders.sign_in(scene.app, place.id_of(who))
        headers = {"X-CSRFToken": builders.csrf_of(client)}
        sent = {"name": who, "body": "您好"}
        assert client.post("/api/v1/reply-templates", json=sent, headers=headers).status_code == 201
    with scene.app.app_context():
        entries = db.session().scalars(select(AuditEntry).where(AuditEntry.action == "reply_template.save"))
        told = {row.actor_id: row.on_behalf_of_id for row in entries}
    sales = place.id_of("sales")
    assert told == {place.id_of("finance"): sales, place.id_of("sales_west"): None, sales: None}


@pytest.mark.rule("CHEM-7.2")
def test_a_colleague_of_the_same_office_is_named_with_whom_they_stand_in_for(stage: Stage) -> None:
    """Inspections, findings, disqualifications and handovers: the matter's region or account manager tells whose."""
    session, place, day = stage.session, stage.place, date(2026, 11, 23)
    customer_id = keeping.admitted(session, place)
    for absent, stand_in in (("sales", "sales_west"), ("li", "wang")):
        builders.delegation(session, place.users[absent], place.users[stand_in], day, day + timedelta(days=5))
    west, wang = stage.actor("sales_west"), stage.actor("wang")
    inspecting.open_round(session, NOW, seed="seed")
    inspection = session.scalars(select(Inspection.id)).first() or 0
    answers = [{"key": key, "verdict": "fail", "remark": "缺"} for key in ITEMS]
    inspecting.inspect(session, west, inspection, answers, NOW)
    finding = session.scalars(select(InspectionFinding.id)).first() or 0
    inspecting.mend(session, wang, finding, "已补", NOW)
    inspecting.close(session, west, finding, NOW)
    wanted = {"giver_id": place.id_of("li"), "taker_id": place.id_of("wang"), "effective_on": day, "reason": "调岗"}
    proposed = handover.propose(session, west, wanted, NOW)
    handover.sign(session, west, proposed.id, "giver", NOW, absence="出差")
    handover.end(session, wang, proposed.id, "不接", NOW)  # a party, in nobody else's name
    facts = {"ground": "law", "facts": "立案"}
    disqualifying.propose(session, west, customer_id, facts, keeping.scan(), NOW)
    write_pending(session)
    shown = handover.view(session, west, proposed.id, NOW)
    assert (shown.proposed_for, shown.giver_signed_for) == ("人sales", "人sales")
    assert inspecting.view(session, west, inspection).inspected_for == "人sales"
    told = {row.action: (row.actor_id, row.on_behalf_of_id) for row in session.scalars(select(AuditEntry))}
    for_sales = (place.id_of("sales_west"), place.id_of("sales"))
    acts = ("inspection.inspect", "inspection.close", "handover.propose", "handover.sign", "disqualification.propose")
    assert {act: told[act] for act in acts} == dict.fromkeys(acts, for_sales)
    assert told["inspection.mend"] == (place.id_of("wang"), place.id_of("li"))
    assert told["handover.end"] == (place.id_of("wang"), None)


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.parametrize(("who", "name"), [("sales_west", "人sales"), ("sales", None)])
def test_a_program_is_told_for_whom_a_file_was_inspected_and_a_handover_signed(
    scene: Scene, who: str, name: str | None
) -> None:
    """In the answer to the act itself, and to whoever reads it later."""
    place = scene.place
    with scene.app.app_context(), transaction() as session:
        keeping.admitted(session, place)
        absent, stand_in = (session.get_one(User, place.id_of(one)) for one in ("sales", "sales_west"))
        builders.delegation(session, absent, stand_in, NOW.date(), NOW.date() + timedelta(days=5))
        inspecting.open_round(session, NOW, seed="seed")
        inspection = session.scalars(select(Inspection.id)).first()
    door, reader = scene.door(who), scene.door("gm")
    path = f"/inspections/{inspection}"
    unseen = reader.get(path).json
    assert (unseen["inspector"], unseen["inspected_for"]) == (None, None)
    done = door.post(f"{path}/answers", {"items": [{"key": key, "verdict": "pass"} for key in ITEMS]}).json
    for shown in (done, reader.get(path).json):
        assert (shown["inspector"]["id"], shown["inspected_for"]) == (place.id_of(who), name)
    wanted = {"giver_id": place.id_of("li"), "taker_id": place.id_of("wang"), "reason": "调岗"}
    made = door.post("/handovers", {**wanted, "effective_on": str(NOW.date())}).json
    path = f"/handovers/{made['row']['id']}"
    assert (made["giver_signed_by"], made["giver_signed_for"]) == (None, None)
    signed = door.post(f"{path}/signatures", {"side": "giver", "absence": "出差"}).json
    for shown in (signed, reader.get(path).json):
        assert (shown["proposed_by"]["id"], shown["proposed_for"]) == (place.id_of(who), name)
        assert (shown["giver_signed_by"]["id"], shown["giver_signed_for"]) == (place.id_of(who), name)


@pytest.mark.rule("CHEM-8.1", "CHEM-15")
def test_an_account_manager_who_corrects_or_makes_a_link_for_another_is_named_with_the_other(stage: Stage) -> None:
    session, place, day = stage.session, stage.place, date(2026, 11, 23)
    customer_id = keeping.admitted(session, place)
    row = changing.propose(session, stage.actor("li"), customer_id, {"invoice_address": "新址"}, NOW, reason="搬迁")
    case = case_of(session, (changing.SUBJECT, row.id))
    seen = Seen(case.version, case.step or "")
    changing.decide(session, stage.actor("finance"), row.id, seen, Verdict.RETURN, NOW, reason="不全")
    write_pending(session)
    before = session.scalars(select(AuditEntry.seq).order_by(AuditEntry.seq.desc())).first() or 0
    builders.delegation(session, place.users["li"], place.users["wang"], day, day + timedelta(days=5))
    wang = stage.actor("wang")
    changing.correct(session, wang, row.id, {"invoice_address": "新址一号"}, NOW, reason="搬迁")
    link, _secret = links.make(session, wang, customer_id, "merged_licence", NOW, is_proof=False, days=3)
    links.revoke(session, wang, link.id, NOW)
    write_pending(session)
    told = {one.action: one for one in session.scalars(select(AuditEntry).where(AuditEntry.seq > before))}
    for act in ("customer.propose", "submit", "upload_link.make", "upload_link.revoke"):
        assert (told[act].actor_id, told[act].on_behalf_of_id) == (place.id_of("wang"), place.id_of("li")), act
