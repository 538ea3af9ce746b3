"""Role grants: proposed by one administrator, approved by a second, revoked at once."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from tests import builders
from tests.admin.conftest import DONE, TODAY, Company, Door
from tests.conftest import NOW
from tierflow.admin.service import granting, grants, people
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.audit import AuditEntry
from tierflow.common.notices import Notice
from tierflow.common.sessions import SecurityEvent
from tierflow.common.users import RoleGrant, User
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.roles import Grant, Role


def wanted(company: Company, who: str = "new", **change: object) -> dict[str, object]:
    return {"user_id": company.ids[who], "role": "finance_reviewer", "from_on": TODAY, "to_on": None, **change}


def seen(company: Company, grant_id: int) -> Seen:
    with company.reading() as session:
        case = session.scalars(select(ApprovalCase).where(ApprovalCase.subject_id == grant_id)).one()
        return Seen(case.version, "second")


def decide(
    company: Company, who: str, grant_id: int, verdict: Verdict = Verdict.APPROVE, reason: str = ""
) -> RoleGrant:
    return company.call(granting.decide, who, grant_id, seen(company, grant_id), verdict, reason)


def state(company: Company, grant_id: int) -> str:
    with company.reading() as session:
        return grants.sight(session, company.actor(session, "ann"), grant_id, NOW).row.state


def administrators(company: Company) -> dict[int, int]:
    """The grant of each administrator."""
    with company.reading() as session:
        query = select(RoleGrant.user_id, RoleGrant.id).where(RoleGrant.role == "administrator")
        return dict(session.execute(query))


def held(company: Company, who: str, at=NOW) -> frozenset[Grant]:
    with company.reading() as session:
        return company.actor(session, who, at).grants


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_grant_is_proposed_and_approved_by_a_second_administrator(both: Company, kind: str) -> None:
    user = builders.sign_in(both.app, both.li)
    ann, bob = Door(both.app, both.ann, kind), Door(both.app, both.bob, kind)
    data = {"user_id": both.li, "role": "sales_manager", "region_id": both.region, "from_on": "2026-11-23"}
    answer = ann.post("/role-grants/new", "/role-grants", data)
    assert answer.status_code in DONE, answer.text
    with both.reading() as session:
        grant_id = session.scalars(select(RoleGrant.id).where(RoleGrant.role == "sales_manager")).all()[-1]
    assert state(both, grant_id) == "proposed"
    assert Grant(Role.SALES_MANAGER, both.region) not in held(both, "li"), "nothing before the second pair of eyes"
    assert "李明 (li)" in bob.client.get("/").text, "it waits in the one inbox"
    assert "李明 (li)" not in ann.client.get("/").text, "not with whoever proposed it"
    decision = {"verdict": "approve", "version": seen(both, grant_id).version}
    path = f"/role-grants/{grant_id}/decide"
    own = ann.post(path, path, decision)
    assert own.status_code == 409
    assert bob.post(path, path, decision).status_code in DONE
    assert Grant(Role.SALES_MANAGER, both.region) in held(both, "li")
    assert user.get("/me").status_code == 302, "a role change ends the user's sessions"
    again = bob.post(path, path, decision)
    assert again.status_code == 409
    with both.reading() as session:
        row = session.get_one(RoleGrant, grant_id)
        assert (row.proposed_by_id, row.approved_by_id) == (both.ann, both.bob)
        assert session.scalar(select(Notice.id).where(Notice.user_id == both.li, Notice.kind == "role_grant"))
    shown = builders.sign_in(both.app, both.li).get("/notices").text
    assert 'class="queue' in shown
    assert "/role-grants/" not in shown, "no link to a page that is closed to its reader"


def test_what_nobody_may_approve(both: Company) -> None:
    """One's own proposal, also from a second account; a role for oneself, also in a second account."""
    with both.writing() as session:
        bob = session.get_one(User, both.bob)
        twin = builders.user(session, "bob2", Role.ADMINISTRATOR, person_id=bob.person_id)
        both.ids["twin"] = twin.id
    with pytest.raises(Refused, match="what they proposed"):
        decide(both, "twin", both.grant)  # bob proposed it
    mine = both.call(granting.propose, "ann", wanted(both, "twin")).id
    with pytest.raises(Refused, match="for themselves"):
        decide(both, "bob", mine)  # it is for his other account
    assert state(both, mine) == "proposed"
    self_made = both.call(granting.propose, "bob", wanted(both, "bob", role="general_manager")).id
    with pytest.raises(Refused):
        decide(both, "bob", self_made)
    decide(both, "ann", self_made)
    assert Grant(Role.GENERAL_MANAGER) in held(both, "bob")


def test_an_inbox_hides_what_its_reader_may_not_decide(company: Company) -> None:
    mine = company.call(granting.propose, "ann", wanted(company, "bob")).id
    client = builders.sign_in(company.app, company.bob)
    assert f"/role-grants/{mine}" not in client.get("/").text
    page = client.get(f"/role-grants/{mine}").text
    assert 'name="verdict"' not in page
    assert "不得批准给自己的授权" in page


def test_a_delegate_of_an_administrator_cannot_approve(company: Company) -> None:
    """An administrator's rights are never lent, whatever the table says."""
    with company.writing() as session:
        ann, li = session.get_one(User, company.ann), session.get_one(User, company.li)
        builders.delegation(session, ann, li, TODAY, TODAY + timedelta(days=3))
    with pytest.raises(Forbidden):
        decide(company, "li", company.grant)


def test_who_was_reset_by_the_proposer_cannot_approve(both: Company, clock) -> None:
    both.call(people.reset_password, "bob", both.ann)  # bob could sign in as ann now
    with pytest.raises(Refused, match="reset your password"):
        decide(both, "ann", both.grant)
    later = NOW + timedelta(days=7)
    both.call(granting.decide, "ann", both.grant, seen(both, both.grant), Verdict.APPROVE, "", now=later)
    assert Grant(Role.FINANCE_REVIEWER) in held(both, "new", later)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "sales_manager"}, "region_id"),
        ({"role": "finance_reviewer", "region_id": 1}, "region_id"),
        ({"role": "warehouse_keeper"}, "warehouse_id"),
        ({"role": "resident_office", "office_id": 99}, "office_id"),
    ],
)
def test_a_scope_must_fit_the_role(company: Company, change: dict, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        company.call(granting.propose, "ann", wanted(company, "li", **change))
    assert set(caught.value.errors) == {field}


@pytest.mark.parametrize("kind", ["page", "api"])
def test_bad_input_is_said_at_its_field(company: Company, kind: str) -> None:
    door = Door(company.app, company.ann, kind)
    data = {"user_id": company.li, "role": "emperor", "from_on": "23.11.2026"}
    answer = door.post("/role-grants/new", "/role-grants", data)
    assert answer.status_code == 422
    if kind == "api":
        assert set(answer.json["errors"]) == {"role", "from_on"}
    else:
        assert 'id="f-role-error"' in answer.text
        assert 'id="f-from_on-error"' in answer.text


def test_a_second_proposal_of_the_same_is_refused(both: Company) -> None:
    with pytest.raises(Refused, match="already"):
        both.call(granting.propose, "ann", wanted(both))
    decide(both, "ann", both.grant, Verdict.REJECT, "not needed")
    assert state(both, both.grant) == "rejected"
    both.call(granting.propose, "ann", wanted(both))  # a refused one gives its place back


def test_refusing_and_returning_want_a_reason(company: Company) -> None:
    for verdict in (Verdict.REJECT, Verdict.RETURN):
        with pytest.raises(Invalid):
            decide(company, "ann", company.grant, verdict)


def test_a_returned_proposal_is_corrected_and_decided_anew(both: Company) -> None:
    decide(both, "ann", both.grant, Verdict.RETURN, "for a year only")
    bob = builders.sign_in(both.app, both.bob)
    assert "角色授权被退回" in bob.get("/").text
    changed = {"role": "finance_reviewer", "from_on": TODAY, "to_on": date(2027, 11, 23)}
    with pytest.raises(Refused):
        both.call(granting.revise, "ann", both.grant, changed, None)  # who decided cannot hand it in
    both.call(granting.revise, "bob", both.grant, changed, None)
    stale = Seen(1, "second")
    with pytest.raises(Conflict):
        both.call(granting.decide, "ann", both.grant, stale, Verdict.APPROVE, "")
    decide(both, "ann", both.grant)
    assert held(both, "new") == {Grant(Role.FINANCE_REVIEWER)}
    assert held(both, "new", NOW + timedelta(days=365)) == frozenset(), "over when its period is"


def test_a_proposer_takes_back_and_gives_up(company: Company) -> None:
    with pytest.raises(Refused):
        company.call(granting.withdraw, "ann", company.grant, "not mine")
    company.call(granting.withdraw, "bob", company.grant, "mistake")
    assert state(company, company.grant) == "withdrawn"
    company.call(granting.discard, "bob", company.grant, "")
    assert state(company, company.grant) == "discarded"
    with pytest.raises(Refused):
        company.call(granting.revise, "bob", company.grant, wanted(company), None)


@pytest.mark.parametrize("kind", ["page", "api"])
def test_revoking_takes_effect_at_once_and_is_told(both: Company, kind: str) -> None:
    fin = builders.sign_in(both.app, both.fin)
    with both.reading() as session:
        grant_id = session.scalar(select(RoleGrant.id).where(RoleGrant.user_id == both.fin))
    door = Door(both.app, both.ann, kind)
    path = f"/role-grants/{grant_id}/revoke"
    assert door.post(path, path, {}).status_code == 422, "a reason is wanted"
    assert door.post(path, path, {"reason": "moved"}).status_code in DONE
    assert held(both, "fin") == frozenset()
    assert fin.get("/").status_code == 302
    assert door.post(path, path, {"reason": "moved"}).status_code == 409
    with both.reading() as session:
        told = set(session.scalars(select(Notice.user_id).where(Notice.subject_id == grant_id)))
        assert told == {both.bob, both.fin}
        entry = session.scalar(select(AuditEntry).where(AuditEntry.action == "grant.revoke"))
        assert entry is not None
        assert (entry.actor_id, entry.reason) == (both.ann, "moved")


def test_the_last_administrator_is_not_revoked(both: Company) -> None:
    with both.reading() as session:
        ids = dict(
            session.execute(select(RoleGrant.user_id, RoleGrant.id).where(RoleGrant.role == "administrator")).all()
        )
    both.call(granting.revoke, "ann", ids[both.bob], "left")
    with pytest.raises(Refused, match="last administrator"):
        both.call(granting.revoke, "ann", ids[both.ann], "me too")


def test_a_lone_administrator_grants_a_second_and_nothing_else(both: Company) -> None:
    with both.reading() as session:
        bobs = session.scalar(select(RoleGrant.id).where(RoleGrant.user_id == both.bob))
    both.call(granting.revoke, "ann", bobs, "left")
    with pytest.raises(Refused, match="nothing but a second"):
        both.call(granting.propose, "ann", wanted(both, "li"))
    with pytest.raises(Refused, match="another person"):
        both.call(granting.propose, "ann", wanted(both, "ann", role="administrator", from_on=TODAY))
    grant = both.call(granting.propose, "ann", wanted(both, "gm", role="administrator"))
    assert grant.approved_at == NOW
    assert Grant(Role.ADMINISTRATOR) in held(both, "gm")
    with both.reading() as session:
        assert session.scalar(select(SecurityEvent.id).where(SecurityEvent.kind == "grant.bootstrap"))
        assert session.scalar(select(AuditEntry.seq).where(AuditEntry.action == "grant.bootstrap"))
    # from here on four eyes again
    third = both.call(granting.propose, "ann", wanted(both, "fin", role="administrator"))
    assert third.approved_at is None


def test_two_administrators_revoking_each_other_leave_one(both: Company) -> None:
    with both.reading() as session:
        ids = dict(
            session.execute(select(RoleGrant.user_id, RoleGrant.id).where(RoleGrant.role == "administrator")).all()
        )
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def strike(who: str, other: int) -> None:
        start.wait()
        try:
            both.call(granting.revoke, who, ids[other], "rival")
            outcomes.append("done")
        except (Refused, Forbidden):
            outcomes.append("refused")

    threads = [
        threading.Thread(target=strike, args=("ann", both.bob)),
        threading.Thread(target=strike, args=("bob", both.ann)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]
    with both.reading() as session:
        left = session.scalars(
            select(RoleGrant.id).where(RoleGrant.role == "administrator", RoleGrant.revoked_at.is_(None))
        ).all()
        assert len(left) == 1


def test_lists_show_where_grants_stand(company: Company) -> None:
    with company.reading() as session:
        ann = company.actor(session, "ann")
        waiting = grants.list_grants(session, ann, {"state": "waiting"}, NOW).rows
        assert [row.grant.id for row in waiting] == [company.grant]
        in_force = grants.list_grants(session, ann, {"state": "in_force", "role": "sales_manager"}, NOW).rows
        assert [(row.user.login, row.scope) for row in in_force] == [("sales", "华东")]
        assert grants.list_grants(session, ann, {"state": "ended"}, NOW).rows == []
        with pytest.raises(NotFound):
            grants.sight(session, ann, 10**6, NOW)
        with pytest.raises(Forbidden):
            grants.list_grants(session, company.actor(session, "gm"), {}, NOW)
