"""Delegation: dated, no chains, never the administrator's rights, never around the four eyes."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import builders
from tests.admin.conftest import DONE, TODAY, Company, Door
from tests.conftest import NOW
from tierflow.admin.service import delegations, people
from tierflow.common import approvals, audit
from tierflow.common.approvals import ApprovalDecision, Seen
from tierflow.common.notices import Notice
from tierflow.common.users import Delegation, User
from tierflow.kernel.approval import Chain, Step, Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.roles import Role

CHAIN = approvals.register(
    Chain(
        "test_two_steps",
        "CHEM-7.2",
        "two steps",
        (
            Step("finance", "finance", Role.FINANCE_REVIEWER, frozenset({"a"})),
            Step("gm", "gm", Role.GENERAL_MANAGER, frozenset({"a"}), always=True),
        ),
    )
)


def data(company: Company, absent: str | None, stand_in: str, start: int = 0, days: int = 5) -> dict[str, object]:
    return {
        "from_user_id": company.ids[absent] if absent else None,
        "to_user_id": company.ids[stand_in],
        "from_on": TODAY + timedelta(days=start),
        "to_on": TODAY + timedelta(days=start + days),
        "reason": "出差",
    }


def lend(company: Company, by: str, absent: str, stand_in: str, **more: int) -> Delegation:
    return company.call(delegations.set_delegation, by, data(company, absent, stand_in, **more))


@pytest.mark.parametrize("kind", ["page", "api"])
def test_whoever_is_away_sets_it_themselves(both: Company, kind: str) -> None:
    door = Door(both.app, both.sales, kind)
    sent = {"to_user_id": both.li, "from_on": "2026-11-23", "last_on": "2026-11-27", "reason": "出差"}
    answer = door.post("/me/delegations", "/delegations", sent)
    assert answer.status_code in DONE, answer.text
    with both.reading() as session:
        row = session.scalars(select(Delegation)).one()
        assert (row.from_user_id, row.to_user_id, row.set_by_id) == (both.sales, both.li, both.sales)
        assert (row.to_on - row.from_on).days == 5, "the last day is included"
        li = both.actor(session, "li")
        assert li.holds(Role.SALES_MANAGER, both.region)
        assert not both.actor(session, "li", NOW + timedelta(days=5)).holds(Role.SALES_MANAGER)
        told = session.scalars(select(Notice.user_id).where(Notice.kind == "delegation")).all()
        assert told == [both.li]
    page = builders.sign_in(both.app, both.li).get("/me").text
    assert "我代理沈东" in page


@pytest.mark.parametrize("kind", ["page", "api"])
def test_an_administrator_sets_it_for_an_executive(company: Company, kind: str) -> None:
    sent = {"from_user_id": company.gm, "to_user_id": company.fin, "from_on": "2026-11-23", "last_on": "2026-11-27"}
    answer = Door(company.app, company.ann, kind).post("/delegations/new", "/delegations", sent)
    assert answer.status_code in DONE, answer.text
    with company.reading() as session:
        assert company.actor(session, "fin").holds(Role.GENERAL_MANAGER)


def test_nobody_else_sets_it_for_others(company: Company) -> None:
    with pytest.raises(Forbidden):
        lend(company, "li", "gm", "fin")
    sent = {"from_user_id": company.gm, "to_user_id": company.fin, "from_on": "2026-11-23", "last_on": "2026-11-27"}
    door = Door(company.app, company.li, "api")
    assert door.post("", "/delegations", sent).status_code == 403
    page = Door(company.app, company.li, "page")
    assert page.post("/delegations/new", "", sent).status_code == 403
    assert page.post("/me/delegations", "", sent).status_code == 422, "the field is not known there"
    with company.reading() as session:
        assert session.scalar(select(Delegation.id)) is None


def test_an_administrator_s_rights_are_never_lent(company: Company) -> None:
    with pytest.raises(Refused, match="never delegated"):
        lend(company, "ann", "ann", "li")
    with company.writing() as session:
        builders.grant(session, session.get_one(User, company.ann), Role.GENERAL_MANAGER)
    lend(company, "ann", "ann", "li")  # the other role goes …
    with company.reading() as session:
        li = company.actor(session, "li")
        assert li.holds(Role.GENERAL_MANAGER)
        assert not li.holds(Role.ADMINISTRATOR)  # … that one does not


@pytest.mark.parametrize("kind", ["page", "api"])
@pytest.mark.parametrize("stand_in", ["ann", "bob", "twin", "new"])
def test_no_single_administrator_gives_themselves_an_office(company: Company, stand_in: str, kind: str) -> None:
    """Not openly, nor to a colleague, nor by another account of theirs, nor by one they made and know the word of."""
    with company.writing() as session:
        ann = session.get_one(User, company.ann)
        company.ids["twin"] = builders.user(session, "ann2", Role.ACCOUNT_MANAGER, person_id=ann.person_id).id
    wanted = {"from_user_id": company.gm, "to_user_id": company.ids[stand_in]}
    sent = {**wanted, "from_on": "2026-11-23", "last_on": "2026-11-27"}
    answer = Door(company.app, company.ann, kind).post("/delegations/new", "/delegations", sent)
    assert answer.status_code == 409, answer.text
    own = {"to_user_id": company.ids[stand_in], "from_on": "2026-11-23", "last_on": "2026-11-27"}
    answer = Door(company.app, company.gm, kind).post("/me/delegations", "/delegations", own)
    assert answer.status_code == 409, "nor may the executive lend it to them"
    with company.reading() as session:
        assert session.scalar(select(Delegation.id)) is None
        assert not company.actor(session, stand_in).holds(Role.GENERAL_MANAGER)
        offered = {user.id for user in delegations.candidates(session, TODAY)}
        assert company.ids[stand_in] not in offered
        assert {company.gm, company.fin, company.li} <= offered


def test_whoever_reset_an_account_lends_it_nothing_for_a_while(both: Company) -> None:
    both.call(people.reset_password, "ann", both.fin)  # ann could sign in as fin now
    with pytest.raises(Refused, match="another administrator must set it"):
        lend(both, "ann", "gm", "fin")
    lend(both, "bob", "gm", "fin")


def test_who_becomes_an_administrator_borrows_nothing_any_more(company: Company) -> None:
    lend(company, "ann", "gm", "fin")
    with company.writing() as session:
        builders.grant(session, session.get_one(User, company.fin), Role.ADMINISTRATOR)
    with company.reading() as session:
        assert not company.actor(session, "fin").holds(Role.GENERAL_MANAGER)


def test_no_chains_in_the_database(both: Company) -> None:
    lend(both, "ann", "gm", "fin")
    with pytest.raises(Refused, match="no chains"):
        lend(both, "ann", "fin", "li")  # fin stands in for gm
    with pytest.raises(Refused, match="no chains"):
        lend(both, "ann", "sales", "gm")  # gm is away
    with pytest.raises(Refused, match="no chains"):
        lend(both, "ann", "fin", "gm")  # A -> B -> A
    with pytest.raises(Refused, match="already"):
        lend(both, "ann", "gm", "li")  # gm has a stand-in
    lend(both, "ann", "fin", "li", start=5)  # afterwards they may
    with both.writing() as session:
        twin = builders.user(session, "li2", Role.ACCOUNT_MANAGER, person_id=session.get_one(User, both.li).person_id)
        both.ids["twin"] = twin.id
    with pytest.raises(Refused, match="themselves"):
        lend(both, "ann", "li", "twin")


def test_two_links_of_a_chain_set_at_one_moment_do_not_both_hold(both: Company) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def strike(absent: str, stand_in: str) -> None:
        start.wait()
        try:
            lend(both, "ann", absent, stand_in)
            outcomes.append("set")
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=strike, args=pair) for pair in (("gm", "fin"), ("fin", "sales"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "set"]


def test_the_longest_delegation_is_policy(company: Company) -> None:
    lend(company, "ann", "gm", "fin", days=90)
    with pytest.raises(Refused, match="90 days"):
        lend(company, "ann", "sales", "li", days=91)


@pytest.mark.parametrize("who", ["gm", "fin", "ann"])
def test_either_side_and_an_administrator_end_it_at_once(company: Company, who: str) -> None:
    row = lend(company, "ann", "gm", "fin")
    company.call(delegations.revoke, who, row.id, "back early")
    with company.reading() as session:
        assert not company.actor(session, "fin").holds(Role.GENERAL_MANAGER)
    with pytest.raises(Conflict):
        company.call(delegations.revoke, who, row.id, "again")
    lend(company, "ann", "gm", "sales")  # the place is free


def test_somebody_else_s_delegation_is_invisible(company: Company) -> None:
    row = lend(company, "ann", "gm", "fin")
    with pytest.raises(NotFound):
        company.call(delegations.revoke, "li", row.id, "x")
    door = Door(company.app, company.li, "api")
    assert door.post("", f"/delegations/{row.id}/revoke", {}).status_code == 404


def test_unknown_accounts_are_said_at_their_field(company: Company) -> None:
    wrong = {**data(company, "gm", "fin"), "to_user_id": 9999}
    with pytest.raises(Invalid) as caught:
        company.call(delegations.set_delegation, "ann", wrong)
    assert set(caught.value.errors) == {"to_user_id"}


def open_case(company: Company, submitter: str) -> int:
    with company.writing() as session:
        actor = company.actor(session, submitter)
        case = approvals.open_case(session, CHAIN, ("test", company.ids[submitter]), "case", None, actor, NOW)
        approvals.submit(session, case, {"a": 1}, actor, NOW, seen_version=case.version)
        return case.id


def decide(company: Company, case_id: int, who: str, step: str) -> ApprovalDecision:
    with company.writing() as session:
        case = session.get_one(approvals.ApprovalCase, case_id)
        actor = company.actor(session, who)
        seen = Seen(case.version, step)
        return approvals.decide(session, case, seen, Verdict.APPROVE, actor, NOW, on=TODAY, policy_version=1)


@pytest.mark.rule("CHEM-7.2")
def test_a_stand_in_decides_and_the_record_names_both(both: Company) -> None:
    lend(both, "ann", "fin", "sales")
    case_id = open_case(both, "li")
    row = decide(both, case_id, "sales", "finance")
    assert (row.user_id, row.on_behalf_of_id) == (both.sales, both.fin)
    with both.reading() as session:
        entry = session.scalars(select(audit.AuditEntry).where(audit.AuditEntry.action == "decide.approve")).one()
        assert (entry.actor_id, entry.on_behalf_of_id) == (both.sales, both.fin)


@pytest.mark.rule("CHEM-7.2")
def test_never_to_someone_already_in_that_chain(both: Company) -> None:
    """Who submitted, or decided another step, does not decide in somebody's name."""
    lend(both, "ann", "gm", "fin")
    case_id = open_case(both, "li")
    decide(both, case_id, "fin", "finance")
    with pytest.raises(Refused, match="one step only"):
        decide(both, case_id, "fin", "gm")  # fin has the finance seat
    with both.writing() as session:
        row = session.scalars(select(Delegation)).one()
        row.revoked_at = NOW
    lend(both, "ann", "gm", "li")
    with pytest.raises(Refused, match="they submitted"):
        decide(both, case_id, "li", "gm")  # li submitted it


def test_lists_are_paged_and_filtered(company: Company) -> None:
    row = lend(company, "ann", "gm", "fin")
    company.call(delegations.revoke, "ann", row.id, "x")
    lend(company, "ann", "gm", "fin")
    with company.reading() as session:
        ann = company.actor(session, "ann")
        everything = delegations.list_delegations(session, ann, {}, NOW).rows
        assert [one.state for one in everything] == ["in_force", "revoked"]
        assert len(delegations.list_delegations(session, ann, {"state": "open"}, NOW).rows) == 1
        assert len(delegations.list_delegations(session, ann, {"user_id": company.li}, NOW).rows) == 0
        assert len(delegations.mine(session, company.actor(session, "fin"), NOW)) == 2
