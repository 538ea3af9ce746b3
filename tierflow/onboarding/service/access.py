"""Who may see and who may change an application; the locks and the case behind it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import approvals, customers
from tierflow.common.approvals import ApprovalCase, AskedOpinion
from tierflow.common.files import StoredFile
from tierflow.kernel import approval
from tierflow.kernel.approval import State
from tierflow.kernel.errors import Conflict, Forbidden, NotFound, Refusal
from tierflow.kernel.roles import Actor, Role, in_name_of, is_allowed, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application, Paper
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING

SUBJECT = "application"

approvals.register(ACCOUNT_OPENING)


def visible(actor: Actor) -> Any:
    """SQL condition: the applications of the actor's customers-to-be: own and delegated, own regions, or all."""
    return customers.visible_rows(actor, Application.region_id, Application.account_manager_id)


def _asked(actor: Actor) -> Any:
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    return (
        select(AskedOpinion.id)
        .join(ApprovalCase, ApprovalCase.id == AskedOpinion.case_id)
        .where(
            ApprovalCase.subject_type == SUBJECT,
            ApprovalCase.subject_id == Application.id,
            AskedOpinion.asked_id.in_(mine),
        )
        .exists()
    )


def readable(actor: Actor) -> Any:
    """SQL condition: the applications the actor may see, or was asked about."""
    return visible(actor) | _asked(actor)


def get_visible(session: Session, actor: Actor, application_id: int) -> Application:
    """The application, when the actor may see it or was asked about it; else `NotFound`."""
    require(actor, "application.read")
    row = session.scalar(select(Application).where(Application.id == application_id, readable(actor)))
    if row is None:
        raise NotFound
    return row


def case_of(session: Session, application_id: int) -> ApprovalCase:
    """The approval case of an application."""
    return session.scalars(
        select(ApprovalCase).where(ApprovalCase.subject_type == SUBJECT, ApprovalCase.subject_id == application_id)
    ).one()


def may_edit(actor: Actor, application: Application, case: ApprovalCase) -> bool:
    """Whether the actor keeps this application and it can be changed now."""
    return (
        is_allowed(actor, "application.write")
        and application.account_manager_id in actor.user_ids_as(Role.ACCOUNT_MANAGER)
        and State(case.state) in approval.EDITABLE
    )


def for_manager(actor: Actor, application: Application) -> Actor:
    """The writer of an application, in the account manager's name when they only stand in: the record names both."""
    return in_name_of(actor, "application.write", manager_id=application.account_manager_id)


def editing(session: Session, actor: Actor, application_id: int) -> tuple[Application, ApprovalCase]:
    """The application, locked, to be changed by its account manager or whoever stands in.

    Raises `NotFound`, `Forbidden`, and `Conflict` when it is in approval or ended. The lock makes a save and a
    submission queue: what is handed in is what was saved.
    """
    require(actor, "application.write")
    application, case = _locked(session, actor, application_id)
    if State(case.state) not in approval.EDITABLE:
        state = text(approval.STATE_LABELS[State(case.state)])
        raise Conflict(Refusal("conflict", text("The application is %(state)s and cannot be changed.", state=state)))
    return application, case


def keeping(session: Session, actor: Actor, application_id: int) -> tuple[Application, ApprovalCase]:
    """As `editing`, whatever the state: for withdrawing."""
    require(actor, "application.write")
    return _locked(session, actor, application_id)


def _locked(session: Session, actor: Actor, application_id: int) -> tuple[Application, ApprovalCase]:
    application = get_visible(session, actor, application_id)
    if application.account_manager_id not in actor.user_ids_as(Role.ACCOUNT_MANAGER):
        raise Forbidden("application.write")
    session.refresh(application, with_for_update=True)
    return application, case_of(session, application_id)


def file_for(session: Session, actor: Actor, file_id: int) -> StoredFile:
    """A stored file, when the actor may see what it belongs to; else `NotFound`."""
    require(actor, "customer.read")
    stored = session.get(StoredFile, file_id)
    if stored is None or stored.subject_type not in (SUBJECT, "customer"):
        raise NotFound
    if stored.subject_type == "customer":
        customers.get_visible(session, actor, stored.subject_id)
        return stored
    if is_allowed(actor, "application.read"):
        condition = (Application.id == stored.subject_id) & readable(actor)
        if session.scalar(select(Application.id).where(condition)) is not None:
            return stored
    of_customer = (
        select(Paper.id)
        .join(customers.Customer, customers.Customer.id == Paper.customer_id)
        .where(Paper.file_id == file_id, customers.visible(actor))
        .limit(1)
    )
    if session.scalar(of_customer) is None:
        raise NotFound
    return stored
