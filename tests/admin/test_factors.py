"""A lost second factor: one administrator asks, a second approves; alone, whoever holds the server."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import builders
from tests.admin.conftest import DONE, Company, Door
from tests.conftest import NOW
from tierflow.admin.models import FactorReset
from tierflow.admin.service import factors, people
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.audit import AuditEntry
from tierflow.common.notices import Notice
from tierflow.common.sessions import SecurityEvent
from tierflow.common.users import User
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.roles import Role

SECOND = "second"


def give_factor(company: Company, who: str, at=NOW) -> None:
    with company.writing() as session:
        values = {"totp_secret": "JBSWY3DPEHPK3PXP", "totp_confirmed_at": at}
        session.execute(update(User).where(User.id == company.ids[who]).values(**values))


def has_factor(company: Company, who: str) -> bool:
    with company.reading() as session:
        user = session.get_one(User, company.ids[who])
        return (user.totp_secret, user.totp_confirmed_at) != (None, None)


def asked(company: Company, who: str = "li", by: str = "ann") -> FactorReset:
    give_factor(company, who)
    return company.call(factors.ask, by, company.ids[who], "phone lost")


def decide(company: Company, who: str, row: FactorReset, verdict: Verdict = Verdict.APPROVE, reason: str = "") -> None:
    company.call(factors.decide, who, row.id, Seen(1, SECOND), verdict, reason)


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_lost_device_is_reset_by_two_told_and_logged(both: Company, kind: str) -> None:
    give_factor(both, "li")
    li = builders.sign_in(both.app, both.li)
    ann, bob = Door(both.app, both.ann, kind), Door(both.app, both.bob, kind)
    path = f"/people/{both.li}/reset-second-factor"
    assert ann.post(path, path, {"reason": "phone lost"}).status_code in DONE
    assert has_factor(both, "li"), "nothing before the second pair of eyes"
    assert li.get("/me").status_code == 200
    assert "李明 (li)" in bob.client.get("/").text, "it waits in the one inbox"
    with both.reading() as session:
        reset_id = session.scalars(select(FactorReset.id)).one()
        assert set(session.scalars(select(Notice.user_id).where(Notice.kind == "account"))) == {both.bob, both.li}
    address = f"/factor-resets/{reset_id}/decide"
    assert ann.post(address, address, {"verdict": "approve", "version": 1}).status_code == 409
    assert has_factor(both, "li")
    assert bob.post(address, address, {"verdict": "approve", "version": 1}).status_code in DONE
    assert not has_factor(both, "li")
    assert li.get("/me").status_code == 302, "signed out everywhere"
    assert bob.post(address, address, {"verdict": "approve", "version": 1}).status_code == 409
    with both.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "second_factor.reset")).one()
        assert (entry.actor_id, entry.subject_id, entry.reason) == (both.bob, both.li, "phone lost")
        event = session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "second_factor.reset")).one()
        assert "安娜" in event.detail
        assert "鲍勃" in event.detail
        told = session.scalars(select(Notice.user_id).where(Notice.kind == "account")).all()
        assert sorted(told) == sorted([both.bob, both.li, both.ann, both.li])


def test_whose_factor_cannot_be_asked_away(company: Company) -> None:
    with pytest.raises(Refused, match="Another administrator"):
        company.call(factors.ask, "ann", company.ann, "lost")
    with pytest.raises(Refused, match="no second factor"):
        company.call(factors.ask, "ann", company.li, "lost")
    with pytest.raises(NotFound):
        company.call(factors.ask, "ann", 10**9, "lost")
    give_factor(company, "bob")
    with pytest.raises(Refused, match="tierflow recover bob"):
        company.call(factors.ask, "ann", company.bob, "lost")
    with pytest.raises(Forbidden):
        company.call(factors.ask, "li", company.gm, "lost")
    asked(company)
    with pytest.raises(Conflict, match="already"):
        company.call(factors.ask, "bob", company.li, "lost")


def test_who_cannot_approve_it(company: Company) -> None:
    """Persons count, not accounts: neither who asked nor whose it is, nor whose password the asker has reset."""
    with company.writing() as session:
        for who in ("ann", "bob"):
            person = session.get_one(User, company.ids[who]).person_id
            company.ids[f"{who}2"] = builders.user(session, f"{who}2", Role.ADMINISTRATOR, person_id=person).id
        company.ids["cy"] = builders.user(session, "cy", Role.ADMINISTRATOR).id
    row = asked(company, "bob")
    for who, why in (("ann", "proposed"), ("ann2", "proposed"), ("bob", "Another"), ("bob2", "Another")):
        with pytest.raises(Refused, match=why):
            decide(company, who, row)
    company.call(people.reset_password, "ann", company.cy)
    with pytest.raises(Refused, match="another administrator must decide"):
        decide(company, "cy", row)
    assert has_factor(company, "bob")
    company.call(factors.decide, "cy", row.id, Seen(1, SECOND), Verdict.APPROVE, "", now=NOW + timedelta(days=60))
    assert not has_factor(company, "bob")


def test_it_is_refused_with_a_reason_or_taken_back(company: Company) -> None:
    row = asked(company)
    with pytest.raises(Invalid):
        decide(company, "bob", row, Verdict.REJECT)
    with pytest.raises(Invalid):
        decide(company, "bob", row, Verdict.RETURN, "why")
    decide(company, "bob", row, Verdict.REJECT, "not the person")
    assert has_factor(company, "li")
    again = company.call(factors.ask, "ann", company.li, "lost indeed")
    with pytest.raises(Refused, match="Only the submitter"):
        company.call(factors.take_back, "bob", again.id, "")
    company.call(factors.take_back, "ann", again.id, "found")
    with pytest.raises((Refused, Conflict)):
        decide(company, "bob", again)
    with company.reading() as session:
        outcomes = session.scalars(select(FactorReset.outcome).order_by(FactorReset.id)).all()
        states = session.scalars(select(ApprovalCase.state).where(ApprovalCase.subject_type == "factor_reset")).all()
    assert outcomes == ["refused", "taken_back"]
    assert sorted(states) == ["discarded", "rejected"]
    assert has_factor(company, "li")


def test_a_factor_set_up_since_stays(company: Company) -> None:
    row = asked(company)
    give_factor(company, "li", NOW + timedelta(hours=1))
    with pytest.raises(Conflict, match="another second factor since"):
        decide(company, "bob", row)
    assert has_factor(company, "li")


def test_the_request_reads_in_both_languages(company: Company) -> None:
    row = asked(company)
    page = builders.sign_in(company.app, company.bob).get(f"/factor-resets/{row.id}").text
    assert "重置二次验证" in page
    assert "phone lost" in page
    own = builders.sign_in(company.app, company.ann).get(f"/factor-resets/{row.id}").text
    assert 'value="approve"' not in own
    company.speak("en")
    assert "Reset of a second factor" in builders.sign_in(company.app, company.bob).get(f"/factor-resets/{row.id}").text
