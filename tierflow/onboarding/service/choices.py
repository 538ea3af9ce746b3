"""What a list can be narrowed by: regions, account managers, product lines. One query for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Date, Row, bindparam, literal, select, union_all
from sqlalchemy.orm import Session

from tierflow.common.db import in_force
from tierflow.common.reference import ProductLine, Region
from tierflow.common.users import RoleGrant, User, live_grants
from tierflow.kernel.roles import Actor, Role


@dataclass(frozen=True)
class Choices:
    """What is in force on a day, each with `id`, `name` and `name_en`: by code, people in the order they came."""

    regions: Sequence[Row[Any]]
    managers: Sequence[Row[Any]]
    lines: Sequence[Row[Any]]


def choices(session: Session, actor: Actor, on: date) -> Choices:
    """The choices of a day. Account managers are there for whoever sees the customers of others."""
    sees_others = not actor.roles <= {Role.ACCOUNT_MANAGER}
    found: dict[str, list[Row[Any]]] = {"region": [], "manager": [], "line": []}
    for row in session.execute(_all(sees_others), {"on_day": on}):
        found[row.kind].append(row)
    for kind in ("region", "line"):
        found[kind].sort(key=lambda row: row.code)
    return Choices(found["region"], sorted(found["manager"], key=lambda row: row.id), found["line"])


@cache
def _all(with_managers: bool) -> Any:
    on = bindparam("on_day", type_=Date())
    parts = [
        select(
            literal(kind).label("kind"), place.id, place.code.label("code"), place.name, english.label("name_en")
        ).where(in_force(place.from_on, place.to_on, on))
        for kind, place, english in (("region", Region, Region.name), ("line", ProductLine, ProductLine.name_en))
    ]
    if with_managers:
        held = select(RoleGrant.user_id).where(
            RoleGrant.role == Role.ACCOUNT_MANAGER.value,
            *live_grants(on),  # type: ignore[arg-type]
        )
        manager = select(literal("manager"), User.id, literal(""), User.name, User.name)
        parts.append(manager.where(User.id.in_(held), User.disabled_at.is_(None)))
    return union_all(*parts)
