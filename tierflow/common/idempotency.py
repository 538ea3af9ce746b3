"""The same write sent twice happens once: the key is stored in the write's own transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model
from tierflow.kernel.errors import Conflict, Refusal
from tierflow.kernel.text import text


class IdempotencyKey(Model):
    """What a key was used for, and what was answered."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_at", "at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    at: Mapped[datetime]
    answer: Mapped[dict[str, Any] | None]


def claim(session: Session, user_id: int, key: str, request_hash: str, now: datetime) -> dict[str, Any] | None:
    """Take the key for this request; the stored answer when it was already carried out.

    Raises `Conflict` when the key was used for another request.
    """
    used = session.get(IdempotencyKey, (user_id, key))
    if used is None:
        try:
            with session.begin_nested():
                session.add(IdempotencyKey(user_id=user_id, key=key, request_hash=request_hash, at=now))
        except IntegrityError:  # a rival took it between our look and our insert, and has committed
            used = session.get(IdempotencyKey, (user_id, key), populate_existing=True)
        else:
            return None
    if used is None or used.request_hash != request_hash:
        raise Conflict(Refusal("idempotency", text("This key was already used for something else.")))
    return used.answer or {}


def keep_answer(session: Session, user_id: int, key: str, answer: dict[str, Any]) -> None:
    """Remember what was answered, for whoever sends the same again."""
    row = session.get(IdempotencyKey, (user_id, key))
    if row is not None:
        row.answer = answer


def release(session: Session, user_id: int, key: str) -> None:
    """Give the key back: the answer cannot be kept, and the same request may be carried out again."""
    row = session.get(IdempotencyKey, (user_id, key))
    if row is not None:
        session.delete(row)
