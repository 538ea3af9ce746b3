"""People, their accounts, the roles they hold, and who stands in for whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Select, bindparam, select, union_all
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Id, Model, in_force, pk
from tierflow.kernel.roles import NEVER_DELEGATED, Actor, Grant, Principal, Role


class Person(Model):
    """A human being. Four eyes are counted per person, not per account."""

    __tablename__ = "person"

    id: Mapped[int] = pk()
    name: Mapped[str]


class User(Model):
    """An account. Never deleted: disabled."""

    __tablename__ = "user_account"
    __table_args__ = (Index("ix_user_account_person_id", "person_id"),)

    id: Mapped[int] = pk()
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    password_hash: Mapped[str]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    totp_secret: Mapped[str | None]
    totp_confirmed_at: Mapped[datetime | None]
    totp_last_step: Mapped[int | None]  # a code works once
    locale: Mapped[str] = mapped_column(default="zh")
    theme: Mapped[str] = mapped_column(default="auto")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class RoleGrant(Model):
    """A role held by a user for a period. In force once a second administrator has approved it."""

    __tablename__ = "role_grant"
    __table_args__ = (
        CheckConstraint(f"role IN ({', '.join(repr(role.value) for role in Role)})", name="role"),
        CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),
        CheckConstraint(
            "(role = 'sales_manager') = (region_id IS NOT NULL)"
            " AND (role = 'resident_office') = (office_id IS NOT NULL)"
            " AND (role = 'warehouse_keeper') = (warehouse_id IS NOT NULL)",
            name="scope",
        ),
        Index("ix_role_grant_user_id", "user_id"),
        Index("ix_role_grant_role", "role", "region_id"),
        Index(
            "uq_role_grant_live",
            "user_id",
            "role",
            sql("coalesce(region_id, 0)"),
            sql("coalesce(office_id, 0)"),
            sql("coalesce(warehouse_id, 0)"),
            unique=True,
            sqlite_where=sql("revoked_at IS NULL AND to_on IS NULL"),
            postgresql_where=sql("revoked_at IS NULL AND to_on IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    role: Mapped[str]
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    office_id: Mapped[int | None] = mapped_column(ForeignKey("office.id"))
    warehouse_id: Mapped[int | None] = mapped_column(ForeignKey("warehouse.id"))
    from_on: Mapped[date]
    to_on: Mapped[date | None]
    proposed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    approved_at: Mapped[datetime | None]
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    revoked_at: Mapped[datetime | None]

    @property
    def scope_id(self) -> int | None:
        """The region, office or warehouse, whichever the role names."""
        return self.region_id or self.office_id or self.warehouse_id


class Delegation(Model):
    """`from_user` is stood in for by `to_user` on the days [from_on, to_on)."""

    __tablename__ = "delegation"
    __table_args__ = (
        CheckConstraint("to_on > from_on", name="period"),
        CheckConstraint("from_user_id <> to_user_id", name="two_accounts"),
        Index("ix_delegation_to_user_id", "to_user_id", "to_on"),
        Index("ix_delegation_from_user_id", "from_user_id", "to_on"),
    )

    id: Mapped[int] = pk()
    from_user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    to_user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    from_on: Mapped[date]
    to_on: Mapped[date]
    reason: Mapped[str]
    set_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    set_at: Mapped[datetime]
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    revoked_at: Mapped[datetime | None]


def live_grants(on: Any) -> list[object]:
    """SQL conditions under which a grant counts on a day."""
    return [
        in_force(RoleGrant.from_on, RoleGrant.to_on, on),
        RoleGrant.approved_at.is_not(None),
        RoleGrant.revoked_at.is_(None),
    ]


def grants_of(session: Session, user_ids: Iterable[int], on: date) -> dict[int, frozenset[Grant]]:
    """The roles in force on a day, by user."""
    ids = list(user_ids)
    found: dict[int, set[Grant]] = {user_id: set() for user_id in ids}
    query = select(
        RoleGrant.user_id, RoleGrant.role, RoleGrant.region_id, RoleGrant.office_id, RoleGrant.warehouse_id
    ).where(RoleGrant.user_id.in_(ids), *live_grants(on))  # type: ignore[arg-type]
    for user_id, role, region_id, office_id, warehouse_id in session.execute(query):
        found[user_id].add(Grant(Role(role), region_id or office_id or warehouse_id))
    return {user_id: frozenset(grants) for user_id, grants in found.items()}


def actor_of(session: Session, user: User, on: date) -> Actor:
    """The actor behind an account on a day: own roles and those of whom they stand in for. One query.

    Only enabled accounts lend their roles, there are no chains, the right to hand out rights is never lent, and
    whoever has it borrows nothing.
    """
    own: set[Grant] = set()
    lenders: dict[int, tuple[int, int, str]] = {}
    lent: dict[int, set[Grant]] = {}
    for row in session.execute(_BEARERS, {"me": user.id, "on_day": on}):
        grant = Grant(Role(row.role), row.region_id or row.office_id or row.warehouse_id) if row.role else None
        if row.delegation_id is None:
            own |= {grant} if grant else set()
            continue
        lenders[row.delegation_id] = (row.user_id, row.person_id, row.name)
        grants = lent.setdefault(row.delegation_id, set())
        if grant is not None and grant.role not in NEVER_DELEGATED:
            grants.add(grant)
    if NEVER_DELEGATED & {grant.role for grant in own}:
        lenders = {}
    return Actor(
        user_id=user.id,
        person_id=user.person_id,
        name=user.name,
        on=on,
        grants=frozenset(own),
        principals=tuple(
            Principal(*lender, grants=frozenset(lent[delegation_id]), delegation_id=delegation_id)
            for delegation_id, lender in sorted(lenders.items())
        ),
    )


def _bearers() -> Select[Any]:
    """The account itself and those it stands in for, a row for each grant; written once, run with every request."""
    me, on = bindparam("me", type_=Id), bindparam("on_day", type_=Date())
    standing_in = (
        (Delegation.to_user_id == me)
        & in_force(Delegation.from_on, Delegation.to_on, on)
        & Delegation.revoked_at.is_(None)
    )
    grants = RoleGrant.__table__.alias("grant_held")
    live = (
        in_force(grants.c.from_on, grants.c.to_on, on)
        & grants.c.approved_at.is_not(None)
        & grants.c.revoked_at.is_(None)
    )
    chosen = union_all(select(me.label("user_id")), select(Delegation.from_user_id).where(standing_in))
    return (
        select(
            Delegation.id.label("delegation_id"),
            User.id.label("user_id"),
            User.person_id,
            User.name,
            grants.c.role,
            grants.c.region_id,
            grants.c.office_id,
            grants.c.warehouse_id,
        )
        .select_from(User)
        .outerjoin(Delegation, standing_in & (Delegation.from_user_id == User.id))
        .outerjoin(grants, live & (grants.c.user_id == User.id))
        .where(User.id.in_(chosen), (User.id == me) | User.disabled_at.is_(None))
    )


_BEARERS = _bearers()


def holders(session: Session, role: Role, on: date, region_id: int | None = None) -> Sequence[User]:
    """Enabled accounts that hold a role themselves on a day, for that region where the role has regions."""
    query = (
        select(User)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(RoleGrant.role == role.value, User.disabled_at.is_(None), *live_grants(on))  # type: ignore[arg-type]
        .order_by(User.id)
        .distinct()
    )
    if region_id is not None:
        query = query.where((RoleGrant.region_id == region_id) | RoleGrant.region_id.is_(None))
    return session.scalars(query).all()


def stand_ins(session: Session, user_ids: Iterable[int], on: date) -> dict[int, list[int]]:
    """For each user, those who stand in for them on a day."""
    found: dict[int, list[int]] = {}
    query = select(Delegation.from_user_id, Delegation.to_user_id).where(
        Delegation.from_user_id.in_(list(user_ids)),
        in_force(Delegation.from_on, Delegation.to_on, on),
        Delegation.revoked_at.is_(None),
    )
    for from_id, to_id in session.execute(query):
        found.setdefault(from_id, []).append(to_id)
    return found
