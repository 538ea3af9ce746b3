"""Nobody leaves an office, or a department, with work that nobody else could do (CHEM-3.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests import builders
from tests.conftest import NOW
from tests.onboarding.test_handover import TODAY, House
from tierflow.admin.service import granting, people
from tierflow.common import desks, portfolios
from tierflow.common.approvals import ApprovalCase, ApprovalSeat
from tierflow.common.db import Base, db, transaction
from tierflow.common.policies import PolicyVersion
from tierflow.common.reference import Department, Product, ProductLine
from tierflow.common.users import RoleGrant, User
from tierflow.complaints.models import Complaint, Consultation
from tierflow.complaints.service import handling, intake
from tierflow.grading.models import GradingRun, Review
from tierflow.kernel.errors import Invalid, Refused
from tierflow.kernel.roles import Role
from tierflow.lifting.models import BankLine, BankStatement
from tierflow.onboarding.models import Distribution, Inspection, InspectionRound

# Every table that knows a state, or has an index of what is open: who keeps nobody from waiting there for ever. A share
# of `portfolios` or a desk of `desks` by its key; "case": its approval case waits; what needs no person says so.
OPEN = {
    "approval_case": ["cases", "approvals.*"],
    "asked_opinion": ["opinions"],
    "backtest": "the scheduler",
    "bank_line": ["bank"],
    "complaint": ["complaints", "meetings"],
    "complaint_clock": ["complaints"],
    "complaint_consultation": ["consultations"],
    "complaint_extension": "case",
    "complaint_measure": ["measures", "complaints"],  # done, it is the region's sales manager's to check
    "customer": ["customers"],
    "customer_change": "case",
    "customer_line": "no work",
    "decision": "no work",
    "delivery": "the scheduler",
    "disqualification": "case",
    "distribution": ["receipts.finance", "receipts.office"],
    "factor_reset": "case",
    "grading_run": ["levels"],
    "handover": ["handovers", "customers"],  # to be signed by the taker; by the giver, or the sales manager for them
    "import_batch": ["imports"],  # handed in, its case waits besides
    "inquiry": ["inquiries"],
    "inspection": ["inspections"],
    "inspection_finding": ["customers", "inspections"],  # mended by the account manager, closed by who inspects
    "job_request": "the scheduler",
    "level_decision": "no work",
    "level_pin": "case",
    "lifting_money": "no work",
    "lifting_order": ["customers", "orders"],  # released by the account manager, paid and settled by finance
    "lifting_slip": ["gate"],
    "listing": "case",
    "notice": ["notices"],
    "office_tie": "no work",
    "offtake": "no work",
    "paper_cover": "no work",
    "paper_renewal": "case",
    "policy_version": ["policies"],  # handed in, its case waits besides
    "review": ["reviews"],
    "role_grant": "case",
    "run": "the scheduler",
}
# What waits with a person or an office and has neither state nor index of its own.
BESIDES = {"applications", "contracts", "delegations", "stands_in", "upload_links"}


def _has_something_open(table: Any) -> bool:
    partial = [index.dialect_options["sqlite"].get("where") for index in table.indexes]
    return "state" in table.columns or "outcome" in table.columns or any(one is not None for one in partial)


@pytest.mark.rule("CHEM-3.3")
def test_of_every_table_with_something_open_it_is_said_whom_it_waits_for(app: Flask) -> None:
    assert {table.name for table in Base.metadata.sorted_tables if _has_something_open(table)} == set(OPEN)
    said = {key for keys in OPEN.values() if isinstance(keys, list) for key in keys} | BESIDES
    approvals = {f"approvals.{role.value}" for role in desks.deciding_roles()}
    assert said - {"approvals.*"} | approvals == portfolios.known() | desks.known()


def case_before_the_manager(house: House) -> None:
    """An application waits for the general manager: both other steps stand."""
    with transaction() as session:
        case = session.scalars(select(ApprovalCase).where(ApprovalCase.subject_id == house.waiting)).one()
        case.step, case.waiting_role = "management", Role.GENERAL_MANAGER.value


def _receipt(house: House) -> None:
    with transaction() as session:
        row = session.scalars(select(Distribution).where(Distribution.recipient == "finance")).first()
        if row is None:
            session.add(
                Distribution(
                    customer_id=house.customer, event="approved", what={}, recipient="finance", sent_at=NOW, due_at=NOW
                )
            )


def _inspection(house: House) -> None:
    with transaction() as session:
        drawn = InspectionRound(
            period="2026H2", seed="x", begins_on=TODAY, ends_on=date(2027, 1, 1), drawn_at=NOW, drawn=1
        )
        session.add(drawn)
        session.flush()
        session.add(Inspection(round_id=drawn.id, customer_id=house.customer, place=1, planned_on=TODAY, answers=[]))


def _complaint(house: House, severity: str = "general") -> int:
    with transaction() as session:
        product = session.scalars(select(Product.id)).first()
        said = {"severity": severity, "channel": "phone", "said_at": NOW, "facts": "熔指偏低。"}
        command = {"customer_id": house.customer, "product_id": product, **said}
        return intake.take(session, house.place.actor(session, "li"), command, NOW).id


def _meeting(house: House) -> None:
    _complaint(house, "serious")


def _bank(house: House) -> None:
    with transaction() as session:
        by = house.place.id_of("finance")
        statement = BankStatement(sha256="0" * 64, name="x.csv", new_lines=1, known_lines=0, by_id=by, imported_at=NOW)
        session.add(statement)
        session.flush()
        line = {"booked_on": TODAY, "payer_name": "x", "payer_account": "1", "account_key": "1", "fen": 1, "memo": ""}
        session.add(BankLine(statement_id=statement.id, line_key="1", matched_fen=0, **line))


def _run(house: House) -> None:
    with transaction() as session:
        line = session.scalars(select(ProductLine.id)).first()
        numbers = dict.fromkeys(("total", "done", "cursor", "chunks", "up", "down", "held", "changed"), 0)
        session.add(
            GradingRun(
                product_line_id=line,
                month=date(2026, 10, 1),
                kind="monthly",
                state="proposed",
                policy_version=1,
                facts_at=NOW,
                due_at=NOW,
                started_at=NOW,
                **numbers,
            )
        )


def _review(house: House) -> None:
    with transaction() as session:
        line = session.scalars(select(ProductLine.id)).first()
        session.add(
            Review(
                product_line_id=line,
                kind="quarter",
                period="2026Q3",
                first_month=date(2026, 7, 1),
                last_month=date(2026, 9, 1),
                state="frozen",
                policy_version=1,
                customers=1,
                confirmed=0,
                opened_at=NOW,
            )
        )


def _draft(house: House) -> None:
    with transaction() as session:
        session.add(PolicyVersion(version=99, state="draft", values={}, drafter="销售部", source="试行"))


WAITING: list[tuple[str, str, Callable[[House], Any]]] = [
    ("approvals.general_manager", "gm", case_before_the_manager),
    ("receipts.finance", "finance", _receipt),
    ("inspections", "sales", _inspection),
    ("complaints", "sales", _complaint),
    ("meetings", "gm", _meeting),
    ("bank", "finance", _bank),
    ("reviews", "sales", _review),
    ("policies", "sales", _draft),
]


def _left(login: str, house: House) -> set[str]:
    """The desks at which something would wait for nobody, did this account give its offices up."""
    session = db.session()
    session.rollback()
    user = session.get_one(User, house.place.id_of(login))
    others = desks.holders(session, TODAY, besides=user.id)
    mine = house.place.actor(session, login).grants
    found = {desk.key for grant in mine for desk, _number in desks.waiting(session, grant, others)}
    session.rollback()
    return found


def _alone(house: House, who: str) -> None:
    """Nobody else of the company has this account's office."""
    with transaction() as session:
        held = [grant.role.value for grant in house.place.actor(session, who).grants]
        same = select(RoleGrant.user_id).where(RoleGrant.role.in_(held), RoleGrant.user_id != house.place.id_of(who))
        session.execute(update(User).where(User.id.in_(same)).values(disabled_at=NOW))


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize(("desk", "who", "made"), WAITING, ids=[desk for desk, _who, _made in WAITING])
def test_the_last_of_an_office_does_not_leave_what_waits_for_it(
    both_app: Flask, desk: str, who: str, made: Callable[[House], Any]
) -> None:
    with both_app.app_context():
        house = House()
        _alone(house, who)
        if desk != "receipts.finance":
            assert desk not in _left(who, house)
        made(house)
        assert desk in _left(who, house)
        with transaction() as session:  # a colleague of the same office makes the difference
            for grant in house.place.actor(session, who).grants:
                role = grant.role if grant.scope_id is None else (grant.role, grant.scope_id)
                builders.user(session, "colleague", role)
        assert desk not in _left(who, house)


@pytest.mark.rule("CHEM-3.3")
def test_levels_to_confirm_keep_whoever_of_sales_and_management_is_last(app: Flask) -> None:
    with app.app_context():
        house = House()
        _alone(house, "sales")
        _run(house)
        assert "levels" not in _left("sales", house) | _left("gm", house)
        with transaction() as session:
            session.execute(update(User).where(User.id == house.place.id_of("gm")).values(disabled_at=NOW))
        assert "levels" in _left("sales", house)


@pytest.mark.rule("CHEM-3.3", "CHEM-7.2")
def test_a_colleague_who_sits_elsewhere_in_the_case_is_nobody_who_could_decide_it(app: Flask) -> None:
    with app.app_context():
        house = House()
        case_before_the_manager(house)
        with transaction() as session:
            deputy = builders.user(session, "deputy", Role.GENERAL_MANAGER)
            case = session.scalars(select(ApprovalCase).where(ApprovalCase.subject_id == house.waiting)).one()
            case_id, person_id = case.id, deputy.person_id
        assert "approvals.general_manager" not in _left("gm", house)
        with transaction() as session:
            session.add(ApprovalSeat(case_id=case_id, person_id=person_id, step="finance"))
        assert "approvals.general_manager" in _left("gm", house)


@pytest.mark.rule("CHEM-3.3")
def test_another_office_of_ones_own_that_does_the_same_work_is_enough(app: Flask) -> None:
    """The file may be inspected by the distribution company too: who keeps that office gives the other up."""
    with app.app_context():
        house = House()
        _inspection(house)
        with transaction() as session:
            session.execute(update(ApprovalCase).values(state="discarded", step=None, waiting_role=None))
            sales = session.get_one(User, house.place.id_of("sales"))
            first = session.scalars(select(RoleGrant.id).where(RoleGrant.user_id == sales.id)).one()
            builders.grant(session, sales, Role.DISTRIBUTION_COMPANY)
        with transaction() as session:
            granting.revoke(session, house.place.actor(session, "admin"), first, "调岗", NOW)


# A department asked about a complaint.


def _asked(house: House) -> tuple[int, int]:
    """A question to the laboratory, of which hu alone is: (the department, hu)."""
    complaint = _complaint(house)
    with transaction() as session:
        laboratory = Department(code="LAB", name="质检部", from_on=builders.FROM)
        session.add(laboratory)
        hu = builders.user(session, "hu")
        session.flush()
        hu.department_id = laboratory.id
        session.flush()
        command = {"department_id": laboratory.id, "question": "批次是否合格？"}
        handling.consult(session, house.place.actor(session, "li"), complaint, command, NOW)
        return laboratory.id, hu.id


@pytest.mark.rule("CHEM-3.3")
def test_the_last_of_a_department_does_not_leave_a_question_without_answer(both_app: Flask) -> None:
    with both_app.app_context():
        house = House()
        laboratory, hu = _asked(house)
        admin = house.place.actor(db.session(), "admin")
        db.session().rollback()

        def leave() -> None:
            with transaction() as session:
                people.disable(session, admin, hu, "离职", NOW)

        def move() -> None:
            with transaction() as session:
                people.edit(session, admin, hu, {"department_id": None}, NOW)

        for act in (leave, move):
            with pytest.raises(Refused) as refused:
                act()
            assert [(one.clause, one.field) for one in refused.value.refusals] == [("CHEM-3.3", "department_id")]
        with transaction() as session:  # a colleague whose account is closed could not answer
            other = builders.user(session, "lab2")
            other.department_id, other.disabled_at = laboratory, NOW
        with pytest.raises(Refused):
            leave()
        with transaction() as session:
            session.execute(update(User).where(User.login == "lab2").values(disabled_at=None))
        move()
        with transaction() as session:
            session.execute(update(User).where(User.login == "lab2").values(department_id=None))
            session.execute(update(User).where(User.id == hu).values(department_id=laboratory))
        with transaction() as session:
            handling.answer(
                session,
                builders.actor(session, session.get_one(User, hu)),
                session.scalars(select(Consultation.id)).one(),
                {"answer": "合格"},
                NOW,
            )
        leave()


@pytest.mark.rule("CHEM-12.2")
def test_a_department_without_anybody_is_not_asked(app: Flask) -> None:
    with app.app_context():
        house = House()
        complaint = _complaint(house)
        with transaction() as session:
            empty = Department(code="NONE", name="空部", from_on=builders.FROM)
            session.add(empty)
            session.flush()
            department = empty.id
        command = {"department_id": department, "question": "?"}
        with pytest.raises(Invalid) as invalid, transaction() as session:
            handling.consult(session, house.place.actor(session, "li"), complaint, command, NOW)
        assert set(invalid.value.errors) == {"department_id"}
        assert db.session().scalars(select(Complaint.id)).all() == [complaint]


# Offices that end by themselves.
