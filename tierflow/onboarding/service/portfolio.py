"""What account opening gives to a handover: customers with their upload links, applications, contracts, handovers."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.notices import notify
from tierflow.common.portfolios import Change, Share, count_rows, move_rows
from tierflow.common.users import User
from tierflow.kernel.approval import ENDED
from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.roles import Role
from tierflow.kernel.text import mark, text
from tierflow.onboarding.models import Application, Contract, Handover, UploadLink
from tierflow.onboarding.service.access import SUBJECT as APPLICATION
from tierflow.onboarding.service.creating import CUSTOMER

HANDOVER = "handover"


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


def open_applications(user_id: int | None) -> tuple[Any, ...]:
    """Conditions: the applications of an account manager that have not ended, drafts too."""
    alive = select(ApprovalCase.subject_id).where(
        ApprovalCase.subject_type == APPLICATION, ApprovalCase.state.not_in([state.value for state in ENDED])
    )
    return (Application.account_manager_id == user_id, Application.id.in_(alive))


def managers_of_open_applications() -> Any:
    """The accounts that have an open application, or a draft."""
    return select(Application.account_manager_id).where(*open_applications(None)[1:])


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


def _live_links(user_id: int) -> tuple[Any, ...]:
    return (UploadLink.made_by_id == user_id, UploadLink.used_at.is_(None), UploadLink.revoked_at.is_(None))


def _count_links(session: Session, user_id: int, on: date) -> int:
    return count_rows(session, UploadLink, *_live_links(user_id), UploadLink.expires_at > local_instant(on, time.min))


def _move_links(session: Session, change: Change) -> int:
    """A link that is with a customer hands in for whoever keeps the file: it must not die with the giver."""
    still = UploadLink.expires_at > local_instant(local_day(change.now), time.min)
    return move_rows(session, UploadLink.made_by_id, change, *_live_links(change.giver_id)[1:], still)


def _to_take_over(user_id: int) -> tuple[Any, ...]:
    return (Handover.taker_id == user_id, Handover.done_at.is_(None), Handover.ended_at.is_(None))


def _count_handovers(session: Session, user_id: int, _on: date) -> int:
    return count_rows(session, Handover, *_to_take_over(user_id))


def _end_handovers(session: Session, change: Change) -> int:
    """What the giver was to take over from others ends: its giver proposes somebody else."""
    rows = session.scalars(select(Handover).where(*_to_take_over(change.giver_id)).order_by(Handover.id)).all()
    name = session.get_one(User, change.giver_id).name
    message = text("%(who)s hands the own portfolio over and cannot take this one: propose somebody else.", who=name)
    for row in rows:
        row.ended_at, row.ended_by_id, row.end_reason = change.now, change.actor.user_id or change.taker_id, "CHEM-3.3"
        audit.record(session, change.actor, "handover.end", HANDOVER, row.id, change.now, reason="CHEM-3.3")
        people = sorted({row.giver_id, row.proposed_by_id} - {change.giver_id})
        key = f"handover.{row.id}.untaken"
        notify(session, people, HANDOVER, message, (HANDOVER, row.id), change.now, dedupe_key=key)
    session.flush()
    return len(rows)


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
    Share("upload_links", mark("Upload links not used yet"), _count_links, _move_links, binds=False),
    Share("handovers", mark("Portfolios to take over"), _count_handovers, _end_handovers, role=Role.ACCOUNT_MANAGER),
)
