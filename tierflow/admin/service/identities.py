"""Linking an account to an identity at the company's provider (OpenID Connect), by an administrator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.admin.service.shared import account, tell_administrators
from tierflow.common import audit, identities
from tierflow.common.identities import SignInIdentity
from tierflow.kernel.errors import Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text


def of_account(session: Session, actor: Actor, user_id: int) -> list[SignInIdentity]:
    """The identities linked to an account."""
    require(actor, "people.read")
    return identities.identities_of(session, account(session, user_id).id)


def bind(session: Session, actor: Actor, user_id: int, issuer: str, subject: str, now: datetime) -> SignInIdentity:
    """Let a subject of the provider sign in to an account; administrators are told. Not to one's own account."""
    require(actor, "people.write")
    user = account(session, user_id)
    if user.person_id == actor.person_id:
        refuse_if_any([Refusal(rules.HOUSE, text("Another administrator must link your company identity."))])
    row = SignInIdentity(user_id=user.id, issuer=issuer, subject=subject, bound_by_id=actor.user_id, bound_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        reason = text("This identity is linked to another account, or the account to another identity.")
        raise Invalid({"subject": [reason]}) from error
    after = {"issuer": issuer, "subject": subject}
    audit.record(session, actor, "identity.bind", "user", user.id, now, after=after)
    message = text("%(who)s linked a company identity to %(login)s.", who=actor.name, login=user.login)
    tell_administrators(session, actor, "account", message, ("user", user.id), now, also=[user.id])
    return row


def unbind(session: Session, actor: Actor, user_id: int, identity_id: int, now: datetime) -> None:
    """Take a link away; sessions go on until they end. Raises `NotFound`."""
    require(actor, "people.write")
    user = account(session, user_id)
    row = session.get(SignInIdentity, identity_id)
    if row is None or row.user_id != user.id:
        raise NotFound
    before = {"issuer": row.issuer, "subject": row.subject}
    session.delete(row)
    audit.record(session, actor, "identity.unbind", "user", user.id, now, before=before)
