"""Everything that lies with a person is handed over, and no work is left without a valid person (CHEM-3.3)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from jobs import handovers as duty
from jobs.duty import Errand
from tests import builders
from tests.conftest import NOW
from tests.onboarding import keeping, scenes
from tests.onboarding.test_handover import TODAY, House
from tierflow.admin.service import granting, people
from tierflow.common import approvals, portfolios
from tierflow.common.approvals import ApprovalCase, ApprovalSeat
from tierflow.common.customers import Customer
from tierflow.common.db import Base, db, transaction
from tierflow.common.imports import service as lists
from tierflow.common.notices import Notice
from tierflow.common.reference import Product
from tierflow.common.users import Delegation, RoleGrant, User
from tierflow.complaints.models.handling import Measure
from tierflow.complaints.service import intake, opinions
from tierflow.kernel.errors import Refused
from tierflow.kernel.roles import Role
from tierflow.onboarding.models import Application, Handover
from tierflow.onboarding.service import contracts, deciding, handover, links
from tierflow.onboarding.service.takeover import CUSTOMERS

# Every column that names an account, and what becomes of it when that person leaves: the share that hands it over;
# "own": it ends with the account; "record": who did something, which stays.
COLUMNS = {
    "api_token.user_id": "own",
    "application.account_manager_id": "applications",
    "application.submitter_id": "record",
    "application.updated_by_id": "record",
    "application_line.struck_by_id": "record",
    "approval_case.submitter_id": "cases",
    "approval_decision.on_behalf_of_id": "record",
    "approval_decision.user_id": "record",
    "approval_round.submitted_by_id": "record",
    "asked_opinion.answered_by_id": "record",
    "asked_opinion.asked_by_id": "record",
    "asked_opinion.asked_id": "opinions",
    "audit_entry.actor_id": "record",
    "audit_entry.on_behalf_of_id": "record",
    "backtest.started_by_id": "record",
    "bank_line.put_aside_by_id": "record",
    "bank_statement.by_id": "record",
    "calendar_notice.loaded_by_id": "record",
    "complaint.account_manager_id": "complaints",
    "complaint.closed_by_id": "record",
    "complaint.taken_by_id": "record",
    "complaint_consultation.answered_by_id": "record",
    "complaint_consultation.asked_by_id": "record",
    "complaint_customer_answer.recorded_by_id": "record",
    "complaint_event.user_id": "record",
    "complaint_extension.requested_by_id": "record",
    "complaint_measure.checked_by_id": "record",
    "complaint_measure.done_by_id": "record",
    "complaint_measure.owner_id": "measures",
    "complaint_meeting.recorded_by_id": "record",
    "complaint_opinion.drafted_by_id": "record",
    "complaint_telling.told_by_id": "record",
    "contract.custodian_id": "contracts",
    "contract.entered_by_id": "record",
    "customer.account_manager_id": "customers",
    "customer_breach.upheld_by_id": "record",
    "customer_change.proposed_by_id": "record",
    "decision.user_id": "record",
    "delegation.from_user_id": "delegations",
    "delegation.revoked_by_id": "record",
    "delegation.set_by_id": "record",
    "delegation.to_user_id": "stands_in",
    "disqualification.proposed_by_id": "record",
    "distribution.acknowledged_by_id": "record",
    "factor_reset.asked_by_id": "record",
    "factor_reset.user_id": "own",
    "grading_run.confirmed_by_id": "record",
    "grading_run.started_by_id": "record",
    "handover.ended_by_id": "record",
    "handover.giver_id": "record",  # ends with the handover itself
    "handover.giver_signed_by_id": "record",
    "handover.proposed_by_id": "record",
    "handover.taker_id": "handovers",
    "heartbeat.released_by_id": "record",
    "idempotency_key.user_id": "own",
    "import_batch.applied_by_id": "record",
    "import_batch.created_by_id": "imports",
    "import_batch.handed_in_by_id": "record",
    "import_batch.reverted_by_id": "record",
    "import_mapping.user_id": "own",
    "inquiry.answered_by_id": "record",
    "inquiry.owner_id": "inquiries",
    "inquiry.taken_by_id": "record",
    "inquiry_closing.closed_by_id": "record",
    "inspection.inspector_id": "record",
    "inspection_finding.closed_by_id": "record",
    "inspection_finding.mended_by_id": "record",  # to be mended by the customer's account manager
    "job_request.requested_by_id": "record",
    "level_pin.asked_by_id": "record",
    "level_pin.decided_by_id": "record",
    "lifting_invoice.by_id": "record",
    "lifting_money.by_id": "record",
    "lifting_order.let_out_by_id": "record",
    "lifting_order.placed_by_id": "record",  # released by the customer's account manager
    "lifting_return.by_id": "record",
    "lifting_settlement.by_id": "record",
    "lifting_slip.released_by_id": "record",
    "lifting_weighing.by_id": "record",
    "listing.proposed_by_id": "record",
    "notice.user_id": "notices",
    "paper.added_by_id": "record",
    "paper_renewal.handed_in_by_id": "record",
    "policy_version.adopted_by_id": "record",
    "reply_template.updated_by_id": "record",
    "review.closed_by_id": "record",
    "review_score.confirmed_by_id": "record",
    "role_grant.approved_by_id": "record",
    "role_grant.proposed_by_id": "record",
    "role_grant.revoked_by_id": "record",
    "role_grant.user_id": "own",
    "run.started_by_id": "record",
    "saved_filter.user_id": "own",
    "security_event.user_id": "record",
    "sign_in_identity.bound_by_id": "record",
    "sign_in_identity.user_id": "own",
    "stored_file.uploaded_by_id": "record",
    "upload_link.made_by_id": "upload_links",
    "user_session.user_id": "own",
}


def test_of_every_column_that_names_an_account_it_is_said_what_becomes_of_it(app: Flask) -> None:
    names = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if any(key.target_fullname == "user_account.id" for key in column.foreign_keys)
    }
    assert names == set(COLUMNS)
    assert set(COLUMNS.values()) - {"own", "record"} == set(portfolios.known())


class Full(House):
    """li has something of everything that can lie with a person."""

    def __init__(self) -> None:
        super().__init__()
        place, li = self.place, self.place.id_of("li")
        with transaction() as session:
            actor = place.actor(session, "li")
            data: dict[str, Any] = {
                "number": "HT-1",
                "customer_id": self.customer,
                "title": "年度协议",
                "from_on": TODAY,
                "last_on": TODAY + timedelta(days=300),
                "value": 1,
                "custodian_id": li,
                "place": "随身",
            }
            contracts.enter(session, place.actor(session, "sales"), data, keeping.scan(), NOW)
            links.make(session, actor, self.customer, "merged_licence", NOW, is_proof=False, days=3)
            case = session.scalars(select(ApprovalCase).where(ApprovalCase.subject_id == self.waiting)).one()
            sales = place.actor(session, "sales")
            approvals.ask(session, case, li, "怎么看？", "ask", sales, NOW, reading="application.read")
            product = session.scalars(select(Product.id)).first()
            said = {"severity": "general", "channel": "phone", "said_at": NOW, "facts": "熔指偏低。"}
            taken = intake.take(session, actor, {"customer_id": self.customer, "product_id": product, **said}, NOW)
            measure = {"kind": "replacement", "what": "换货", "owner_id": li, "due_on": TODAY + timedelta(days=9)}
            opinion = {"cause": "批次波动", "proposal": "换货", "measures": [measure], "submit": True}
            opinions.save(session, actor, taken.id, opinion, NOW)
            third = builders.user(session, "third", Role.ACCOUNT_MANAGER)
            builders.delegation(session, third, session.get_one(User, li), TODAY, TODAY + timedelta(days=2))
            for who in (session.get_one(User, li), place.users["wang"]):  # who may prepare a list of customers
                builders.grant(session, who, (Role.SALES_MANAGER, place.other_region))
            file = "名称,代码\nx,y\n".encode()
            lists.receive(session, place.actor(session, "li"), CUSTOMERS, "名单.csv", file, NOW, spoken=str)
            session.add(
                Handover(
                    giver_id=third.id,
                    taker_id=li,
                    effective_on=TODAY,
                    reason="调岗",
                    proposed_by_id=place.id_of("sales"),
                    proposed_at=NOW,
                    moved={},
                )
            )


@pytest.mark.rule("CHEM-3.3")
def test_one_step_takes_everything_of_every_kind(both_app: Flask) -> None:
    with both_app.app_context():
        house = Full()
        li = house.place.id_of("li")
        held = {one.share.key: one.number for one in portfolios.held_by(db.session(), li, TODAY)}
        assert set(held) == set(portfolios.known()), "something of every kind"
        made = house.propose()
        house.sign(made, "li", "giver")
        house.sign(made, "wang", "taker")
        moved = house.handover(made).moved
        assert {key: moved[key] for key in held if key != "notices"} == {
            key: number for key, number in held.items() if key != "notices"
        }
        left = {one.share.key for one in portfolios.held_by(db.session(), li, TODAY)}
        assert left <= {"notices"}  # what was told to them stays told
        assert house.owner_of(Measure, 1, "owner_id") == "wang"
        with transaction() as session:
            people.disable(session, house.place.actor(session, "admin"), li, "离职", NOW)


@pytest.mark.rule("CHEM-3.3")
def test_a_link_that_is_with_the_customer_goes_on_in_the_takers_name(app: Flask) -> None:
    file = keeping.opened(app)
    with app.app_context():
        with transaction() as session:
            actor = file.place.actor(session, "li")
            secret = links.make(session, actor, file.customer, "merged_licence", NOW, is_proof=False, days=3)[1]
        with transaction() as session:
            li, wang = file.place.id_of("li"), file.place.id_of("wang")
            portfolios.move_all(session, portfolios.Change(li, wang, file.place.actor(session, "sales"), NOW))
        with transaction() as session:
            row = links.use(session, secret, keeping.licence(), keeping.scan(), NOW)
            assert row.handed_in_by_id == wang


@pytest.mark.rule("CHEM-3.3", "CHEM-7.2")
def test_the_taker_is_the_submitter_with_the_submitters_seat(app: Flask) -> None:
    with app.app_context():
        house = House()
        made = house.propose()
        house.sign(made, "li", "giver")
        house.sign(made, "wang", "taker")
        case = db.session().scalars(select(ApprovalCase).where(ApprovalCase.subject_id == house.waiting)).one()
        wang = house.place.users["wang"].person_id
        assert db.session().get_one(ApprovalSeat, (case.id, wang)).step == "submit"
        db.session().rollback()
        with transaction() as session:
            row = session.get_one(Application, house.waiting)
            actor = house.place.actor(session, "wang")
            assert deciding.withdraw(session, actor, row.id, NOW, reason="更正").state == "withdrawn"


@pytest.mark.rule("CHEM-3.3", "CHEM-7.2")
def test_nobody_takes_over_what_they_have_decided_on(app: Flask) -> None:
    with app.app_context():
        house = House()
        with transaction() as session:
            scenes.approve(session, house.place, session.get_one(Application, house.waiting), "sales")
            grant = {"role": "account_manager", "from_on": builders.FROM, "approved_at": NOW}
            session.add(RoleGrant(user_id=house.place.id_of("sales"), **grant))
        with pytest.raises(Refused) as refused:
            house.propose("gm", taker_id=house.place.id_of("sales"))
        assert [(one.clause, one.field) for one in refused.value.refusals] == [("CHEM-7.2", "taker_id")]


@pytest.mark.rule("CHEM-3.3")
def test_whoever_stands_in_for_an_absent_colleague_does_not_leave(app: Flask) -> None:
    with app.app_context():
        house = House()  # wang stands in for li
        wang = house.place.id_of("wang")
        with pytest.raises(Refused) as refused, transaction() as session:
            people.disable(session, house.place.actor(session, "admin"), wang, "离职", NOW)
        assert [one.clause for one in refused.value.refusals] == ["CHEM-3.3"]
        with transaction() as session:
            session.execute(update(Delegation).values(revoked_at=NOW))
        with transaction() as session:
            people.disable(session, house.place.actor(session, "admin"), wang, "离职", NOW)


@pytest.mark.rule("CHEM-3.3")
def test_the_only_holder_of_an_office_does_not_leave_what_waits_there(app: Flask) -> None:
    with app.app_context():
        house = House()  # an application waits for the sales manager of the region
        sales = house.place.id_of("sales")
        admin = house.place.actor(db.session(), "admin")
        grant = db.session().scalars(select(RoleGrant.id).where(RoleGrant.user_id == sales)).one()
        db.session().rollback()

        def leave() -> None:
            with transaction() as session:
                people.disable(session, admin, sales, "离职", NOW)

        def give_up() -> None:
            with transaction() as session:
                granting.revoke(session, admin, grant, "调岗", NOW)

        for act in (leave, give_up):
            with pytest.raises(Refused) as refused:
                act()
            assert [one.clause for one in refused.value.refusals] == ["CHEM-3.3"]
        with transaction() as session:  # another region's does not help
            builders.user(session, "west2", (Role.SALES_MANAGER, house.place.other_region))
        with pytest.raises(Refused):
            leave()
        with transaction() as session:
            builders.user(session, "east2", (Role.SALES_MANAGER, house.place.region))
        leave()


@pytest.mark.rule("CHEM-3.3")
def test_a_manager_of_customers_in_two_regions_is_handed_over_by_the_general_manager(app: Flask) -> None:
    with app.app_context():
        house = House()
        with transaction() as session:
            other = keeping.admitted(session, house.place, 7)
            session.get_one(Customer, other).region_id = house.place.other_region
        with pytest.raises(Refused):
            house.propose("sales")
        made = house.propose("gm")
        house.sign(made, "gm", "giver", "已离岗")
        house.sign(made, "wang", "taker")
        assert house.owner_of(Customer, house.customer) == "wang"


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize(("days", "stage"), [(8, None), (7, "ahead"), (1, "ahead"), (0, "gone"), (-30, "gone")])
def test_a_portfolio_whose_managers_office_ends_is_warned_of_once_a_stage(
    app: Flask, days: int, stage: str | None
) -> None:
    setup: Any = None
    with app.app_context():
        house = House()
        li, sales = house.place.id_of("li"), house.place.id_of("sales")
        end = TODAY + timedelta(days=days)
        with transaction() as session:
            values = {"to_on": end, "from_on": date(2020, 1, 1)}
            session.execute(update(RoleGrant).where(RoleGrant.user_id == li).values(values))
        errand = Errand(None, NOW, setup)
        items = list(duty.ending(db.session(), errand))
        assert items == ([f"{li}.{end.isoformat()}.{stage}"] if stage else [])
        db.session().rollback()
        for item in items:
            with transaction() as session:
                duty.warn(session, errand.on(item))
        told = db.session().scalars(select(Notice.user_id).where(Notice.dedupe_key.startswith("portfolio."))).all()
        assert set(told) >= ({sales, li} if stage else set())
        assert duty.ending(db.session(), errand) == []
        db.session().rollback()
        givers, takers = handover.candidates(db.session(), NOW)
        assert li in {user.id for user in givers}
        assert (li in {user.id for user in takers}) is (days > 0)
