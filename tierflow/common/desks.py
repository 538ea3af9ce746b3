"""Work that waits for an office or a department: nobody leaves one with work that nobody else could do (CHEM-3.3).

Each domain registers what waits (`app.py` composes them), as `portfolios` does for persons.

    register(Desk("receipts.finance", mark("Receipts"), frozenset({Role.FINANCE_REVIEWER}), count_receipts))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, exists, false, literal_column, or_, select, true
from sqlalchemy.orm import Session

from tierflow.common.approvals import CHAINS, ApprovalCase, ApprovalSeat
from tierflow.common.portfolios import count_rows
from tierflow.common.reference import Department
from tierflow.common.users import RoleGrant, User, grants_of, live_grants
from tierflow.kernel.approval import State
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import ROLE_LABELS, Grant, Role
from tierflow.kernel.text import Text, mark, text

_NEVER: Any = literal_column("1 = 0")  # false() would swallow the other conditions, and the join among them


@dataclass(frozen=True)
class Holder:
    """An office in the hands of a person."""

    grant: Grant
    person_id: int


@dataclass(frozen=True)
class Vacancy:
    """An office given up: its region, office or warehouse (None: all), and who holds one that does the same work."""

    scope_id: int | None
    others: tuple[Holder, ...]

    def left(self, column: Any = None) -> Any:
        """SQL condition on waiting rows: what nobody else could do. `column`: a row's region, office or warehouse."""
        covered = {other.grant.scope_id for other in self.others}
        if column is None:
            return _NEVER if covered else true()
        if None in covered:
            return _NEVER
        return (true() if self.scope_id is None else column == self.scope_id) & column.not_in(covered)


Count = Callable[[Session, Vacancy], int]


@dataclass(frozen=True)
class Desk:
    """What waits for an office. `roles`: whoever holds one of them can do it."""

    key: str
    label: str
    roles: frozenset[Role]
    count: Count


@dataclass(frozen=True)
class DepartmentDesk:
    """What waits for a department, whoever of it does it."""

    key: str
    label: str
    count: Callable[[Session, int], int]  # (session, the department)


_desks: dict[str, Desk] = {}
_departments: dict[str, DepartmentDesk] = {}


def register(desk: Desk | DepartmentDesk) -> None:
    """Make a desk known; twice is once."""
    if isinstance(desk, Desk):
        _desks[desk.key] = desk
    else:
        _departments[desk.key] = desk


def known() -> frozenset[str]:
    """The keys of all desks."""
    return frozenset(_desks) | frozenset(_departments)


def why_not_vacate(session: Session, user: User, on: date, *, grant: Grant | None = None) -> list[Refusal]:
    """Why an account cannot give up its offices (`grant`: this one alone): work waits that nobody else could do."""
    mine = grants_of(session, [user.id], on)[user.id]
    leaving = mine if grant is None else mine & {grant}
    kept = [Holder(one, user.person_id) for one in mine - leaving]
    others = [*kept, *holders(session, on, besides=user.id)] if leaving else []
    return [
        Refusal(
            "CHEM-3.3",
            text(
                "%(what)s: %(number)s wait for the %(role)s, and nobody else holds that office.",
                what=Text(desk.label),
                number=number,
                role=Text(ROLE_LABELS[one.role]),
            ),
        )
        for one in sorted(leaving, key=lambda one: (one.role, one.scope_id or 0))
        for desk, number in waiting(session, one, others)
    ]


def waiting(session: Session, grant: Grant, others: Sequence[Holder]) -> list[tuple[Desk, int]]:
    """What waits for an office that none of these others could do, and how much of it."""
    found = []
    for desk in _desks.values():
        if grant.role in desk.roles:
            able = tuple(other for other in others if other.grant.role in desk.roles)
            if number := desk.count(session, Vacancy(grant.scope_id, able)):
                found.append((desk, number))
    return found


def holders(session: Session, on: date, *, besides: int | None = None) -> list[Holder]:
    """The offices held on a day through enabled accounts, but for one account's."""
    rows = session.execute(
        select(RoleGrant.role, RoleGrant.region_id, RoleGrant.office_id, RoleGrant.warehouse_id, User.person_id)
        .join(User, User.id == RoleGrant.user_id)
        .where(User.disabled_at.is_(None), *live_grants(on))  # type: ignore[arg-type]
        .where(User.id != (besides or 0))
    )
    return [
        Holder(Grant(Role(row.role), row.region_id or row.office_id or row.warehouse_id), row.person_id) for row in rows
    ]


def why_not_quit(session: Session, user: User) -> list[Refusal]:
    """Why an account cannot leave its department: it was asked something, and has nobody else in use."""
    others = exists().where(User.department_id == user.department_id, User.id != user.id, User.disabled_at.is_(None))
    if user.department_id is None or session.scalar(select(others)):
        return []
    name = session.get_one(Department, user.department_id).name
    return [
        Refusal(
            "CHEM-3.3",
            text(
                "%(what)s: %(number)s wait for %(department)s, and nobody else belongs to it.",
                what=Text(desk.label),
                number=number,
                department=name,
            ),
            "department_id",
        )
        for desk in _departments.values()
        if (number := desk.count(session, user.department_id))
    ]


def _approvals(role: Role) -> Count:
    """Cases that wait for an office: nobody decides a case in which they have another seat (CHEM-7.2)."""

    def count(session: Session, vacancy: Vacancy) -> int:
        persons: dict[int | None, set[int]] = {}
        for other in vacancy.others:
            persons.setdefault(other.grant.scope_id, set()).add(other.person_id)
        able = [_of(scope_id) & or_(*map(_is_free, sorted(ids))) for scope_id, ids in persons.items()]
        waiting = and_(ApprovalCase.state == State.IN_APPROVAL.value, ApprovalCase.waiting_role == role.value)
        return count_rows(session, ApprovalCase, waiting, _of(vacancy.scope_id), ~or_(false(), *able))

    return count


def _of(region_id: int | None) -> Any:
    return true() if region_id is None else ApprovalCase.region_id == region_id


def _is_free(person_id: int) -> Any:
    return ~exists().where(
        ApprovalSeat.case_id == ApprovalCase.id,
        ApprovalSeat.person_id == person_id,
        ApprovalSeat.step != ApprovalCase.step,
    )


def deciding_roles() -> Iterable[Role]:
    """The offices some chain of approvals asks."""
    return {step.role for chain in CHAINS.values() for step in chain.steps}


for _role in (Role.SALES_MANAGER, Role.FINANCE_REVIEWER, Role.GENERAL_MANAGER, Role.ADMINISTRATOR):
    register(Desk(f"approvals.{_role.value}", mark("Approvals"), frozenset({_role}), _approvals(_role)))
