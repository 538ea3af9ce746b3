"""People, their accounts, the roles they hold, and who stands in for whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import CheckConstraint, CompoundSelect, Date, ForeignKey, Index, bindparam, select, union_all
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

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
    """The actor behind an account on a day: own roles and those of whom they stand in for. One query."""
    return actor_from(user, session.execute(_BEARERS, {"me": user.id, "on_day": on}), on)


def acting(session: Session, user_id: int, on: date) -> Actor | None:
    """`actor_of` an account known by its id, as it is in this transaction; None when it is disabled. One query."""
    rows = session.execute(_BEARERS, {"me": user_id, "on_day": on}).all()
    return actor_from(rows[0], rows, on) if rows and rows[0].disabled_at is None else None


def actor_from(user: Any, rows: Iterable[Any], on: date) -> Actor:
    """The actor behind an account, of the rows of a `bearing` query.

    Only enabled accounts lend their roles, there are no chains, the right to hand out rights is never lent, and
    whoever has it borrows nothing.
    """
    own: set[Grant] = set()
    lenders: dict[int, tuple[int, int, str]] = {}
    lent: dict[int, set[Grant]] = {}
    for row in rows:
        if row.role is not None:
            own.add(Grant(Role(row.role), row.region_id or row.office_id or row.warehouse_id))
        if row.lender_id is None:
            continue
        lenders[row.delegation_id] = (row.lender_id, row.lender_person_id, row.lender_name)
        grants = lent.setdefault(row.delegation_id, set())
        if row.lent_role is not None and row.lent_role not in NEVER_DELEGATED:
            grants.add(Grant(Role(row.lent_role), row.lent_region_id or row.lent_office_id or row.lent_warehouse_id))
    if NEVER_DELEGATED & {grant.role for grant in own}:
        lenders = {}
    return Actor(
        user.id,
        user.person_id,
        user.name,
        on=on,
        grants=frozenset(own),
        principals=tuple(
            Principal(*lender, grants=frozenset(lent[delegation_id]), delegation_id=delegation_id)
            for delegation_id, lender in sorted(lenders.items())
        ),
    )


def _live(grants: Any, on: Any) -> Any:
    """`live_grants` for the table or an alias of it."""
    approved = grants.c.approved_at.is_not(None) & grants.c.revoked_at.is_(None)
    return in_force(grants.c.from_on, grants.c.to_on, on) & approved


def bearing(query: Any, me: Any) -> Any:
    """A query of one account, widened by a row for each grant it has beside each it is lent; `on_day` is given.

    Written once, run with every request.
    """
    on = bindparam("on_day", type_=Date())
    lender, own, lent = aliased(User), aliased(RoleGrant), aliased(RoleGrant)

    def counts(grant: Any) -> Any:
        return in_force(grant.from_on, grant.to_on, on) & grant.approved_at.is_not(None) & grant.revoked_at.is_(None)

    def parts(grant: Any, prefix: str) -> list[Any]:
        return [
            getattr(grant, name).label(prefix + name) for name in ("role", "region_id", "office_id", "warehouse_id")
        ]

    standing_in = in_force(Delegation.from_on, Delegation.to_on, on) & Delegation.revoked_at.is_(None)
    return (
        query.add_columns(
            *parts(own, ""),
            Delegation.id.label("delegation_id"),
            lender.id.label("lender_id"),
            lender.person_id.label("lender_person_id"),
            lender.name.label("lender_name"),
            *parts(lent, "lent_"),
        )
        .outerjoin(own, counts(own) & (own.user_id == me))
        .outerjoin(Delegation, standing_in & (Delegation.to_user_id == me))
        .outerjoin(lender, (lender.id == Delegation.from_user_id) & lender.disabled_at.is_(None))
        .outerjoin(lent, counts(lent) & (lent.user_id == lender.id))
    )


_BEARERS = bearing(
    select(User.id, User.person_id, User.name, User.disabled_at).where(User.id == bindparam("me", type_=Id)), User.id
)


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


def _office() -> CompoundSelect[Any]:
    """The ids `holders` and, for those, `stand_ins` find, to be asked of the database as a part of a question.

    Its parameters: `role`, `region_id` (None where the role has no regions), `on_day`.
    """
    grants, lent, account = (cast(Any, table.__table__) for table in (RoleGrant, Delegation, User))
    region, on = bindparam("region_id", type_=Id), bindparam("on_day", type_=Date())
    own = (
        select(grants.c.user_id)
        .join(account, account.c.id == grants.c.user_id)
        .where(
            grants.c.role == bindparam("role"),
            region.is_(None) | (grants.c.region_id == region) | grants.c.region_id.is_(None),
            _live(grants, on),
            account.c.disabled_at.is_(None),
        )
        .cte("own")
    )
    standing_in = in_force(lent.c.from_on, lent.c.to_on, on) & lent.c.revoked_at.is_(None)
    return union_all(
        select(own.c.user_id),
        select(lent.c.to_user_id).where(lent.c.from_user_id.in_(select(own.c.user_id)), standing_in),
    )


OFFICE = _office()
