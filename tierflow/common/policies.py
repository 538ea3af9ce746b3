"""Policy versions: every number of the rulebook, with the day it comes into force (CHEM-18, CMTE-2.1)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Row, bindparam, event, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import frozen
from tierflow.kernel.policy import Policy, Terms, in_force
from tierflow.kernel.terms import GROUND_TERMS

_catalogues: list[Terms] = [GROUND_TERMS]


def register_terms(terms: Terms) -> None:
    """Add a domain's terms to the catalogue; `app.py` calls it for each domain."""
    if terms not in _catalogues:
        _catalogues.append(terms)


def catalogue() -> Terms:
    """Every policy term of the product."""
    joined = _catalogues[0]
    for terms in _catalogues[1:]:
        joined = joined | terms
    return joined


class PolicyVersion(Model):
    """One version. The database refuses to change or to lose an adopted one; a new one follows."""

    __tablename__ = frozen("policy_version", "adopted")
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'adopted', 'dropped')", name="state"),
        CheckConstraint("state <> 'adopted' OR in_force_from IS NOT NULL", name="adopted_has_day"),
        Index("ix_policy_version_state", "state", "in_force_from"),
    )

    id: Mapped[int] = pk()
    version: Mapped[int] = mapped_column(unique=True)
    state: Mapped[str]
    in_force_from: Mapped[date | None]
    values: Mapped[dict[str, Any]]
    drafter: Mapped[str]
    source: Mapped[str]
    adopted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    adopted_at: Mapped[datetime | None]


def as_value(row: PolicyVersion | Row[Any]) -> Policy:
    """The version as the rules read it."""
    if row.in_force_from is None:
        raise ValueError("a draft is not in force")
    return Policy(
        version=row.version,
        in_force_from=row.in_force_from,
        values=row.values,
        drafter=row.drafter,
        source=row.source,
    )


def policy_on(session: Session, on: date) -> Policy:
    """The version in force on a day; read once in a transaction, and again after one was drafted or adopted in it."""
    held = _held(session)
    if on not in held:
        rows = session.execute(_IN_FORCE, {"on_day": on}).all()
        held = _held(session)  # asking may have begun the transaction
        held[on] = in_force([as_value(row) for row in rows], on)
    return held[on]


_VERSIONS: Any = PolicyVersion.__table__
# Written once and by the table: it is asked with nearly every page.
_IN_FORCE = (
    select(_VERSIONS)
    .where(_VERSIONS.c.state == "adopted", _VERSIONS.c.in_force_from <= bindparam("on_day", type_=Date()))
    .order_by(_VERSIONS.c.in_force_from.desc(), _VERSIONS.c.version.desc())
    .limit(1)
)


def _held(session: Session) -> dict[date, Policy]:
    """The versions this transaction has read, by day."""
    transaction = session.get_transaction()
    held: dict[date, Policy]
    of, held = session.info.get("policies", (None, {}))
    if of is not transaction or transaction is None:
        held = {}
        session.info["policies"] = (transaction, held)
    return held


@event.listens_for(Session, "before_flush")
def _forget_when_changed(session: Session, _context: Any, _instances: Any) -> None:
    if any(isinstance(row, PolicyVersion) for row in (*session.new, *session.dirty)):
        session.info.pop("policies", None)


def policy_numbered(session: Session, version: int) -> Policy:
    """A version by its number, for replay."""
    return as_value(session.scalars(select(PolicyVersion).where(PolicyVersion.version == version)).one())
