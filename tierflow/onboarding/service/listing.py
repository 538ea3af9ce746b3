"""Applications in a row: the list, the queue, what can be approved in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import bindparam, false, or_, select
from sqlalchemy.orm import Session

from tierflow.common import approvals, lookup
from tierflow.common.approvals import ApprovalCase
from tierflow.common.reference import ProductLine, Region
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, State
from tierflow.kernel.roles import Actor, Role, require
from tierflow.onboarding.models import Application, ApplicationLine
from tierflow.onboarding.service.access import SUBJECT, visible
from tierflow.web.paging import Page, Sort, once, page_of


@dataclass(frozen=True)
class Filters:
    """How the list of applications is narrowed; None: not at all. `q` is what the search box takes.

    `mine`: only what the actor must go on with: steps that wait for them, and their own drafts and returns.
    """

    state: str | None = None
    states: tuple[str, ...] | None = None
    mine: bool = False
    step: str | None = None
    region_id: int | None = None
    account_manager_id: int | None = None
    product_line_id: int | None = None
    customer_class: str | None = None
    over_quota: bool | None = None
    q: str | None = None


class ApplicationRow(NamedTuple):
    """One line of the list."""

    application: Application
    case: ApprovalCase
    account_manager: str
    region: str | None


def list_applications(
    session: Session, actor: Actor, filters: Filters, *, cursor: str | None = None, size: int = 30
) -> Page[ApplicationRow]:
    """The applications the actor may see, newest first, a page by key; what they must go on with, oldest first."""
    require(actor, "application.read")
    if filters.states is not None:
        filters = replace(filters, states=tuple(filters.states))  # a program sends a list
    sorts = OLDEST_FIRST if filters.mine else NEWEST_FIRST
    page = page_of(session, _listed(actor, filters), sorts, cursor=cursor, size=size, given={})
    return Page([ApplicationRow(*row) for row in page.rows], page.after, page.before, page.size)


NEWEST_FIRST = (Sort("id", Application.id, descending=True),)
OLDEST_FIRST = (Sort("id", Application.id),)


@once
def _listed(actor: Actor, filters: Filters) -> Any:
    return _ROWS.where(visible(actor), *_narrowed(filters, actor))


_ROWS = (
    select(Application, ApprovalCase, User.name, Region.name)
    .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == Application.id))
    .join(User, User.id == Application.account_manager_id)
    .outerjoin(Region, Region.id == Application.region_id)
)


def waiting_all_green(session: Session, actor: Actor, limit: int = 100) -> list[ApplicationRow]:
    """The applications the actor can approve in bulk, most urgent first: theirs to decide, every check green."""
    require(actor, "application.decide")
    query = _ROWS.where(or_(false(), *approvals.waiting_conditions(actor)), ApprovalCase.all_green.is_(True))
    rows = session.execute(query.order_by(ApprovalCase.due_at, ApprovalCase.id).limit(limit))
    return [ApplicationRow(*row) for row in rows]


def lines_asked(
    session: Session, application_ids: Sequence[int]
) -> dict[int, list[tuple[ApplicationLine, ProductLine]]]:
    """The lines of several applications, for lists. One query."""
    found: dict[int, list[tuple[ApplicationLine, ProductLine]]] = {}
    for row in session.execute(_LINES, {"application_ids": list(application_ids)}):
        found.setdefault(row.ApplicationLine.application_id, []).append((row.ApplicationLine, row.ProductLine))
    return found


_LINES = (
    select(ApplicationLine, ProductLine)
    .join(ProductLine, ProductLine.id == ApplicationLine.product_line_id)
    .where(ApplicationLine.application_id.in_(bindparam("application_ids", expanding=True)))
    .order_by(ProductLine.code)
)


def _narrowed(filters: Filters, actor: Actor) -> list[Any]:
    exact = {
        ApprovalCase.state: filters.state,
        ApprovalCase.step: filters.step,
        Application.region_id: filters.region_id,
        Application.account_manager_id: filters.account_manager_id,
        Application.over_quota: filters.over_quota,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    if filters.states is not None:
        conditions.append(ApprovalCase.state.in_(filters.states))
    if filters.mine:
        kept = Application.account_manager_id.in_(actor.user_ids_as(Role.ACCOUNT_MANAGER))
        editable = ApprovalCase.state.in_([state.value for state in EDITABLE])
        conditions.append(or_(kept & editable, *approvals.waiting_conditions(actor)))
    if filters.product_line_id is not None or filters.customer_class is not None:
        asked = select(ApplicationLine.application_id)
        if filters.product_line_id is not None:
            asked = asked.where(ApplicationLine.product_line_id == filters.product_line_id)
        if filters.customer_class is not None:
            asked = asked.where(ApplicationLine.customer_class == filters.customer_class)
        conditions.append(Application.id.in_(asked))
    if filters.q and lookup.fold(filters.q):
        found: Any = lookup.matching(SUBJECT, filters.q)
        conditions.append(Application.id.in_(found))
    return conditions


def next_in_queue(session: Session, actor: Actor, after: int | None = None) -> int | None:
    """The application to decide next, most urgent first; after one still waiting, the one behind it, then around."""
    require(actor, "application.decide")
    conditions = [
        condition & (ApprovalCase.subject_type == SUBJECT) for condition in approvals.waiting_conditions(actor)
    ]
    here = session.scalar(
        select(ApprovalCase).where(ApprovalCase.subject_type == SUBJECT, ApprovalCase.subject_id == after)
    )
    places: list[Any] = [[]]
    if here is not None:
        behind = (ApprovalCase.due_at > here.due_at) | (
            (ApprovalCase.due_at == here.due_at) & (ApprovalCase.id > here.id)
        )
        places = [[behind], [ApprovalCase.id != here.id]]
        if here.state != State.IN_APPROVAL:
            places = places[1:]
    for place in places:
        found: list[ApprovalCase] = [
            row for condition in conditions if (row := session.scalar(_first(condition, place))) is not None
        ]
        if found:
            return min(found, key=lambda case: (case.due_at, case.id)).subject_id
    return None


def _first(condition: Any, place: Sequence[Any]) -> Any:
    query = select(ApprovalCase).where(condition, *place)
    return query.order_by(ApprovalCase.due_at, ApprovalCase.id).limit(1)
