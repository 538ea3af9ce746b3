"""Offices that one person alone holds: nobody leaves one while work waits there that nobody else could do (CHEM-3.3).

Each domain registers what waits for an office (`app.py` composes them), as `portfolios` does for persons.

    register(Desk(Role.FINANCE_REVIEWER, mark("Receipts"), count_receipts))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, false, or_, select, true
from sqlalchemy.orm import Session

from tierflow.common.approvals import CHAINS, ApprovalCase
from tierflow.common.portfolios import count_rows
from tierflow.common.users import RoleGrant, User, grants_of, live_grants
from tierflow.kernel.approval import State
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import ROLE_LABELS, Grant, Role, covers
from tierflow.kernel.text import Text, mark, text

Count = Callable[[Session, int | None], int]  # (session, the region, office or warehouse; None: all) -> how much waits


@dataclass(frozen=True)
class Desk:
    """What waits for an office, whoever holds it."""

    role: Role
    label: str
    count: Count


_desks: list[Desk] = []


def register(desk: Desk) -> None:
    """Make a desk known; twice is once."""
    if desk not in _desks:
        _desks.append(desk)


def why_not_vacate(session: Session, user: User, on: date, *, grant: Grant | None = None) -> list[Refusal]:
    """Why an account cannot give up its offices (`grant`: this one alone): work waits and nobody else holds them."""
    mine = grants_of(session, [user.id], on)[user.id]
    leaving = [one for one in sorted(mine, key=lambda one: (one.role, one.scope_id or 0)) if grant in (None, one)]
    others = _others(session, user, {one.role for one in leaving}, on)
    found = []
    for one in leaving:
        if any(covers(other, one.role, one.scope_id) for other in others):
            continue
        for desk in _desks:
            number = desk.count(session, one.scope_id) if desk.role is one.role else 0
            if number:
                reason = text(
                    "%(what)s: %(number)s wait for the %(role)s, and nobody else holds that office.",
                    what=Text(desk.label),
                    number=number,
                    role=Text(ROLE_LABELS[one.role]),
                )
                found.append(Refusal("CHEM-3.3", reason))
    return found


def _others(session: Session, user: User, roles: Iterable[Role], on: date) -> list[Grant]:
    """What other persons hold of these offices today, through enabled accounts."""
    rows = session.execute(
        select(RoleGrant.role, RoleGrant.region_id, RoleGrant.office_id, RoleGrant.warehouse_id)
        .join(User, User.id == RoleGrant.user_id)
        .where(RoleGrant.role.in_([role.value for role in roles]), *live_grants(on))  # type: ignore[arg-type]
        .where(User.disabled_at.is_(None), User.person_id != user.person_id)
    )
    return [Grant(Role(row.role), row.region_id or row.office_id or row.warehouse_id) for row in rows]


def _approvals(role: Role) -> Count:
    def count(session: Session, scope_id: int | None) -> int:
        ours = [
            and_(
                ApprovalCase.chain == key,
                ApprovalCase.step == step.key,
                ApprovalCase.region_id == scope_id if step.scoped and scope_id is not None else true(),
            )
            for key, chain in CHAINS.items()
            for step in chain.steps
            if step.role is role
        ]
        return count_rows(session, ApprovalCase, ApprovalCase.state == State.IN_APPROVAL.value, or_(false(), *ours))

    return count


for _role in (Role.SALES_MANAGER, Role.FINANCE_REVIEWER, Role.GENERAL_MANAGER):
    register(Desk(_role, mark("Approvals"), _approvals(_role)))
