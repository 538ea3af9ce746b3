"""Papers handed in anew: examined by who examined them first, business restored at once (CHEM-15)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests import builders
from tests.conftest import NOW
from tests.onboarding import keeping, scenes
from tierflow.common.approvals import ApprovalCase
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.users import User
from tierflow.kernel.errors import Conflict, Forbidden, NotFound, Refused, Throttled
from tierflow.onboarding.models import PaperRenewal
from tierflow.onboarding.service import links, renewing

LAST_DAY = NOW + timedelta(days=7)  # 30 November in Shanghai
AFTER = NOW + timedelta(days=8)


@pytest.mark.rule("CHEM-15")
def test_a_licence_runs_out_and_its_renewal_restores_at_the_moment_of_acceptance(both_app: Flask) -> None:
    file = keeping.opened(both_app)
    assert not file.is_suspended(LAST_DAY)
    assert file.is_suspended(AFTER)
    renewal = file.renew(AFTER)
    assert file.is_suspended(AFTER), "handed in is not examined"
    file.decide(renewal, "sales", AFTER)
    assert file.is_suspended(AFTER), "the merged licence is a tax paper: finance examines it too"
    file.decide(renewal, "finance", AFTER)
    assert not file.is_suspended(AFTER)
    assert file.is_suspended(LAST_DAY + timedelta(days=3700))


@pytest.mark.rule("CHEM-15")
def test_an_accepted_proof_bridges_until_its_own_end(both_app: Flask) -> None:
    file = keeping.opened(both_app)
    file.accept(file.renew(AFTER, is_proof=True, valid_to=date(2026, 12, 31)), AFTER)
    assert not file.is_suspended(AFTER)
    assert not file.is_suspended(NOW.replace(month=12, day=31))
    assert file.is_suspended(NOW.replace(year=2027, month=1, day=1))


@pytest.mark.rule("CHEM-15")
def test_what_came_back_is_corrected_and_examined_again(app: Flask) -> None:
    file = keeping.opened(app)
    renewal = file.renew(NOW)
    file.decide(renewal, "sales", NOW, "return", "看不清")
    with app.app_context(), transaction() as session:
        li = file.place.actor(session, "li")
        renewing.correct(session, li, renewal, {"remark": "已重新扫描"}, NOW, upload=keeping.scan())
    file.accept(renewal, NOW)
    assert not file.is_suspended(AFTER)
    with app.app_context():
        acts = select(AuditEntry.action).where(AuditEntry.subject_type == "customer").order_by(AuditEntry.seq)
        assert db.session.scalars(acts).all() == ["customer.admit", "paper.renew", "paper.renew", "paper.accept"]


@pytest.mark.rule("CHEM-15")
def test_a_paper_handed_in_by_a_stand_in_names_both(app: Flask) -> None:
    """An account manager too, whose own customers are others."""
    file = keeping.opened(app)
    with app.app_context(), transaction() as session:
        absent, stand_in = (session.get_one(User, file.place.id_of(who)) for who in ("li", "wang"))
        builders.delegation(session, absent, stand_in, NOW.date(), NOW.date() + timedelta(days=5))
    renewal = file.renew(NOW, who="wang")
    file.decide(renewal, "sales", NOW, "return", "看不清")
    with app.app_context(), transaction() as session:
        wang = file.place.actor(session, "wang")
        renewing.correct(session, wang, renewal, {"remark": "已重新扫描"}, NOW, upload=keeping.scan())
    with app.app_context():
        entries = db.session.scalars(select(AuditEntry).where(AuditEntry.actor_id == file.place.id_of("wang"))).all()
    assert [row.action for row in entries].count("paper.renew") == 2
    assert {row.on_behalf_of_id for row in entries} == {file.place.id_of("li")}, "handing in, twice, and what it says"


@pytest.mark.rule("CHEM-15")
def test_a_rejected_paper_does_not_count_and_another_can_follow(app: Flask) -> None:
    file = keeping.opened(app)
    renewal = file.renew(AFTER)
    with pytest.raises(Refused):
        file.decide(renewal, "sales", AFTER, "reject")
    file.decide(renewal, "sales", AFTER, "reject", "不是原件")
    assert file.is_suspended(AFTER)
    file.accept(file.renew(AFTER), AFTER)
    assert not file.is_suspended(AFTER)


def test_one_of_a_kind_waits_at_a_time(app: Flask) -> None:
    file = keeping.opened(app)
    file.renew(NOW)
    with pytest.raises(Refused):
        file.renew(NOW)


@pytest.mark.rule("CHEM-15")
def test_a_paper_that_ran_out_while_it_waited_is_not_accepted(app: Flask) -> None:
    file = keeping.opened(app)
    renewal = file.renew(NOW, valid_to=date(2026, 12, 1))
    file.decide(renewal, "sales", NOW)
    with pytest.raises(Refused):
        file.decide(renewal, "finance", NOW + timedelta(days=9))


@pytest.mark.parametrize("who", ["wang", "sales", "gm"])
def test_only_the_account_manager_hands_in(app: Flask, who: str) -> None:
    file = keeping.opened(app)
    with pytest.raises((Forbidden, NotFound)):
        file.renew(NOW, who=who)


@pytest.mark.parametrize("who", ["li", "sales_west", "finance", "gm"])
def test_nobody_but_the_examiner_decides(app: Flask, who: str) -> None:
    file = keeping.opened(app)
    renewal = file.renew(NOW)
    with pytest.raises((Forbidden, NotFound)):
        file.decide(renewal, who, NOW)


def test_the_examiners_and_then_the_account_manager_are_told(app: Flask) -> None:
    file = keeping.opened(app)
    file.accept(file.renew(NOW), NOW)
    with app.app_context():
        query = select(User.login, Notice.kind).join(User, User.id == Notice.user_id).order_by(Notice.id)
        told = [tuple(row) for row in db.session.execute(query.where(Notice.subject_type == renewing.SUBJECT))]
    assert told == [
        ("sales", "paper_renewal.waiting"),
        ("finance", "paper_renewal.waiting"),
        ("finance2", "paper_renewal.waiting"),
        ("li", "paper_renewal.approved"),
    ]


@pytest.mark.rule("CHEM-15")
def test_a_link_serves_once_and_in_the_makers_name(both_app: Flask) -> None:
    file = keeping.opened(both_app)
    with both_app.app_context(), transaction() as session:
        li = file.place.actor(session, "li")
        link, secret = links.make(session, li, file.customer, "merged_licence", NOW, is_proof=False, days=3)
        assert secret not in (link.token_hash, str(link.id))
    with both_app.app_context(), transaction() as session:
        row = links.use(session, secret, keeping.licence(), keeping.scan(), NOW)
        assert (row.link_id, row.handed_in_by_id) == (1, file.place.id_of("li"))
    with both_app.app_context(), transaction() as session, pytest.raises(NotFound):
        links.use(session, secret, keeping.licence(), keeping.scan(), NOW)
    with both_app.app_context():
        assert db.session.scalars(select(ApprovalCase.step).where(ApprovalCase.subject_type == renewing.SUBJECT)).all()


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize("why", ["over", "revoked", "unknown", "maker left", "handed over"])
def test_a_dead_link_opens_nothing(app: Flask, why: str) -> None:
    file = keeping.opened(app)
    now = NOW
    with app.app_context(), transaction() as session:
        li = file.place.actor(session, "li")
        link, secret = links.make(session, li, file.customer, "merged_licence", NOW, is_proof=False, days=3)
        links.find(session, secret, NOW + timedelta(days=3, seconds=-1))
        if why == "over":
            now = NOW + timedelta(days=3)
        elif why == "revoked":
            links.revoke(session, li, link.id, NOW)
            with pytest.raises(Conflict):
                links.revoke(session, li, link.id, NOW)
        elif why == "unknown":
            secret = "x" * 43
        elif why == "maker left":
            session.get_one(User, file.place.id_of("li")).disabled_at = NOW
        else:
            from tierflow.common.customers import Customer

            session.get_one(Customer, file.customer).account_manager_id = file.place.id_of("wang")
        session.flush()
        with pytest.raises(NotFound):
            links.find(session, secret, now)


def test_a_link_is_throttled(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        for _ in range(10):
            links.throttle(session, "secret", "1.2.3.4", NOW)
            links.note_failure(session, "secret", "1.2.3.4", NOW)
            session.flush()
        with pytest.raises(Throttled):
            links.throttle(session, "secret", "1.2.3.4", NOW)
        links.throttle(session, "other", "1.2.3.4", NOW)


@pytest.mark.rule("CHEM-7.1")
def test_the_merged_licence_brings_the_code_that_was_waited_for(app: Flask) -> None:
    from tierflow.common import lookup
    from tierflow.common.customers import Customer
    from tierflow.common.identifiers import organisation_code_within
    from tierflow.onboarding.service.creating import CUSTOMER

    file = keeping.opened(app)
    code = scenes.credit_code(1)
    with app.app_context(), transaction() as session:
        row = session.get_one(Customer, file.customer)
        row.organisation_code = organisation_code_within(code)
        row.credit_code, row.needs_credit_code = None, True
        lookup.index(session, (CUSTOMER, row.id), [row.name], [row.number, row.organisation_code])
    file.accept(file.renew(NOW), NOW)
    with app.app_context():
        row = db.session.get_one(Customer, file.customer)
        assert (row.credit_code, row.needs_credit_code) == (code, False)
        for word in (code, code[-6:], row.organisation_code, row.name):
            assert list(db.session.scalars(lookup.matching(CUSTOMER, word))) == [file.customer], word
        assert db.session.scalars(select(PaperRenewal.outcome)).all() == ["accepted"]
