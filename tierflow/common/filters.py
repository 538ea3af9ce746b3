"""Saved filters: a list's address under a name, per account."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, pk
from tierflow.kernel.errors import NotFound, Refusal, Refused
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text


class SavedFilter(Model):
    """`query` is the list's query string, without page."""

    __tablename__ = "saved_filter"
    __table_args__ = (UniqueConstraint("user_id", "page", "name"),)

    id: Mapped[int] = pk()
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    page: Mapped[str]
    name: Mapped[str]
    query: Mapped[str]


def saved(session: Session, actor: Actor, page: str) -> list[SavedFilter]:
    """The actor's filters for a list, by name."""
    return list(session.scalars(_SAVED, {"user_id": actor.user_id, "page": page}))


_SAVED = (
    select(SavedFilter)
    .where(SavedFilter.user_id == bindparam("user_id"), SavedFilter.page == bindparam("page"))
    .order_by(SavedFilter.name)
)


def save(session: Session, actor: Actor, page: str, name: str, query: str) -> SavedFilter:
    """Keep a filter under a name of its own. Raises `Refused` when the name is taken."""
    require(actor, "filter.write")
    taken = select(SavedFilter.id).where(
        SavedFilter.user_id == actor.user_id, SavedFilter.page == page, SavedFilter.name == name
    )
    if session.scalar(taken) is not None:
        raise Refused(Refusal("house", text("You already have a filter of this name."), "name"))
    row = SavedFilter(user_id=actor.user_id, page=page, name=name, query=query)
    session.add(row)
    session.flush()
    return row


def forget(session: Session, actor: Actor, filter_id: int) -> None:
    """Remove one of the actor's own filters."""
    require(actor, "filter.write")
    row = session.get(SavedFilter, filter_id)
    if row is None or row.user_id != actor.user_id:
        raise NotFound
    session.delete(row)
