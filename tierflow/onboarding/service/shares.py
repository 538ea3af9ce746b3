"""What of this domain a portfolio holds, and how each share of it changes hands (CHEM-3.3)."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.portfolios import Change, Share, count_rows, move_rows
from tierflow.common.users import User
from tierflow.kernel.approval import ENDED
from tierflow.kernel.roles import Role
from tierflow.kernel.text import mark
from tierflow.onboarding.models import Application, Contract
from tierflow.onboarding.service.access import SUBJECT as APPLICATION
from tierflow.onboarding.service.creating import CUSTOMER


def _count_customers(session: Session, user_id: int, _on: date) -> int:
    return count_rows(session, Customer, Customer.account_manager_id == user_id)


def _move_customers(session: Session, change: Change) -> int:
    """Each customer's file says who had it before."""
    query = select(Customer.id).where(Customer.account_manager_id == change.giver_id).order_by(Customer.id)
    ids = list(session.scalars(query))
    names = {user.id: user.name for user in (session.get_one(User, i) for i in (change.giver_id, change.taker_id))}
    session.execute(
        update(Customer)
        .where(Customer.account_manager_id == change.giver_id)
        .values(account_manager_id=change.taker_id, version=Customer.version + 1)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    for customer_id in ids:
        audit.record(
            session,
            change.actor,
            "customer.hand_over",
            CUSTOMER,
            customer_id,
            change.now,
            before={"account_manager": names[change.giver_id]},
            after={"account_manager": names[change.taker_id]},
        )
    return len(ids)


def open_applications(user_id: int) -> tuple[Any, ...]:
    """Conditions: the applications of an account manager that have not ended."""
    alive = select(ApprovalCase.subject_id).where(
        ApprovalCase.subject_type == APPLICATION, ApprovalCase.state.not_in([state.value for state in ENDED])
    )
    return (Application.account_manager_id == user_id, Application.id.in_(alive))


def _count_applications(session: Session, user_id: int, _on: date) -> int:
    return count_rows(session, Application, *open_applications(user_id))


def _move_applications(session: Session, change: Change) -> int:
    return move_rows(session, Application.account_manager_id, change, *open_applications(change.giver_id)[1:])


def _kept(user_id: int) -> tuple[Any, ...]:
    return (Contract.custodian_id == user_id, Contract.ended_at.is_(None))


def _count_contracts(session: Session, user_id: int, on: date) -> int:
    return count_rows(session, Contract, *_kept(user_id), Contract.to_on > on)


def _move_contracts(session: Session, change: Change) -> int:
    return move_rows(session, Contract.custodian_id, change, *_kept(change.giver_id)[1:])


SHARES = (
    Share("customers", mark("Customers"), _count_customers, _move_customers, role=Role.ACCOUNT_MANAGER),
    Share(
        "applications",
        mark("Open applications and drafts"),
        _count_applications,
        _move_applications,
        role=Role.ACCOUNT_MANAGER,
    ),
    Share("contracts", mark("Contracts in custody"), _count_contracts, _move_contracts),
)
