"""Which identity at the company's own provider (OpenID Connect) is which account's. Bound by an administrator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.users import User


class SignInIdentity(Model):
    """A subject of an issuer, and the account it signs in to. Never makes an account."""

    __tablename__ = "sign_in_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("user_id", "issuer"))

    id: Mapped[int] = pk()
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    issuer: Mapped[str]
    subject: Mapped[str]
    bound_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    bound_at: Mapped[datetime]


def account_of(session: Session, issuer: str, subject: str) -> User | None:
    """The enabled account bound to a subject."""
    return session.scalar(
        select(User)
        .join(SignInIdentity, SignInIdentity.user_id == User.id)
        .where(SignInIdentity.issuer == issuer, SignInIdentity.subject == subject, User.disabled_at.is_(None))
    )


def account_with_mail(session: Session, issuer: str, email: str) -> User | None:
    """The one enabled account with this address that is bound to no other subject of the issuer; None for two."""
    bound = select(SignInIdentity.user_id).where(SignInIdentity.issuer == issuer)
    found = session.scalars(
        select(User)
        .where(func.lower(User.email) == email.lower(), User.disabled_at.is_(None), User.id.not_in(bound))
        .limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def identities_of(session: Session, user_id: int) -> list[SignInIdentity]:
    """The identities bound to an account."""
    query = select(SignInIdentity).where(SignInIdentity.user_id == user_id).order_by(SignInIdentity.id)
    return list(session.scalars(query))
