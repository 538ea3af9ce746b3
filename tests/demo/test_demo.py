"""The demo company: everything in it is sound, everything there is to show is there, everybody can sign in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.builders import csrf_of
from tests.conftest import NOW, StandingClock, app_settings
from tierflow import create_app, demo
from tierflow.admin.service.log_words import SUBJECTS
from tierflow.common import audit, verify
from tierflow.common.approvals import ApprovalCase, ApprovalDecision, AskedOpinion
from tierflow.common.audit import ChainHead
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import db, in_force, transaction
from tierflow.common.filters import SavedFilter
from tierflow.common.imports import ImportBatch
from tierflow.common.notices import Notice
from tierflow.common.users import Delegation, Person, User, actor_of
from tierflow.complaints.models import Clock, Complaint, ErrandEvent, Inquiry
from tierflow.complaints.rules.errands import Level
from tierflow.complaints.rules.words import Severity, State
from tierflow.demo import company, portfolio
from tierflow.demo.applicants import APPLICANTS, STANDS
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role
from tierflow.onboarding.models import (
    Application,
    Contract,
    Disqualified,
    Handover,
    InspectionFinding,
    Paper,
    TakenOver,
)
from tierflow.onboarding.service import scans

TODAY = local_day(NOW)

# Planting takes seconds: one worker does it once.


@pytest.fixture
def company_session(planted: Flask) -> Iterator[Session]:
    with planted.app_context():
        yield db.session()


def test_nothing_in_it_is_a_lie(company_session: Session) -> None:
    assert list(verify.lies(company_session, NOW, None)) == []


def test_every_state_of_opening_is_there(company_session: Session) -> None:
    cases = company_session.scalars(select(ApprovalCase).where(ApprovalCase.subject_type == "application"))
    found = Counter(case.step or case.state for case in cases)
    assert found == Counter(applicant.stands for applicant in APPLICANTS)
    assert set(found) == set(STANDS)
    assert company_session.scalar(select(func.count()).select_from(Customer)) == found["approved"] >= 40


def test_papers_near_their_end_and_one_expired(company_session: Session) -> None:
    ends = company_session.scalars(
        select(Paper.valid_to).where(Paper.customer_id.is_not(None), Paper.valid_to <= TODAY + timedelta(days=60))
    ).all()
    left = sorted((end - TODAY).days for end in ends if end is not None)
    assert sum(days < 0 for days in left) == 1
    assert [sum(0 <= days <= limit for days in left) for limit in (60, 30, 7)] == [4, 3, 1]


def test_customers_of_every_class_on_every_line(company_session: Session) -> None:
    pairs = set(company_session.execute(select(CustomerLine.product_line_id, CustomerLine.customer_class)))
    assert len({line for line, _ in pairs}) == 3
    assert {name for _, name in pairs} == {"direct", "exclusive_agent", "dealer"}
    assert company_session.scalar(select(func.count()).where(Customer.needs_credit_code)) == 2


def test_somebody_stands_in_and_has_decided(company_session: Session) -> None:
    delegation = company_session.scalars(
        select(Delegation).where(in_force(Delegation.from_on, Delegation.to_on, TODAY))
    ).one()
    in_anothers_name = company_session.scalars(
        select(ApprovalDecision.user_id).where(ApprovalDecision.on_behalf_of_id == delegation.from_user_id)
    ).all()
    assert in_anothers_name == [delegation.to_user_id]


def test_complaints_of_every_state_and_severity_are_there(company_session: Session) -> None:
    found = company_session.scalars(select(Complaint)).all()
    assert {row.state for row in found} == set(State)
    assert {row.severity for row in found} == set(Severity)
    assert any(row.due_at < NOW for row in found if row.state == State.HANDLING), "some are late"
    assert any(row.needs_meeting for row in found)
    assert any(row.clock_number > 1 for row in found), "one was reopened"
    assert any(row.customer_id is None for row in found), "one is of a company nobody knows"
    clocks = company_session.scalars(select(Clock)).all()
    assert any(clock.extended_to for clock in clocks)
    assert {clock.in_time for clock in clocks} == {True, False, None}
    waiting = company_session.scalars(select(Inquiry).where(Inquiry.answered_at.is_(None))).all()
    assert len(waiting) == 2
    answered = company_session.scalars(select(Inquiry).where(Inquiry.answered_at.is_not(None))).all()
    assert {row.closed_at is None for row in answered} == {True, False}, "one is closed, one is to be"
    assert {event.level for event in company_session.scalars(select(ErrandEvent))} == set(Level), "some have risen"


def test_what_else_there_is_to_see(company_session: Session) -> None:
    def count(model: type, *conditions: object) -> int:
        query = select(func.count()).select_from(model).where(*conditions)  # type: ignore[arg-type]
        return company_session.scalar(query) or 0

    assert count(AskedOpinion, AskedOpinion.answered_at.is_(None), AskedOpinion.kind == "ask") == 1
    assert count(AskedOpinion, AskedOpinion.answered_at.is_(None), AskedOpinion.kind == "copy") == 1
    assert count(AskedOpinion, AskedOpinion.answer.is_not(None)) == 2
    assert count(Disqualified) == 3
    assert count(SavedFilter) == len(company.FILTERS)
    assert count(Notice) > 100
    assert 0 < count(Notice, Notice.read_at.is_(None)) < 150
    assert count(ApprovalDecision, ApprovalDecision.verdict == "return") >= 4
    assert count(ApprovalCase, ApprovalCase.state == "in_approval", ApprovalCase.due_at < NOW) == 2, "some are overdue"


def test_contracts_a_handover_and_an_inspection_are_under_way(company_session: Session) -> None:
    ends = company_session.scalars(select(Contract.to_on).order_by(Contract.to_on)).all()
    assert [(end - TODAY).days for end in ends] == [22, 241], "one is within the warnings"
    handover = company_session.scalars(select(Handover)).one()
    assert handover.giver_signed_at is not None
    assert handover.taker_signed_at is None
    assert handover.done_at is None
    findings = company_session.scalars(select(InspectionFinding)).all()
    assert {finding.mended_at is None for finding in findings} == {True, False}
    inquiries = company_session.scalars(select(Inquiry)).all()
    assert {inquiry.answered_at is None for inquiry in inquiries} == {True, False}


def test_the_old_list_is_taken_over_once_reverted_once_in_force(planted: Flask) -> None:
    with planted.app_context():
        before = db.session().scalar(select(func.count()).select_from(Customer)) or 0
        demo.take_over(NOW)
        session = db.session()
        states = select(ImportBatch.state).where(ImportBatch.kind == "customers").order_by(ImportBatch.id)
        assert session.scalars(states).all() == ["reverted", "applied"]
        assert session.scalar(select(func.count()).select_from(TakenOver)) == len(portfolio.OLD)
        assert session.scalar(select(func.count()).select_from(Customer)) == before + len(portfolio.OLD)
        taker = session.scalars(select(User).where(User.login == company.TAKER)).one()
        actor = actor_of(session, taker, TODAY)
        assert scans.tally(session, actor, scans.OwedFilters(), NOW).owed == len(portfolio.OLD)
        moments = session.scalars(select(audit.AuditEntry.at).order_by(audit.AuditEntry.seq)).all()
        assert moments == sorted(moments)
        assert list(verify.lies(session, NOW, None)) == []


def test_it_all_happened_before_now_on_working_days(company_session: Session) -> None:
    moments = company_session.scalars(select(audit.AuditEntry.at).order_by(audit.AuditEntry.seq)).all()
    assert moments == sorted(moments)
    assert moments[-1] < NOW
    calendar = working_calendar(company_session)
    assert all(calendar.is_working_day(local_day(moment)) for moment in moments)
    numbers = (
        company_session.execute(select(Customer.number).order_by(Customer.approved_at, Customer.id)).scalars().all()
    )
    assert list(numbers) == sorted(numbers)


def test_everybody_signs_in(planted: Flask) -> None:
    logins = demo.logins()
    assert len({login["name"] for login in logins}) == len(logins) == len(company.PEOPLE) + 2
    client = planted.test_client()
    for login in logins:
        form = {"name": login["name"], "password": login["password"], "csrf_token": csrf_of(client)}
        assert client.post("/login", data=form).status_code == 302, login
        page = client.get("/")
        assert page.status_code == 200, login
        name = next(who.name for who in (*company.PEOPLE, *company.ADMINISTRATORS) if who.login == login["name"])
        assert name in page.get_data(as_text=True)
        assert client.post("/logout", data={"csrf_token": csrf_of(client)}).status_code == 302


def test_a_login_for_every_role() -> None:
    held = Counter(who.role for who in (*company.PEOPLE, *company.ADMINISTRATORS))
    assert set(held) == set(Role)
    assert held[Role.SALES_MANAGER] == 3
    assert held[Role.FINANCE_REVIEWER] == held[Role.ADMINISTRATOR] == 2


def test_it_is_planted_alike_on_postgresql(postgres_url: str, clock: StandingClock, planted: Flask) -> None:
    app = create_app(app_settings(postgres_url, clock))
    with app.app_context():
        with transaction() as session:
            demo.plant(session, NOW)
        copy = traces(db.session())
        db.session.remove()
        db.engine.dispose()
    with planted.app_context():
        assert copy == traces(db.session())


def test_it_is_planted_into_an_empty_database_only(planted: Flask) -> None:
    with planted.app_context():
        before = traces(db.session())
        with pytest.raises(RuntimeError, match="empty database"), transaction() as session:
            demo.plant(session, NOW)
        assert traces(db.session()) == before


def traces(session: Session) -> tuple[object, ...]:
    """What a planting left behind: the applications, and the audit log's last link, which stands for all of it."""
    rows = session.execute(
        select(Application.number, Application.name, Application.credit_code).order_by(Application.id)
    )
    return ([tuple(row) for row in rows], *session.execute(select(ChainHead.seq, ChainHead.hash)).one())


def test_demo_logins_are_nowhere_else(both_app: Flask) -> None:
    with both_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Person)) == 0
        names = [login["name"] for login in demo.logins()]
        assert db.session.scalar(select(func.count()).select_from(User).where(User.login.in_(names))) == 0
    assert "data-fill-login" not in both_app.test_client().get("/login").get_data(as_text=True)


def test_everything_on_record_has_a_word_in_the_logs(planted: Flask) -> None:
    with planted.app_context():
        stored = db.session.scalars(select(audit.AuditEntry.subject_type).distinct())
        assert [kind for kind in stored if kind not in SUBJECTS] == []
